/**
 * Two readings of one schema: ours and that of an independent protobuf library. What either writes the
 * other one reads, all fields of all messages, in the forms of all releases of etcd that matter; and
 * what Protocol Buffers allow but nobody writes (any order, repetitions, packed lists, fields of the
 * future) both understand alike.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as arbitrary from './arbitrary.fixture.ts';
import {
  decodeConfChange,
  decodeConfChangeV2,
  decodeConfState,
  decodeEntry,
  decodeHardState,
  decodeMessage,
  decodeSnapshot,
  encodeConfChange,
  encodeConfChangeV2,
  encodeConfState,
  encodeEntry,
  encodeHardState,
  encodeMessage,
  encodeSnapshot,
} from './index.ts';
import { type Kind, libraryDecode, libraryEncode, STYLES } from './oracle.fixture.ts';

interface Subject {
  readonly values: fc.Arbitrary<unknown>;
  readonly encode: (value: never) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
}

const SUBJECTS: Readonly<Record<Kind, Subject>> = {
  Entry: { values: arbitrary.entry, encode: encodeEntry, decode: decodeEntry },
  HardState: { values: arbitrary.hardState, encode: encodeHardState, decode: decodeHardState },
  ConfState: { values: arbitrary.confState, encode: encodeConfState, decode: decodeConfState },
  Snapshot: { values: arbitrary.snapshot, encode: encodeSnapshot, decode: decodeSnapshot },
  ConfChange: { values: arbitrary.confChange, encode: encodeConfChange, decode: decodeConfChange },
  ConfChangeV2: {
    values: arbitrary.confChangeV2,
    encode: encodeConfChangeV2,
    decode: decodeConfChangeV2,
  },
  Message: { values: arbitrary.message, encode: encodeMessage, decode: decodeMessage },
};

const KINDS = Object.keys(SUBJECTS) as Kind[];
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The fields of an encoded message, each with its tag, as they stand there. */
function fieldsOf(bytes: Uint8Array): Uint8Array[] {
  const fields: Uint8Array[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const start = at;
    const wireType = Number(varint() & 7n);
    const value = Number(varint());
    if (wireType !== 0) at += value;
    fields.push(bytes.subarray(start, at));
  }
  return fields;
}

/** One field of the future for each wire type; the group holds another group and a string. */
const UNKNOWN = [
  'f80105',
  'f9010000000000000000',
  'fa0103aabbcc',
  'fb010b120178180c0cfc01',
  'fd0100000000',
].map((text) => new Uint8Array(Buffer.from(text, 'hex')));

describe.each(KINDS)('%s', (kind) => {
  const { values, encode, decode } = SUBJECTS[kind];

  it('we read what the library writes, in the form of every release', () => {
    fc.assert(
      fc.property(values, fc.constantFrom(...STYLES), (value, style) => {
        const read = decode(libraryEncode(kind, value, style));
        if (kind !== 'Message' || style !== '3.5') expect(read).toEqual(value);
        else
          expect(hex(libraryEncode(kind, read, '3.5'))).toBe(
            hex(libraryEncode(kind, value, '3.5')),
          );
      }),
      { numRuns: 300 },
    );
  });

  it('the library reads what we write, and writes the same bytes', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encode(value as never);
        expect(libraryDecode(kind, bytes)).toEqual(value);
        expect(hex(libraryEncode(kind, value))).toBe(hex(bytes));
      }),
      { numRuns: 300 },
    );
  });

  it('we read fields in any order, repeated, and with unknown ones between, as the library does', () => {
    const order = fc.infiniteStream(fc.nat(1_000));
    fc.assert(
      fc.property(values, values, fc.constantFrom(...STYLES), order, (one, two, style, dice) => {
        const next = (bound: number): number => dice.next().value % bound;
        const fields = [one, two].flatMap((value) => fieldsOf(libraryEncode(kind, value, style)));
        const shuffled: Uint8Array[] = [];
        while (fields.length > 0) {
          if (next(4) === 0) shuffled.push(UNKNOWN[next(UNKNOWN.length)]!);
          shuffled.push(...fields.splice(next(fields.length), 1));
        }
        const bytes = new Uint8Array(Buffer.concat(shuffled));
        expect(decode(bytes)).toEqual(libraryDecode(kind, bytes));
      }),
      { numRuns: 300 },
    );
  });
});
