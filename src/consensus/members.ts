/**
 * Who is in the group: the replicated mapping between the names that people give to nodes and the
 * numbers by which raft knows them.
 *
 * Raft ids are minted here, in the log, and never used twice: a node that comes back without its data
 * is another member, whatever it is called. Who votes and who only learns is raft's own business
 * (the configuration state); this table says where each is found.
 */
import { assert } from '../errors.ts';
import { badField } from '../given.ts';
import { NODE_ID_CHARS_MAX } from '../limits.ts';
import { type ConfState, EMPTY_CONF_STATE, type RaftId } from '../raft/index.ts';
import type { Member } from './types.ts';

export interface MemberRecord {
  readonly raftId: RaftId;
  readonly nodeId: string;
  readonly address: string;
  /** A learner that gets its vote as soon as it has caught up. */
  readonly wantsVote?: true;
  /** The data folder that got the vote: no other one may use it. Absent for those who founded. */
  readonly incarnation?: string;
}

/** Ids that were minted and whose members are not in yet: more than that many additions at once are no use. */
const MINTED_MAX = 64;
/** Whom a node that joins is introduced to; a cluster has fewer members. */
const INTRODUCED_MAX = 64;

const NODE_ID = /^[A-Za-z0-9._-]+$/;

/** @throws ClusterError CONFIG_INVALID. */
export function checkNodeId(nodeId: string, field: string): void {
  const isName = typeof nodeId === 'string' && NODE_ID.test(nodeId);
  if (isName && nodeId.length <= NODE_ID_CHARS_MAX) return;
  const rule = `a string of 1 to ${NODE_ID_CHARS_MAX} of A-Z a-z 0-9 . _ -`;
  throw badField(field, nodeId, rule, 'CONFIG_INVALID');
}

export class MemberTable {
  #byRaftId = new Map<RaftId, MemberRecord>();
  #nextRaftId: RaftId = 1;
  #confState: ConfState = EMPTY_CONF_STATE;
  /** Ids that were not added yet, with the node that each was minted for. The oldest comes first. */
  #minted = new Map<RaftId, string>();
  /** Whom a node that joins talks to before it has a member table of the log's making. */
  readonly #introduced = new Map<RaftId, MemberRecord>();

  get confState(): ConfState {
    return this.#confState;
  }

  get nextRaftId(): RaftId {
    return this.#nextRaftId;
  }

  get(raftId: RaftId): MemberRecord | undefined {
    return this.#byRaftId.get(raftId);
  }

  byNodeId(nodeId: string): MemberRecord | undefined {
    for (const member of this.#byRaftId.values()) if (member.nodeId === nodeId) return member;
    return undefined;
  }

  /** Nothing of the log has come here yet. */
  get isEmpty(): boolean {
    return this.#byRaftId.size === 0;
  }

  get minted(): readonly (readonly [nodeId: string, raftId: RaftId])[] {
    return [...this.#minted].map(([raftId, nodeId]) => [nodeId, raftId]);
  }

  /** Whether the id was given to a member once, and that member is gone (or never came). */
  wasRemoved(raftId: RaftId): boolean {
    if (raftId >= this.#nextRaftId || this.#byRaftId.has(raftId)) return false;
    return !this.#minted.has(raftId);
  }

  mint(nodeId: string): RaftId {
    const raftId = this.#nextRaftId++;
    this.#minted.set(raftId, nodeId);
    for (const oldest of this.#minted.keys()) {
      if (this.#minted.size <= MINTED_MAX) break;
      this.#minted.delete(oldest);
    }
    return raftId;
  }

  /** Somebody to talk to until the log says who is who. */
  introduce(record: MemberRecord): void {
    if (this.#introduced.size < INTRODUCED_MAX) this.#introduced.set(record.raftId, record);
  }

  /** Whom to be connected with: the members, or those that a node that joins was introduced to. */
  contacts(): MemberRecord[] {
    return this.isEmpty ? [...this.#introduced.values()] : this.records();
  }

  /** After raft has applied a membership change: `added` is what its context said about the member. */
  change(confState: ConfState, added: MemberRecord | undefined): void {
    this.#confState = confState;
    if (added !== undefined) {
      assert(added.raftId < this.#nextRaftId, 'member with an id that was never minted', { added });
      this.#byRaftId.set(added.raftId, added);
      this.#minted.delete(added.raftId);
    }
    const present = new Set([
      ...confState.voters,
      ...confState.votersOutgoing,
      ...confState.learners,
      ...confState.learnersNext,
    ]);
    for (const raftId of this.#byRaftId.keys()) {
      if (!present.has(raftId)) this.#byRaftId.delete(raftId);
    }
  }

  records(): MemberRecord[] {
    return [...this.#byRaftId.values()].sort((a, b) => a.raftId - b.raftId);
  }

  list(): Member[] {
    const voters = new Set([...this.#confState.voters, ...this.#confState.votersOutgoing]);
    return this.records().map((record) => ({
      ...record,
      role: voters.has(record.raftId) ? 'voter' : 'learner',
    }));
  }

  restore(
    nextRaftId: RaftId,
    confState: ConfState,
    records: Iterable<MemberRecord>,
    minted: Iterable<readonly [nodeId: string, raftId: RaftId]> = [],
  ): void {
    this.#nextRaftId = nextRaftId;
    this.#minted = new Map([...minted].map(([nodeId, raftId]) => [raftId, nodeId]));
    this.#confState = confState;
    this.#byRaftId = new Map();
    for (const record of records) this.#byRaftId.set(record.raftId, record);
  }
}
