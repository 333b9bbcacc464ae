/**
 * The life of a proposal, from the call to its answer.
 *
 *     queued ──► appended (this node leads) ──► applied here: answered
 *        │   └─► forwarded to the leader ────► answered by it ──► applied here: answered
 *        └─ no leader: waits, until its deadline
 *
 * A request with an id whose answer was lost goes back to the queue, and is `adrift` from then on.
 *
 * The rules that it protects:
 * - An answer is given only after the command was applied on this node.
 * - "Nothing was proposed" is said only when that is certain: the command never left the queue, the
 *   leader said so, or another entry was committed in its place. Then it is queued again by itself,
 *   until its deadline.
 * - Whatever else goes wrong is OUTCOME_UNKNOWN; only a request with an id is tried again by itself.
 *
 * Who waits is a listener, told at the end of the turn in which the command was applied; a refusal is told
 * at once. What was proposed lies in envelopes under construction (envelope-draft.ts), and the next entry is
 * one of these as it stands: nothing is copied or made per command, unless some of its commands are not
 * wanted any more or come from somewhere else.
 *
 * Places in the log are told apart by (index, term): another term at the index means that the entry
 * of ours can never be committed (log matching).
 */
import { assert, ClusterError } from '../errors.ts';
import { BATCH_BYTES_MAX, PROPOSAL_BYTES_WAITING_MAX, PROPOSALS_WAITING_MAX } from '../limits.ts';
import type { LogIndex, RaftId, Term } from '../raft/index.ts';
import { partBytes } from './envelope.ts';
import { EnvelopeDrafts, NOWHERE } from './envelope-draft.ts';
import {
  batchEnd,
  envelopeOf,
  type ForwardAnswer,
  ForwardStatus,
  type LocalProposal,
  type Proposal,
  partOf,
  type Stage,
  sizeOf,
} from './proposal.ts';
import { tellApplied, tellFailed } from './proposal-answers.ts';
import type { CommandResult } from './types.ts';
import { Unanswered } from './unanswered.ts';

export interface ProposalHost {
  now(): number;
  /** A batch goes into the log as one entry; its place, or `undefined` when the core refused it. */
  append(envelope: Uint8Array): { readonly index: LogIndex; readonly term: Term } | undefined;
  /** False: it could not be sent, for certain. */
  forward(to: RaftId, proposals: readonly LocalProposal[]): boolean;
  answer(to: RaftId, answer: ForwardAnswer): void;
  appliedIndex(): LogIndex;
  /** Why a proposal that waited for a leader or for a majority got none. */
  explainWaiting(stage: Stage): ClusterError;
}

interface Placed {
  readonly term: Term;
  readonly proposals: readonly Proposal[];
}

interface Answered {
  readonly proposal: LocalProposal;
  readonly result: CommandResult;
}

const { Applied, NotProposed, Unknown } = ForwardStatus;
const NO_RESULT: CommandResult = { code: 0, bytes: new Uint8Array(0) };

export class Proposals {
  readonly #host: ProposalHost;
  readonly #drafts: EnvelopeDrafts = new EnvelopeDrafts();
  #queue: Proposal[] = [];
  #queuedBytes = 0;
  /**
   * Entries of ours in the log, by index. Several at one index: a leader that was deposed and leads
   * again may have put another one there; the older one may still be on other nodes, so only what is
   * applied at the index decides between them.
   */
  readonly #placed = new Map<LogIndex, Placed[]>();
  readonly #forwarded = new Map<number, { to: RaftId; proposal: LocalProposal }>();
  /** Answered by the leader; this node has not applied that far. By index. */
  readonly #answered = new Map<LogIndex, Answered[]>();
  /** Everything local that has no answer yet, for deadlines. */
  readonly #local: Unanswered = new Unanswered();
  /** They have their results; who waits for them is told at the end of the turn. */
  #applied: LocalProposal[] = [];
  #nextForwardId: number;
  /** Sent back by a node that does not lead: not sent there again before something has changed. */
  #parked: LocalProposal[] = [];

