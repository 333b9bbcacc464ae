/**
 * Bytes that nobody who means well would send: each ends in CODEC_INVALID, soon and with little memory
 * used, or decodes as something that we would write. Never another error, never a wrong number.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  RAFT_GROUP_NESTING_MAX,
  RAFT_MESSAGE_ITEMS_MAX,
  RAFT_MESSAGE_NESTING_MAX,
} from '../../limits.ts';
import { makeMessage } from '../messages.ts';
import { MessageType } from '../types.ts';
import * as arbitrary from './arbitrary.fixture.ts';
import {
  decodeConfChange,
  decodeConfChangeV2,
  decodeConfState,
  decodeEntry,
  decodeHardState,
  decodeMessage,
  decodeSnapshot,
  encodeHardState,
  encodeInto,
  encodeMessage,
} from './index.ts';

const unhex = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.replace(/ /g, ''), 'hex'));

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'no error';
}

const times = (count: number, text: string): string => text.repeat(count);

/** A field of bytes: tag, length, content. */
function wrap(tag: number, content: Uint8Array): Uint8Array {
  const length: number[] = [];
  let rest = content.length;
  for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Uint8Array.of(tag, ...length, rest), content]);
}

describe('what is refused', () => {
  it.each([
    ['2^53, the first number beyond the safe integers', '1080808080808080 10'],
    ['a number of 56 bits', '10ffffffffffffff7f'],
    ['2^64 - 1, which is a name for members only', '10ffffffffffffffffff01'],
    ['2^64, which would be 0 if it were cut to 64 bits', '1080808080808080808002'],
    ['a number of ten bytes with all bits of the tenth', '10ffffffffffffffffff7f'],
    ['a number of eleven bytes', '10ffffffffffffffffffff01'],
    ['eleven bytes that say 0', '108080808080808080808000'],
    ['a message that ends inside a number', '1080'],
    ['a message that ends inside a long number', '108080808080'],
    ['a message that ends inside a tag', '0801 90'],
    ['a message that ends inside data', '2205aa'],
    ['a message that ends before a length', '22'],
    ['a message that ends inside an unknown fixed64', 'f901 00000000000000'],
    ['a message that ends inside an unknown fixed32', 'fd01 000000'],
    ['a length beyond everything', '22ffffffffffffffffff01'],
    ['a length of 2^53 - 1', '22ffffffffffffff0f'],
    ['an unknown length of 2^32', 'fa01 8080808010'],
    ['an unknown entry type', '0803'],
    ['an entry type that is 0 in its low 32 bits', '088080808010'],
    ['a negative entry type', '08ffffffffffffffffff01'],
    ['wire type 6', '0e'],
    ['wire type 7', '0f'],
    ['field 0', '0001'],
    ['a field number of 30 bits', '8080808010 01'],
    ['a group without an end', '0b 1001'],
    ['the end of a group that did not begin', '0c'],
    ['groups that end crosswise', '2b 33 2c 34'],
    ['a group that ends as another one', '2b 34'],
    ['a wire type inside a group that does not exist', '2b 0e 2c'],
    [
      'groups nested too deep',
      times(RAFT_GROUP_NESTING_MAX + 1, '2b') + times(RAFT_GROUP_NESTING_MAX + 1, '2c'),
    ],
  ])('%s', (_, bytes) => {
    expect(codeOf(() => decodeEntry(unhex(bytes)))).toBe('CODEC_INVALID');
  });

  it('also inside a nested message, whose end is not that of its parent', () => {
    // The entry claims one byte; the number in it goes on into the message.
    expect(codeOf(() => decodeMessage(unhex('3a02 1080 01')))).toBe('CODEC_INVALID');
    expect(codeOf(() => decodeMessage(unhex('3a03 220501 0000000000')))).toBe('CODEC_INVALID');
    expect(codeOf(() => decodeMessage(unhex('3a01 2b 2c')))).toBe('CODEC_INVALID');
    expect(codeOf(() => decodeConfState(unhex('0a02 0180 01')))).toBe('CODEC_INVALID');
  });

  it('random 64-bit member ids, by name', () => {
    expect(() => decodeMessage(unhex('10f0ffffffffffffffff01'))).toThrow(/64-bit ids/);
    expect(() => decodeMessage(unhex('10fdffffffffffffffff01'))).toThrow(/64-bit ids/);
  });

  it('ids of the storage threads where they mean nothing', () => {
    const top = 'ffffffffffffffffff01';
    expect(codeOf(() => decodeMessage(unhex(`68${top}`)))).toBe('CODEC_INVALID');
    expect(codeOf(() => decodeHardState(unhex(`10${top}`)))).toBe('CODEC_INVALID');
    expect(codeOf(() => decodeConfState(unhex(`08${top}`)))).toBe('CODEC_INVALID');
    expect(codeOf(() => decodeConfChange(unhex(`18${top}`)))).toBe('CODEC_INVALID');
  });

  it('unknown types of messages and of changes', () => {
    expect(codeOf(() => decodeMessage(unhex('0818')))).toBe('CODEC_INVALID');
    expect(codeOf(() => decodeConfChange(unhex('1004')))).toBe('CODEC_INVALID');
    expect(codeOf(() => decodeConfChangeV2(unhex('0803')))).toBe('CODEC_INVALID');
    expect(codeOf(() => decodeConfChangeV2(unhex('1202 0804')))).toBe('CODEC_INVALID');
  });

  it('numbers that can not be written', () => {
    for (const term of [-1, 1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
      const message = makeMessage({ type: MessageType.App, term });
      expect(codeOf(() => encodeMessage(message))).toBe('CODEC_INVALID');
      expect(codeOf(() => encodeHardState({ term: 1, vote: term, commit: 0 }))).toBe(
        'CODEC_INVALID',
      );
    }
  });

  it('a frame without room', () => {
    const value = makeMessage({ type: MessageType.App, term: 77 });
    expect(codeOf(() => encodeInto(value, new Uint8Array(3), 0))).toBe('INVARIANT');
  });
});

describe('what is at the edge, and taken', () => {
  it('the largest safe integer, and numbers with bytes that say nothing', () => {
    const term = Number.MAX_SAFE_INTEGER;
    expect(decodeHardState(unhex('08ffffffffffffff0f'))).toEqual({ term, vote: 0, commit: 0 });
    const padded = '08 85808080808080808000';
    expect(decodeHardState(unhex(padded))).toEqual({ term: 5, vote: 0, commit: 0 });
  });

  it('groups as deep as they may be', () => {
    const depth = RAFT_GROUP_NESTING_MAX;
    const bytes = unhex(`0801 ${times(depth, '2b')} ${times(depth, '2c')} 1803`);
    expect(decodeHardState(bytes)).toEqual({ term: 1, vote: 0, commit: 3 });
  });

  it('responses as deep as they may be, and no deeper, without a deep stack', () => {
    let bytes: Uint8Array = new Uint8Array(0);
    for (let depth = 1; depth < RAFT_MESSAGE_NESTING_MAX; depth++) bytes = wrap(0x72, bytes);
    expect(codeOf(() => decodeMessage(bytes))).toBe('no error');
    for (let depth = 0; depth < 30_000; depth++) {
      bytes = wrap(0x72, bytes);
      if (depth === 0) expect(codeOf(() => decodeMessage(bytes))).toBe('CODEC_INVALID');
      if (bytes.length > 5_000) break;
    }
    expect(codeOf(() => decodeMessage(bytes))).toBe('CODEC_INVALID');
  });
});

describe('a small message that would be large in memory', () => {
  const MANY = RAFT_MESSAGE_ITEMS_MAX;

  it.each([
    ['entries', '3a00', decodeMessage],
    ['responses', '7200', decodeMessage],
    ['changes', '1200', decodeConfChangeV2],
    ['ids', '0801', decodeConfState],
  ])('has so many %s and no more', (_, item, decode) => {
    expect(codeOf(() => decode(unhex(times(MANY, item))))).toBe('no error');
    expect(codeOf(() => decode(unhex(times(MANY + 1, item))))).toBe('CODEC_INVALID');
  });

  it('counts packed ids, and those of all parts of a snapshot', () => {
    const half = new Uint8Array(MANY / 2 + 1).fill(1);
    const packed = wrap(0x0a, half);
    expect(codeOf(() => decodeConfState(packed))).toBe('no error');
    expect(codeOf(() => decodeConfState(Buffer.concat([packed, packed])))).toBe('CODEC_INVALID');
    const part = wrap(0x12, wrap(0x0a, packed));
    expect(codeOf(() => decodeSnapshot(Buffer.concat([part, part])))).toBe('CODEC_INVALID');
  });
});

describe('any bytes', () => {
  const decoders = [
    decodeMessage,
    decodeEntry,
    decodeSnapshot,
    decodeConfChange,
    decodeConfChangeV2,
    decodeConfState,
    decodeHardState,
  ];

  it('either decode or are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        for (const decode of decoders) {
          expect(['CODEC_INVALID', 'no error']).toContain(codeOf(() => decode(bytes)));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('also when they were a message once', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(arbitrary.message, damage, fc.nat(), (value, changes, cut) => {
        const bytes = encodeMessage(value);
        for (const [at, byte] of changes) bytes[at % Math.max(1, bytes.length)] = byte;
        const part = bytes.subarray(0, bytes.length - (cut % 3));
        expect(['CODEC_INVALID', 'no error']).toContain(codeOf(() => decodeMessage(part)));
      }),
      { numRuns: 300 },
    );
  });
});
