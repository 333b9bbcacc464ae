/**
 * Proposals of this node that another one was given: the leader, or the heir that it hands over to.
 *
 * They wait for that node's answer; then, where it has proposed them, until this node has applied that far
 * itself. What comes back unproposed is queued again at once if what waits goes elsewhere by now. If it would
 * only go to the node that has just sent it back, it is parked until something has changed: a tick, or a leader.
 *
 * The rule that it protects: an answer counts for the try that it belongs to. It must come from the node that
 * was asked, and name the number of that try; whatever is heard after a try was given up changes nothing.
 */
import { type LogIndex, NONE, type RaftId } from '../raft/index.ts';
import { batchEnd, type ForwardAnswer, ForwardStatus, type LocalProposal } from './proposal.ts';
import type { CommandResult } from './types.ts';

export interface ForwardingHost {
  appliedIndex(): LogIndex;
  /** False: they could not be sent, for certain. */
  forward(to: RaftId, proposals: readonly LocalProposal[]): boolean;
  resolve(proposal: LocalProposal, index: LogIndex, result: CommandResult): void;
  /** It may be sent again; an earlier try may be in the log if the proposal says so. */
  comesBack(proposal: LocalProposal): void;
  /** Nobody knows whether it was proposed. */
  lost(proposal: LocalProposal, why: string): void;
}

interface Answered {
  readonly proposal: LocalProposal;
  readonly result: CommandResult;
}

export class ForwardedProposals {
  readonly #host: ForwardingHost;
  readonly #sent = new Map<number, { to: RaftId; proposal: LocalProposal }>();
  /** Proposed by the leader; this node has not applied that far. By index. */
  readonly #answered = new Map<LogIndex, Answered[]>();
  #parked: LocalProposal[] = [];
  #nextId: number;
  /** Where what waits goes at present; NONE: into the own log, or nowhere. */
  destination: RaftId = NONE;

  /** `firstId`: random per start; the leader may still answer what an earlier life forwarded. */
  constructor(host: ForwardingHost, firstId: number) {
    this.#host = host;
    this.#nextId = firstId;
  }

  /** In as few frames as it takes; gives those back that could not be sent. */
  send(to: RaftId, proposals: readonly LocalProposal[]): readonly LocalProposal[] {
    let from = 0;
    while (from < proposals.length) {
      const end = batchEnd(proposals, from);
      const batch = proposals.slice(from, end);
      for (const proposal of batch) proposal.forwardId = this.#nextId++;
      if (!this.#host.forward(to, batch)) break;
      for (const proposal of batch) {
        proposal.stage = 'forwarded';
        this.#sent.set(proposal.forwardId, { to, proposal });
      }
      from = end;
    }
    return from === 0 ? proposals : proposals.slice(from);
  }

  /** What another node says of a proposal that it was given. */
  heard(from: RaftId, answer: ForwardAnswer): void {
    const { id, status, index, result } = answer;
    const entry = this.#sent.get(id);
    if (entry === undefined || entry.to !== from) return;
    this.#sent.delete(id);
    const { proposal } = entry;
    if (proposal.stage !== 'forwarded') return;
    if (status === ForwardStatus.Applied) this.#proposed(proposal, index, result);
    else if (status === ForwardStatus.NotProposed) this.#sentBack(proposal, from);
    else this.#outcomeLost(proposal, from);
  }

  #proposed(proposal: LocalProposal, index: LogIndex, result: CommandResult): void {
    if (this.#host.appliedIndex() >= index) {
      this.#host.resolve(proposal, index, result);
      return;
    }
    proposal.stage = 'answered';
    const answered = this.#answered.get(index);
    if (answered === undefined) this.#answered.set(index, [{ proposal, result }]);
    else answered.push({ proposal, result });
  }

  #sentBack(proposal: LocalProposal, from: RaftId): void {
    if (from === this.destination) this.#park(proposal);
    else this.#host.comesBack(proposal);
  }

  #outcomeLost(proposal: LocalProposal, from: RaftId): void {
    proposal.mayBeInLog = true;
    if (proposal.repeatable) this.#sentBack(proposal, from);
    else this.#host.lost(proposal, 'the leader lost it');
  }

  #park(proposal: LocalProposal): void {
    proposal.stage = proposal.mayBeInLog ? 'adrift' : 'queued';
    this.#parked.push(proposal);
  }

  /** Something has changed: what was sent back may be tried again. */
  retryParked(): void {
    if (this.#parked.length === 0) return;
    const parked = this.#parked;
    this.#parked = [];
    for (const proposal of parked) this.#host.comesBack(proposal);
  }

  /**
   * Another node leads. What was sent to the one before and may be repeated goes to the new one: the old
   * leader may be frozen, and its answer may never come. The others wait for that answer.
   */
  leaderChanged(leader: RaftId): void {
    for (const [id, { to, proposal }] of this.#sent) {
      if (to === leader || !proposal.repeatable || proposal.stage !== 'forwarded') continue;
      this.#sent.delete(id);
      this.#host.lost(proposal, 'another node leads');
    }
    this.retryParked();
  }

  /** The connection to a peer broke: its answers may be lost. */
  peerLost(peer: RaftId): void {
    for (const [id, { to, proposal }] of this.#sent) {
      if (to !== peer) continue;
      this.#sent.delete(id);
      if (proposal.stage === 'forwarded') {
        this.#host.lost(proposal, 'the connection to the leader broke');
      }
    }
  }

  /** This node has applied the entry at `index`. */
  applied(index: LogIndex): void {
    const answered = this.#answered.get(index);
    if (answered === undefined) return;
    this.#answered.delete(index);
    for (const { proposal, result } of answered) this.#host.resolve(proposal, index, result);
  }

  /** A snapshot took the place of all entries up to `index`. */
  skippedTo(index: LogIndex): void {
    for (const at of this.#answered.keys()) if (at <= index) this.applied(at);
  }

  /** Its caller has been told otherwise. */
  forget(proposal: LocalProposal): void {
    this.#sent.delete(proposal.forwardId);
  }

  clear(): void {
    this.#sent.clear();
    this.#answered.clear();
    this.#parked = [];
  }
}