  /** `firstForwardId`: random per start; the leader may still answer what an earlier life forwarded. */
  constructor(host: ProposalHost, firstForwardId: number) {
    this.#host = host;
    this.#nextForwardId = firstForwardId;
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** Local proposals without an answer. */
  get unanswered(): number {
    return this.#local.size;
  }

  /** Takes a copy of the command's body. @throws ClusterError OVERLOADED. */
  add(proposal: LocalProposal, body: Uint8Array): void {
    const { kind, request } = proposal;
    const bytes = partBytes(body.length, request);
    if (
      this.#local.size >= PROPOSALS_WAITING_MAX ||
      this.#queuedBytes + bytes > PROPOSAL_BYTES_WAITING_MAX
    ) {
      throw new ClusterError(
        'OVERLOADED',
        `${this.#local.size} proposals (${this.#queuedBytes} bytes) wait already: ` +
          'slow down and try again; nothing was proposed',
      );
    }
    proposal.place(this.#drafts.add(kind, body, request), bytes);
    this.#local.add(proposal);
    this.#push(proposal);
  }

  addRemote(from: RaftId, id: number, part: Uint8Array): void {
    const full =
      this.#queue.length >= PROPOSALS_WAITING_MAX ||
      this.#queuedBytes + part.length > PROPOSAL_BYTES_WAITING_MAX;
    if (full) {
      this.#answerNothing(from, id, NotProposed);
      return;
    }
    const envelope = this.#drafts.addPart(part);
    const end = envelope.length;
    this.#push({ origin: 'remote', from, id, envelope, start: end - part.length, end });
  }

  /** What a follower sent can not be proposed at all. */
  refuseRemote(from: RaftId, id: number): void {
    this.#answerNothing(from, id, NotProposed);
  }

  /** This node leads: everything that waits goes into the log, in few entries. */
  appendQueued(): void {
    this.#drafts.close();
    while (this.#queue.length > 0) {
      const proposals = this.#takeBatch();
      if (proposals.length === 0) continue;
      const place = this.#host.append(envelopeOf(proposals));
      if (place === undefined) {
        this.#putBack(proposals);
        return;
      }
      for (const proposal of proposals) {
        if (proposal.origin === 'local') proposal.stage = 'appended';
      }
      pushTo(this.#placed, place.index, { term: place.term, proposals });
    }
  }

  /** Another node leads, or (`leader` 0) nobody. */
  forwardQueued(leader: RaftId): void {
    const queue = this.#queue;
    if (queue.length === 0) return;
    this.#drafts.close();
    this.#queue = [];
    this.#queuedBytes = 0;
    const mine: LocalProposal[] = [];
    for (const proposal of queue) {
      if (proposal.origin === 'remote')
        this.#answerNothing(proposal.from, proposal.id, NotProposed);
      else if (proposal.isWaiting) mine.push(proposal);
    }
    if (leader === 0) this.#putBack(mine);
    else this.#forwardInBatches(leader, mine);
  }

  /** An entry was applied. `results` is undefined for entries that hold no commands. */
  applied(index: LogIndex, term: Term, results: readonly CommandResult[] | undefined): void {
    const allPlaced = this.#placed.get(index);
    if (allPlaced !== undefined) this.#placed.delete(index);
    for (const placed of allPlaced ?? []) {
      if (placed.term === term && results !== undefined) this.#settle(placed, index, results);
      else for (const proposal of placed.proposals) this.#replaced(proposal);
    }
    const answered = this.#answered.get(index);
    if (answered === undefined) return;
    this.#answered.delete(index);
    for (const { proposal, result } of answered) this.#resolve(proposal, index, result);
  }

  /** A snapshot took the place of all entries up to `index`; their results were not seen here. */
  skippedTo(index: LogIndex): void {
    for (const [at, allPlaced] of this.#placed) {
      if (at > index) continue;
      this.#placed.delete(at);
      for (const proposal of allPlaced.flatMap(({ proposals }) => proposals)) {
        this.#lost(proposal, 'a snapshot took its place');
      }
    }
    for (const [at, answered] of this.#answered) {
      if (at > index) continue;
      this.#answered.delete(at);
      for (const { proposal, result } of answered) this.#resolve(proposal, at, result);
    }
  }

  /** What a leader says of a proposal that was forwarded to it. */
  forwardAnswered(from: RaftId, answer: ForwardAnswer): void {
    const entry = this.#forwarded.get(answer.id);
    if (entry === undefined || entry.to !== from) return;
    this.#forwarded.delete(answer.id);
    const { proposal } = entry;
    if (proposal.stage !== 'forwarded') return;
    const isLost = answer.status === Unknown;
    proposal.mayBeInLog ||= isLost;
    if (answer.status === NotProposed) this.#park(proposal);
    else if (isLost && proposal.repeatable) this.#park(proposal);
    else if (isLost) this.#lost(proposal, 'the leader lost it');
    else if (this.#host.appliedIndex() >= answer.index) {
      this.#resolve(proposal, answer.index, answer.result);
    } else {
      proposal.stage = 'answered';
      pushTo(this.#answered, answer.index, { proposal, result: answer.result });
    }
  }

  /** A tick has passed, or another node leads: what was sent back may be tried again. */
  retryParked(): void {
    this.#dropDone();
    if (this.#parked.length === 0) return;
    const parked = this.#parked;
    this.#parked = [];
    for (const proposal of parked) if (proposal.stage !== 'done') this.#push(proposal);
  }

  /**
   * Another node leads. What was sent to the one before and may be repeated goes to the new one: the old
   * leader may be frozen, and its answer may never come. The others wait for that answer.
   */
  leaderChanged(leader: RaftId): void {
    for (const [id, { to, proposal }] of this.#forwarded) {
      if (to === leader || !proposal.repeatable || proposal.stage !== 'forwarded') continue;
      this.#forwarded.delete(id);
      this.#lost(proposal, 'another node leads');
    }
    this.retryParked();
  }

  /** The connection to a peer broke: its answers may be lost. */
  peerLost(peer: RaftId): void {
    for (const [id, { to, proposal }] of this.#forwarded) {
      if (to !== peer) continue;
      this.#forwarded.delete(id);
      if (proposal.stage === 'forwarded')
        this.#lost(proposal, 'the connection to the leader broke');
    }
  }

  /** Ends what is past its deadline; answers the earliest deadline that is left. */
  expire(): number {
    const now = this.#host.now();
    let earliest = Number.POSITIVE_INFINITY;
    // Thousands may be late at once, and all for the same reason: it is worked out once.
    const reasons = new Map<Stage, ClusterError>();
    for (const proposal of this.#local.all()) {
      const { stage, deadline } = proposal;
      if (deadline > now) {
        earliest = Math.min(earliest, deadline);
        continue;
      }
      const reason = reasons.get(stage) ?? this.#host.explainWaiting(stage);
      reasons.set(stage, reason);
      this.#fail(proposal, reason);
    }
    this.#dropDone();
    return earliest;
  }

  /** Tells those whose results are here. Not while the core works: who is told may ask for the next thing. */
  tellApplied(): void {
    if (this.#applied.length === 0) return;
    const applied = this.#applied;
    this.#applied = [];
    for (const proposal of applied) tellApplied(proposal);
  }

  /** The caller gave up. What it proposed may still happen, unless it never left the queue. */
  abandon(proposal: LocalProposal, error: Error): void {
    this.#fail(proposal, error);
  }

  /** The node ends: nobody will be answered any more. */
  failAll(notProposed: ClusterError): void {
    this.tellApplied();
    for (const proposal of this.#local.all()) {
      const error =
        proposal.stage === 'queued'
          ? notProposed
          : new ClusterError(
              'OUTCOME_UNKNOWN',
              `${notProposed.message}; the proposal was on its way and may take effect`,
            );
      this.#fail(proposal, error);
    }
    this.#queue = [];
    this.#parked = [];
    this.#queuedBytes = 0;
    this.#placed.clear();
    this.#forwarded.clear();
    this.#answered.clear();
  }

  #push(proposal: Proposal): void {
    this.#queue.push(proposal);
    this.#queuedBytes += sizeOf(proposal);
  }

  #putBack(proposals: readonly Proposal[]): void {
    this.#queue = [...proposals, ...this.#queue];
    for (const proposal of proposals) this.#queuedBytes += sizeOf(proposal);
  }

  /** What nobody waits for any more makes room in the queue, also while nothing leaves it. */
  #dropDone(): void {
    const left = this.#queue.filter((it) => it.origin === 'remote' || it.isWaiting);
    if (left.length === this.#queue.length) return;
    this.#queue = [];
    this.#queuedBytes = 0;
    // Where one of thousands is left, it would keep all their bytes: those are counted no more.
    this.#drafts.close();
    for (const it of left) {
      if (it.origin === 'local') it.place(this.#drafts.addPart(partOf(it)), sizeOf(it));
    }
    this.#putBack(left);
  }

  #takeBatch(): Proposal[] {
    const proposals: Proposal[] = [];
    let bytes = 0;
    let taken = 0;
    for (const proposal of this.#queue) {
      const size = sizeOf(proposal);
      if (bytes > 0 && bytes + size > BATCH_BYTES_MAX) break;
      taken++;
      this.#queuedBytes -= size;
      if (proposal.origin === 'local' && !proposal.isWaiting) continue;
      proposals.push(proposal);
      bytes += size;
    }
    this.#queue = taken === this.#queue.length ? [] : this.#queue.slice(taken);
    return proposals;
  }

  #forwardInBatches(leader: RaftId, proposals: readonly LocalProposal[]): void {
    let from = 0;
    while (from < proposals.length) {
      const to = batchEnd(proposals, from);
      const batch = proposals.slice(from, to);
      for (const proposal of batch) proposal.forwardId = this.#nextForwardId++;
      if (!this.#host.forward(leader, batch)) {
        this.#putBack(proposals.slice(from));
        return;
      }
      for (const proposal of batch) {
        proposal.stage = 'forwarded';
        this.#forwarded.set(proposal.forwardId, { to: leader, proposal });
      }
      from = to;
    }
  }

  #settle(placed: Placed, index: LogIndex, results: readonly CommandResult[]): void {
    const { proposals } = placed;
    assert(proposals.length === results.length, 'one result for each proposal of an entry', {
      index,
      proposals: proposals.length,
      results: results.length,
    });
    for (let i = 0; i < proposals.length; i++) {
      const proposal = proposals[i] as Proposal;
      const result = results[i] as CommandResult;
      if (proposal.origin === 'local') this.#resolve(proposal, index, result);
      else {
        const { id } = proposal;
        this.#host.answer(proposal.from, { id, status: Applied, index, result });
      }
    }
  }

  /** Another entry was committed in its place: certainly without effect. */
  #replaced(proposal: Proposal): void {
    if (proposal.origin === 'remote') this.#answerNothing(proposal.from, proposal.id, NotProposed);
    else this.#requeue(proposal, false);
  }

  #requeue(proposal: LocalProposal, mayBeInLog = true): void {
    if (proposal.stage === 'done') return;
    proposal.mayBeInLog ||= mayBeInLog;
    proposal.stage = proposal.mayBeInLog ? 'adrift' : 'queued';
    this.#push(proposal);
  }

