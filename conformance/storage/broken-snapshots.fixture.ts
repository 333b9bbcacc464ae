/**
 * Storages with one mistake each in what they do with snapshots and with the beginning of the log; as those of
 * broken-logs.fixture.ts.
 */
import {
  type AppendBatch,
  decodeSnapshotDescriptor,
  MemoryStorage,
  type SnapshotReceiver,
  type SnapshotSection,
  type Storage,
  type StoredSnapshot,
} from '../../src/storage/index.ts';
import type { Disk } from '../../src/world/index.ts';
import { codeOf } from '../kit/index.ts';
import { override } from '../kit/override.fixture.ts';
import { asItIs, type BrokenStorage } from './storage-rigs.fixture.ts';

type SnapshotPlace = Parameters<Storage['saveSnapshot']>[0];

function losesTermAtCompaction(storage: Storage): Storage {
  return override(storage, {
    term: (index: number) => (index === storage.firstIndex() - 1 ? 0 : storage.term(index)),
  });
}

function takesDamagedSnapshots(storage: Storage): Storage {
  return override(storage, {
    receiveSnapshot: async (descriptor) => {
      const receiver = await storage.receiveSnapshot(descriptor);
      const { index, term, confState } = descriptor.metadata;
      const finish: SnapshotReceiver['finish'] = async () => {
        try {
          return await receiver.finish();
        } catch {
          return { index, term, confState, bytes: 0, checksum: 0 };
        }
      };
      return override(receiver, { finish });
    },
  });
}

function installsInTwoSteps(storage: Storage): Storage {
  return override(storage, {
    installSnapshot: async (snapshot, hardState) => {
      await storage.installSnapshot(snapshot, undefined);
      if (hardState !== undefined) await storage.append({ hardState, entries: [] });
    },
  });
}

function dropsTailAtInstall(storage: Storage): Storage {
  let last: number | undefined;
  return override(storage, {
    lastIndex: () => last ?? storage.lastIndex(),
    installSnapshot: async (snapshot, hardState) => {
      await storage.installSnapshot(snapshot, hardState);
      last = snapshot.metadata.index;
    },
    append: (batch: AppendBatch) => {
      last = undefined;
      return storage.append(batch);
    },
  });
}

const BASE_TERM_CASES = [
  'compact/keeps-term',
  'compact/to-the-end',
  'install/replaces-log',
  'install/keeps-tail',
  'install/drops-conflict',
  'install/one-step',
  'install/founding',
];

function promisesSnapshotsEarly(storage: Storage): Storage {
  return override(storage, {
    saveSnapshot: async (at: SnapshotPlace, given: readonly SnapshotSection[]) => {
      const sections = await Promise.all(given.map(kept));
      const work = storage.saveSnapshot(at, sections);
      const isBehind = at.index > storage.durableIndex && at.index <= storage.lastIndex();
      if (!isBehind) return work;
      work.catch(() => undefined);
      return new MemoryStorage().saveSnapshot(at, sections);
    },
  });
}

/** A section that can be read twice. */
async function kept({ name, chunks }: SnapshotSection): Promise<SnapshotSection> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(Uint8Array.from(chunk));
  return { name, chunks: all };
}

/** Takes what is not there for what has no bytes. */
function readsAnySection(storage: Storage): Storage {
  return override(storage, {
    openSnapshot: async (snapshot) => {
      const reader = await storage.openSnapshot(snapshot);
      return override(reader, { section: (name) => reader.section(name) ?? noChunks() });
    },
  });
}

async function* noChunks(): AsyncGenerator<Uint8Array> {}

/** A file that was renamed has its new name in memory only. */
function forgetsToSyncTheFolder(disk: Disk): Disk {
  return override(disk, {
    syncDirectory: async (path: string) => {
      if (!path.endsWith('/snap')) await disk.syncDirectory(path);
    },
  });
}

function isOutOfDate(error: unknown): boolean {
  return codeOf(error) === 'SNAPSHOT_OUT_OF_DATE';
}

/** Whoever is late is told the newest one, as if it were the one that was given. */
function answersTheNewest(storage: Storage): Storage {
  return override(storage, {
    saveSnapshot: async (at: SnapshotPlace, sections: readonly SnapshotSection[]) => {
      try {
        return await storage.saveSnapshot(at, sections);
      } catch (error) {
        const { newestSnapshot } = storage;
        if (newestSnapshot === undefined || !isOutOfDate(error)) throw error;
        return newestSnapshot;
      }
    },
  });
}

function takesAFailureForTheEnd(storage: Storage): Storage {
  const whole = async function* ({ chunks }: SnapshotSection): AsyncGenerator<Uint8Array> {
    try {
      yield* chunks;
    } catch {}
  };
  return override(storage, {
    saveSnapshot: (at: SnapshotPlace, sections: readonly SnapshotSection[]) => {
      const given = sections.map((section) => ({ name: section.name, chunks: whole(section) }));
      return storage.saveSnapshot(at, given);
    },
  });
}

