/** Sizes that are none: refused before a folder is touched, and deciding nothing about what is deleted. */
import { describe, expect, it } from 'vitest';
import {
  CONF,
  clock,
  dice,
  entries,
  FOLDER,
  MemoryDisk,
  open,
  readState,
  save,
  transfer,
} from '../../sim/rigs/storage-rig.ts';
import { nullLogger } from '../world/index.ts';
import { openDiskStorage } from './disk-storage.ts';
import { MemoryStorage } from './memory-storage.ts';
import { SnapshotStore } from './snapshot-store.ts';

const parts = { clock, random: dice(1), logger: nullLogger, directory: FOLDER };

describe('sizes of a storage', () => {
  it.each([
    [{ snapshotsKept: Number.NaN }, 'storage.snapshotsKept is NaN: give a whole number from 1'],
    [{ snapshotsKept: 'x' }, 'storage.snapshotsKept is "x": give a whole number from 1'],
    [{ snapshotsKept: 0 }, 'storage.snapshotsKept is 0'],
    [{ snapshotsKept: 1.5 }, 'storage.snapshotsKept is 1.5'],
    [{ snapshotsKept: null }, 'storage.snapshotsKept is null'],
    [{ segmentBytes: 0 }, 'storage.segmentBytes is 0: give a whole number from 1 to'],
    [{ segmentBytes: -5 }, 'storage.segmentBytes is -5'],
    [{ cacheBytes: -1 }, 'storage.cacheBytes is -1: give a whole number from 0'],
    [{ readCacheBytes: Number.POSITIVE_INFINITY }, 'storage.readCacheBytes is Infinity'],
    [{ snapshotKept: 3 }, 'did you mean snapshotsKept?'],
    [null, 'storage is null: give an object'],
    [5, 'storage is 5'],
  ])('%j is refused by name, and no folder is made', async (tuning, message) => {
    const disk = new MemoryDisk();
    const opening = openDiskStorage({ ...parts, disk, options: tuning as never });
    await expect(opening).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(message),
    });
    expect(await disk.list('/').catch(() => [])).toEqual([]);
  });

  it('a field that is undefined has its default', async () => {
    const disk = new MemoryDisk();
    const options = { snapshotsKept: undefined } as never;
    const storage = await openDiskStorage({ ...parts, disk, options });
    await storage.close();
  });
});

describe('the snapshot in force', () => {
  it.each([Number.NaN, 0, -1, 1.5, 'x'])('is not left to a limit of %s', (kept) => {
    const make = (): unknown =>
      new SnapshotStore({
        disk: new MemoryDisk(),
        logger: nullLogger,
        directory: FOLDER,
        kept: kept as number,
      });
    expect(make).toThrow(expect.objectContaining({ code: 'INVARIANT' }));
  });

  it('stays when only one is kept, also beside another one of the same index', async () => {
    const disk = new MemoryDisk();
    const tuning = { snapshotsKept: 1 };
    const storage = await open(disk, { tuning });
    await storage.append({ entries: entries(1, 9) });
    const leader = new MemoryStorage();
    // It comes too late: the state at its index was reached by the log, and is saved here, too.
    const other = await save(leader, 6, 1, 'the same state, in other bytes');
    await transfer(leader, storage, other);
    await save(storage, 6);
    expect(await readState(storage, storage.newestSnapshot!)).not.toContain('other bytes');
    expect((await disk.list(`${FOLDER}/snap`)).length).toBe(1);
    await storage.close();
    const again = await open(disk, { tuning });
    expect(again.newestSnapshot).toMatchObject({ index: 6 });
    await again.close();
  });

  it('stays when only one is kept', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, { tuning: { snapshotsKept: 1 } });
    await storage.append({ entries: entries(1, 9) });
    await save(storage, 3);
    await save(storage, 6);
    const names = (await disk.list(`${FOLDER}/snap`)).map(({ name }) => name);
    expect(names.length).toBe(1);
    expect(storage.newestSnapshot).toMatchObject({ index: 6, confState: CONF });
    const reader = await storage.openSnapshot(storage.newestSnapshot as never);
    await reader.close();
  });
});
