/**
 * The changes of the key-value store, revision by revision, as the applied commands and their results tell
 * them: a model of its own, made from the meaning of the commands, not from the store's code.
 *
 * It takes from a result only which branch was taken, and which revision it was; what that changed it works
 * out by itself. A machine whose revisions do not follow on one another, or whose results deny what the
 * commands did, is found here.
 *
 * Values are kept as what tells them apart (`fingerprint`): large ones by length and checksum.
 */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import {
  decodeCommand,
  decodeResult,
  type KeyRange,
  type KvCommand,
  type KvResult,
  type TransactionStep,
} from '../../src/state/index.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { type AppliedCommand, followApplied } from './applied-log.ts';
import type { Findings } from './findings.ts';

/** What happened to one key; `value` undefined: it is gone. */
export interface LoggedEvent {
  readonly key: string;
  readonly value: string | undefined;
}

export interface LoggedChange {
  readonly revision: number;
  readonly events: readonly LoggedEvent[];
  readonly atMs: number;
  /** What made it, as `commandName` has it. */
  readonly command: string;
}

/** Values up to this are their own fingerprint. */
const PLAIN_BYTES_MAX = 64;

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** The value itself where it is short; else its beginning, its length and its checksum. */
export function fingerprint(value: Uint8Array): string {
  if (value.length <= PLAIN_BYTES_MAX) return textOf(value);
  return `${textOf(value.subarray(0, 24))}...${value.length} bytes, crc ${crc32(value).toString(16)}`;
}

/** The same for the same command; for different ones too, once in a very long time. */
export function commandName(bytes: Uint8Array): string {
  return `${bytes.length}:${crc32(bytes)}`;
}

export class RevisionLog {
  /** By revision - 1. */
  readonly changes: LoggedChange[] = [];
  /** The newest revision that a compaction has taken out of the history. */
  compactedRevision = 0;
  readonly #state: Map<string, string> = new Map();
  readonly #findings: Findings;

  constructor(cluster: SimCluster, findings: Findings) {
    this.#findings = findings;
    followApplied(cluster, (applied) => this.#applied(applied));
  }

  get revision(): number {
    return this.changes.length;
  }

  /** The first change behind `revision` that concerns those keys; only what of it does. */
  nextChange(holds: (key: string) => boolean, revision: number): LoggedChange | undefined {
    for (let at = revision; at < this.changes.length; at++) {
      const change = this.changes[at] as LoggedChange;
      const events = change.events.filter(({ key }) => holds(key));
      if (events.length > 0) return { ...change, events };
    }
    return undefined;
  }

  /** What those keys held at a revision, in the order in which they came. */
  stateAt(holds: (key: string) => boolean, revision: number): Map<string, string> {
    const state = new Map<string, string>();
    for (const { events } of this.changes.slice(0, revision)) {
      for (const { key, value } of events) {
        if (!holds(key)) continue;
        if (value === undefined) state.delete(key);
        else state.set(key, value);
      }
    }
    return state;
  }

  #applied({ command: bytes, result, index, atMs }: AppliedCommand): void {
    // A rejection changes nothing, and bytes that are no command are rejected.
    if (result.code !== 0) return;
    const command = decodeCommand(bytes);
    const outcome = decodeResult(result.bytes);
    const events = this.#eventsOf(command, outcome);
    const expected = this.revision + (events.length > 0 ? 1 : 0);
    if (outcome.revision !== expected) {
      this.#findings.found(
        'one revision a change',
        `the ${command.kind} applied at index ${index} (${atMs.toFixed(3)} ms) answered revision ` +
          `${outcome.revision}; it changed ${events.length} keys after revision ${this.revision}, ` +
          `so ${expected} was expected`,
      );
    }
    if (command.kind === 'compact') {
      this.compactedRevision = Math.max(this.compactedRevision, command.revision - 1);
    }
    if (events.length === 0) return;
    for (const { key, value } of events) {
      if (value === undefined) this.#state.delete(key);
      else this.#state.set(key, value);
    }
    const name = commandName(bytes);
    this.changes.push({ revision: expected, events: lastOfEach(events), atMs, command: name });
  }

  #eventsOf(command: KvCommand, outcome: KvResult): LoggedEvent[] {
    switch (command.kind) {
      case 'put':
        return [{ key: textOf(command.key), value: fingerprint(command.value) }];
      case 'delete':
        return this.#deleted(command.range, this.#state);
      case 'compareAndSet': {
        const isSwapped = outcome.kind === 'compareAndSet' && outcome.swapped;
        if (!isSwapped) return [];
        return [{ key: textOf(command.key), value: fingerprint(command.value) }];
      }
      case 'increment':
        return [this.#incremented(command.key, command.by, this.#state)];
      case 'transaction': {
        const hasSucceeded = outcome.kind === 'transaction' && outcome.succeeded;
        return this.#stepsDone(hasSucceeded ? command.then : command.else);
      }
      case 'compact':
        return [];
    }
  }

  #stepsDone(steps: readonly TransactionStep[]): LoggedEvent[] {
    const state = new Map(this.#state);
    const events: LoggedEvent[] = [];
    for (const step of steps) {
      const done = this.#stepDone(step, state);
      for (const { key, value } of done) {
        if (value === undefined) state.delete(key);
        else state.set(key, value);
      }
      events.push(...done);
    }
    return events;
  }

  #stepDone(step: TransactionStep, state: ReadonlyMap<string, string>): LoggedEvent[] {
    switch (step.kind) {
      case 'put':
        return [{ key: textOf(step.key), value: fingerprint(step.value) }];
      case 'delete':
        return this.#deleted(step.range, state);
      case 'increment':
        return [this.#incremented(step.key, step.by, state)];
      case 'get':
        return [];
    }
  }

  #deleted({ start, end }: KeyRange, state: ReadonlyMap<string, string>): LoggedEvent[] {
    const from = textOf(start);
    const to = end === undefined ? undefined : textOf(end);
    const events: LoggedEvent[] = [];
    for (const key of state.keys()) {
      const isIn = to === undefined ? key === from : key >= from && (to === '' || key < to);
      if (isIn) events.push({ key, value: undefined });
    }
    return events;
  }

  #incremented(key: Uint8Array, by: bigint, state: ReadonlyMap<string, string>): LoggedEvent {
    const name = textOf(key);
    return { key: name, value: String(BigInt(state.get(name) ?? '0') + by) };
  }
}

/** What is left of several events of one key in one revision; in the order of the first of each. */
function lastOfEach(events: readonly LoggedEvent[]): LoggedEvent[] {
  const last = new Map<string, LoggedEvent>();
  for (const event of events) last.set(event.key, event);
  return [...last.values()];
}
