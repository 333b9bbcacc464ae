/**
 * Goal: the plain store that judges and the store that is judged mean the same. Method: the same random
 * requests to both, the answers and revisions compared. A difference is a mistake in one of them.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  encodeCommand,
  type KvCommand,
  KvMachine,
  type KvResult,
  type TransactionStep,
  unwrapResult,
} from '../../src/state/index.ts';
import { anySeed, drawFrom, makeHistory } from './made-history.fixture.ts';
import type { HistoryOperation, HistoryStep } from './operation.ts';

const bytes = (text: string | null): Uint8Array => new TextEncoder().encode(text ?? '');
const text = (value: Uint8Array): string => new TextDecoder().decode(value);

function stepOf({ op, key, value }: HistoryStep): TransactionStep {
  if (op === 'put') return { kind: 'put', key: bytes(key), value: bytes(value) };
  if (op === 'increment') return { kind: 'increment', key: bytes(key), by: BigInt(value ?? '0') };
  return { kind: op, range: { start: bytes(key) } };
}

function commandOf(one: HistoryOperation): KvCommand | undefined {
  const { op, key, value, expect: expected } = one;
  if (op === 'get' || op === 'range') return undefined;
  if (op === 'cas') {
    const base = { kind: 'compareAndSet', key: bytes(key), value: bytes(value) } as const;
    return expected === null ? base : { ...base, expected: bytes(expected) };
  }
  if (op !== 'txn') return stepOf({ op, key, value }) as KvCommand;
  const compare = (one.guards ?? []).map(({ key: name, target, operator, operand }) =>
    target === 'value'
      ? { key: bytes(name), target, operator, operand: bytes(String(operand)) }
      : { key: bytes(name), target, operator, operand: Number(operand) },
  );
  const branches = { then: (one.then ?? []).map(stepOf), else: (one.else ?? []).map(stepOf) };
  return { kind: 'transaction', compare, ...branches };
}

function outputOf(result: KvResult): unknown {
  switch (result.kind) {
    case 'delete':
      return result.deleted > 0;
    case 'compareAndSet':
      return result.swapped;
    case 'increment':
      return String(result.value);
    case 'transaction': {
      const steps = result.steps.map((step) => {
        if (step.kind === 'put') return null;
        if (step.kind === 'delete') return step.deleted > 0;
        if (step.kind === 'increment') return String(step.value);
        return step.items[0] === undefined ? null : text(step.items[0].value);
      });
      return { succeeded: result.succeeded, steps };
    }
    default:
      return null;
  }
}

it('answers as the key-value machine does, at the same revisions', () => {
  fc.assert(
    fc.property(anySeed, (seed) => {
      const shape = { keys: ['a', 'b', 'ä'], values: ['1', '2', 'x'], unknownShare: 0, openMax: 0 };
      const machine = new KvMachine();
      for (const one of makeHistory(drawFrom(seed), { ...shape, operations: 60, isWhole: true })) {
        if (one.ok === false && one.op !== 'increment' && one.op !== 'txn') continue;
        const command = one.ok === true ? commandOf(one) : undefined;
        if (command !== undefined) {
          const [result] = machine.applyBatch([encodeCommand(command)], { index: 1, term: 1 });
          if (result === undefined) throw new Error('no result');
          expect(outputOf(unwrapResult(result))).toEqual(one.output);
        } else if (one.op === 'get' && one.ok === true) {
          const item = machine.get(bytes(one.key));
          expect(item === undefined ? null : text(item.value)).toBe(one.output);
        } else if (one.op === 'range' && one.ok === true) {
          const { items, more } = machine.range({ start: bytes(''), end: bytes('') });
          const shown = items.map(({ key, value }) => ({ key: text(key), value: text(value) }));
          expect({ items: shown, more }).toEqual(one.output);
        }
        if (one.ok === true) expect(machine.revision).toBe(one.revision);
      }
    }),
    { numRuns: 60 },
  );
});
