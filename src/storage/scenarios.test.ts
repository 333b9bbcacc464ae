/**
 * The storage scenarios S-21 to S-39, with our semantics, on both storages; on the disk each one is
 * also asked again after the process died and another one opened the folder.
 */
import { describe, expect, it } from 'vitest';
import {
  CONF,
  describeLog,
  entries,
  FOLDER,
  hardState,
  lastSegment,
  MemoryDisk,
  open,
  readState,
  reopen,
  save,
  snapshotOf,
  textOf,
  transfer,
} from '../../sim/rigs/storage-rig.ts';
import { ClusterError } from '../errors.ts';
import { inspect } from './inspect.ts';
import { MemoryStorage } from './memory-storage.ts';
import type { Storage } from './types.ts';

interface Subject {
  storage: Storage;
  /** The storage that another process finds. */
  again(): Promise<Storage>;
}

const SUBJECTS: readonly { readonly name: string; make(): Promise<Subject> }[] = [
  {
    name: 'memory',
    make: async () => {
      const storage = new MemoryStorage();
      return { storage, again: async () => storage.crash() };
    },
  },
  {
    name: 'disk',
    make: async () => {
      const disk = new MemoryDisk();
      const storage = await open(disk);
      return { storage, again: () => reopen(disk) };
    },
  },
];

/** The living storage first: the death of its process ends it. */
async function* both(storage: Storage, again: () => Promise<Storage>): AsyncGenerator<Storage> {
  yield storage;
  yield await again();
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof ClusterError ? error.code : 'no code';
  }
  return 'no error';
}