/** It cuts as far as it may, and does not say that it was less than it was told. */
function cutsWhatItCan(storage: Storage): Storage {
  return override(storage, {
    compact: (index: number) =>
      storage.compact(Math.min(index, storage.newestSnapshot?.index ?? index)),
  });
}

/** What has arrived is the newest from then on, installed or not. */
function offersWhatItReceived(storage: Storage): Storage {
  let received: StoredSnapshot | undefined;
  return override<Storage>(storage, {
    get newestSnapshot() {
      return received ?? storage.newestSnapshot;
    },
    receiveSnapshot: async (descriptor) => {
      const receiver = await storage.receiveSnapshot(descriptor);
      const finish: SnapshotReceiver['finish'] = async () => {
        received = await receiver.finish();
        return received;
      };
      return override(receiver, { finish });
    },
  });
}

/** The file gets its whole size before its first byte, and the size is taken for what has arrived. */
function countsWhatItReserved(storage: Storage): Storage {
  const reserved = new Set<number>();
  return override(storage, {
    receiveSnapshot: async (descriptor) => {
      const receiver = await storage.receiveSnapshot(descriptor);
      const { index } = descriptor.metadata;
      const { bytes } = decodeSnapshotDescriptor(descriptor.data);
      return override<SnapshotReceiver>(receiver, {
        received: reserved.has(index) ? bytes : receiver.received,
        abort: async () => {
          reserved.add(index);
          await receiver.abort();
        },
      });
    },
  });
}

function ignoresOldInstalls(storage: Storage): Storage {
  return override(storage, {
    installSnapshot: async (snapshot, hardState) => {
      try {
        await storage.installSnapshot(snapshot, hardState);
      } catch (error) {
        if (!isOutOfDate(error)) throw error;
      }
    },
  });
}

export const BROKEN_SNAPSHOTS: readonly BrokenStorage[] = [
  {
    name: 'loses the term at a compaction',
    wrap: losesTermAtCompaction,
    fails: BASE_TERM_CASES,
    says: /term at the index of the compaction is kept.*\n.*expected: 3\n.*found: {4}0/,
  },
  {
    name: 'promises a snapshot before its entries are durable',
    wrap: promisesSnapshotsEarly,
    fails: ['snapshot/behind-its-log', 'snapshot/outlives-its-log'],
    says: /holds the entries back: the snapshot\n.*"pending"\n.*"resolved"/,
  },
  {
    name: 'takes damaged snapshots',
    wrap: takesDamagedSnapshots,
    fails: ['transfer/damaged'],
    says: /one wrong bit is found/,
  },
  {
    name: 'installs in two steps',
    wrap: installsInTwoSteps,
    fails: ['install/one-step'],
    says: /change together\n.*\n.*base 8\/2, log \[\], term 2, vote 0/,
  },
  {
    name: 'drops the tail at an install',
    wrap: dropsTailAtInstall,
    fails: ['install/keeps-tail'],
    says: /what follows stays\n.*5\/1 6\/1 7\/1.*\n.*log \[\]/,
  },
  {
    name: 'takes a section that is not there for an empty one',
    wrap: readsAnySection,
    fails: ['snapshot/read-back'],
    says: /section that was not written is not there\n.*undefined\n.*bytes ""/,
  },
  {
    name: 'forgets to sync the folder of its snapshots',
    wrap: asItIs,
    disk: forgetsToSyncTheFolder,
    fails: ['snapshot/durable', 'install/one-step'],
    // A name that was not synced is lost by a power cut or not, and these look once.
    mayFail: ['snapshot/outlives-its-log', 'install/replaces-log'],
    says: /the snapshot survives a crash\n.*index: \d.*\n.*undefined/,
  },
  {
    name: 'answers the newest snapshot where it should refuse an older one',
    wrap: answersTheNewest,
    fails: ['snapshot/only-newer'],
    says: /a snapshot never goes back\n.*SNAPSHOT_OUT_OF_DATE\n.*success.*index: 5/,
  },
  {
    name: 'takes the failure of a source for its end',
    wrap: takesAFailureForTheEnd,
    fails: ['snapshot/source-fails'],
    says: /failure of a section is the failure of the call\n.*an error\n.*success/,
  },
  {
    name: 'cuts less than it was told, and does not say so',
    wrap: cutsWhatItCan,
    fails: ['compact/covered-only'],
    says: /a cut beyond the newest snapshot is refused\n.*an error\n.*success/,
  },
  {
    name: 'takes a received snapshot for an installed one',
    wrap: offersWhatItReceived,
    fails: ['transfer/whole', 'install/one-step'],
    says: /a received snapshot is not in force\n.*snapshot none.*\n.*snapshot 8/,
  },
  {
    name: 'counts what it has reserved as received',
    wrap: countsWhatItReserved,
    fails: ['transfer/resume'],
    says: /`received` counts only what was given before\n.*0 to 1500 bytes/,
  },
  {
    name: 'passes over an install that comes too late',
    wrap: ignoresOldInstalls,
    fails: ['install/only-newer'],
    says: /an older snapshot is refused\n.*SNAPSHOT_OUT_OF_DATE\n.*success/,
  },
];
