/**
 * Who is in the group: the replicated mapping between the names that people give to nodes and the
 * numbers by which raft knows them.
 *
 * Raft ids are minted here, in the log, and never used twice: a node that comes back without its data
 * is another member, whatever it is called. Who votes and who only learns is raft's own business
 * (the configuration state); this table says where each is found.
 */
import { assert, ClusterError } from '../errors.ts';
import { NODE_ID_CHARS_MAX } from '../limits.ts';
import { type ConfState, EMPTY_CONF_STATE, type RaftId } from '../raft/index.ts';
import type { Member } from './types.ts';

export interface MemberRecord {
  readonly raftId: RaftId;
  readonly nodeId: string;
  readonly address: string;
}

const NODE_ID = /^[A-Za-z0-9._-]+$/;

/** @throws ClusterError CONFIG_INVALID. */
export function checkNodeId(nodeId: string, field: string): void {
  if (NODE_ID.test(nodeId) && nodeId.length <= NODE_ID_CHARS_MAX) return;
  throw new ClusterError(
    'CONFIG_INVALID',
    `${field} is ${JSON.stringify(nodeId)}: use 1 to ${NODE_ID_CHARS_MAX} of A-Z a-z 0-9 . _ -`,
    { details: { field, value: nodeId } },
  );
}

export class MemberTable {
  #byRaftId = new Map<RaftId, MemberRecord>();
  #nextRaftId: RaftId = 1;
  #confState: ConfState = EMPTY_CONF_STATE;

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

  /** Whether the id was given to a member once, and that member is gone. */
  wasRemoved(raftId: RaftId): boolean {
    return raftId < this.#nextRaftId && !this.#byRaftId.has(raftId);
  }

  mint(): RaftId {
    return this.#nextRaftId++;
  }

  /** After raft has applied a membership change: `added` is what its context said about the member. */
  change(confState: ConfState, added: MemberRecord | undefined): void {
    this.#confState = confState;
    if (added !== undefined) {
      assert(added.raftId < this.#nextRaftId, 'member with an id that was never minted', { added });
      this.#byRaftId.set(added.raftId, added);
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
    return this.records().map((member) => ({
      ...member,
      role: voters.has(member.raftId) ? 'voter' : 'learner',
    }));
  }

  restore(nextRaftId: RaftId, confState: ConfState, records: Iterable<MemberRecord>): void {
    this.#nextRaftId = nextRaftId;
    this.#confState = confState;
    this.#byRaftId = new Map();
    for (const record of records) this.#byRaftId.set(record.raftId, record);
  }
}
