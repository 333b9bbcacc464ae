/**
 * The wire: bytes known from raftpb's schema, round trips of whatever a message may hold, what older
 * writers put there, and hostile input, which must end in CODEC_INVALID and nothing else.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeEntry } from '../entries.ts';
import { EMPTY_CONF_STATE } from '../memory-log.ts';
import { makeMessage } from '../messages.ts';
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type ConfChange,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type Message,
  MessageType,
  type Snapshot,
} from '../types.ts';
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
  encodedEntrySize,
  encodeEntry,
  encodeEntryInto,
  encodeHardState,
  encodeInto,
  encodeMessage,
  encodeSnapshot,
  messageSize,
} from './index.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
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

// ---- arbitrary values ---------------------------------------------------------------------------

const number = fc.oneof(
  fc.nat(300),
  fc.constantFrom(
    0,
    127,
    128,
    2 ** 28 - 1,
    2 ** 28,
    2 ** 31,
    2 ** 32,
    2 ** 35 - 1,
    2 ** 42,
    2 ** 49,
  ),
  fc.maxSafeNat(),
);
const data = fc.uint8Array({ maxLength: 40 });
const ids = fc.array(number, { maxLength: 4 });
const entry: fc.Arbitrary<Entry> = fc
  .tuple(number, number, fc.constantFrom(0, 1, 2), data)
  .map(([term, index, type, bytes]) => makeEntry(term, index, type as Entry['type'], bytes));
const confState: fc.Arbitrary<ConfState> = fc.record({
  voters: ids,
  learners: ids,
  votersOutgoing: ids,
  learnersNext: ids,
  autoLeave: fc.boolean(),
});
const snapshot: fc.Arbitrary<Snapshot> = fc.record({
  metadata: fc.record({ confState, index: number.map((n) => Math.max(1, n)), term: number }),
  data,
});
const context = fc.uint8Array({ minLength: 1, maxLength: 9 });
const flat = fc.record({
  type: fc.nat(23),
  to: fc.oneof(number, fc.constantFrom(APPEND_THREAD, APPLY_THREAD)),
  from: fc.oneof(number, fc.constantFrom(APPEND_THREAD, APPLY_THREAD)),
  term: number,
  logTerm: number,
  index: number,
  entries: fc.array(entry, { maxLength: 3 }),
  commit: number,
  vote: number,
  snapshot: fc.option(snapshot, { nil: undefined }),
  reject: fc.boolean(),
  rejectHint: number,
  context: fc.option(context, { nil: undefined }),
});
const response = flat.map((fields) => makeMessage(fields as Message));
const message: fc.Arbitrary<Message> = fc
  .tuple(flat, fc.option(fc.array(response, { minLength: 1, maxLength: 2 }), { nil: undefined }))
  .map(([fields, responses]) => makeMessage({ ...(fields as Message), responses }));

describe('round trips', () => {
  it('messages, into a buffer of their own and into a frame', () => {
    fc.assert(
      fc.property(message, (value) => {
        const bytes = encodeMessage(value);
        expect(bytes.length).toBe(messageSize(value));
        expect(decodeMessage(bytes)).toEqual(value);
        const frame = new Uint8Array(bytes.length + 7);
        expect(encodeInto(value, frame, 5)).toBe(bytes.length + 5);
        expect(hex(frame.subarray(5, bytes.length + 5))).toBe(hex(bytes));
      }),
      { numRuns: 300 },
    );
  });

  it('everything else', () => {
    const single = fc.record({ type: fc.nat(3), nodeId: number });
    fc.assert(
      fc.property(
        entry,
        snapshot,
        confState,
        fc.record({ term: number, vote: number, commit: number }),
        fc.record({ type: fc.nat(3), nodeId: number, context: data, id: number }),
        fc.record({ transition: fc.nat(2), changes: fc.array(single), context: data }),
        (e, snap, conf, hard, change, v2) => {
          expect(decodeEntry(encodeEntry(e))).toEqual(e);
          expect(encodedEntrySize(e)).toBe(encodeEntry(e).length);
          const into = new Uint8Array(encodedEntrySize(e));
          expect(encodeEntryInto(e, into, 0)).toBe(into.length);
          expect(into).toEqual(encodeEntry(e));
          expect(decodeSnapshot(encodeSnapshot(snap))).toEqual(snap);
          expect(decodeConfState(encodeConfState(conf))).toEqual(conf);
          expect(decodeHardState(encodeHardState(hard))).toEqual(hard);
          expect(decodeConfChange(encodeConfChange(change as ConfChange))).toEqual(change);
          expect(decodeConfChangeV2(encodeConfChangeV2(v2 as ConfChangeV2))).toEqual(v2);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('entry data is a view, not a copy', () => {
    const bytes = encodeEntry(makeEntry(1, 2, 0, unhex('0102')));
    expect(decodeEntry(bytes).data.buffer).toBe(bytes.buffer);
  });
});

describe('golden bytes', () => {
  it('of an append, field by field', () => {
    const append = makeMessage({
      type: MessageType.App,
      to: 2,
      from: 1,
      term: 5,
      logTerm: 4,
      index: 300,
      entries: [makeEntry(5, 301, 0, unhex('6869'))],
      commit: 299,
    });
    const entryBytes = '1005 18ad02 2202 6869';
    const golden = `0803 1002 1801 2005 2804 30ac02 3a09 ${entryBytes} 40ab02`;
    expect(hex(encodeMessage(append))).toBe(golden.replace(/ /g, ''));
    expect(decodeMessage(unhex(golden))).toEqual(append);
  });

  it('of what the storage threads are called', () => {
    const toDisk = makeMessage({ type: MessageType.StorageAppend, to: APPEND_THREAD, from: 1 });
    const fromApply = makeMessage({
      type: MessageType.StorageApplyResp,
      to: 1,
      from: APPLY_THREAD,
    });
    expect(hex(encodeMessage(toDisk))).toBe('081310ffffffffffffffffff011801');
    expect(hex(encodeMessage(fromApply))).toBe('0816100118feffffffffffffffff01');
  });

  it('of hard state, snapshot and membership changes', () => {
    expect(hex(encodeHardState({ term: 1, vote: 2, commit: 3 }))).toBe('080110021803');
    const state = { ...EMPTY_CONF_STATE, voters: [1, 2], learners: [3], autoLeave: true };
    expect(hex(encodeConfState(state))).toBe('0801080210032801');
    const snap = { metadata: { confState: state, index: 7, term: 6 }, data: unhex('ff') };
    expect(hex(encodeSnapshot(snap))).toBe('0a01ff120e0a08080108021003280110071806');
    const change = { type: 3, nodeId: 9, context: unhex('aa'), id: 1 } as const;
    expect(hex(encodeConfChange(change))).toBe('0801100318092201aa');
    const v2 = { transition: 1, changes: [change], context: unhex('') } as const;
    expect(hex(encodeConfChangeV2(v2))).toBe('080112040803 1009'.replace(' ', ''));
  });
});

describe('older and newer writers', () => {
  it('write zeros for every scalar, and an empty snapshot for none', () => {
    const oldStyle =
      '0808 1001 1802 2000 2800 3000 4000 4a08 1206 0a00 1000 1800 5000 5800 6800 7a00';
    expect(decodeMessage(unhex(oldStyle))).toEqual(
      makeMessage({ type: MessageType.Heartbeat, to: 1, from: 2 }),
    );
  });

  it('may pack lists of ids', () => {
    expect(decodeConfState(unhex('0a03010203')).voters).toEqual([1, 2, 3]);
  });

  it('may send fields that this version does not know, of every wire type', () => {
    const unknown = 'f80105 f9010000000000000000 fa0103aabbcc fd0100000000';
    expect(decodeHardState(unhex(`0801 ${unknown} 1803`))).toEqual({ term: 1, vote: 0, commit: 3 });
  });
});

describe('what is refused', () => {
  it.each([
    ['a number beyond the safe integers', '10ffffffffffffff7f'],
    ['the largest number', '10ffffffffffffffffff01'],
    ['a number of eleven bytes', '10ffffffffffffffffffff01'],
    ['a message that ends inside a number', '1080'],
    ['a message that ends inside data', '2205aa'],
    ['an unknown entry type', '0803'],
    ['a wire type that does not exist', '0f'],
    ['a group', '0b'],
    ['field 0', '0001'],
    ['a length beyond everything', '22ffffffffffffffffff01'],
  ])('%s', (_, bytes) => {
    expect(codeOf(() => decodeEntry(unhex(bytes)))).toBe('CODEC_INVALID');
  });

  it('random 64-bit member ids, by name', () => {
    expect(() => decodeMessage(unhex('10f0ffffffffffffffff01'))).toThrow(/64-bit ids/);
  });

  it('an unknown message type', () => {
    expect(codeOf(() => decodeMessage(unhex('0818')))).toBe('CODEC_INVALID');
  });

  it('responses nested without end, without a deep stack', () => {
    let bytes = new Uint8Array(0);
    for (let depth = 0; depth < 30; depth++) {
      const length =
        bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
      bytes = new Uint8Array([0x72, ...length, ...bytes]);
    }
    expect(codeOf(() => decodeMessage(bytes))).toBe('CODEC_INVALID');
  });

  it('numbers that can not be written', () => {
    for (const term of [-1, 1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
      const code = codeOf(() => encodeMessage(makeMessage({ type: MessageType.App, term })));
      expect(code).toBe('CODEC_INVALID');
    }
  });

  it('a frame without room', () => {
    const value = makeMessage({ type: MessageType.App, term: 77 });
    expect(codeOf(() => encodeInto(value, new Uint8Array(3), 0))).toBe('INVARIANT');
  });
});

describe('hostile input', () => {
  const decoders = [
    decodeMessage,
    decodeEntry,
    decodeSnapshot,
    decodeConfChangeV2,
    decodeConfState,
    decodeHardState,
  ];

  it('random bytes either decode or are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        for (const decode of decoders) {
          expect(['CODEC_INVALID', 'no error']).toContain(codeOf(() => decode(bytes)));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('damaged messages either decode or are refused', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(message, damage, fc.nat(), (value, changes, cut) => {
        const bytes = encodeMessage(value);
        for (const [at, byte] of changes) bytes[at % Math.max(1, bytes.length)] = byte;
        const part = bytes.subarray(0, bytes.length - (cut % 3));
        expect(['CODEC_INVALID', 'no error']).toContain(codeOf(() => decodeMessage(part)));
      }),
      { numRuns: 300 },
    );
  });
});
