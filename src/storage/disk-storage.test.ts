/** What DiskStorage does beside the scenarios: group commit, faults, memory bounds, locks, facts. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  CONF,
  clock,
  describeLog,
  dice,
  entries,
  entry,
  FOLDER,
  hardState,
  IDENTITY,
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
import {
  WAL_FILL_RECORD_BYTES_MAX,
  WAL_FILL_STEP_BYTES,
  WAL_FILLED_AHEAD,
  WAL_FIRST_SEGMENT_BYTES,
  WAL_SEGMENT_BYTES_MAX,
} from '../limits.ts';
import type { Entry } from '../raft/index.ts';
import { nullLogger, realDisk } from '../world/index.ts';
import { type DiskStorage, openDiskStorage } from './disk-storage.ts';
import { inspect } from './inspect.ts';
import { MemoryStorage } from './memory-storage.ts';

const ROOMY = { segmentBytes: 1024 * 1024 };

function large(index: number, bytes: number): Entry {
  return { ...entry(index, 1), data: Buffer.alloc(bytes, index) };
}

describe('group commit', () => {
  it('one write and one sync for everything that waits', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning: ROOMY });
    const before = disk.counters;
    disk.hold();
    const first = storage.append({ entries: entries(1, 1) });
    await Promise.resolve();
    await Promise.resolve();
    const rest: Promise<void>[] = [];
    for (let index = 2; index <= 200; index++) {
      rest.push(storage.append({ entries: entries(index, index) }));
    }
    expect(storage.lastIndex()).toBe(200);
    expect(storage.durableIndex).toBe(0);
    disk.release();
    await first;
    await Promise.all(rest);
    expect(disk.counters.write - before.write).toBe(2);
    expect(disk.counters.sync - before.sync).toBe(2);
    expect(storage.durableIndex).toBe(200);
    expect((await describeLog(await reopen(disk, { tuning: ROOMY }))).length).toBe(200);
  });

  it('batches of one turn of the loop share a record, conflicts included', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning: ROOMY });
    const before = disk.counters.sync;
    await Promise.all([
      storage.append({ entries: entries(1, 5, 1) }),
      storage.append({ entries: entries(3, 4, 2) }),
      storage.append({ hardState: hardState(3, 1, 0), entries: entries(2, 6, 3) }),
    ]);
    expect(disk.counters.sync - before).toBe(1);
    const expected = [...entries(1, 1, 1), ...entries(2, 6, 3)].map(textOf);
    expect(await describeLog(await reopen(disk, { tuning: ROOMY }))).toEqual(expected);
  });

  it('what waits is bounded per record: nine megabytes are three records', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning: { segmentBytes: 16 * 1024 * 1024 } });
    await storage.append({ entries: [large(1, 10)] });
    const before = disk.counters.bytesWritten;
    const work: Promise<void>[] = [];
    for (let index = 2; index <= 10; index++) {
      work.push(storage.append({ entries: [large(index, 1024 * 1024)] }));
    }
    await Promise.all(work);
    expect(disk.counters.bytesWritten - before).toBeGreaterThan(9 * 1024 * 1024);
    const report = await inspect(disk, FOLDER);
    expect(report.log!.segments.reduce((sum, segment) => sum + segment.records, 0)).toBe(4);
  });

  it('a commit index alone costs nothing, and is not lost by a clean stop', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning: ROOMY });
    await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 3) });
    // The witness follows the new term in the background.
    await new Promise((resolve) => setImmediate(resolve));
    const before = disk.counters;
    await storage.append({ hardState: hardState(1, 1, 3), entries: [] });
    expect(disk.counters).toEqual(before);
    expect(storage.initialState().hardState.commit).toBe(3);
    await storage.close();
    expect((await open(disk)).initialState().hardState).toEqual(hardState(1, 1, 3));
  });

  it('a commit index alone does not overtake the entries before it', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning: ROOMY });
    const order: string[] = [];
    disk.hold();
    const done = Promise.all([
      storage.append({ entries: entries(1, 3) }).then(() => order.push('entries')),
      storage
        .append({ hardState: hardState(0, 0, 3), entries: [] })
        .then(() => order.push('commit')),
    ]);
    await Promise.resolve();
    expect(order).toEqual([]);
    disk.release();
    await done;
    expect(order).toEqual(['entries', 'commit']);
  });

  it('NASTY 18 an entry that was replaced while being written is not durable', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning: ROOMY });
    disk.hold();
    const first = storage.append({ entries: entries(1, 3, 1) });
    await Promise.resolve();
    await Promise.resolve();
    const second = storage.append({ entries: entries(2, 2, 2) });
    const seen = first.then(() => storage.durableIndex);
    disk.release();
    expect(await seen).toBe(1);
    await second;
    expect(storage.durableIndex).toBe(2);
  });

  it('NASTY 18 a snapshot that replaces the log is not durable before its mark is', async () => {
    const leader = new MemoryStorage();
    const stored = await save(leader, 50, 2);
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning: ROOMY });
    await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 100) });
    await transfer(leader, storage, stored);
    disk.hold();
    const first = storage.append({ entries: entries(101, 101) });
    await Promise.resolve();
    await Promise.resolve();
    const second = storage.installSnapshot(snapshotOf(stored), hardState(2, 0, 50));
    const seen = first.then(() => storage.durableIndex);
    disk.release();
    expect(await seen).toBe(0);
    await second;
    expect(storage.durableIndex).toBe(50);
  });
});

describe('faults', () => {
  it.each([
    ['write', 'full', 'DISK_FULL', 'Free space'],
    ['write', 'failed', 'DISK_FAILED', 'Check the disk'],
    ['sync', 'failed', 'DISK_FAILED', 'Check the disk'],
  ] as const)('NASTY 39 a failed %s (%s) ends the storage', async (kind, fault, code, advice) => {
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning: ROOMY });
    await storage.append({ entries: entries(1, 2) });
    const failures: Error[] = [];
    storage.onFailure((error) => failures.push(error));
    disk.failOn(kind, fault, { path: '.wal' });
    disk.hold();
    const waiting = [
      storage.append({ entries: entries(3, 3) }),
      storage.append({ entries: entries(4, 4) }),
    ];
    disk.release();
    for (const one of await Promise.allSettled(waiting)) {
      expect(one).toMatchObject({ status: 'rejected', reason: { code } });
    }
    const before = disk.counters;
    await expect(storage.append({ entries: entries(5, 5) })).rejects.toMatchObject({ code });
    await expect(storage.writeFact('x', Buffer.from('y'))).rejects.toMatchObject({ code });
    expect(storage.failure).toMatchObject({ code });
    expect(storage.failure!.message).toContain(advice);
    expect(storage.failure!.message).toContain(lastSegment(disk));
    expect(failures).toEqual([storage.failure]);
    await storage.close();
    // Nothing was tried again, not even a seal.
    expect([disk.counters.write, disk.counters.sync]).toEqual([before.write, before.sync]);
    expect(storage.durableIndex).toBe(2);
  });

  it('NASTY 39 what a failed sync left in the page cache is written again by the next open', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning: ROOMY });
    await storage.append({ entries: entries(1, 2) });
    disk.failOn('sync', 'failed', { path: '.wal' });
    await expect(storage.append({ entries: entries(3, 3) })).rejects.toThrow();
    const after = disk.kill();
    const found = await open(after, { tuning: ROOMY });
    expect(found.lastIndex()).toBe(3);
    // Found means promised: from now on it survives anything.
    for (let seed = 1; seed <= 8; seed++) {
      const copy = after.crash(dice(seed));
      expect((await open(copy, { tuning: ROOMY })).lastIndex()).toBe(3);
    }
  });

  it('a full disk: nothing is acknowledged, and with space again all of it is there', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning: { segmentBytes: 64 * 1024 } });
    disk.capacityBytes = 100 * 1024;
    let acknowledged = 0;
    for (let index = 1; ; index++) {
      try {
        await storage.append({ entries: [large(index, 1000)] });
        acknowledged = index;
      } catch (error) {
        expect(error).toMatchObject({ code: 'DISK_FULL' });
        break;
      }
    }
    await storage.close();
    const after = disk.kill();
    after.capacityBytes = Number.POSITIVE_INFINITY;
    const again = await open(after);
    expect(again.lastIndex()).toBeGreaterThanOrEqual(acknowledged);
    expect(acknowledged).toBeGreaterThan(60);
  });

  it('a segment that can not be prepared is no failure', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    disk.failOn('sync', 'failed', { path: '.tmp' });
    for (let index = 1; index <= 20; index++) {
      await storage.append({ entries: [large(index, 1000)] });
    }
    expect(storage.failure).toBeUndefined();
    expect((await reopen(disk)).lastIndex()).toBe(20);
  });

  it('a snapshot that can not be written is no failure either', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning: ROOMY });
    await storage.append({ entries: entries(1, 3) });
    disk.failOn('write', 'full', { path: '/snap/' });
    await expect(save(storage, 2)).rejects.toMatchObject({ code: 'DISK_FULL' });
    await storage.append({ entries: entries(4, 4) });
    await save(storage, 2);
    expect(disk.paths().filter((path) => path.includes('/snap/'))).toHaveLength(1);
  });

  it('a fact that can not be written ends the storage: a promise may rest on it', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await storage.writeFact('peer-2', Buffer.from('a'));
    disk.failOn('sync', 'failed', { path: '/facts/' });
    await expect(storage.writeFact('peer-2', Buffer.from('b'))).rejects.toMatchObject({
      code: 'DISK_FAILED',
    });
    expect(storage.failure).toBeDefined();
    const again = await reopen(disk);
    expect(Buffer.from((await again.readFact('peer-2'))!).toString()).toBe('a');
  });
});

describe('segments', () => {
  it('double in size, are filled ahead, and the first costs a megabyte', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning: { segmentBytes: 8 * 1024 * 1024 } });
    const size = (path: string): number => disk.peek(path).length;
    expect(size(lastSegment(disk))).toBe(1024 * 1024);
    for (let index = 1; index <= 200; index++) {
      await storage.append({ entries: [large(index, 64 * 1024)] });
      await new Promise((resolve) => setImmediate(resolve));
    }
    const paths = disk.paths().filter((path) => path.endsWith('.wal'));
    const mib = 1024 * 1024;
    expect(paths.slice(0, 3).map(size)).toEqual([mib, 2 * mib, 4 * mib]);
    expect((await inspect(disk, FOLDER)).log!.segments.map((one) => one.segmentBytes)).toEqual(
      [1, 2, 4, 8].map((count) => count * mib),
    );
  });

  it('are filled as fast as the one before is used, by whole steps, and all of it in good time', async () => {
    const disk = new MemoryDisk();
    const segmentBytes = 4 * WAL_FIRST_SEGMENT_BYTES;
    const storage = await open(disk, { tuning: { segmentBytes } });
    const ahead = (): number => {
      const path = disk.paths().find((each) => each.endsWith('.wal.tmp'));
      return path === undefined ? 0 : disk.peek(path).length;
    };
    const active = (): number => disk.paths().filter((path) => path.endsWith('.wal')).length;
    const seen: [share: number, ahead: number][] = [];
    for (let index = 1; active() < 4; index++) {
      await storage.append({ entries: [large(index, 100_000)] });
      await new Promise((resolve) => setImmediate(resolve));
      if (active() === 3) {
        const used = (await inspect(disk, FOLDER)).log!.segments[2]!.usedBytes;
        seen.push([used / segmentBytes, ahead()]);
      }
    }
    for (const [used, bytes] of seen) {
      const due = Math.min(1, used / WAL_FILLED_AHEAD) * segmentBytes;
      expect(bytes).toBeLessThanOrEqual(due);
      expect(bytes).toBeGreaterThan(due - WAL_FILL_STEP_BYTES);
    }
    expect(seen.at(-1)![1]).toBe(segmentBytes);
  });

  it('are not filled while records are large', async () => {
    for (const [bytes, isFilled] of [
      [WAL_FILL_RECORD_BYTES_MAX / 2, true],
      [WAL_FILL_RECORD_BYTES_MAX * 2, false],
    ] as const) {
      const disk = new MemoryDisk();
      const storage = await open(disk);
      let wasFilled = false;
      for (let index = 1; index <= 70; index++) {
        await storage.append({ entries: [large(index, bytes)] });
        await new Promise((resolve) => setImmediate(resolve));
        // The first ones have to show first that they are large.
        if (index > 40) wasFilled ||= disk.paths().some((each) => each.endsWith('.wal.tmp'));
      }
      expect(wasFilled).toBe(isFilled);
      await storage.close();
    }
  });

  it('can not be so large that a record’s place does not fit its 32 bits', async () => {
    for (const segmentBytes of [WAL_SEGMENT_BYTES_MAX + 1, 2 ** 33, 0, -1, 1.5, Number.NaN]) {
      const disk = new MemoryDisk();
      await expect(open(disk, { tuning: { segmentBytes } })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        details: { field: 'storage.segmentBytes' },
      });
      expect(disk.paths()).toEqual([]);
    }
  });

  it('a batch that is larger than a segment gets one of its own', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await storage.append({ entries: [entry(1, 1), large(2, 50_000), entry(3, 1)] });
    await storage.append({ entries: entries(4, 4) });
    const again = await reopen(disk);
    expect((await describeLog(again)).length).toBe(4);
  });

  it('compaction removes whole segments, and only those that nothing needs', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    for (let index = 1; index <= 40; index++) {
      await storage.append({ entries: [large(index, 1000)] });
    }
    await save(storage, 35);
    const count = (): number => disk.paths().filter((path) => path.endsWith('.wal')).length;
    const before = count();
    const reads = disk.counters.bytesRead;
    await storage.compact(30);
    expect(before).toBeGreaterThan(10);
    expect(count()).toBeLessThan(5);
    expect(disk.counters.bytesRead, 'compaction reads nothing').toBe(reads);
    const again = await reopen(disk);
    expect([again.firstIndex(), again.lastIndex(), again.term(30)]).toEqual([31, 40, 1]);
    expect((await describeLog(again)).length).toBe(10);
  });

  it('leftovers of a removal that a crash undid in part are removed again', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    for (let index = 1; index <= 20; index++) {
      await storage.append({ entries: [large(index, 1000)] });
    }
    const first = disk.paths().find((path) => path.endsWith('.wal'))!;
    const bytes = disk.peek(first);
    await save(storage, 18);
    await storage.compact(17);
    const after = disk.kill();
    after.poke(first, bytes);
    const again = await open(after);
    expect([again.firstIndex(), again.lastIndex()]).toEqual([18, 20]);
    expect(after.paths()).not.toContain(first);
  });

  it('opening reads each byte once', async () => {
    const disk = new MemoryDisk();
    const tuning = { segmentBytes: 4 * 1024 * 1024 };
    const storage = await open(disk, { tuning });
    for (let index = 1; index <= 30; index++) {
      await storage.append({ entries: [large(index, 300 * 1024)] });
    }
    const after = disk.kill();
    const size = after
      .paths()
      .filter((path) => path.endsWith('.wal'))
      .reduce((sum, path) => sum + after.peek(path).length, 0);
    await open(after, { tuning });
    // Beside that: the beginning of each segment, small files, a megabyte to warm the cache.
    const beside = after.counters.bytesRead - size;
    expect(beside).toBeLessThan(1.1 * 1024 * 1024);
    expect(beside).toBeGreaterThan(0);
  });
});

describe('memory', () => {
  const tuning = { segmentBytes: 1024 * 1024, cacheBytes: 64 * 1024, readCacheBytes: 64 * 1024 };

  it('keeps a bounded window of recent entries; older ones are loaded', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning });
    for (let index = 1; index <= 500; index++) {
      await storage.append({ entries: [large(index, 1000)] });
    }
    expect(storage.entries(1, 10, 1e6)).toBeUndefined();
    expect(storage.entries(490, 501, 1e6)).toHaveLength(11);
    expect(storage.term(1)).toBe(1);
    await storage.load(1, 10, 4000);
    const some = storage.entries(1, 10, 1e6)!;
    expect(some.length).toBeGreaterThan(1);
    expect(some[0]).toEqual(large(1, 1000));
    // A slow follower walks through everything; the hot end stays.
    expect((await describeLog(storage)).length).toBe(500);
    expect(storage.entries(490, 501, 1e6)).toHaveLength(11);
  });

  it('keeps what is not synced, however much it is', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning });
    disk.hold();
    const work: Promise<void>[] = [];
    for (let index = 1; index <= 300; index++) {
      work.push(storage.append({ entries: [large(index, 1000)] }));
    }
    expect(storage.entries(1, 301, 1e9)).toHaveLength(300);
    disk.release();
    await Promise.all(work);
    expect(storage.entries(1, 301, 1e9)).toBeUndefined();
  });

  it('a load that a conflict overtakes never brings back the old entries', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning });
    for (let index = 1; index <= 300; index++) {
      await storage.append({ entries: [large(index, 1000)] });
    }
    disk.hold();
    const loading = storage.load(5, 20, 1e6);
    const replacing = storage.append({ entries: entries(8, 9, 2) });
    disk.release();
    await Promise.all([loading, replacing]);
    const found = await describeLog(storage);
    expect(found.slice(7)).toEqual(entries(8, 9, 2).map(textOf));
    expect(found).toHaveLength(9);
  });

  it('a load that a compaction overtakes resolves, and the next question is told', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning: { ...tuning, segmentBytes: 4096 } });
    for (let index = 1; index <= 300; index++) {
      await storage.append({ entries: [large(index, 1000)] });
    }
    await save(storage, 250);
    await storage.compact(200);
    await Promise.all([storage.compact(240), storage.load(205, 220, 1e6)]);
    expect(() => storage.entries(205, 206, 1e6)).toThrow('compacted');
    expect(storage.failure).toBeUndefined();
  });

  it('damage that comes while the node runs is found when the entry is read', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning });
    for (let index = 1; index <= 300; index++) {
      await storage.append({ entries: [large(index, 1000)] });
    }
    const path = lastSegment(disk);
    const bytes = disk.peek(path);
    bytes[1000]! ^= 1;
    disk.poke(path, bytes);
    await expect(storage.load(1, 5, 1e6)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
  });
});

describe('the folder', () => {
  it('belongs to one process', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await expect(open(disk)).rejects.toMatchObject({ code: 'DATA_DIR_IN_USE' });
    await storage.close();
    await storage.close();
    await expect(storage.append({ entries: entries(1, 1) })).rejects.toMatchObject({
      code: 'STORAGE_CLOSED',
    });
    await (await open(disk)).close();
  });

  it('belongs to one node', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    expect(storage.identity).toEqual(IDENTITY);
    await expect(storage.found({ ...IDENTITY, nodeId: 'node-2' })).rejects.toMatchObject({
      code: 'DATA_DIR_MISMATCH',
    });
    expect((await reopen(disk)).identity).toEqual(IDENTITY);
  });

  it('must be founded before it is written', async () => {
    const storage = await openDiskStorage({
      disk: new MemoryDisk(),
      clock,
      random: dice(1),
      logger: nullLogger,
      directory: FOLDER,
    });
    await expect(storage.append({ entries: entries(1, 1) })).rejects.toMatchObject({
      code: 'INVARIANT',
    });
  });

  it('keeps facts, and removes what was temporary', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    expect(await storage.readFact('peers')).toBeUndefined();
    await Promise.all([
      storage.writeFact('peers', Buffer.from('one')),
      storage.writeFact('peers', Buffer.from('two')),
    ]);
    disk.poke(`${FOLDER}/facts/peers.fact.tmp`, Buffer.from('half'));
    disk.poke(`${FOLDER}/wal/0000000009.wal.tmp`, Buffer.from('half'));
    disk.poke(`${FOLDER}/snap/save-1.tmp`, Buffer.from('half'));
    disk.poke(`${FOLDER}/IDENTITY.tmp`, Buffer.from('half'));
    const theirs = [`${FOLDER}/notes.tmp`, `${FOLDER}/wal/copy.tmp`];
    for (const path of theirs) disk.poke(path, Buffer.from('of a person'));
    const after = disk.kill();
    const again = await open(after);
    expect(Buffer.from((await again.readFact('peers'))!).toString()).toBe('two');
    expect(after.paths().filter((path) => path.endsWith('.tmp'))).toEqual(theirs);
    await expect(again.writeFact('../x', Buffer.from(''))).rejects.toMatchObject({
      code: 'INVARIANT',
    });
  });

  it('is inspected without being changed', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await storage.append({ hardState: hardState(2, 3, 0), entries: entries(1, 4, 1) });
    await storage.append({ hardState: hardState(2, 3, 2), entries: entries(5, 6, 2) });
    await save(storage, 2);
    await storage.compact(1);
    const changes = disk.mutations;
    const report = await inspect(disk, FOLDER);
    expect(disk.mutations).toBe(changes);
    expect(report).toMatchObject({
      identity: IDENTITY,
      damage: [],
      log: {
        firstIndex: 2,
        lastIndex: 6,
        lastTerm: 2,
        hardState: hardState(2, 3, 2),
        terms: [
          { index: 2, term: 1 },
          { index: 5, term: 2 },
        ],
        torn: undefined,
        isSealed: false,
      },
      snapshots: [{ index: 2, term: 1, confState: CONF }],
    });
    const path = report.snapshots[0]!.file;
    const bytes = disk.peek(path);
    bytes[bytes.length - 60]! ^= 1;
    disk.poke(path, bytes);
    expect(JSON.stringify((await inspect(disk, FOLDER)).damage)).toContain(path);
  });
});

describe('on the machine’s own disk', () => {
  async function inFolder(work: (directory: string) => Promise<void>): Promise<void> {
    const directory = await mkdtemp(join(tmpdir(), 'quorate-storage-'));
    try {
      await work(directory);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  const openAt = (directory: string) =>
    openDiskStorage({ disk: realDisk(), clock, random: dice(1), logger: nullLogger, directory });

  it('writes, stops, and finds all of it again', () =>
    inFolder(async (directory) => {
      const storage = await openAt(join(directory, 'data'));
      await storage.found(IDENTITY);
      for (let index = 1; index <= 20; index++) {
        await storage.append({ hardState: hardState(1, 1, 0), entries: entries(index, index) });
      }
      const stored = await save(storage, 15);
      await storage.compact(10);
      await expect(openAt(join(directory, 'data'))).rejects.toMatchObject({
        code: 'DATA_DIR_IN_USE',
      });
      await storage.close();
      const again = await openAt(join(directory, 'data'));
      expect(await describeLog(again)).toEqual(entries(11, 20).map(textOf));
      expect(await readState(again, stored)).toBe('state at 15');
      expect((await inspect(realDisk(), join(directory, 'data'))).damage).toEqual([]);
      await again.close();
    }));

  it('a folder that is a file is refused in plain words', () =>
    inFolder(async (directory) => {
      await writeFile(join(directory, 'data'), 'no folder');
      await expect(openAt(join(directory, 'data'))).rejects.toMatchObject({
        code: 'DATA_DIR_UNUSABLE',
      });
    }));
});

describe('a fresh folder', () => {
  it('makes every folder above it durable before it is founded', async () => {
    const disk = new MemoryDisk();
    const synced: string[] = [];
    const syncDirectory = disk.syncDirectory.bind(disk);
    disk.syncDirectory = (path) => {
      synced.push(path);
      return syncDirectory(path);
    };
    await (await openUnfounded(disk)).close();
    expect(synced).toEqual(expect.arrayContaining([FOLDER, '/data', '/']));
  });
});

describe('an open that fails half-way', () => {
  it('gives back every descriptor, whatever failed', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 9) });
    const found = disk.kill();
    let failures = 0;
    for (const [kind, path] of FAILING) {
      for (const nth of [1, 2, 3, 4, 5, 6, 7, 8]) {
        for (const target of [new MemoryDisk(), found.clone()]) {
          target.failOn(kind, 'failed', { path, nth });
          const opened = await openUnfounded(target).catch(() => undefined);
          if (opened === undefined) failures++;
          await opened?.close().catch(() => {});
          expect(target.openFiles, `${kind} ${path} ${nth}`).toBe(0);
        }
      }
    }
    expect(failures).toBeGreaterThan(2 * FAILING.length);
  });
});

const FAILING = [
  ['write', '/wal/'],
  ['sync', '/wal/'],
  ['read', '/wal/'],
  ['rename', '/wal/'],
  ['syncDirectory', '/wal'],
] as const;

function openUnfounded(disk: MemoryDisk): Promise<DiskStorage> {
  const directory = FOLDER;
  return openDiskStorage({ disk, clock, random: dice(1), logger: nullLogger, directory });
}
