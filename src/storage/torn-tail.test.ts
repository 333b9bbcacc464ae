/**
 * The end of the log after a crash, and damage anywhere in it: S-100, NASTY 38. Each test writes a small
 * log, changes its bytes as a crash or a bad disk would, and opens the folder again. What was
 * acknowledged is there, or the folder is refused; the one exception is a test of its own.
 */
import { describe, expect, it } from 'vitest';
import {
  describeLog,
  entries,
  entry,
  FOLDER,
  hardState,
  lastSegment,
  MemoryDisk,
  open,
  reopen,
  textOf,
} from '../../sim/rigs/storage-rig.ts';
import { ClusterError } from '../errors.ts';
import type { Entry, LogIndex } from '../raft/index.ts';
import type { DiskStorage } from './disk-storage.ts';
import { scanLog } from './wal-scan.ts';

interface Written {
  readonly disk: MemoryDisk;
  readonly path: string;
  readonly bytes: Buffer;
  /** Where each record ends that was acknowledged; the last one is where the log ends. */
  readonly ends: readonly number[];
}

/** One record per batch, each acknowledged before the next; the process dies, nothing is sealed. */
async function write(batches: readonly (readonly Entry[])[]): Promise<Written> {
  const disk = new MemoryDisk();
  const storage = await open(disk);
  const ends: number[] = [];
  const path = lastSegment(disk);
  for (const batch of batches) {
    await storage.append({ hardState: hardState(1, 1, 0), entries: batch });
    ends.push(endOfLog(disk.peek(path)));
  }
  return { disk: disk.kill(), path, bytes: disk.peek(path), ends };
}

