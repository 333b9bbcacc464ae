/**
 * Keys and values with revisions, replicated: the ready-made state machine.
 *
 * Everything in it follows from the commands and their order: no clock, no randomness, no I/O, and
 * bounds that count what was applied. One request is one revision, whatever it changed, or none when
 * it changed nothing; a request that is refused in its middle has changed nothing at all.
 *
 * The rule it protects: replicas that applied the same commands answer the same bytes, hold the same
 * keys and the same history, whether they applied them all or began with a snapshot. What may differ
 * is where a value lies in memory, and who watches; neither can be seen in an answer.
 *
 * Reads and watches are for this node's state as it is; whether that is new enough is for the caller
 * to ask the engine first (`readBarrier`), and then to read in the same turn.
 */
import type { ApplyContext, CommandResult, StateMachine } from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
import { HISTORY_BYTES_MAX, HISTORY_CHANGES_MAX, RANGE_BYTES_MAX } from '../limits.ts';
import type { SnapshotReader, SnapshotSection } from '../storage/index.ts';
import { ChangeHistory, type HistoryBounds } from './change-history.ts';
import { CommandApplier } from './command-applier.ts';
import { decodeCommand, isLaterCommand, KV_TAG } from './command-codec.ts';
import {
  checkCommand,
  validateCommandBytes,
  validateKey,
  validateRange,
} from './command-limits.ts';
import type { MachinePart } from './composite-machine.ts';
import { readSnapshot, snapshotSections } from './kv-snapshot.ts';
import { KvStore } from './kv-store.ts';
import { KvWatch, lost, type WatchedMachine } from './kv-watch.ts';
import { PutLayout } from './put-command.ts';
import { encodeRejection, type Rejection } from './rejections.ts';
import { encodeResult, PutResult } from './result-codec.ts';
import type {
  KeyRange,
  KeyValue,
  KvCommand,
  RangeQuery,
  RangeResult,
  WatchQuery,
} from './types.ts';
import { WatchIndex } from './watch-index.ts';

/** How a machine may differ from the usual one. */
export interface KvMachineOptions {
  /** Bounds of the history, which must be the same on every node. For tests. */
  readonly history?: Partial<HistoryBounds>;
}

/** For metrics. */
export interface KvStats {
  readonly keys: number;
  readonly watches: number;
  /** Of keys and values, with what is unused in between. */
  readonly heldBytes: number;
  readonly liveBytes: number;
  readonly historyChanges: number;
  readonly historyBytes: number;
}

/**
 * Keys and values with revisions, transactions and watches, replicated. Writes are commands
 * (`encodeCommand`) that are proposed; reads and watches are asked of the machine itself, after
 * `readBarrier` where they must be fresh.
 */
export class KvMachine implements StateMachine, MachinePart {
  readonly name: string = 'kv';
  readonly tag: number = KV_TAG;
  readonly #bounds: HistoryBounds;
  readonly #watches: WatchIndex = new WatchIndex();
  readonly #watched: WatchedMachine;
  readonly #put: PutLayout = new PutLayout();
  #store: KvStore = new KvStore();
  #history: ChangeHistory;
  #applier: CommandApplier;

