/**
 * Who is in the group: the replicated mapping between the names that people give to nodes and the
 * numbers by which raft knows them.
 *
 * Raft ids are minted here, in the log, and never used twice: a node that comes back without its data
 * is another member, whatever it is called. Who votes and who only learns is raft's own business
 * (the configuration state); this table says where each is found.
 *
 * A member that was removed is `leaving`, and one that got its vote is `arriving`, until the log holds the
 * next change of members. A leader makes a change only when it has applied the one before, and tells what is
 * committed with everything that it sends; so whoever holds the next change has it on its disk that the one
 * before is committed, and once the next one is committed, a majority of the voters has it. Not before can
 * they do without the vote of the one that left, or count on the one that came, whatever the power takes
 * from them (N-5, N-31).
 */
import { assert } from '../errors.ts';
import { badField } from '../given.ts';
import { NODE_ID_CHARS_MAX, PEERS_INTRODUCED_MAX } from '../limits.ts';
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
  /** Of one that founded: the data folder that the leader knew it by when another one got a vote. */
  readonly firstSeen?: string;
}

/** A member that founded, with its data folder. */
export type Founder = readonly [raftId: RaftId, incarnation: string];

/** Ids that were minted and whose members are not in yet: more than that many additions at once are no use. */
const MINTED_MAX = 64;

/** Whether the log says which data folder is the member's. */
export function isNamed({ incarnation, firstSeen }: MemberRecord): boolean {
  return incarnation !== undefined || firstSeen !== undefined;
}

const NODE_ID = /^[A-Za-z0-9._-]+$/;

/** @throws ClusterError CONFIG_INVALID. */
export function checkNodeId(nodeId: string, field: string): void {
  const isName = typeof nodeId === 'string' && NODE_ID.test(nodeId);
  if (isName && nodeId.length <= NODE_ID_CHARS_MAX) return;
  const rule = `a string of 1 to ${NODE_ID_CHARS_MAX} of A-Z a-z 0-9 . _ -`;
  throw badField(field, nodeId, rule, 'CONFIG_INVALID');
}

/** What is begun and not finished: see `MemberTable`. */
export interface MembersUnderWay {
  readonly minted?: Iterable<readonly [nodeId: string, raftId: RaftId]>;
  readonly leaving?: readonly MemberRecord[] | undefined;
  readonly arriving?: readonly RaftId[] | undefined;
}

export class MemberTable {
  #byRaftId = new Map<RaftId, MemberRecord>();
  #nextRaftId: RaftId = 1;
  #confState: ConfState = EMPTY_CONF_STATE;
  /** Ids that were not added yet, with the node that each was minted for. The oldest comes first. */
  #minted = new Map<RaftId, string>();
  /** Whom the last change has removed. */
  #leaving: readonly MemberRecord[] = [];
  /** Who votes since the last change. */
  #arriving: readonly RaftId[] = [];
  /** Who came, and is not (yet) known from the log: members, by their own account. */
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

  /** Members that were removed, and whom the others may still need. */
  get leaving(): readonly MemberRecord[] {
    return this.#leaving;
  }

  /** Members that vote, which the others may still forget. */
  get arriving(): readonly RaftId[] {
    return this.#arriving;
  }

  leavingOf(raftId: RaftId): MemberRecord | undefined {
    return this.#leaving.find((member) => member.raftId === raftId);
  }

  get minted(): readonly (readonly [nodeId: string, raftId: RaftId])[] {
    return [...this.#minted].map(([raftId, nodeId]) => [nodeId, raftId]);
  }

  /** Whether the id was given to a member once, and that member is gone (or never came). */
  wasRemoved(raftId: RaftId): boolean {
    if (raftId >= this.#nextRaftId || this.#byRaftId.has(raftId)) return false;
    return !this.#minted.has(raftId);
  }

  /**
   * Whether a node of that id may be a member that this table has not heard of: its id was given to nobody
   * yet as far as the log was read, or to that node, which was not in yet.
   */
  mayBeNewer(raftId: RaftId, nodeId: string): boolean {
    if (this.#byRaftId.has(raftId)) return false;
    return raftId >= this.#nextRaftId || this.isMintedFor(raftId, nodeId);
  }

  /** Whether the id was minted for that node, which is not in yet. */
  isMintedFor(raftId: RaftId, nodeId: string): boolean {
    return this.#minted.get(raftId) === nodeId;
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

  /** Somebody to talk to until the log says who is who. False: there are too many of those. */
  introduce(record: MemberRecord): boolean {
    const hasRoom =
      this.#introduced.size < PEERS_INTRODUCED_MAX || this.#introduced.has(record.raftId);
    if (hasRoom) this.#introduced.set(record.raftId, record);
    return hasRoom;
  }

  introducedOf(raftId: RaftId): MemberRecord | undefined {
    return this.#introduced.get(raftId);
  }

  /** It is gone, and may introduce itself again. */
  dismiss(raftId: RaftId): void {
    this.#introduced.delete(raftId);
  }

  /** Whom to be connected with: the members, those that leave, and those that may be newer. */
  contacts(): MemberRecord[] {
    return [...this.records(), ...this.#leaving, ...this.#introduced.values()];
  }

  /**
   * After raft has applied a membership change: `added` is what its context said about the member, and
   * `founders` what it said of others.
   */
  change(
    confState: ConfState,
    added: MemberRecord | undefined,
    founders: readonly Founder[] = [],
  ): void {
    const before = votersOf(this.#confState);
    this.#arriving = [...votersOf(confState)].filter((raftId) => !before.has(raftId));
    this.#confState = confState;
    for (const [raftId, firstSeen] of founders) {
      const record = this.#byRaftId.get(raftId);
      if (record !== undefined && !isNamed(record)) {
        this.#byRaftId.set(raftId, { ...record, firstSeen });
      }
    }
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
    this.#leaving = this.records().filter(({ raftId }) => !present.has(raftId));
    for (const { raftId } of this.#leaving) this.#byRaftId.delete(raftId);
    this.#forgetIntroduced();
  }

  /** The log has come so far that it names them, or says that they are gone. */
  #forgetIntroduced(): void {
    for (const { raftId, nodeId } of this.#introduced.values()) {
      if (!this.mayBeNewer(raftId, nodeId)) this.#introduced.delete(raftId);
    }
  }

  records(): MemberRecord[] {
    return [...this.#byRaftId.values()].sort((a, b) => a.raftId - b.raftId);
  }

  list(): Member[] {
    const voters = votersOf(this.#confState);
    // Which data folder is whose is the node's own business.
    return this.records().map(({ incarnation: _, firstSeen: __, ...member }) => ({
      ...member,
      role: voters.has(member.raftId) ? 'voter' : 'learner',
      ...(this.#arriving.includes(member.raftId) ? { arriving: true } : {}),
    }));
  }

  restore(
    nextRaftId: RaftId,
    confState: ConfState,
    records: Iterable<MemberRecord>,
    { minted = [], leaving = [], arriving = [] }: MembersUnderWay = {},
  ): void {
    this.#nextRaftId = nextRaftId;
    this.#minted = new Map([...minted].map(([nodeId, raftId]) => [raftId, nodeId]));
    this.#confState = confState;
    this.#byRaftId = new Map();
    for (const record of records) this.#byRaftId.set(record.raftId, record);
    this.#leaving = leaving;
    this.#arriving = arriving;
    this.#forgetIntroduced();
  }
}

function votersOf({ voters, votersOutgoing }: ConfState): ReadonlySet<RaftId> {
  return new Set([...voters, ...votersOutgoing]);
}