describe.each(SUBJECTS)('on $name', ({ make }) => {
  it('S-21 a new storage is empty', async () => {
    const { storage, again } = await make();
    for await (const one of both(storage, again)) {
      expect(one.initialState().hardState).toEqual(hardState(0, 0, 0));
      expect(one.initialState().confState.voters).toEqual([]);
      expect([one.firstIndex(), one.lastIndex(), one.durableIndex]).toEqual([1, 0, 0]);
    }
  });

  it('S-22 hard state and entries survive', async () => {
    const { storage, again } = await make();
    await storage.append({ hardState: hardState(3, 2, 1), entries: entries(1, 3, 3) });
    const other = await again();
    expect(other.initialState().hardState).toEqual(hardState(3, 2, 1));
    await other.load(1, 3, 1e6);
    expect(other.entries(1, 3, 1e6)?.map(textOf)).toEqual(entries(1, 2, 3).map(textOf));
    expect([other.firstIndex(), other.lastIndex(), other.durableIndex]).toEqual([1, 3, 3]);
  });

  it('S-23 an installed snapshot survives, the log begins behind it', async () => {
    const { storage, again } = await make();
    const stored = await save(storage, 50, 3);
    await storage.installSnapshot(snapshotOf(stored), undefined);
    for await (const one of both(storage, again)) {
      expect(one.newestSnapshot).toEqual(stored);
      expect(one.snapshot()).toEqual(snapshotOf(stored));
      expect([one.firstIndex(), one.lastIndex(), one.term(50)]).toEqual([51, 50, 3]);
      expect(one.initialState().confState).toEqual(CONF);
      expect(await readState(one, stored)).toBe('state at 50');
    }
  });

  it('S-24 without a snapshot none is offered', async () => {
    const { storage } = await make();
    expect(storage.snapshot()).toBeUndefined();
    expect(storage.newestSnapshot).toBeUndefined();
  });

  it('S-29 entries, snapshot and hard state come back consistent', async () => {
    const { storage, again } = await make();
    await storage.append({ hardState: hardState(5, 1, 2), entries: entries(1, 2, 5) });
    const stored = await save(storage, 20, 5);
    await storage.installSnapshot(snapshotOf(stored), hardState(5, 1, 10));
    for await (const one of both(storage, again)) {
      // What a snapshot covers is committed.
      expect(one.initialState()).toEqual({ hardState: hardState(5, 1, 20), confState: CONF });
      expect(one.newestSnapshot).toEqual(stored);
      expect(one.snapshot()).toEqual(snapshotOf(stored));
      expect(await readState(one, stored)).toBe('state at 20');
      // The entries 1 and 2 that lay before it are gone: the log begins behind the snapshot.
      expect([one.firstIndex(), one.lastIndex(), one.durableIndex]).toEqual([21, 20, 20]);
      expect(one.term(20)).toBe(5);
      expect(codeOf(() => one.entries(2, 3, 1e6))).toBe('LOG_COMPACTED');
    }
  });

  it('S-30 an older snapshot is refused, saved or installed', async () => {
    const { storage, again } = await make();
    const fifty = await save(storage, 50, 3);
    await storage.installSnapshot(snapshotOf(await save(storage, 100, 3)), undefined);
    await expect(save(storage, 50, 3)).rejects.toMatchObject({ code: 'SNAPSHOT_OUT_OF_DATE' });
    await expect(storage.installSnapshot(snapshotOf(fifty), undefined)).rejects.toMatchObject({
      code: 'SNAPSHOT_OUT_OF_DATE',
    });
    for await (const one of both(storage, again)) {
      expect(one.newestSnapshot?.index).toBe(100);
      expect(one.firstIndex()).toBe(101);
      await expect(save(one, 50, 3)).rejects.toMatchObject({ code: 'SNAPSHOT_OUT_OF_DATE' });
    }
  });

  it('S-31 a snapshot at 3 of 5 entries keeps 4 and 5, once the log is compacted', async () => {
    const { storage, again } = await make();
    await storage.append({ entries: entries(1, 5) });
    await save(storage, 3);
    expect(storage.firstIndex()).toBe(1);
    await storage.compact(3);
    for await (const one of both(storage, again)) {
      expect(one.firstIndex()).toBe(4);
      expect(await describeLog(one)).toEqual(entries(4, 5).map(textOf));
      expect(one.term(3)).toBe(1);
    }
  });

  it('S-31 an install whose last entry is in the log keeps what follows on it', async () => {
    const { storage, again } = await make();
    await storage.append({ entries: entries(1, 5) });
    const leader = new MemoryStorage();
    const stored = await save(leader, 3);
    await transfer(leader, storage, stored);
    await storage.installSnapshot(snapshotOf(stored), hardState(1, 2, 3));
    for await (const one of both(storage, again)) {
      expect([one.firstIndex(), one.lastIndex()]).toEqual([4, 5]);
      expect(await describeLog(one)).toEqual(entries(4, 5).map(textOf));
    }
  });

  it('S-32 a snapshot at 5 with 2 entries leaves an empty log', async () => {
    const { storage, again } = await make();
    await storage.append({ entries: entries(1, 2) });
    await storage.installSnapshot(snapshotOf(await save(storage, 5, 2)), hardState(2, 0, 5));
    for await (const one of both(storage, again)) {
      expect([one.firstIndex(), one.lastIndex(), one.term(5)]).toEqual([6, 5, 2]);
      expect(one.initialState().hardState).toEqual(hardState(2, 0, 5));
    }
  });

  it('S-33 compaction outside of the log fails, inside of it keeps the term', async () => {
    const { storage, again } = await make();
    await storage.append({ entries: entries(1, 3) });
    await save(storage, 3);
    await expect(storage.compact(0)).rejects.toMatchObject({ code: 'LOG_COMPACTED' });
    await expect(storage.compact(10)).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
    await storage.compact(2);
    for await (const one of both(storage, again)) {
      expect(one.firstIndex()).toBe(3);
      expect(one.term(2)).toBe(1);
      expect(await describeLog(one)).toEqual(entries(3, 3).map(textOf));
      await expect(one.compact(2)).rejects.toMatchObject({ code: 'LOG_COMPACTED' });
    }
  });

  it('S-34 S-35 ranges and terms outside of the log have errors of their own', async () => {
    const { storage } = await make();
    expect(storage.term(0)).toBe(0);
    await storage.append({ entries: entries(1, 5) });
    await save(storage, 3);
    await storage.compact(3);
    expect(codeOf(() => storage.entries(3, 5, 1e6))).toBe('LOG_COMPACTED');
    expect(codeOf(() => storage.entries(4, 7, 1e6))).toBe('LOG_UNAVAILABLE');
    expect(storage.entries(5, 5, 1e6)).toEqual([]);
    expect(storage.term(3)).toBe(1);
    expect(codeOf(() => storage.term(2))).toBe('LOG_COMPACTED');
    expect(codeOf(() => storage.term(6))).toBe('LOG_UNAVAILABLE');
    // A load has nothing to say about that; the question afterwards does.
    await storage.load(3, 4, 1e6);
    await storage.load(6, 7, 1e6);
  });

  it('S-36 the term of an entry of an empty log is an error', async () => {
    const { storage } = await make();
    expect(codeOf(() => storage.term(1))).toBe('LOG_UNAVAILABLE');
  });

  it('S-37 a gap is refused as out of order, and changes nothing', async () => {
    const { storage, again } = await make();
    await storage.append({ entries: entries(1, 2) });
    await expect(
      storage.append({ hardState: hardState(9, 1, 0), entries: entries(5, 5, 9) }),
    ).rejects.toMatchObject({ code: 'LOG_OUT_OF_ORDER' });
    for await (const one of both(storage, again)) {
      expect(one.lastIndex()).toBe(2);
      expect(one.initialState().hardState.term).toBe(0);
    }
  });

  it('S-38 a newer term replaces the tail', async () => {
    const { storage, again } = await make();
    await storage.append({ entries: entries(1, 4, 1) });
    await storage.append({ entries: entries(2, 3, 2) });
    for await (const one of both(storage, again)) {
      expect(await describeLog(one)).toEqual(['1:1:entry 1', '2:2:entry 2', '3:2:entry 3']);
      expect([one.term(1), one.term(2), one.term(3)]).toEqual([1, 2, 2]);
    }
  });

  it('S-39 a size limit cuts, but never to nothing', async () => {
    const { storage } = await make();
    await storage.append({ entries: entries(1, 3) });
    expect(storage.entries(1, 3, Number.MAX_SAFE_INTEGER)).toHaveLength(2);
    expect(storage.entries(1, 4, 1)).toHaveLength(1);
    expect(storage.entries(1, 4, 0)).toHaveLength(1);
  });

  it('S-39 what the core asks is answered without a promise, from memory', async () => {
    const { storage } = await make();
    await storage.append({ hardState: hardState(2, 1, 2), entries: entries(1, 3, 2) });
    const stored = await save(storage, 2, 2);
    // The whole of LogStorage, in one turn of the loop.
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(3)]).toEqual([1, 3, 2]);
    expect(storage.initialState()).toEqual({ hardState: hardState(2, 1, 2), confState: CONF });
    expect(storage.snapshot()).toEqual(snapshotOf(stored));
    expect(storage.entries(3, 4, 1)?.map(textOf)).toEqual(['3:2:entry 3']);
  });

  it('never replaces a committed entry, nor lets the commit index leave the log', async () => {
    const { storage } = await make();
    await storage.append({ hardState: hardState(1, 1, 2), entries: entries(1, 3) });
    await expect(storage.append({ entries: entries(2, 2, 2) })).rejects.toMatchObject({
      code: 'INVARIANT',
    });
    await expect(
      storage.append({ hardState: hardState(1, 1, 4), entries: [] }),
    ).rejects.toMatchObject({ code: 'INVARIANT' });
    expect(storage.lastIndex()).toBe(3);
  });

  it('S-101 after a snapshot state, members and position are back', async () => {
    const { storage, again } = await make();
    await storage.append({ hardState: hardState(2, 3, 0), entries: entries(1, 10, 2) });
    await storage.append({ hardState: hardState(2, 3, 10), entries: [] });
    const stored = await save(storage, 8, 2);
    await storage.compact(6);
    const other = await again();
    expect(other.newestSnapshot).toEqual(stored);
    expect(await readState(other, stored)).toBe('state at 8');
    expect([other.firstIndex(), other.lastIndex()]).toEqual([7, 10]);
    // The commit index alone is not worth a sync, but a snapshot proves what is committed.
    expect(other.initialState().hardState.commit).toBeGreaterThanOrEqual(8);
    expect(other.initialState().confState).toEqual(CONF);
  });

  it('S-102 a vote is there after a restart', async () => {
    const { storage, again } = await make();
    await storage.append({ hardState: hardState(7, 3, 0), entries: [] });
    expect((await again()).initialState().hardState).toEqual(hardState(7, 3, 0));
  });
});

