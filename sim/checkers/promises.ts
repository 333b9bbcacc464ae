/**
 * A promise follows durability, and is kept: nothing that others rely on leaves a node before it is on its disk
 * (paper, figure 2; NASTY 2, 19, 20), and no data folder ever votes for two candidates in one term (NASTY 1).
 *
 * - A granted vote needs the term and that very vote durable; an acknowledged append needs the term and all
 *   entries up to the index durable; at the moment in which the answer is sent. While the node is still in
 *   that term, its disk must hold the very entry that it was given last: one of another term at the same
 *   place, which is about to be replaced, is not what it acknowledges.
 * - A vote is one that was granted to somebody, or is durable, or was found on the disk. One that was handed to
 *   the storage and lost in a crash before anybody heard of it binds nobody.
 * - Who leads a term has that term durable, with its own vote. Else it could begin anew, not remember, be
 *   elected again by the same voters in the same term, and fill it a second time with other entries.
 * - So has who asks for votes, and the log that it asks with. Else it could begin anew with less of a log, come
 *   to the same term again, and be elected by late grants that were given for more. Nor does it ask any more
 *   when its disk has come further than that term, or holds another log.
 */
import { type Message, MessageType, type RaftId, type Term } from '../../src/raft/index.ts';
import type { SimEvent } from '../cluster/events.ts';
import { type Checker, Violation } from './checker.ts';
import { ClusterRecords, nameOf } from './cluster-records.ts';
import type { MachineRecord } from './machine-record.ts';

/** Terms whose votes are remembered, for each data folder: whoever comes back older than that may not vote. */
const TERMS_KEPT = 256;

export class Promises implements Checker {
  readonly name = 'promises are durable';
  readonly #records: ClusterRecords;
  /** By data folder: raft id and incarnation. */
  readonly #votes: Map<string, Map<Term, RaftId>> = new Map();
  /** The newest term in which the life was seen to lead, and judged. */
  readonly #leads: Map<string, { readonly life: number; readonly term: Term }> = new Map();

  constructor(records: ClusterRecords = new ClusterRecords()) {
    this.#records = records;
  }

  event(event: SimEvent): void {
    this.#records.see(event);
    if (event.kind === 'opened') {
      const { term, vote } = event.storage.initialState().hardState;
      this.#vote(event, term, vote, 'found on its disk');
    } else if (event.kind === 'durable' && event.batch.hardState !== undefined) {
      const { term, vote } = event.batch.hardState;
      this.#vote(event, term, vote, 'made durable');
    } else if (event.kind === 'sent') this.#sent(event, event.message);
  }

  #sent(event: SimEvent, message: Message): void {
    const { type, reject, term } = message;
    const record = this.#records.of(event.node);
    if (type === MessageType.AppResp) {
      this.#checkTerm(event, record, term, 'answered an append');
      if (!reject) this.#checkAcknowledged(event, record, message);
    } else if (type === MessageType.VoteResp) {
      this.#checkTerm(event, record, term, 'answered a request for its vote');
      if (!reject) this.#checkGranted(event, record, message);
    } else if (type === MessageType.App || type === MessageType.Heartbeat) {
      this.#checkLeads(event, record, term);
    } else if (type === MessageType.Vote) this.#checkAsks(event, record, message);
  }

  #checkTerm(event: SimEvent, { durableState }: MachineRecord, term: Term, what: string): void {
    if (durableState.term >= term) return;
    this.#fail(event, `${what} in term ${term}; only term ${durableState.term} is on its disk`);
  }

  #checkAcknowledged(event: SimEvent, record: MachineRecord, message: Message): void {
    const { durable, memory, memoryState } = record;
    const { index, term, to } = message;
    // Replaced while it waited for the disk, and both written at once. It counts for nobody: whoever was
    // elected since has all that a majority took of the older leader, so none can have taken this.
    if (durable.lastIndex < index && (durable.termAt(durable.lastIndex) ?? 0) > term) return;
    const what = `acknowledged entries up to ${index} to raft id ${to} in term ${term}`;
    if (durable.lastIndex < index) {
      this.#fail(event, `${what}; its disk has them up to ${durable.lastIndex}`);
    }
    const given = memory.termAt(index);
    if (memoryState.term !== term || durable.has(index, given)) return;
    this.#fail(
      event,
      `${what}; on its disk is an entry of term ${durable.termAt(index)} there, and it was given ` +
        `${given === undefined ? 'none' : `one of term ${given}`}`,
    );
  }

  #checkGranted(event: SimEvent, { durableState }: MachineRecord, { term, to }: Message): void {
    this.#vote(event, term, to, 'told');
    if (durableState.term !== term || durableState.vote === to) return;
    const vote = durableState.vote === 0 ? 'no vote' : `a vote for ${durableState.vote}`;
    this.#fail(event, `gave its vote of term ${term} to raft id ${to}; on its disk is ${vote}`);
  }

  /** Once for each term and life. */
  #checkLeads(event: SimEvent, { durableState, identity }: MachineRecord, term: Term): void {
    const known = this.#leads.get(event.node);
    if (known?.life === event.life && known.term >= term) return;
    this.#leads.set(event.node, { life: event.life, term });
    const isOwn = durableState.vote === identity?.raftId;
    if (durableState.term > term || (durableState.term === term && isOwn)) return;
    this.#fail(
      event,
      `leads term ${term}; on its disk are term ${durableState.term} and a vote for raft id ` +
        `${durableState.vote}: after a crash it could be elected in that term again`,
    );
  }

  #checkAsks(event: SimEvent, record: MachineRecord, { term, index, logTerm }: Message): void {
    const { durable, durableState, identity } = record;
    if (durableState.term !== term || durableState.vote !== identity?.raftId) {
      this.#fail(
        event,
        `asks for votes in term ${term}; on its disk are term ${durableState.term} and a vote for raft id ` +
          `${durableState.vote}`,
      );
    }
    if (durable.has(index, logTerm)) return;
    this.#fail(
      event,
      `asks for votes in term ${term} with a log up to ${index} of term ${logTerm}; its disk has it up to ` +
        `${durable.lastIndex}`,
    );
  }

  #vote(event: SimEvent, term: Term, vote: RaftId, how: string): void {
    if (vote === 0) return;
    const votes = this.#votesOf(event.node);
    const known = votes.get(term);
    if (known === vote) return;
    if (known !== undefined) {
      this.#fail(
        event,
        `voted twice in term ${term}: for raft id ${known} before, and now for ${vote} (${how})`,
      );
    }
    votes.set(term, vote);
    if (votes.size <= TERMS_KEPT) return;
    const [oldest] = votes.keys();
    if (oldest !== undefined) votes.delete(oldest);
  }

  #votesOf(node: string): Map<Term, RaftId> {
    const { identity } = this.#records.of(node);
    const folder = identity === undefined ? node : `${identity.raftId}/${identity.incarnation}`;
    let votes = this.#votes.get(folder);
    if (votes === undefined) {
      votes = new Map();
      this.#votes.set(folder, votes);
    }
    return votes;
  }

  #fail(event: SimEvent, what: string): never {
    throw new Violation(this.name, `${nameOf(event)} ${what}`);
  }
}
