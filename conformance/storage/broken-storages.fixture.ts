/**
 * Storages with one mistake each, of the kind that real ones have had. `fails` lists every case that must
 * find it, the one that names it first; no other case may fail, and the message must speak of the matter.
 */
import type { Entry } from '../../src/raft/index.ts';
import {
  type AppendBatch,
  MemoryStorage,
  type SnapshotReceiver,
  type SnapshotSection,
  type Storage,
} from '../../src/storage/index.ts';
import { override } from '../kit/override.fixture.ts';
import type { Wrap } from './storage-rigs.fixture.ts';

export interface BrokenStorage {
  readonly name: string;
  readonly wrap: Wrap;
  readonly fails: readonly string[];
  /** The first failing case's message. */
  readonly says: RegExp;
}

type SnapshotPlace = Parameters<Storage['saveSnapshot']>[0];

const ignore = (): void => {};

function acknowledgesEarly(storage: Storage): Storage {
  return override(storage, {
    append: async (batch: AppendBatch) => {
      storage.append(batch).catch(ignore);
    },
  });
}

function forgetsVotes(storage: Storage): Storage {
  return override(storage, {
    append: (batch: AppendBatch) => {
      const { hardState, entries } = batch;
      if (hardState === undefined || entries.length > 0) return storage.append(batch);
      return storage.append({ hardState: { ...hardState, vote: 0 }, entries });
    },
  });
}

function keepsStaleEntries(storage: Storage): Storage {
  const seen = new Map<number, Entry>();
  return override(storage, {
    entries: (lo: number, hi: number, maxBytes: number) =>
      storage.entries(lo, hi, maxBytes)?.map((one) => {
        const known = seen.get(one.index) ?? one;
        seen.set(one.index, known);
        return known;
      }),
  });
}

function losesTermAtCompaction(storage: Storage): Storage {
  return override(storage, {
    term: (index: number) => (index === storage.firstIndex() - 1 ? 0 : storage.term(index)),
  });
}

function acceptsGaps(storage: Storage): Storage {
  return override(storage, {
    append: async (batch: AppendBatch) => {
      const [first] = batch.entries;
      const filler: Entry[] = [];
      for (let index = storage.lastIndex() + 1; index < (first?.index ?? 0); index++) {
        filler.push({ term: first?.term ?? 0, index, type: 0, data: new Uint8Array(0) });
      }
      await storage.append({ ...batch, entries: [...filler, ...batch.entries] });
    },
  });
}

function countsUnsyncedAsDurable(storage: Storage): Storage {
  return override(storage, {
    get durableIndex() {
      return storage.lastIndex();
    },
  });
}

function splitsBatches(storage: Storage): Storage {
  return override(storage, {
    append: async ({ hardState, entries }: AppendBatch) => {
      const first = storage.append({ entries });
      await Promise.resolve();
      if (hardState !== undefined) await storage.append({ hardState, entries: [] });
      await first;
    },
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

function hidesFailures(storage: Storage): Storage {
  return override(storage, {
    append: (batch: AppendBatch) =>
      storage.append(batch).catch((error: unknown) => {
        if (storage.failure === undefined) throw error;
      }),
  });
}

function takesAppendsAfterItsEnd(storage: Storage): Storage {
  let isClosed = false;
  return override(storage, {
    append: async (batch: AppendBatch) => {
      if (!isClosed) await storage.append(batch);
    },
    close: () => {
      isClosed = true;
      return storage.close();
    },
  });
}

function forgetsFacts(storage: Storage): Storage {
  const facts = new Map<string, Uint8Array>();
  return override(storage, {
    readFact: async (name: string) => facts.get(name),
    writeFact: async (name: string, value: Uint8Array) => {
      facts.set(name, Uint8Array.from(value));
    },
  });
}

function ignoresByteBounds(storage: Storage): Storage {
  return override(storage, {
    entries: (lo: number, hi: number) => storage.entries(lo, hi, Number.MAX_SAFE_INTEGER),
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
      work.catch(ignore);
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

export const BROKEN_STORAGES: readonly BrokenStorage[] = [
  {
    name: 'acknowledges before it is durable',
    wrap: acknowledgesEarly,
    fails: [
      'append/durable-on-resolve',
      'append/visible-at-once',
      'append/prefix-after-crash',
      // It acknowledges what is refused, too.
      'append/gap-refused',
      'hard-state/vote-kept',
      'hard-state/with-entries',
      'failure/final',
      'close',
    ],
    says: /survive a crash\n.*expected: "1\/1"\n.*found: {4}""/,
  },
  {
    name: 'forgets a vote that comes without entries',
    wrap: forgetsVotes,
    fails: ['hard-state/vote-kept'],
    says: /vote .* never forgotten\n.*\[1, 2\]\n.*\[1, 0\]/,
  },
  {
    name: 'answers replaced entries',
    wrap: keepsStaleEntries,
    fails: ['append/overlap-replaces'],
    says: /replaced entry is gone.*\n.*4\/1 5\/2 6\/2"\n.*4\/1 5\/1 6\/1"/,
  },
  {
    name: 'loses the term at a compaction',
    wrap: losesTermAtCompaction,
    fails: BASE_TERM_CASES,
    says: /term at the index of the compaction is kept.*\n.*expected: 3\n.*found: {4}0/,
  },
  {
    name: 'accepts a gap',
    wrap: acceptsGaps,
    fails: ['append/gap-refused'],
    says: /a gap is refused\n.*an error\n.*success/,
  },
  {
    name: 'counts what is not synced as durable',
    wrap: countsUnsyncedAsDurable,
    fails: ['append/visible-at-once', 'failure/final'],
    says: /holds the write back: durableIndex\n.*expected: 2\n.*found: {4}5/,
  },
  {
    name: 'writes hard state and entries apart',
    wrap: splitsBatches,
    fails: ['hard-state/with-entries', 'append/visible-at-once'],
    says: /both the hard state and the entries, or none.*\n.*\n.*term 1, vote 1, last 7/,
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
    name: 'hides a failed write',
    wrap: hidesFailures,
    fails: ['failure/final'],
    says: /the append that failed says so\n.*DISK_FAILED.*\n.*success/,
  },
  {
    name: 'takes appends after its end',
    wrap: takesAppendsAfterItsEnd,
    fails: ['close'],
    says: /a closed storage takes nothing/,
  },
  {
    name: 'keeps facts in memory only',
    wrap: forgetsFacts,
    fails: ['facts', 'failure/final'],
    says: /newest value is there after a restart\n.*"second"\n.*undefined/,
  },
  {
    name: 'ignores the bound on bytes',
    wrap: ignoresByteBounds,
    fails: ['entries/range'],
    says: /the bound never leaves nothing\n.*"3\/1"\n.*3\/1 4\/1/,
  },
  {
    name: 'drops the tail at an install',
    wrap: dropsTailAtInstall,
    fails: ['install/keeps-tail'],
    says: /what follows stays\n.*5\/1 6\/1 7\/1.*\n.*log \[\]/,
  },
];
