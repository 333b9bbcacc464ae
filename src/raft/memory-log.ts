/**
 * The stored log, in memory, for tests and for the conformance runner. It keeps the contract of
 * `LogStorage` to the letter, errors included (S-21 to S-39), and never misses: what it holds it
 * answers at once.
 *
 * Kept as one array without the compacted part, and the index and term of the entry just before it,
 * which a leader needs to match a follower whose log ends exactly there (NASTY 17). Two departures
 * from a disk: a write is durable when the call returns, and hard state and entries are set apart.
 */
import { ClusterError } from '../errors.ts';
import { limitEntries } from './entries.ts';
import type {
  ConfState,
  Entry,
  HardState,
  LogIndex,
  LogStorage,
  Snapshot,
  SnapshotMetadata,
  Term,
} from './types.ts';

/** A membership of nobody. */
export const EMPTY_CONF_STATE: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};
const EMPTY_SNAPSHOT: Snapshot = {
  metadata: { confState: EMPTY_CONF_STATE, index: 0, term: 0 },
  data: new Uint8Array(0),
};

/**
 * A stored log in memory. As it is made it is the log of a member that joins later; a founding
 * member begins with a snapshot of the members, which each of them writes by itself:
 *
 * @example
 * ```ts
 * import { randomInt } from 'node:crypto';
 *
 * const log = new MemoryLog();
 * const confState = { ...EMPTY_CONF_STATE, voters: [1, 2, 3] };
 * log.applySnapshot({ metadata: { confState, index: 1, term: 1 }, data: new Uint8Array(0) });
 * const node = new RawNode({
 *   id: 1,
 *   storage: log,
 *   applied: 1,
 *   electionTick: 10,
 *   heartbeatTick: 1,
 *   random: (bound) => randomInt(bound),
 * });
 * ```
 *
 * docs/guides/raw-core.md goes on from there.
 */
export class MemoryLog implements LogStorage {
  #hardState: HardState = { term: 0, vote: 0, commit: 0 };
  #snapshot: Snapshot = EMPTY_SNAPSHOT;
  /** Index and term of the entry just before `#entries[0]`. */
  #baseIndex: LogIndex = 0;
  #baseTerm: Term = 0;
  #entries: Entry[] = [];

  /** The hard state that was set last, and the members of the snapshot. */
  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#snapshot.metadata.confState };
  }

  firstIndex(): LogIndex {
    return this.#baseIndex + 1;
  }

  lastIndex(): LogIndex {
    return this.#baseIndex + this.#entries.length;
  }

  term(index: LogIndex): Term {
    if (index === this.#baseIndex) return this.#baseTerm;
    if (index < this.#baseIndex) throw compacted(index, this.firstIndex());
    const entry = this.#entries[index - this.#baseIndex - 1];
    if (entry === undefined) throw unavailable(index, this.lastIndex());
    return entry.term;
  }

  entries(lo: LogIndex, hi: LogIndex, maxBytes: number): readonly Entry[] | undefined {
    if (lo <= this.#baseIndex) throw compacted(lo, this.firstIndex());
    if (hi > this.lastIndex() + 1) throw unavailable(hi - 1, this.lastIndex());
    const from = lo - this.#baseIndex - 1;
    return limitEntries(this.#entries.slice(from, hi - this.#baseIndex - 1), maxBytes);
  }

  /** The snapshot installed or created last; the empty one (index 0) before that. */
  snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** Replaces term, vote and commit index. */
  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /**
   * Adds entries, replacing the stored ones from the first new index on. What was compacted already
   * is skipped.
   * @throws ClusterError LOG_OUT_OF_ORDER when they leave a gap after the last entry.
   */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    if (first.index > this.lastIndex() + 1) {
      throw new ClusterError(
        'LOG_OUT_OF_ORDER',
        `entry ${first.index} leaves a gap after the last stored entry ${this.lastIndex()}`,
        { details: { index: first.index, lastIndex: this.lastIndex() } },
      );
    }
    const skip = Math.max(0, this.firstIndex() - first.index);
    if (skip >= entries.length) return;
    const kept = first.index + skip - this.firstIndex();
    // Hardly ever anything is cut; setting the length costs as much as all the rest.
    if (kept < this.#entries.length) this.#entries.length = kept;
    for (let i = skip; i < entries.length; i++) this.#entries.push(entries[i]!);
  }

  /**
   * Installs a snapshot that came from a leader: it becomes the log's beginning.
   * @throws ClusterError SNAPSHOT_OUT_OF_DATE unless it is newer than the one in place.
   */
  applySnapshot(snapshot: Snapshot): void {
    this.#refuseOlder(snapshot.metadata);
    this.#snapshot = snapshot;
    this.#baseIndex = snapshot.metadata.index;
    this.#baseTerm = snapshot.metadata.term;
    this.#entries = [];
  }

  /** Records what the state machine was at `index`; the log stays as it is. */
  createSnapshot(index: LogIndex, confState: ConfState, data: Uint8Array): Snapshot {
    const metadata = { confState, index, term: this.term(index) };
    this.#refuseOlder(metadata);
    this.#snapshot = { metadata, data };
    return this.#snapshot;
  }

  /**
   * Drops the entries up to and including `index`; its term is kept.
   * @throws ClusterError LOG_COMPACTED when that was done before, LOG_UNAVAILABLE beyond the end.
   */
  compact(index: LogIndex): void {
    if (index <= this.#baseIndex) throw compacted(index, this.firstIndex());
    const term = this.term(index);
    this.#entries = this.#entries.slice(index - this.#baseIndex);
    this.#baseIndex = index;
    this.#baseTerm = term;
  }

  #refuseOlder(metadata: SnapshotMetadata): void {
    const current = this.#snapshot.metadata.index;
    if (metadata.index > current) return;
    throw new ClusterError(
      'SNAPSHOT_OUT_OF_DATE',
      `snapshot at ${metadata.index} is not newer than the one in place at ${current}`,
      { details: { index: metadata.index, current } },
    );
  }
}

function compacted(index: LogIndex, firstIndex: LogIndex): ClusterError {
  return new ClusterError(
    'LOG_COMPACTED',
    `log entry ${index} was compacted away, the first is ${firstIndex}; use a snapshot`,
    { details: { index, firstIndex } },
  );
}

function unavailable(index: LogIndex, lastIndex: LogIndex): ClusterError {
  return new ClusterError(
    'LOG_UNAVAILABLE',
    `the log has no entry ${index}, its last is ${lastIndex}`,
    { details: { index, lastIndex } },
  );
}
