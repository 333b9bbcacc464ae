/**
 * The wire: round trips of whatever a message may hold, and bytes known from raftpb's schema. What other
 * writers put there: golden.test.ts and oracle.test.ts; hostile input: hostile.test.ts.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeEntry } from '../entries.ts';
import { EMPTY_CONF_STATE } from '../memory-log.ts';
import { makeMessage } from '../messages.ts';
import { APPEND_THREAD, APPLY_THREAD, EntryType, MessageType } from '../types.ts';
import * as arbitrary from './arbitrary.fixture.ts';
import {
  decodeConfChange,
  decodeConfChangeV2,
  decodeConfState,
  decodeEntry,
  decodeHardState,
  decodeMessage,
  decodeSnapshot,
  encodeAround,
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
  type LentBytes,
  lentSize,
  messageSize,
} from './index.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const unhex = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.replace(/ /g, ''), 'hex'));

describe('round trips', () => {
  it('messages, into a buffer of their own and into a frame', () => {
    fc.assert(
      fc.property(arbitrary.message, (value) => {
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

  it('a message around the data of its large entries is the same message', () => {
    const sizes = fc.array(fc.constantFrom(0, 100, 8_191, 8_192, 20_000), { maxLength: 5 });
    fc.assert(
      fc.property(arbitrary.message, sizes, (value, lengths) => {
        const entries = lengths.map((length, index) => ({
          ...{ term: 1, index, type: EntryType.Normal },
          data: new Uint8Array(length).fill(index + 1),
        }));
        const message = { ...value, entries };
        const lent: LentBytes[] = [];
        const buffer = new Uint8Array(messageSize(message) - lentSize(message));
        expect(encodeAround(message, buffer, 0, lent)).toBe(buffer.length);
        const large = entries.filter(({ data }) => data.length >= 8_192);
        expect(lent.length).toBe(large.length);
        for (const [at, { bytes }] of lent.entries()) expect(bytes).toBe(large[at]?.data);
        const parts: Uint8Array[] = [];
        let from = 0;
        for (const { at, bytes } of lent) {
          parts.push(buffer.subarray(from, at), bytes);
          from = at;
        }
        parts.push(buffer.subarray(from));
        expect(Buffer.concat(parts).equals(encodeMessage(message))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('the data of an entry lie where they were read, of whatever that is a part', () => {
    const data = Uint8Array.of(1, 2, 3);
    const bytes = encodeEntry(makeEntry(7, 8, EntryType.Normal, data));
    const frame = Buffer.concat([Buffer.from('before'), bytes, Buffer.from('after')]);
    const entry = decodeEntry(frame.subarray(6, 6 + bytes.length));
    expect({ ...entry }).toEqual(makeEntry(7, 8, EntryType.Normal, data));
    expect(entry.data.buffer).toBe(frame.buffer);
  });

  it('everything else', () => {
    fc.assert(
      fc.property(
        arbitrary.entry,
        arbitrary.snapshot,
        arbitrary.confState,
        arbitrary.hardState,
        arbitrary.confChange,
        arbitrary.confChangeV2,
        (e, snap, conf, hard, change, v2) => {
          expect(decodeEntry(encodeEntry(e))).toEqual(e);
          expect(encodedEntrySize(e)).toBe(encodeEntry(e).length);
          const into = new Uint8Array(encodedEntrySize(e));
          expect(encodeEntryInto(e, into, 0)).toBe(into.length);
          expect(into).toEqual(encodeEntry(e));
          expect(decodeSnapshot(encodeSnapshot(snap))).toEqual(snap);
          expect(decodeConfState(encodeConfState(conf))).toEqual(conf);
          expect(decodeHardState(encodeHardState(hard))).toEqual(hard);
          expect(decodeConfChange(encodeConfChange(change))).toEqual(change);
          expect(decodeConfChangeV2(encodeConfChangeV2(v2))).toEqual(v2);
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
