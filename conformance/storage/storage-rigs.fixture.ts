/** Our own storages in the suite's hands: on the disk in memory that forgets like a real one, and in memory. */
import { clock, dice, FOLDER, MemoryDisk, SMALL } from '../../sim/rigs/storage-rig.ts';
import { MemoryStorage, openDiskStorage, type Storage } from '../../src/storage/index.ts';
import { type Disk, nullLogger } from '../../src/world/index.ts';
import type { ExpectedFailures } from '../kit/expect-broken.fixture.ts';
import type { StoragePlace, StorageRig } from './rig.ts';

/** For the broken ones: what stands between the suite and the storage. */
export type Wrap = (storage: Storage) => Storage;

/** For the broken ones: what stands between the storage and its disk. */
export type WrapDisk = (disk: Disk) => Disk;

export const asItIs: Wrap = (storage) => storage;

/** A storage with one mistake, and what the suite must say of it. */
export interface BrokenStorage extends ExpectedFailures {
  readonly name: string;
  readonly wrap: Wrap;
  /** Where the mistake is in how the disk is used. */
  readonly disk?: WrapDisk;
}

export function diskRig(wrap: Wrap = asItIs, wrapDisk: WrapDisk = (disk) => disk): StorageRig {
  let places = 0;
  return {
    offers: ['crash', 'hold', 'failWrites'],
    place: () => diskPlace(++places, wrap, wrapDisk),
  };
}

function diskPlace(seed: number, wrap: Wrap, wrapDisk: WrapDisk): StoragePlace {
  const random = dice(seed);
  let disk = new MemoryDisk();
  return {
    open: async () => {
      const options = { ...SMALL, cacheBytes: 8 * 1024, readCacheBytes: 8 * 1024 };
      const parts = { clock, random, logger: nullLogger, directory: FOLDER, options };
      return wrap(await openDiskStorage({ ...parts, disk: wrapDisk(disk) }));
    },
    crash: () => {
      disk = disk.crash(random);
    },
    hold: () => disk.hold(),
    release: () => disk.release(),
    failWrites: () => disk.failOn('write', 'failed', { path: '.wal' }),
  };
}

export function memoryRig(wrap: Wrap = asItIs): StorageRig {
  return {
    offers: ['crash', 'hold', 'failWrites'],
    place: () => {
      let storage = new MemoryStorage();
      return {
        open: async () => {
          storage = storage.crash();
          return wrap(storage);
        },
        crash: () => {
          storage = storage.crash();
        },
        hold: () => storage.hold(),
        release: () => storage.release(),
        failWrites: () => storage.failNext(new Error('EIO')),
      };
    },
  };
}
