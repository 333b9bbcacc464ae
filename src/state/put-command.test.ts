/** The short way of a put against the general one: the same bytes made, the same commands taken. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMMAND_BYTES_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../limits.ts';
import { ByteWriter } from './bytes.ts';
import { decodeCommand, encodeCommand } from './command-codec.ts';
import { checkCommand, validateCommandBytes } from './command-limits.ts';
import { PutLayout, putCommandBytes, writePutCommand } from './put-command.ts';
import { bytes } from './state.fixture.ts';

/** As the format says, by way of the writer of all other commands. */
function written(key: Uint8Array, value: Uint8Array): Uint8Array {
  return new ByteWriter().u8(1).u8(1).u8(1).blob(key).blob(value).finish();
}

/** What the general way says: the put, or that it is none, or none that is allowed. */
function general(command: Uint8Array): { key: number[]; value: number[] } | undefined {
  try {
    const decoded = decodeCommand(command);
    if (decoded.kind !== 'put' || checkCommand(decoded) !== undefined) return undefined;
    return { key: [...decoded.key], value: [...decoded.value] };
  } catch {
    return undefined;
  }
}

function short(command: Uint8Array): { key: number[]; value: number[] } | undefined {
  const at = new PutLayout();
  if (!at.read(command)) return undefined;
  return {
    key: [...command.subarray(at.keyStart, at.keyStart + at.keyLength)],
    value: [...command.subarray(at.valueStart, at.valueStart + at.valueLength)],
  };
}

describe('a put in place', () => {
  const lengths = [0, 1, 127, 128, 129, KEY_BYTES_MAX, KEY_BYTES_MAX + 1, 16_383, 16_384, 70_000];

  it('has the bytes that the format says, at lengths around every step', () => {
    for (const length of lengths) {
      const key = new Uint8Array(length).fill(1);
      for (const valueLength of lengths) {
        const value = new Uint8Array(valueLength).fill(2);
        const expected = written(key, value);
        expect(Buffer.compare(encodeCommand({ kind: 'put', key, value }), expected)).toBe(0);
        expect(putCommandBytes(length, valueLength)).toBe(expected.length);
        expect(JSON.stringify(short(expected))).toBe(JSON.stringify(general(expected)));
      }
    }
  });

  it('is written in the middle of other bytes, and touches none of them', () => {
    const target = new Uint8Array(12).fill(9);
    expect(writePutCommand(target, 2, bytes('k'), bytes('vw'))).toBe(10);
    expect([...target]).toEqual([9, 9, 1, 1, 1, 1, 0x6b, 2, 0x76, 0x77, 9, 9]);
  });

  it('takes values up to the bound, and leaves longer ones to the general way', () => {
    const largest = written(bytes('k'), new Uint8Array(VALUE_BYTES_MAX));
    expect(new PutLayout().read(largest)).toBe(true);
    expect(largest.length).toBeLessThanOrEqual(COMMAND_BYTES_MAX);
    const larger = written(bytes('k'), new Uint8Array(VALUE_BYTES_MAX + 1));
    expect(new PutLayout().read(larger)).toBe(false);
    expect(() => validateCommandBytes(larger)).toThrow(/value/);
  });

  it('takes what the general way takes, of bytes that are changed, cut and made up', () => {
    const blob = fc.uint8Array({ maxLength: 140 });
    const change = fc.record({ at: fc.nat({ max: 300 }), to: fc.nat({ max: 255 }) });
    const put = fc
      .record({
        key: blob,
        value: blob,
        changes: fc.array(change, { maxLength: 2 }),
        cut: fc.nat(4),
      })
      .map(({ key, value, changes, cut }) => {
        const command = written(key, value);
        for (const { at, to } of changes) command[at % command.length] = to;
        return command.subarray(0, command.length - cut);
      });
    const madeUp = fc
      .uint8Array({ maxLength: 12 })
      .map((tail) => Uint8Array.from([1, 1, 1, ...tail]));
    fc.assert(
      fc.property(fc.oneof(put, madeUp), (command) => {
        expect(short(command)).toEqual(general(command));
      }),
      { numRuns: 2_000 },
    );
  });

  it('refuses the fields of a put that are none, as before', () => {
    const key = bytes('k');
    const value = bytes('v');
    const broken: unknown[] = [
      { kind: 'put', key },
      { kind: 'put', key, value: 'text' },
      { kind: 'put', key, value, lease: 1 },
      { kind: 'put', key, valeu: value },
    ];
    for (const command of broken) {
      expect(() => encodeCommand(command as never)).toThrow(/value|lease/);
    }
    expect(encodeCommand({ kind: 'put', key, value, extra: undefined } as never)).toEqual(
      encodeCommand({ kind: 'put', key, value }),
    );
  });
});