function endOfLog(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

/** The last index of a log with these bytes, or `refused`. Looks only; half a millisecond each. */
async function lastIndexWith(written: Written, bytes: Buffer): Promise<LogIndex | 'refused'> {
  written.disk.poke(written.path, bytes);
  try {
    return (await scanLog(written.disk, `${FOLDER}/wal`)).replay.last.index;
  } catch (error) {
    if (error instanceof ClusterError && error.code === 'DATA_CORRUPT') return 'refused';
    throw error;
  }
}

describe('a torn last write', () => {
  it('S-100 a log cut at any byte of its last write keeps exactly what was acknowledged', async () => {
    const written = await write([entries(1, 2), entries(3, 3), entries(4, 9)]);
    const [, acknowledged, end] = written.ends as [number, number, number];
    for (let cut = acknowledged; cut <= end; cut++) {
      const expected = cut === end ? 9 : 3;
      const zeroed = Buffer.from(written.bytes);
      zeroed.fill(0, cut);
      expect(await lastIndexWith(written, zeroed), `zeros from ${cut}`).toBe(expected);
      const short = written.bytes.subarray(0, cut);
      expect(await lastIndexWith(written, short), `end of file at ${cut}`).toBe(expected);
    }
  });

  it('S-100 after the cut the log is written on, and stays whole', async () => {
    const written = await write([entries(1, 2), entries(3, 3), entries(4, 9)]);
    const [, acknowledged, end] = written.ends as [number, number, number];
    for (let cut = acknowledged + 1; cut < end; cut += 7) {
      const zeroed = Buffer.from(written.bytes);
      zeroed.fill(0, cut);
      written.disk.poke(written.path, zeroed);
      const disk = written.disk.clone();
      const storage = await open(disk);
      await storage.append({ hardState: hardState(2, 1, 0), entries: entries(4, 4, 2) });
      const again = await reopen(disk);
      expect(await describeLog(again)).toEqual([...entries(1, 3), entry(4, 2)].map(textOf));
    }
  });

  it('NASTY 38 any set of sectors of the last write may be missing', async () => {
    const big = { ...entry(3, 1), data: Buffer.alloc(3000, 'x') };
    const written = await write([entries(1, 2), [big]]);
    const [start, end] = written.ends as [number, number];
    const first = Math.floor(start / 512);
    const sectors = Math.ceil(end / 512) - first;
    for (let present = 0; present < 1 << sectors; present++) {
      const bytes = Buffer.from(written.bytes);
      for (let sector = 0; sector < sectors; sector++) {
        if ((present & (1 << sector)) !== 0) continue;
        const from = Math.max(start, (first + sector) * 512);
        bytes.fill(0, from, (first + sector + 1) * 512);
      }
      const isWhole = present === (1 << sectors) - 1;
      expect(await lastIndexWith(written, bytes), `sectors ${present.toString(2)}`).toBe(
        isWhole ? 3 : 2,
      );
    }
  });

  it('is reported with numbers', async () => {
    const written = await write([entries(1, 2), entries(3, 3)]);
    const [start, end] = written.ends as [number, number];
    written.disk.poke(written.path, written.bytes.subarray(0, end - 1));
    const lines: [string, unknown][] = [];
    const log = (event: string, fields?: unknown): void => {
      lines.push([event, fields]);
    };
    const logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
    await open(written.disk, { logger });
    expect(lines).toContainEqual([
      'storage.torn-tail-cut-off',
      expect.objectContaining({ path: written.path, offset: start, last: 2 }),
    ]);
  });
});

describe('damage', () => {
  /** Every single flipped bit: refused, or nothing that was acknowledged is missing. */
  async function flipEveryBit(written: Written, last: LogIndex, until: number): Promise<number> {
    let refused = 0;
    for (let bit = 0; bit < until * 8; bit++) {
      const bytes = Buffer.from(written.bytes);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const found = await lastIndexWith(written, bytes);
      if (found === 'refused') refused++;
      else expect(found, `bit ${bit & 7} of byte ${bit >> 3}`).toBe(last);
    }
    return refused;
  }

  it('NASTY 38 no flipped bit loses an acknowledged record', async () => {
    const written = await write([entries(1, 2), entries(3, 3), entries(4, 5)]);
    const end = written.ends[2]!;
    const refused = await flipEveryBit(written, 5, end + 64);
    // Behind the end a stray bit hits nothing; everywhere else it is noticed.
    expect(refused).toBeGreaterThanOrEqual(end * 8);
  });

  it('NASTY 38 no flipped bit in a last record that is full of zeros, either', async () => {
    const zeros = { ...entry(2, 1), data: Buffer.alloc(1200) };
    const written = await write([entries(1, 1), [zeros]]);
    const refused = await flipEveryBit(written, 2, written.ends[1]!);
    expect(refused).toBe(written.ends[1]! * 8);
  });

  it('a lost sector before the last record is refused', async () => {
    const big = (index: number): Entry => ({ ...entry(index, 1), data: Buffer.alloc(700, 'y') });
    const written = await write([[big(1)], [big(2)], [big(3)]]);
    const sectors = Math.floor(written.ends[1]! / 512);
    for (let sector = 0; sector < sectors; sector++) {
      const bytes = Buffer.from(written.bytes);
      bytes.fill(0, sector * 512, (sector + 1) * 512);
      expect(await lastIndexWith(written, bytes), `sector ${sector}`).toBe('refused');
    }
  });

  it('a lost block that reaches into the last record is refused by that record', async () => {
    const big = (index: number): Entry => ({ ...entry(index, 1), data: Buffer.alloc(700, 'y') });
    const written = await write([[big(1)], [big(2)], [big(3)]]);
    const bytes = Buffer.from(written.bytes);
    // Header of the second and of the third record are gone; the trailer of the third is a witness.
    bytes.fill(0, Math.ceil(written.ends[0]! / 512) * 512 - 512, written.ends[1]! + 100);
    expect(await lastIndexWith(written, bytes)).toBe('refused');
  });

  it('the one case that nobody can tell from a torn write, and how a seal tells it', async () => {
    const big = { ...entry(3, 1), data: Buffer.alloc(2000, 'z') };
    const written = await write([entries(1, 2), [big]]);
    const lostSector = (bytes: Buffer): Buffer => {
      const from = Math.ceil(written.ends[0]! / 512) * 512;
      return Buffer.from(bytes).fill(0, from, from + 512);
    };
    expect(await lastIndexWith(written, lostSector(written.bytes))).toBe(2);
    // The same damage after the storage was closed in good order.
    written.disk.poke(written.path, written.bytes);
    const disk = written.disk.clone();
    await (await open(disk)).close();
    const sealed = { ...written, disk };
    expect(await lastIndexWith(sealed, lostSector(disk.peek(written.path)))).toBe('refused');
  });

  it('an entry whose data looks like a record of another segment is data', async () => {
    const written = await write([entries(1, 2), entries(3, 3)]);
    const copy = Buffer.from(written.bytes.subarray(0, written.ends[1]));
    const disk = new MemoryDisk();
    const storage = await open(disk, { seed: 2 });
    await storage.append({ entries: [{ ...entry(1, 1), data: copy }] });
    await storage.append({ entries: [{ ...entry(2, 1), data: copy }] });
    const path = lastSegment(disk);
    const after = disk.kill();
    const bytes = after.peek(path);
    // Torn behind the copy of a whole record.
    after.poke(path, bytes.fill(0, endOfLog(bytes) - 20));
    const again = await open(after);
    expect(again.lastIndex()).toBe(1);
    expect(Buffer.from(again.entries(1, 2, 1e6)![0]!.data).equals(copy)).toBe(true);
  });

  it('a segment of the middle that is missing, cut, or swapped is refused', async () => {
    const disk = new MemoryDisk();
    const storage: DiskStorage = await open(disk);
    for (let index = 1; index <= 12; index++) {
      await storage.append({ entries: [{ ...entry(index, 1), data: Buffer.alloc(1500, 'm') }] });
    }
    await storage.close();
    const whole = disk.clone();
    const paths = whole.paths().filter((path) => path.endsWith('.wal'));
    expect(paths.length).toBeGreaterThan(3);
    const missing = whole.clone();
    await missing.remove(paths[1]!);
    await expect(open(missing)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    const first = whole.clone();
    await first.remove(paths[0]!);
    await expect(open(first)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    const cut = whole.clone();
    cut.poke(paths[1]!, whole.peek(paths[1]!).subarray(0, 2000));
    await expect(open(cut)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    const swapped = whole.clone();
    swapped.poke(paths[1]!, whole.peek(paths[2]!));
    await expect(open(swapped)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    expect((await open(whole)).lastIndex()).toBe(12);
  });
});
