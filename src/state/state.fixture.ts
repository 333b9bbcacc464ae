/** What the tests of this room share: bytes from text, a machine with handles, a naive model, generators. */
import fc from 'fast-check';
import type { CommandResult } from '../consensus/index.ts';
import { COMMAND_BYTES_MAX } from '../limits.ts';
import type { SnapshotReader, SnapshotSection } from '../storage/index.ts';
import { compareBytes } from './bytes.ts';
import { encodeCommand } from './command-codec.ts';
import { rangeHolds } from './key-ranges.ts';
import type { KvMachine } from './kv-machine.ts';
import { unwrapResult } from './result-codec.ts';
import type {
  Compare,
  KeyRange,
  KeyValue,
  KvChange,
  KvCommand,
  KvEvent,
  KvResult,
  StepResult,
  TransactionStep,
} from './types.ts';

export const AT = { index: 7, term: 2 };
export const ALL: KeyRange = { start: new Uint8Array(0), end: new Uint8Array(0) };

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : new TextDecoder().decode(value);
}

export function apply(machine: KvMachine, ...commands: KvCommand[]): CommandResult[] {
  return machine.applyBatch(commands.map(encodeCommand), AT);
}

/** The answer to one command; a rejection is thrown. */
export function ask(machine: KvMachine, command: KvCommand): KvResult {
  return unwrapResult(apply(machine, command)[0] as CommandResult);
}

export function put(key: string, value: string): KvCommand {
  return { kind: 'put', key: bytes(key), value: bytes(value) };
}

export type Sections = Map<string, Uint8Array>;

/** All bytes of each section. */
export async function collect(sections: readonly SnapshotSection[]): Promise<Sections> {
  const collected: Sections = new Map();
  for (const { name, chunks } of sections) {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    collected.set(name, new Uint8Array(Buffer.concat(parts)));
  }
  return collected;
}

/** Hands the sections out in chunks of `chunkBytes`, as a file would. */
export function readerOf(sections: Sections, chunkBytes = 64): Pick<SnapshotReader, 'section'> {
  return {
    section(name) {
      const whole = sections.get(name);
      return whole === undefined ? undefined : cut(whole, chunkBytes);
    },
  };
}

async function* cut(whole: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < whole.length; at += size) yield whole.slice(at, at + size);
}

/** Everything that can be seen of a machine. */
export function seen(machine: KvMachine): unknown {
  return {
    revision: machine.revision,
    compactedRevision: machine.compactedRevision,
    items: machine.range(ALL).items,
  };
}

/** A `next` that `drain` left waiting: it will get the change after, so the next `drain` begins with it. */
const waiting: WeakMap<AsyncIterator<KvChange>, Promise<IteratorResult<KvChange>>> = new WeakMap();

/** Takes what a watch has ready, without waiting for more. Then read it by `drain` only. */
export async function drain(watch: AsyncIterator<KvChange>): Promise<KvChange[]> {
  const changes: KvChange[] = [];
  while (true) {
    const next = waiting.get(watch) ?? watch.next();
    waiting.set(watch, next);
    const nothing = Symbol('nothing');
    // A watch that has a change answers within a few turns of the promise queue.
    let turns: Promise<unknown> = Promise.resolve();
    for (let turn = 0; turn < 32; turn++) turns = turns.then(() => undefined);
    const first = await Promise.race([next, turns.then(() => nothing)]);
    if (first === nothing) return changes;
    waiting.delete(watch);
    const result = first as IteratorResult<KvChange>;
    if (result.done === true) return changes;
    changes.push(result.value);
  }
}

/** The semantics again, as plainly as they can be written: an array of items, copied for each request. */
export class KvModel {
  items: KeyValue[] = [];
  readonly changes: KvChange[] = [];
  revision = 0;

  apply(command: KvCommand): KvResult | string {
    const before = this.items;
    const events: KvEvent[] = [];
    this.items = [...before];
    const outcome = this.#run(command, events);
    if (typeof outcome === 'string') this.items = before;
    else if (events.length > 0) {
      this.revision++;
      this.changes.push({ revision: this.revision, events });
      return { ...outcome, revision: this.revision };
    }
    return outcome;
  }

  find(key: Uint8Array): KeyValue | undefined {
    return this.items.find((item) => compareBytes(item.key, key) === 0);
  }

  range(range: KeyRange): KeyValue[] {
    return this.items.filter((item) => rangeHolds(range, item.key));
  }

  #run(command: KvCommand, events: KvEvent[]): KvResult | string {
    const { revision } = this;
    switch (command.kind) {
      case 'put':
      case 'delete':
      case 'increment': {
        const step =
          command.kind === 'delete' ? { ...command, range: command.range } : { ...command };
        const result = this.#step(step, events);
        return typeof result === 'string' ? result : ({ ...result, revision } as KvResult);
      }
      case 'compareAndSet': {
        const { kind, key, expected, value } = command;
        const actual = this.find(key)?.value;
        if (String(actual) !== String(expected)) {
          return { kind, revision, swapped: false, ...(actual && { actual }) };
        }
        this.#put(key, value, events);
        return { kind, revision, swapped: true };
      }
      case 'transaction': {
        const succeeded = command.compare.every((compare) => this.#holds(compare));
        const steps: StepResult[] = [];
        for (const step of succeeded ? command.then : command.else) {
          const result = this.#step(step, events);
          if (typeof result === 'string') return result;
          steps.push(result);
        }
        return { kind: 'transaction', revision, succeeded, steps };
      }
      case 'compact':
        throw new Error('the model forgets nothing');
    }
  }

