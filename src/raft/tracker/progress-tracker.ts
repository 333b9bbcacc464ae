/**
 * All members with what is known of them: the configuration, a Progress each, and the votes of the
 * election under way. It answers the questions that need a quorum: what is committed, is a majority
 * alive, is the election decided.
 *
 * Members are visited in ascending order of id, always: the order of messages is part of what makes
 * two runs with the same input identical.
 */
import { jointCommitted, jointVote } from '../quorum/joint.ts';
import { type AckedIndexes, VoteResult } from '../quorum/majority.ts';
import type { LogIndex, RaftId } from '../types.ts';
import { type Configuration, EMPTY_CONFIGURATION } from './configuration.ts';
import { Inflights } from './inflights.ts';
import { Progress } from './progress.ts';

/** By member, in ascending order of id. */
export type ProgressMap = ReadonlyMap<RaftId, Progress>;

/** The members, what is known of each, and the votes of the election under way. */
export class ProgressTracker implements AckedIndexes {
  readonly #inflightCountMax: number;
  readonly #inflightBytesMax: number;
  #config: Configuration = EMPTY_CONFIGURATION;
  #progress: Map<RaftId, Progress> = new Map();
  #ids: readonly RaftId[] = [];
  /** Of `#ids`, in the same places: a handful, found faster by looking at each than by hashing. */
  #peers: Progress[] = [];
  readonly #votes = new Map<RaftId, boolean>();
  readonly #active = new Map<RaftId, boolean>();

  constructor(inflightCountMax: number, inflightBytesMax: number) {
    this.#inflightCountMax = inflightCountMax;
    this.#inflightBytesMax = inflightBytesMax;
  }

  /** Who is in, as of the last applied change. */
  get config(): Configuration {
    return this.#config;
  }

  /** What is known of each member. */
  get progress(): ProgressMap {
    return this.#progress;
  }

  /** Every member, ascending. */
  get ids(): readonly RaftId[] {
    return this.#ids;
  }

  /** What is known of that member; `undefined` for a stranger. */
  get(id: RaftId): Progress | undefined {
    const ids = this.#ids;
    for (let at = 0; at < ids.length; at++) if (ids[at] === id) return this.#peers[at];
    return undefined;
  }

  /** An empty window of the configured size, for a new member. */
  newInflights(): Inflights {
    return new Inflights(this.#inflightCountMax, this.#inflightBytesMax);
  }

  /** A membership change took effect. */
  adopt(config: Configuration, progress: ProgressMap): void {
    this.#config = config;
    this.#ids = [...progress.keys()].sort((a, b) => a - b);
    this.#peers = this.#ids.map((id) => progress.get(id)!);
    this.#mapPeers();
  }

  /** A new term: nothing is known of anybody, this node's own log aside. */
  reset(ownId: RaftId, lastIndex: LogIndex): void {
    this.resetVotes();
    this.#peers = this.#peers.map(
      ({ isLearner }, at) =>
        new Progress({
          match: this.#ids[at] === ownId ? lastIndex : 0,
          next: lastIndex + 1,
          isLearner,
          recentActive: false,
          inflights: this.newInflights(),
        }),
    );
    this.#mapPeers();
  }

  /** Whether one voter decides alone. */
  get isSingleton(): boolean {
    return this.#config.voters.length === 1 && this.#config.votersOutgoing.length === 0;
  }

  /** What the member is known to have, for counting majorities. */
  ackedIndex(id: RaftId): LogIndex | undefined {
    return this.get(id)?.match;
  }

  /** The largest index that is durable on a quorum. */
  committed(): LogIndex {
    return jointCommitted(this.#config.voters, this.#config.votersOutgoing, this);
  }

  /** Whether a quorum was heard of since the last check. */
  isQuorumActive(): boolean {
    this.#active.clear();
    for (const [id, progress] of this.#progress) {
      if (!progress.isLearner) this.#active.set(id, progress.recentActive);
    }
    return this.#vote(this.#active) === VoteResult.Won;
  }

  /** A new election begins. */
  resetVotes(): void {
    this.#votes.clear();
  }

  /** The first vote of a member counts; a repeated one changes nothing (NASTY 4). */
  recordVote(id: RaftId, granted: boolean): void {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
  }

  /** How the election stands by the votes recorded so far. */
  voteResult(): VoteResult {
    return this.#vote(this.#votes);
  }

  #mapPeers(): void {
    this.#progress = new Map(this.#ids.map((id, at) => [id, this.#peers[at]!]));
  }

  #vote(votes: ReadonlyMap<RaftId, boolean>): VoteResult {
    return jointVote(this.#config.voters, this.#config.votersOutgoing, votes);
  }
}
