/**
 * A watcher as the real client is one: it goes on behind the last revision that it was given, on whichever
 * node answers, and reads the keys anew where the history was compacted away.
 *
 * Every change that it is given is held against what was applied (revision-log.ts) at once: the next change
 * of its keys, that one and no other. So a change that is left out, repeated, out of order, of another
 * content or of keys that it does not watch is found when it comes; one that never comes, at the end.
 * Reading the keys anew hides what was missed, so that is judged, too: whether the history is really gone,
 * whether the keys are those of the revision that they are said to be of, and whether there is such a one.
 *
 * The stream: the watch lives in the node's process, which reads ahead a little and no more; the watcher
 * fetches what is there, again and again. A fetch whose answer is lost has taken changes with it; the
 * watcher must go on behind what it has, on a new watch, exactly as with a broken connection.
 */
import type { WatchOptions, WatchStream } from '../../src/api/index.ts';
import { ClusterError, type ErrorCode } from '../../src/errors.ts';
import type { KvChange, KvWatch } from '../../src/state/index.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { apiOf, type SimProcess } from '../cluster/sim-process.ts';
import type { Findings } from './findings.ts';
import type { LoggedEvent, RevisionLog } from './revision-log.ts';
import { bytesOf, fingerprint, textOf } from './revision-log.ts';
import type { SimClient } from './sim-client.ts';

/** Keys from `start` to before `end`; without an end the one key. */
export interface WatchedKeys {
  readonly start: string;
  readonly end?: string;
}

export interface SimWatcherOptions {
  readonly cluster: SimCluster;
  readonly client: SimClient;
  readonly keys: WatchedKeys;
  /** Where it begins; undefined: after the present, whatever that is. */
  readonly from: number | undefined;
  /** It begins (and goes on) where a node is without asking whether that is the present. */
  readonly isLocal: boolean;
  readonly log: RevisionLog;
  readonly findings: Findings;
  /** The highest revision that any client was told so far. */
  readonly told: () => number;
}

/** A watch in the process of a node. */
interface Served {
  readonly process: SimProcess;
  readonly changes: KvWatch;
  readonly ready: KvChange[];
  /** It reads ahead no further; goes on when it is called. */
  goOn: (() => void) | undefined;
  end: { readonly error: unknown } | undefined;
}

const READ_AHEAD_MAX = 8;
const OPEN_MS = 1_500;
const FETCH_MS = 1_000;
const FETCH_EVERY_MS_MAX = 120;
const RANGE_MS = 2_000;
/** The history does not reach back so far; read the keys and begin behind them. */
const GONE: ReadonlySet<ErrorCode | undefined> = new Set(['REVISION_COMPACTED', 'WATCH_TOO_SLOW']);

export class SimWatcher {
  /** Changes that it was given. */
  changes = 0;
  /** Watches that it opened, and times that it had to read the keys anew. */
  opened = 0;
  resyncs = 0;
  readonly name: string;
  readonly #options: SimWatcherOptions;
  /** The last revision that it has, or knows not to concern it; undefined: not begun yet. */
  #at: number | undefined;
  #mustResync = false;
  #isOver = false;

  constructor(options: SimWatcherOptions) {
    this.#options = options;
    const { client, keys, from } = options;
    this.#at = from === undefined ? undefined : from - 1;
    this.name = `the watcher of ${keys.start}${keys.end ? `..${keys.end}` : ''} on ${client.name}`;
  }

  start(): void {
    this.#live().catch((error: unknown) => this.#found((error as Error).stack ?? String(error)));
  }

  stop(): void {
    this.#isOver = true;
  }

  /** It began, and was given everything that has happened to its keys. */
  get hasAll(): boolean {
    return this.#at !== undefined && this.#next(this.#at) === undefined;
  }

  /** Where it stands, for the message that it is missing something. */
  describe(): string {
    const next = this.#at === undefined ? undefined : this.#next(this.#at);
    const misses = next === undefined ? 'has begun nowhere' : `misses ${tell(next)}`;
    return `${this.name} (${this.changes} changes, ${this.opened} watches) ${misses}`;
  }

  async #live(): Promise<void> {
    const { client } = this.#options;
    while (!this.#isOver) {
      const node = client.random.pick(client.nodes);
      if (this.#mustResync) await this.#resync();
      else await this.#follow(node);
      await client.sleep(client.random.below(FETCH_EVERY_MS_MAX));
    }
  }

