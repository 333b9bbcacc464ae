/** The bytes on disk: golden ones, so that a change of format is never an accident. */
import { describe, expect, it } from 'vitest';
import {
  countZeroSectors,
  decodeBody,
  decodeHeader,
  encodeRecord,
  isFragile,
  isWhole,
  type RecordContents,
  RecordKind,
  recordSize,
} from './record.ts';
import { decodeStart, encodeStart, RecordTable, SegmentIndex } from './segment.ts';
import { encodeFrameHeader, encodePreamble, encodeTrailer } from './snapshot-format.ts';

const GENERATION = Buffer.from('0102030405060708', 'hex');

function encode(contents: RecordContents, offset = 160): Buffer {
  return encodeRecord(contents, GENERATION, offset, Buffer.alloc(recordSize(contents), 0xff));
}

describe('format 1', () => {
  it('of a record with hard state and entries', () => {
    const record = encode({
      kind: RecordKind.Batch,
      hardState: { term: 2, vote: 3, commit: 2 ** 40 },
      entries: [
        { term: 1, index: 7, type: 0, data: Buffer.from('ab') },
        { term: 2, index: 8, type: 2, data: Buffer.alloc(0) },
      ],
    });
    expect(record.toString('hex')).toMatchInlineSnapshot(
      `"51575231e8e140da01000205000000000102030405060708a00000004200000000000000020000000000000097b1c3a502000000000000000300000000000000000000000001000007000000000000000100000000000000020000000000000002000000000000000000000002000000616269bcb284a00000004703e10951574531"`,
    );
  });

  it('of a record with a base, and of a seal', () => {
    const base = { index: 5, term: 1, keepsTail: true };
    expect(encode({ kind: RecordKind.Batch, base }).toString('hex')).toMatchInlineSnapshot(
      `"5157523169c61fc10100020a000000000102030405060708a00000001000000000000000000000000000000097b1c3a505000000000000000100000000000000dd96485aa00000008f465cb251574531"`,
    );
    expect(encode({ kind: RecordKind.Seal }).toString('hex')).toMatchInlineSnapshot(
      `"51575231af1566aa01000300000000000102030405060708a00000000000000000000000000000000000000097b1c3a500000000a00000002f39f43251574531"`,
    );
  });

  it('of the beginning of a segment', () => {
    const start = {
      sequence: 3,
      previousGeneration: GENERATION,
      previousEnd: 4000,
      segmentBytes: 4096,
      last: { index: 9, term: 2 },
      created: 1_700_000_000_000,
    };
    const bytes = encodeStart(start);
    expect(decodeStart(bytes)).toEqual(start);
    expect(bytes.toString('hex')).toMatchInlineSnapshot(
      `"03000000000000000102030405060708a00f0000000000000010000000000000090000000000000002000000000000000068e5cf8b010000"`,
    );
  });

  it('of a snapshot file', () => {
    expect(encodePreamble().toString('hex')).toMatchInlineSnapshot(
      `"51534e500100000000000000d21ddc03"`,
    );
    expect(encodeFrameHeader(3, Buffer.from('data')).toString('hex')).toMatchInlineSnapshot(
      `"030000000400000063f3f3ad2ae2e681"`,
    );
    expect(encodeTrailer(100, 200, 0xabcdef).toString('hex')).toMatchInlineSnapshot(
      `"6400000000000000e800000000000000efcdab0080c43d7a51454e4400000000"`,
    );
  });
});

describe('a record', () => {
  it('comes back as it was', () => {
    const contents = {
      kind: RecordKind.Batch,
      hardState: { term: Number.MAX_SAFE_INTEGER, vote: 1, commit: 0 },
      base: { index: 4, term: 1, keepsTail: false },
      entries: [
        { term: 1, index: 5, type: 1 as const, data: Buffer.alloc(1000, 'x') },
        { term: 3, index: 6, type: 0 as const, data: Buffer.from('y') },
      ],
    };
    const record = encode(contents);
    const header = decodeHeader(record, 0)!;
    expect(isWhole(record, header)).toBe(true);
    const body = decodeBody(record, header)!;
    expect(body.hardState).toEqual(contents.hardState);
    expect(body.base).toEqual(contents.base);
    expect(body.entries!.decode()).toEqual(contents.entries);
  });

  it('counts sectors by their place in the file', () => {
    const bytes = Buffer.alloc(1500);
    expect(countZeroSectors(bytes, 0)).toBe(3);
    expect(countZeroSectors(bytes, 500)).toBe(4);
    bytes[12] = 1;
    expect(countZeroSectors(bytes, 500)).toBe(3);
    bytes[11] = 1;
    expect(countZeroSectors(bytes, 500)).toBe(2);
    expect(countZeroSectors(bytes, 0)).toBe(2);
  });

  it('is fragile where one flipped bit would leave nothing of a sector', () => {
    const record = Buffer.alloc(2048, 'x');
    expect(isFragile(record, 0)).toBe(false);
    record.fill(0, 512, 1024);
    expect(isFragile(record, 0), 'zeros have no bit to lose').toBe(false);
    record[1023] = 0b0010_0000;
    expect(isFragile(record, 0)).toBe(true);
    expect(isFragile(record, 1), 'its sectors hold more').toBe(false);
    record[1000] = 1;
    expect(isFragile(record, 0), 'two bytes').toBe(false);
    record[1000] = 0;
    record[1023] = 0b0010_0001;
    expect(isFragile(record, 0), 'two bits').toBe(false);
  });

  it('of an unknown version or with unknown flags is not understood', () => {
    const record = encode({ kind: RecordKind.Seal });
    const header = decodeHeader(record, 0)!;
    expect(decodeBody(record, header)).toBeDefined();
    expect(decodeBody(record, { ...header, version: 2 })).toBeUndefined();
    expect(decodeBody(record, { ...header, flags: 128 })).toBeUndefined();
  });
});

describe('where entries lie', () => {
  const segment = (sequence: number) => ({
    sequence,
    path: `${sequence}`,
    generation: GENERATION,
    segmentBytes: 4096,
    end: 0,
    table: new RecordTable(),
  });

  it('is found through conflicts and segments', () => {
    const index = new SegmentIndex();
    const [a, b, c] = [segment(1), segment(2), segment(3)];
    index.segments.push(a, b, c);
    for (let i = 0; i < 100; i++) index.add(a, 1 + i * 10, i, 1);
    index.add(b, 1001, 0, 1);
    index.add(c, 500, 7, 1);
    // 491 to 499 are left of a, b holds nothing any more.
    expect(index.find(499)).toEqual({ segment: a, record: 49 });
    expect(index.find(500)).toEqual({ segment: c, record: 0 });
    expect(index.find(5000)).toEqual({ segment: c, record: 0 });
    expect(index.find(0)).toBeUndefined();
    expect(index.dropThrough(498)).toEqual([]);
    expect(index.dropThrough(499).map((one) => one.sequence)).toEqual([1, 2]);
    expect(index.dropThrough(10_000)).toEqual([]);
  });
});