  constructor(options: KvMachineOptions = {}) {
    this.#bounds = {
      changesMax: options.history?.changesMax ?? HISTORY_CHANGES_MAX,
      bytesMax: options.history?.bytesMax ?? HISTORY_BYTES_MAX,
    };
    this.#history = new ChangeHistory(this.#bounds);
    this.#applier = new CommandApplier(this.#store, this.#history, this.#watches);
    const historyNow = (): ChangeHistory => this.#history;
    const watches = this.#watches;
    this.#watched = {
      get history() {
        return historyNow();
      },
      forget: (watch) => watches.remove(watch),
    };
  }

  /** The number of changes so far. */
  get revision(): number {
    return this.#history.revision;
  }

  /** The newest revision that the history has forgotten; watches begin behind it. */
  get compactedRevision(): number {
    return this.#history.compactedRevision;
  }

  /** Counts for metrics. */
  get stats(): KvStats {
    return {
      keys: this.#store.size,
      watches: this.#watches.size,
      heldBytes: this.#store.heldBytes,
      liveBytes: this.#store.liveBytes,
      historyChanges: this.#history.count,
      historyBytes: this.#history.bytes,
    };
  }

  /**
   * What every door asks before it proposes.
   *
   * @throws ClusterError REQUEST_INVALID where the bytes are no command, and as `validateCommand`.
   */
  check(command: Uint8Array): void {
    validateCommandBytes(command);
  }

  /** @throws ClusterError COMMAND_UNKNOWN: written by a newer version; this node must not go on. */
  applyBatch(commands: readonly Uint8Array[], at: ApplyContext): CommandResult[] {
    const results: CommandResult[] = [];
    for (const command of commands) results.push(this.#apply(command, at));
    this.#store.tidy();
    return results;
  }

  snapshot(): SnapshotSection[] {
    return snapshotSections({
      items: this.#store.capture(),
      history: this.#history.capture(),
      revision: this.revision,
      compactedRevision: this.compactedRevision,
    });
  }

  /** @throws ClusterError DATA_CORRUPT; the state is then what it was. */
  async restore(reader: Pick<SnapshotReader, 'section'>): Promise<void> {
    const { store, history } = await readSnapshot(reader, this.#bounds);
    const before = this.revision;
    this.#store = store;
    this.#history = history;
    this.#applier = new CommandApplier(store, history, this.#watches);
    this.#continueWatches(before);
  }

  /** @throws ClusterError KEY_INVALID. */
  get(key: Uint8Array): KeyValue | undefined {
    validateKey(key);
    const ref = this.#store.find(key);
    return ref === undefined ? undefined : this.#store.records.item(ref);
  }

  /** @throws ClusterError KEY_INVALID, REQUEST_INVALID. */
  range(query: RangeQuery): RangeResult {
    validateRange(query);
    const { limit, keysOnly } = query;
    const { items, more } = this.#store.range(query, {
      limit,
      keysOnly,
      bytesMax: RANGE_BYTES_MAX,
    });
    return { items, more, revision: this.revision };
  }

  /** How many keys the range holds; takes the time of one search. */
  count(range: KeyRange): number {
    validateRange(range);
    return this.#store.count(range);
  }

  /**
   * The changes in a range, from a revision on. It may begin in the future: this node may be behind
   * the one that the watcher saw last. End it with `cancel`.
   *
   * @throws ClusterError REVISION_COMPACTED, KEY_INVALID, REQUEST_INVALID.
   */
  watch(query: WatchQuery): KvWatch {
    validateRange({ start: query.start, ...(query.end && { end: query.end }) });
    const from = query.fromRevision ?? this.revision + 1;
    if (!Number.isSafeInteger(from) || from < 1) {
      throw new ClusterError('REQUEST_INVALID', `fromRevision is ${from}; revisions begin at 1`, {
        details: { field: 'fromRevision', actual: String(from), bound: 1 },
      });
    }
    if (from <= this.compactedRevision) {
      throw lost('REVISION_COMPACTED', from, this.compactedRevision);
    }
    // Copies: the caller's bytes may change, and the index finds the watch by them again.
    const start = new Uint8Array(query.start);
    const range = query.end === undefined ? { start } : { start, end: new Uint8Array(query.end) };
    const watch = new KvWatch(this.#watched, range, from);
    this.#watches.add(watch);
    return watch;
  }

  /** One pass over the history for all watches, not one for each. */
  #continueWatches(revisionBefore: number): void {
    const history = this.#history;
    let from = history.revision + 1;
    for (const watch of this.#watches.all()) {
      from = Math.min(from, watch.restored(revisionBefore));
    }
    if (this.#watches.size === 0) return;
    from = Math.max(from, history.compactedRevision + 1);
    for (let revision = from; revision <= history.revision; revision++) {
      history.eachKey(revision, (key) => this.#watches.note(key, revision));
    }
  }

  #apply(bytes: Uint8Array, at: ApplyContext): CommandResult {
    if (this.#put.read(bytes)) return new PutResult(this.#applier.put(bytes, this.#put));
    if (isLaterCommand(bytes)) throw laterCommand(bytes, at);
    let command: KvCommand;
    try {
      command = decodeCommand(bytes);
    } catch (error) {
      return encodeRejection(notACommand(error));
    }
    const rejection = checkCommand(command);
    if (rejection !== undefined) return encodeRejection(rejection);
    const outcome = this.#applier.apply(command);
    return 'code' in outcome ? encodeRejection(outcome) : encodeResult(outcome);
  }
}

function notACommand(error: unknown): Rejection {
  if (!(error instanceof ClusterError) || error.code !== 'REQUEST_INVALID') throw error;
  const actual = error.details['position'] as number;
  return { code: 'REQUEST_INVALID', list: 'command', index: 0, field: 'bytes', actual };
}

function laterCommand(bytes: Uint8Array, at: ApplyContext): ClusterError {
  const version = bytes[1];
  return new ClusterError(
    'COMMAND_UNKNOWN',
    `the entry at ${at.index} (term ${at.term}) holds a key-value command of version ${version}: this release does not know it and must not skip it; start a version that does`,
    { details: { index: at.index, term: at.term, version } },
  );
}