describe('S-25 to S-28 a damaged folder is refused with the file and the offset', () => {
  async function folder(): Promise<MemoryDisk> {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 3) });
    await save(storage, 2);
    await storage.close();
    return disk.clone();
  }

  function flipped(bytes: Buffer, at: number): Buffer {
    const copy = Buffer.from(bytes);
    copy[at]! ^= 1;
    return copy;
  }

  async function refusal(disk: MemoryDisk): Promise<ClusterError> {
    const error: unknown = await open(disk).catch((cause: unknown) => cause);
    if (!(error instanceof ClusterError)) throw new Error('the folder was not refused');
    return error;
  }

  it.each([
    ['short garbage', (_whole: Buffer) => Buffer.from('garbage'), 0],
    ['long garbage', (_whole: Buffer) => Buffer.from('garbage'.repeat(100)), 0],
    ['nothing', (_whole: Buffer) => Buffer.alloc(0), 0],
    ['zeros', (whole: Buffer) => Buffer.alloc(whole.length), 0],
    ['its end cut off', (whole: Buffer) => whole.subarray(0, whole.length - 1), 'the end'],
    ['its description changed', (whole: Buffer) => flipped(whole, 40), 16],
  ])('S-25 a snapshot of garbage: %s', async (_name, garble, offset) => {
    const disk = await folder();
    const path = disk.paths().find((name) => name.endsWith('.snap'))!;
    const bytes = garble(disk.peek(path));
    disk.poke(path, bytes);
    const error = await refusal(disk);
    expect(error).toMatchObject({
      code: 'DATA_CORRUPT',
      details: { path, offset: offset === 'the end' ? bytes.length - 32 : offset },
    });
    expect(error.message).toContain('Move the file away');
  });

  it.each([
    ['S-26 garbage in the record of the hard state', 0],
    ['S-27 garbage in entries, with others behind them', 1],
    ['S-27 garbage in the last entries', 2],
  ])('%s', async (_name, record) => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    const ends: number[] = [(await inspect(disk, FOLDER)).log!.usedBytes];
    const batches = [
      { hardState: hardState(1, 1, 0), entries: [] },
      { entries: entries(1, 3) },
      { entries: entries(4, 5) },
    ];
    for (const batch of batches) {
      await storage.append(batch);
      ends.push((await inspect(disk, FOLDER)).log!.usedBytes);
    }
    const found = disk.kill();
    const path = lastSegment(found);
    const bytes = found.peek(path);
    // Behind its header, which is 48 bytes long.
    bytes.write('garbage', ends[record]! + 50);
    found.poke(path, bytes);
    expect(await refusal(found)).toMatchObject({
      code: 'DATA_CORRUPT',
      details: { path, offset: ends[record] },
    });
  });

  it.each([
    ['S-27 a segment of garbage', Buffer.from('garbage'.repeat(100))],
    ['S-28 an empty segment', Buffer.alloc(0)],
    ['a segment of zeros', Buffer.alloc(4096)],
  ])('%s', async (_name, bytes) => {
    const disk = await folder();
    const path = lastSegment(disk);
    disk.poke(path, bytes);
    const error = await refusal(disk);
    expect(error.code).toBe('DATA_CORRUPT');
    expect(error.message).toContain(`${path} is damaged at offset 0`);
  });

  it('S-26 an identity of garbage, of another format, or missing', async () => {
    const disk = await folder();
    const path = '/data/node-1/IDENTITY';
    const whole = disk.peek(path);
    disk.poke(path, Buffer.from('garbage'));
    expect(await refusal(disk.clone())).toMatchObject({
      code: 'DATA_CORRUPT',
      details: { path, offset: 0 },
    });
    disk.poke(path, flipped(whole, 30));
    expect(await refusal(disk.clone())).toMatchObject({
      code: 'DATA_CORRUPT',
      details: { path, offset: 20 },
    });
    const future = Buffer.from(whole);
    future.writeUInt32LE(9, 4);
    const { crc32 } = await import('node:zlib');
    future.writeUInt32LE(crc32(future.subarray(0, 16)), 16);
    disk.poke(path, future);
    expect((await refusal(disk.clone())).code).toBe('DATA_DIR_FORMAT');
    const bare = disk.clone();
    await bare.remove(path);
    expect((await refusal(bare)).message).toContain('IDENTITY');
  });

  it('a log that vanished', async () => {
    const disk = await folder();
    await disk.remove(lastSegment(disk));
    expect((await refusal(disk)).code).toBe('DATA_CORRUPT');
  });

  it('a snapshot that the log needs and that vanished', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await storage.append({ entries: entries(1, 3) });
    await save(storage, 2);
    await storage.compact(2);
    const after = disk.kill();
    await after.remove(after.paths().find((name) => name.endsWith('.snap'))!);
    expect((await refusal(after)).message).toContain('no snapshot');
  });
});