  async #follow(node: string): Promise<void> {
    const { client, log } = this.#options;
    const floor = this.#options.told();
    const started = await this.#open(node);
    if (started === undefined) return;
    const { served, revision } = started;
    this.opened += 1;
    if (this.#at === undefined) {
      this.#at = revision;
      const isPast = revision < floor && !this.#options.isLocal;
      if (isPast || revision > log.revision) {
        this.#found(
          `${node} began it after revision ${revision}, when a client had been told revision ` +
            `${floor}, and ${log.revision} was applied`,
        );
      }
    }
    while (!this.#isOver && (await this.#fetch(node, served))) {
      await client.sleep(client.random.below(FETCH_EVERY_MS_MAX));
    }
    // The door lets go of a watch whose connection is gone.
    served.process.loop.io(0, () => served.changes.cancel());
  }

  async #open(
    node: string,
  ): Promise<{ readonly served: Served; readonly revision: number } | undefined> {
    const { client, keys, isLocal } = this.#options;
    const range = { start: bytesOf(keys.start), ...(keys.end && { end: bytesOf(keys.end) }) };
    let isWanted = true;
    const outcome = await client.attempt(
      node,
      async (process) => {
        const options: WatchOptions = {
          timeoutMs: OPEN_MS,
          ...(this.#at !== undefined && { from: this.#at + 1 }),
          ...(isLocal && { consistency: 'local' as const }),
        };
        const stream = await apiOf(process).watch(range, options);
        if (!isWanted) stream.changes.cancel();
        return { served: serve(process, stream), revision: stream.revision };
      },
      { timeoutMs: OPEN_MS },
      false,
    );
    isWanted = false;
    if (outcome.kind === 'done') return outcome.value;
    this.#noteEnd(outcome.error, node);
    return undefined;
  }

  /** Takes what is there; false: this watch is over. */
  async #fetch(node: string, served: Served): Promise<boolean> {
    const outcome = await this.#options.client.attempt(
      node,
      async (process) => {
        // Another life of the node knows nothing of this watch.
        if (process !== served.process) return undefined;
        const changes = served.ready.splice(0);
        served.goOn?.();
        return { changes, end: served.end };
      },
      { timeoutMs: FETCH_MS },
      false,
    );
    if (outcome.kind !== 'done' || outcome.value === undefined) return false;
    const { changes, end } = outcome.value;
    for (const change of changes) this.#given(change, node);
    if (end === undefined) return true;
    this.#noteEnd(end.error, node);
    return false;
  }

  #noteEnd(error: unknown, node: string): void {
    if (!(error instanceof ClusterError) || !GONE.has(error.code)) return;
    this.#mustResync = true;
    const said = Number(error.details['compactedRevision']);
    const { compactedRevision } = this.#options.log;
    if (said <= compactedRevision) return;
    this.#found(
      `${node} says that the history up to revision ${said} is gone (${error.code}); ` +
        `it was compacted up to ${compactedRevision}`,
    );
  }

  #given(change: KvChange, node: string): void {
    if (this.#at === undefined) return;
    const expected = this.#next(this.#at);
    const given = toLogged(change);
    this.changes += 1;
    if (expected === undefined || tell(expected) !== tell(given)) {
      const wanted = expected === undefined ? 'nothing more' : tell(expected);
      this.#found(`${node} gave it ${tell(given)}; behind revision ${this.#at} comes ${wanted}`);
    }
    this.#at = Math.max(this.#at, change.revision);
  }

  async #resync(): Promise<void> {
    const { client, keys, log, told } = this.#options;
    const { start, end } = keys;
    const floor = told();
    const query = { start: bytesOf(start), ...(end && { end: bytesOf(end) }) };
    const outcome = await client.read(async (process, { timeoutMs }) => {
      const { items, revision } = await apiOf(process).range(query, { timeoutMs });
      return { revision, items: items.map((item) => [textOf(item.key), fingerprint(item.value)]) };
    }, RANGE_MS);
    if (outcome.kind !== 'done') return;
    const { revision, items } = outcome.value;
    const applied = [...log.stateAt((key) => this.#holds(key), revision)];
    const wanted = JSON.stringify(applied.sort(([a], [b]) => (a < b ? -1 : 1)));
    const given = JSON.stringify(items);
    if (wanted !== given) {
      this.#found(`${outcome.node} has ${given} at revision ${revision}; applied was ${wanted}`);
    }
    if (revision > log.revision) {
      this.#found(`${outcome.node} reads revision ${revision}; applied was ${log.revision}`);
    }
    if (revision < floor) {
      this.#found(
        `${outcome.node} reads revision ${revision}, a client had been told ${floor} before it asked`,
      );
    }
    if (this.#at !== undefined && revision < this.#at) {
      this.#found(`${outcome.node} reads revision ${revision}, it had ${this.#at} before`);
    }
    this.resyncs += 1;
    this.#mustResync = false;
    this.#at = revision;
  }

  #next(revision: number): { revision: number; events: readonly LoggedEvent[] } | undefined {
    return this.#options.log.nextChange((key) => this.#holds(key), revision);
  }

  #holds(key: string): boolean {
    const { start, end } = this.#options.keys;
    return end === undefined ? key === start : key >= start && key < end;
  }

  #found(what: string): void {
    const { client, findings } = this.#options;
    findings.found(
      'watches miss and repeat nothing',
      `${client.nowMs.toFixed(3)} ms: ${this.name}: ${what}`,
    );
  }
}

/** Reads ahead a little. */
function serve(process: SimProcess, { changes }: WatchStream): Served {
  const served: Served = { process, changes, ready: [], goOn: undefined, end: undefined };
  readAhead(served).then(
    () => {
      served.end = { error: undefined };
    },
    (error: unknown) => {
      served.end = { error };
    },
  );
  return served;
}

async function readAhead(served: Served): Promise<void> {
  for await (const change of served.changes) {
    served.ready.push(change);
    if (served.ready.length < READ_AHEAD_MAX) continue;
    await new Promise<void>((resolve) => {
      served.goOn = resolve;
    });
  }
}

function toLogged({ revision, events }: KvChange): { revision: number; events: LoggedEvent[] } {
  const logged = events.map((event) => {
    if (event.kind === 'delete') return { key: textOf(event.key), value: undefined };
    return { key: textOf(event.item.key), value: fingerprint(event.item.value) };
  });
  return { revision, events: logged };
}

/** In one form, so that two can be compared: keys in order. */
function tell({ revision, events }: { revision: number; events: readonly LoggedEvent[] }): string {
  const words = [...events]
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ key, value }) => (value === undefined ? `${key} deleted` : `${key} = ${value}`));
  return `revision ${revision} (${words.join(', ')})`;
}
