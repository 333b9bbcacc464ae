/**
 * A log of a million entries: opening it reads each byte of each segment once, and keeps in memory what
 * is needed to find entries, not the entries. The log is laid down as its writer would have, in records of
 * ten entries, without a million appends.
 */

import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { clock, dice, IDENTITY } from '../../sim/rigs/storage-rig.ts';
import type { Entry } from '../raft/index.ts';
import { type Disk, nullLogger, realDisk } from '../world/index.ts';
import { openDiskStorage } from './disk-storage.ts';
import { encodeRecord, GENERATION_BYTES, RecordKind, recordSize } from './record.ts';
import { encodeStart, segmentName } from './segment.ts';

const ENTRIES = 1_000_000;
const PER_RECORD = 10;
const DATA_BYTES = 16;
const SEGMENT_BYTES = 16 * 1024 * 1024;
const MIB = 1024 * 1024;

/** Segments under `directory`, as the storage would have written them. Returns the bytes of all files. */
function layDown(directory: string): number {
  const generations = dice(7);
  let total = 0;
  let sequence = 0;
  let previous = { generation: Buffer.alloc(GENERATION_BYTES), end: 0 };
  let generation = previous.generation;
  let fd = -1;
  let end = 0;
  const hardState = { term: 3, vote: 1, commit: 0 };
  const scratch = Buffer.alloc(64 * 1024);
  const begin = (last: number): void => {
    if (fd >= 0) closeSync(fd);
    previous = { generation, end };
    generation = Buffer.from(generations.bytes(GENERATION_BYTES));
    fd = openSync(join(directory, segmentName(++sequence)), 'w');
    const payload = encodeStart({
      sequence,
      previousGeneration: previous.generation,
      previousEnd: previous.end,
      segmentBytes: SEGMENT_BYTES,
      last: { index: last, term: last === 0 ? 0 : termOf(last) },
      created: 0,
    });
    const base = { index: 0, term: 0, keepsTail: true };
    const contents = { kind: RecordKind.Start, hardState, base, payload };
    end = writeRecord(contents, 0);
  };
  const writeRecord = (contents: Parameters<typeof encodeRecord>[0], at: number): number => {
    const record = encodeRecord(contents, generation, at, scratch);
    writeSync(fd, record, 0, record.length, at);
    total += record.length;
    return at + record.length;
  };
  for (let first = 1; first <= ENTRIES; first += PER_RECORD) {
    const entries: Entry[] = [];
    for (let index = first; index < first + PER_RECORD; index++) {
      entries.push({ index, term: termOf(index), type: 0, data: Buffer.alloc(DATA_BYTES, index) });
    }
    const contents = { kind: RecordKind.Batch, entries };
    if (fd < 0 || end + recordSize(contents) > SEGMENT_BYTES) begin(first - 1);
    end = writeRecord(contents, end);
  }
  closeSync(fd);
  return total;
}

/** A new term every hundred thousand entries. */
function termOf(index: number): number {
  return 3 + Math.floor(index / 100_000);
}

/** Counts the bytes that are read, for each path. */
function counting(disk: Disk, reads: Map<string, number>): Disk {
  return {
    ...disk,
    open: async (path, mode) => {
      const file = await disk.open(path, mode);
      const read = file.read.bind(file);
      file.read = async (position, length, into) => {
        const bytes = await read(position, length, into);
        reads.set(path, (reads.get(path) ?? 0) + bytes.length);
        return bytes;
      };
      return file;
    },
  };
}

/** What is let go of in one turn of the loop is gone in a later one: the least of some turns is what is held. */
async function memory(): Promise<number> {
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc') as () => void;
  let least = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < 8; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

it('a log of a million entries is opened with one read of each byte, in bounded memory', async () => {
  const root = mkdtempSync(join(tmpdir(), 'quorate-million-'));
  try {
    const directory = join(root, 'data');
    const options = { clock, random: dice(1), logger: nullLogger, directory };
    const fresh = await openDiskStorage({ ...options, disk: realDisk() });
    await fresh.found(IDENTITY);
    await fresh.close();
    rmSync(join(directory, 'WITNESS'));
    rmSync(join(directory, 'wal'), { recursive: true });
    mkdirSync(join(directory, 'wal'));
    const bytes = layDown(join(directory, 'wal'));
    const reads = new Map<string, number>();
    const before = await memory();
    const begun = performance.now();
    const storage = await openDiskStorage({ ...options, disk: counting(realDisk(), reads) });
    const tookMs = performance.now() - begun;
    const grown = (await memory()) - before;
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(650_000)]).toEqual([
      1,
      ENTRIES,
      9,
    ]);
    const segments = [...reads].filter(([path]) => path.endsWith('.wal'));
    const sum = segments.reduce((total, [, read]) => total + read, 0);
    // Beside each byte once: the beginning of each segment, and a megabyte of newest entries for the cache.
    expect(segments.length).toBeGreaterThan(2);
    expect(sum).toBeGreaterThanOrEqual(bytes);
    expect(sum).toBeLessThan(bytes + segments.length * 8192 + 1.25 * MIB);
    // 16 bytes for each record; the megabyte of entries in the cache as objects.
    expect(grown).toBeLessThan((ENTRIES / PER_RECORD) * 16 * 2 + 12 * MIB);
    await storage.load(400_000, 400_010, 1e6);
    expect(storage.entries(400_000, 400_001, 1e6)![0]!.data[0]).toBe(400_000 % 256);
    await storage.close();
    process.stdout.write(
      `a million entries, ${Math.round(bytes / MIB)} MiB: opened in ${Math.round(tookMs)} ms, ` +
        `${(sum / bytes).toFixed(3)} reads of each byte, ${(grown / MIB).toFixed(1)} MiB of memory\n`,
    );
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
