/**
 * Keeps a log readable while something stays broken. A peer that is down fails a dial several times a
 * second; a node that logs each of them hides the one line that matters.
 *
 * Of a warning or error that repeats, the first is written, then the 2nd, 4th, 8th and so on, with
 * `repeats`. "The same" means: same event, same fields of the child logger, and same values in the
 * fields that identify a thing (`IDENTITY_FIELDS`); numbers such as durations may differ. When the
 * thing recovers, the line that says so gets `after`: what had repeated, how often and for how long.
 * Which event ends which is the caller's table (`recoveries`), since only the caller knows; besides, a
 * repeat after `quietMs` of silence counts as a new first, and says what came before it.
 *
 * Debug lines pass through. No timers: whatever is said is said when a line comes.
 */
import type { Clock, LogFields, Logger } from './types.ts';

/** What ends a repetition. */
export interface QuietOptions {
  /** Recovery event → the events that it ends, e.g. `{ 'peer.connected': ['peer.unreachable'] }`. */
  readonly recoveries?: Readonly<Record<string, readonly string[]>>;
  /** A repeat later than this is a new first. Default one minute. */
  readonly quietMs?: number;
}

/** Fields that tell one thing from another. What is not here may differ between repeats. */
const IDENTITY_FIELDS: readonly string[] = [
  'address',
  'code',
  'file',
  'member',
  'name',
  'node',
  'path',
  'peer',
  'reason',
  'url',
];
/** Distinct things remembered at a time; the oldest is forgotten beyond it. */
const THINGS_MAX = 1_024;
const QUIET_MS_DEFAULT = 60_000;

interface Repeated {
  readonly event: string;
  readonly sinceMs: number;
  lastMs: number;
  count: number;
}

/**
 * A logger that writes the 1st, 2nd, 4th, 8th ... of lines that repeat, and what had repeated when
 * it is over.
 */
export function quietRepeats(logger: Logger, clock: Clock, options: QuietOptions = {}): Logger {
  const memory = new RepeatMemory(clock, options);
  return new QuietLogger(logger, memory, {});
}

class RepeatMemory {
  readonly #clock: Clock;
  readonly #quietMs: number;
  readonly #recoveries: Readonly<Record<string, readonly string[]>>;
  readonly #things = new Map<string, Repeated>();

  constructor(clock: Clock, options: QuietOptions) {
    this.#clock = clock;
    this.#quietMs = options.quietMs ?? QUIET_MS_DEFAULT;
    this.#recoveries = options.recoveries ?? {};
  }

  /** The fields to add to this line, or `undefined` when it is not to be written. */
  seen(event: string, fields: LogFields): LogFields | undefined {
    const key = keyOf(event, fields);
    const nowMs = this.#clock.now();
    const known = this.#things.get(key);
    if (known === undefined || nowMs - known.lastMs > this.#quietMs) {
      this.#remember(key, { event, sinceMs: nowMs, lastMs: nowMs, count: 1 });
      return known === undefined || known.count === 1 ? {} : { before: summary(known) };
    }
    known.lastMs = nowMs;
    known.count += 1;
    const isDoubling = (known.count & (known.count - 1)) === 0;
    return isDoubling ? { repeats: known.count } : undefined;
  }

  /** What a recovery line should add. Forgets what it ended. */
  ended(event: string, fields: LogFields): LogFields {
    const after: LogFields[] = [];
    for (const ended of this.#recoveries[event] ?? []) {
      for (const [key, thing] of this.#things) {
        if (thing.event !== ended || !isSameThing(key, fields)) continue;
        this.#things.delete(key);
        after.push(summary(thing));
      }
    }
    return after.length === 0 ? {} : { after };
  }

  #remember(key: string, thing: Repeated): void {
    this.#things.delete(key);
    this.#things.set(key, thing);
    if (this.#things.size <= THINGS_MAX) return;
    for (const oldest of this.#things.keys()) {
      this.#things.delete(oldest);
      return;
    }
  }
}

function summary(thing: Repeated): LogFields {
  return {
    event: thing.event,
    count: thing.count,
    forMs: Math.round(thing.lastMs - thing.sinceMs),
  };
}

function keyOf(event: string, fields: LogFields): string {
  const identity = IDENTITY_FIELDS.filter((name) => name in fields).map((name) => [
    name,
    String(fields[name]),
  ]);
  return JSON.stringify([event, identity]);
}

/** A recovery names the thing, seldom the reason: each identity field that it has must agree. */
function isSameThing(key: string, fields: LogFields): boolean {
  const [, identity] = JSON.parse(key) as [string, [string, string][]];
  return identity.every(([name, value]) => !(name in fields) || String(fields[name]) === value);
}

class QuietLogger implements Logger {
  readonly #target: Logger;
  readonly #memory: RepeatMemory;
  readonly #own: LogFields;

  constructor(target: Logger, memory: RepeatMemory, own: LogFields) {
    this.#target = target;
    this.#memory = memory;
    this.#own = own;
  }

  debug(event: string, fields?: LogFields): void {
    this.#target.debug(event, fields);
  }

  info(event: string, fields: LogFields = {}): void {
    const after = this.#memory.ended(event, { ...this.#own, ...fields });
    this.#target.info(event, { ...fields, ...after });
  }

  warn(event: string, fields: LogFields = {}): void {
    const added = this.#memory.seen(event, { ...this.#own, ...fields });
    if (added !== undefined) this.#target.warn(event, { ...fields, ...added });
  }

  error(event: string, fields: LogFields = {}): void {
    const added = this.#memory.seen(event, { ...this.#own, ...fields });
    if (added !== undefined) this.#target.error(event, { ...fields, ...added });
  }

  child(fields: LogFields): Logger {
    return new QuietLogger(this.#target.child(fields), this.#memory, { ...this.#own, ...fields });
  }
}