  #step(step: TransactionStep, events: KvEvent[]): StepResult | string {
    switch (step.kind) {
      case 'put':
        this.#put(step.key, step.value, events);
        return { kind: 'put' };
      case 'delete': {
        const gone = this.range(step.range);
        for (const { key } of gone) {
          events.push({ kind: 'delete', key, modRevision: this.revision + 1 });
        }
        this.items = this.items.filter((item) => !gone.includes(item));
        return { kind: 'delete', deleted: gone.length };
      }
      case 'increment': {
        const present = text(this.find(step.key)?.value) ?? '0';
        if (!/^-?\d+$/.test(present)) return 'NOT_A_NUMBER';
        const value = BigInt(present) + step.by;
        if (value !== BigInt.asIntN(64, value)) return 'NUMBER_OUT_OF_RANGE';
        this.#put(step.key, bytes(String(value)), events);
        return { kind: 'increment', value };
      }
      case 'get': {
        const found = this.range(step.range);
        const items = found.slice(0, step.limit ?? 1000);
        return { kind: 'get', items, more: found.length > items.length };
      }
    }
  }

  #put(key: Uint8Array, value: Uint8Array, events: KvEvent[]): void {
    const old = this.find(key);
    const modRevision = this.revision + 1;
    const createRevision = old?.createRevision ?? modRevision;
    const item = { key, value, createRevision, modRevision, version: (old?.version ?? 0) + 1 };
    this.items = [...this.items.filter((other) => other !== old), item];
    this.items.sort((a, b) => compareBytes(a.key, b.key));
    events.push({ kind: 'put', item });
  }

  #holds({ key, target, operator, operand }: Compare): boolean {
    const item = this.find(key);
    let order: number;
    if (target === 'value') {
      if (item === undefined) return false;
      order = compareBytes(item.value, operand);
    } else order = (item?.[target] ?? 0) - operand;
    const holds = {
      equal: order === 0,
      notEqual: order !== 0,
      less: order < 0,
      greater: order > 0,
    };
    return holds[operator];
  }
}

/** Few keys, so that commands meet; some begin others, and the largest bytes are among them. */
const key: fc.Arbitrary<Uint8Array> = fc
  .array(fc.constantFrom(0, 97, 98, 255), { minLength: 1, maxLength: 3 })
  .map((codes) => Uint8Array.from(codes));
const bound: fc.Arbitrary<Uint8Array> = fc.oneof(key, fc.constant(new Uint8Array(0)));
const value: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.bigInt({ min: -99n, max: 99n }).map((number) => bytes(String(number))),
  fc.constant(bytes('9223372036854775807')),
  fc.uint8Array({ maxLength: 40 }).map((array) => new Uint8Array(array)),
);
const range: fc.Arbitrary<KeyRange> = fc.oneof(
  key.map((start) => ({ start })),
  fc.record({ start: bound, end: bound }),
);
const by = fc.oneof(
  fc.bigInt({ min: -9n, max: 9n }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
const operator = fc.constantFrom('equal', 'notEqual', 'less', 'greater' as const);
const compare: fc.Arbitrary<Compare> = fc.oneof(
  fc.record({ key, target: fc.constant('value' as const), operator, operand: value }),
  fc.record({
    key,
    target: fc.constantFrom('version', 'createRevision', 'modRevision' as const),
    operator,
    operand: fc.nat({ max: 30 }),
  }),
);
const putStep = fc.record({ kind: fc.constant('put' as const), key, value });
const deleteStep = fc.record({ kind: fc.constant('delete' as const), range });
const incrementStep = fc.record({ kind: fc.constant('increment' as const), key, by });
const getStep = fc.record(
  { kind: fc.constant('get' as const), range, limit: fc.integer({ min: 1, max: 5 }) },
  { requiredKeys: ['kind', 'range'] },
);
const steps: fc.Arbitrary<TransactionStep[]> = fc.array(
  fc.oneof(putStep, deleteStep, incrementStep, getStep),
  { maxLength: 5 },
);
const transaction = fc
  .tuple(fc.array(compare, { maxLength: 2 }), steps, steps)
  .map(([compares, yes, no]) => {
    return { kind: 'transaction' as const, compare: compares, then: yes, else: no };
  });

/** Every command that changes keys. */
export const anyWrite: fc.Arbitrary<KvCommand> = fc.oneof(
  { weight: 4, arbitrary: putStep },
  { weight: 2, arbitrary: deleteStep },
  { weight: 2, arbitrary: incrementStep },
  fc.record(
    { kind: fc.constant('compareAndSet' as const), key, expected: value, value },
    { requiredKeys: ['kind', 'key', 'value'] },
  ),
  { weight: 3, arbitrary: transaction },
);

export const anyRange: fc.Arbitrary<KeyRange> = range;

export const anyCommand: fc.Arbitrary<KvCommand> = fc.oneof(
  { weight: 9, arbitrary: anyWrite },
  fc.record({ kind: fc.constant('compact' as const), revision: fc.nat({ max: 40 }) }),
);

/** A command that is just too long: two values, each within its bound. */
export function tooLong(): KvCommand {
  const half = new Uint8Array(COMMAND_BYTES_MAX / 2);
  return { kind: 'compareAndSet', key: bytes('k'), expected: half, value: half };
}
