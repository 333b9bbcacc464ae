/** Our own storages in the suite's hands: on the disk in memory that forgets like a real one, and in memory. */
import { clock, dice, FOLDER, MemoryDisk, SMALL } from '../../sim/rigs/storage-rig.ts';
import { MemoryStorage, openDiskStorage, type Storage } from '../../src/storage/index.ts';
import { nullLogger } from '../../src/world/index.ts';
import type { StoragePlace, StorageRig } from './rig.ts';

/** For the broken ones: what stands between the suite and the storage. */
export type Wrap = (storage: Storage) => Storage;

const asItIs: Wrap = (storage) => storage;

export function diskRig(wrap: Wrap = asItIs): StorageRig {
  let places = 0;
  return {
    offers: ['crash', 'hold', 'failWrites'],
    place: () => diskPlace(++places, wrap),
  };
}

function diskPlace(seed: number, wrap: Wrap): StoragePlace {
  const random = dice(seed);
  let disk = new MemoryDisk();
  return {
    open: async () => {
      const options = { ...SMALL, cacheBytes: 8 * 1024, readCacheBytes: 8 * 1024 };
      const parts = { disk, clock, random, logger: nullLogger, directory: FOLDER, options };
      return wrap(await openDiskStorage(parts));
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
