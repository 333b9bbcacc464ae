import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  KEY_BYTES_MAX,
  RANGE_ITEMS_MAX,
  TRANSACTION_STEPS_MAX,
  VALUE_BYTES_MAX,
} from '../limits.ts';
import { encodeCommand, encodePut } from './command-codec.ts';
import { validateCommand, validateKey, validatePut, validateRange } from './command-limits.ts';
import { anyCommand, bytes, put, tooLong } from './state.fixture.ts';
import type { KvCommand, TransactionStep } from './types.ts';

const LONG_KEY = new Uint8Array(KEY_BYTES_MAX + 1);
const LONG_VALUE = new Uint8Array(VALUE_BYTES_MAX + 1);
const key = bytes('k');

function transaction(then: TransactionStep[], more: Partial<KvCommand> = {}): KvCommand {
  return { kind: 'transaction', compare: [], then, else: [], ...more } as KvCommand;
}

describe('limits of commands', () => {
  it('what is within them passes', () => {
    fc.assert(fc.property(anyCommand, (command) => validateCommand(command)));
    validateCommand({
      kind: 'put',
      key: LONG_KEY.subarray(1),
      value: LONG_VALUE.subarray(1),
    });
    validateRange({ start: LONG_KEY, end: LONG_KEY, limit: RANGE_ITEMS_MAX });
  });

  it('a put is held to the same ones, and is the same bytes, without the object around it', () => {
    const keys = fc.constantFrom(bytes(''), key, LONG_KEY.subarray(1), LONG_KEY);
    const values = fc.constantFrom(bytes(''), bytes('v'), LONG_VALUE.subarray(1), LONG_VALUE);
    const outcome = (work: () => void): unknown => {
      try {
        work();
        return undefined;
      } catch (error) {
        return (error as Error).message;
      }
    };
    fc.assert(
      fc.property(keys, values, (one, value) => {
        const command = { kind: 'put', key: one, value } as const;
        const given = outcome(() => validatePut(one, value));
        expect(given).toEqual(outcome(() => validateCommand(command)));
        if (given !== undefined) return;
        expect(Buffer.compare(encodePut(one, value), encodeCommand(command))).toBe(0);
      }),
    );
  });

  it('puts keep their bytes when others are made after them', () => {
    const made = Array.from({ length: 200 }, (_, at) => {
      const kept = encodePut(bytes(`key ${at}`), Buffer.alloc((at * 37) % 5_000, at));
      return { kept, then: Buffer.from(kept) };
    });
    for (const { kept, then } of made) expect(then.equals(kept)).toBe(true);
  });

  const cases: [string, KvCommand, string, RegExp][] = [
    ['an empty key', put('', 'v'), 'KEY_INVALID', /^key has 0 bytes; a key has 1 to 1024$/],
    ['a long key', { kind: 'put', key: LONG_KEY, value: key }, 'KEY_INVALID', /^key has 1025/],
    [
      'a long value',
      { kind: 'put', key, value: LONG_VALUE },
      'VALUE_TOO_LARGE',
      /^value has 1044481/,
    ],
    [
      'a long expected value',
      { kind: 'compareAndSet', key, expected: LONG_VALUE, value: key },
      'VALUE_TOO_LARGE',
      /^expected has/,
    ],
    [
      'one key that is empty',
      { kind: 'delete', range: { start: bytes('') } },
      'KEY_INVALID',
      /^key/,
    ],
    [
      'a long end',
      { kind: 'delete', range: { start: key, end: new Uint8Array(KEY_BYTES_MAX + 2) } },
      'KEY_INVALID',
      /^end has 1026/,
    ],
    [
      'a step with a long key',
      transaction([put('a', 'b') as TransactionStep, { kind: 'increment', key: LONG_KEY, by: 1n }]),
      'KEY_INVALID',
      /^then\[1\]\.key has 1025/,
    ],
    [
      'a read of too much',
      transaction([{ kind: 'get', range: { start: key }, limit: RANGE_ITEMS_MAX + 1 }]),
      'REQUEST_INVALID',
      /^then\[0\]\.limit is 1001; the bound is 1000/,
    ],
    [
      'too many steps in all',
      transaction(
        new Array<TransactionStep>(TRANSACTION_STEPS_MAX).fill({ kind: 'increment', key, by: 1n }),
        { else: [{ kind: 'increment', key, by: 1n }] } as Partial<KvCommand>,
      ),
      'REQUEST_INVALID',
      /^else is 1025; the bound is 1024/,
    ],
    ['a huge increment', { kind: 'increment', key, by: 2n ** 63n }, 'NUMBER_OUT_OF_RANGE', /by is/],
    [
      'a huge increment in a step',
      transaction([{ kind: 'increment', key, by: -(2n ** 64n) }]),
      'NUMBER_OUT_OF_RANGE',
      /by is/,
    ],
    ['a revision that is none', { kind: 'compact', revision: -1 }, 'REQUEST_INVALID', /^revision/],
    ['too many bytes in all', tooLong(), 'COMMAND_TOO_LARGE', /at most 1048576/],
    // From programs without types:
    [
      'a key of text',
      { kind: 'put', key: 'k', value: key } as never,
      'REQUEST_INVALID',
      /^key is "k": give a Uint8Array/,
    ],
    ['an unknown kind', { kind: 'swap' } as never, 'REQUEST_INVALID', /^kind/],
    ['a range of nothing', { kind: 'delete' } as never, 'REQUEST_INVALID', /^range is missing/],
    [
      'an increment by a number',
      { kind: 'increment', key, by: 1 } as never,
      'REQUEST_INVALID',
      /bigint/,
    ],
    [
      'steps that are no list',
      transaction(undefined as never),
      'REQUEST_INVALID',
      /^then is missing/,
    ],
    [
      'a comparison by an unknown operator',
      {
        ...transaction([]),
        compare: [{ key, target: 'version', operator: 'like', operand: 1 }],
      } as never,
      'REQUEST_INVALID',
      /^compare\[0\]\.operator/,
    ],
    [
      'a comparison of an unknown target',
      {
        ...transaction([]),
        compare: [{ key, target: 'age', operator: 'less', operand: 1 }],
      } as never,
      'REQUEST_INVALID',
      /^compare\[0\]\.target/,
    ],
  ];
  it.each(cases)('%s is refused, with field, value and bound', (_name, command, code, message) => {
    expect(() => validateCommand(command)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('a command near the bound is measured exactly', () => {
    const command = (length: number): KvCommand => ({
      kind: 'compareAndSet',
      key,
      expected: new Uint8Array(VALUE_BYTES_MAX),
      value: new Uint8Array(length),
    });
    let fits = 4_000;
    expect(encodeCommand(command(fits)).length).toBeLessThan(1024 * 1024);
    while (encodeCommand(command(fits)).length < 1024 * 1024) fits++;
    validateCommand(command(fits));
    expect(() => validateCommand(command(fits + 1))).toThrow(/split it/);
  });

  it('keys and ranges of reads are held to the same', () => {
    expect(() => validateKey(LONG_KEY)).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }));
    for (const limit of [0, -1, 1.5, RANGE_ITEMS_MAX + 1]) {
      expect(() => validateRange({ start: key, limit })).toThrow(/^limit is/);
    }
  });
});