  #park(proposal: LocalProposal): void {
    proposal.stage = proposal.mayBeInLog ? 'adrift' : 'queued';
    this.#parked.push(proposal);
  }

  #lost(proposal: Proposal, why: string): void {
    if (proposal.origin === 'remote') {
      this.#answerNothing(proposal.from, proposal.id, Unknown);
    } else if (proposal.repeatable) this.#requeue(proposal);
    else {
      const advice = 'it may or may not take effect; give a request id to make retries safe';
      this.#fail(proposal, new ClusterError('OUTCOME_UNKNOWN', `${why}: ${advice}`));
    }
  }

  #answerNothing(from: RaftId, id: number, status: ForwardStatus): void {
    this.#host.answer(from, { id, status, index: 0, result: NO_RESULT });
  }

  #resolve(proposal: LocalProposal, index: LogIndex, result: CommandResult): void {
    if (proposal.stage === 'done') return;
    this.#finish(proposal);
    proposal.index = index;
    proposal.result = result;
    this.#applied.push(proposal);
  }

  #fail(proposal: LocalProposal, error: Error): void {
    if (proposal.stage === 'done') return;
    this.#finish(proposal);
    this.#forwarded.delete(proposal.forwardId);
    tellFailed(proposal, error);
  }

  #finish(proposal: LocalProposal): void {
    this.#local.finish(proposal);
    // Its size in the queue counts on; its bytes need not be kept for it.
    proposal.envelope = NOWHERE;
  }
}

function pushTo<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
