/**
 * Storages with one mistake each, of the kind that real ones have had. `fails` lists every case that must
 * find it, the one that names it first; no other case may fail, and the message must speak of the matter.
 */
import { ClusterError } from '../../src/errors.ts';
import type { Entry } from '../../src/raft/index.ts';
import type { AppendBatch, Identity, Storage } from '../../src/storage/index.ts';
import { override } from '../kit/override.fixture.ts';
import type { BrokenStorage } from './storage-rigs.fixture.ts';

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

/** The entry before the first one is looked up like all others, where there are none. */
function knowsNoTermOfNothing(storage: Storage): Storage {
  return override(storage, {
    term: (index: number) => {
      if (storage.lastIndex() === 0) throw unavailable(index);
      return storage.term(index);
    },
  });
}

function unavailable(index: number): ClusterError {
  return new ClusterError('LOG_UNAVAILABLE', `there is no entry ${index}`);
}

function foundsTwice(storage: Storage): Storage {
  return override(storage, {
    found: async (identity: Identity) => {
      if (storage.identity === undefined) await storage.found(identity);
    },
  });
}

/** The highest index that was ever written, whatever has become of it. */
function countsReplacedAsDurable(storage: Storage): Storage {
  let highest = 0;
  return override<Storage>(storage, {
    get durableIndex() {
      return Math.max(highest, storage.durableIndex);
    },
    append: async (batch: AppendBatch) => {
      await storage.append(batch);
      highest = Math.max(highest, batch.entries.at(-1)?.index ?? 0);
    },
  });
}

/** It is learnt again after a crash, so why write it? */
function dropsCommitsThatComeAlone(storage: Storage): Storage {
  return override(storage, {
    append: async (batch: AppendBatch) => {
      const { term, vote } = storage.initialState().hardState;
      const isNews = batch.hardState?.term !== term || batch.hardState.vote !== vote;
      if (isNews || batch.entries.length > 0) await storage.append(batch);
    },
  });
}

/** It asks the entries, of which not all are in memory. */
function looksTermsUp(storage: Storage): Storage {
  return override(storage, {
    term: (index: number) => {
      if (index < storage.firstIndex() || index > storage.lastIndex()) return storage.term(index);
      const [one] = storage.entries(index, index + 1, 0) ?? [];
      if (one === undefined) throw unavailable(index);
      return one.term;
    },
  });
}

/** What was asked for has been replaced meanwhile: it takes that for damage. */
function expectsWhatItLoads(storage: Storage): Storage {
  return override(storage, {
    load: async (lo: number, hi: number, maxBytes: number) => {
      await storage.load(lo, hi, maxBytes);
      if (hi - 1 > storage.lastIndex()) throw unavailable(hi - 1);
    },
  });
}

export const BROKEN_LOGS: readonly BrokenStorage[] = [
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
    name: 'accepts a gap',
    wrap: acceptsGaps,
    fails: ['append/gap-refused'],
    says: /a gap is refused\n.*an error\n.*success/,
  },
  {
    name: 'counts what is not synced as durable',
    wrap: countsUnsyncedAsDurable,
    fails: ['append/visible-at-once', 'append/replaced-is-not-durable', 'failure/final'],
    says: /holds the write back: durableIndex\n.*expected: 2\n.*found: {4}5/,
  },
  {
    name: 'writes hard state and entries apart',
    wrap: splitsBatches,
    fails: ['hard-state/with-entries', 'append/visible-at-once'],
    says: /both the hard state and the entries, or none.*\n.*\n.*term 1, vote 1, last 7/,
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
    name: 'knows no term before the first entry of an empty log',
    wrap: knowsNoTermOfNothing,
    fails: ['fresh'],
    says: /holds nothing: term before the first entry\n.*\n.*LOG_UNAVAILABLE/,
  },
  {
    name: 'is founded again without a word',
    wrap: foundsTwice,
    fails: ['identity/kept'],
    says: /another identity is refused\n.*DATA_DIR_MISMATCH\n.*success/,
  },
  {
    name: 'counts replaced entries as durable',
    wrap: countsReplacedAsDurable,
    fails: ['append/replaced-is-not-durable'],
    says: /counts no entry that was replaced\n.*4 at most\n.*found: {4}6/,
  },
  {
    name: 'does not write a commit index that comes alone',
    wrap: dropsCommitsThatComeAlone,
    fails: ['hard-state/clean-stop'],
    says: /a clean stop keeps the commit index\n.*expected: 3\n.*found: {4}0/,
  },
  {
    name: 'looks terms up in the entries that are in memory',
    wrap: looksTermsUp,
    fails: ['entries/term'],
    says: /terms are known from the start\n.*\n.*LOG_UNAVAILABLE/,
  },
  {
    name: 'refuses to load what was replaced meanwhile',
    wrap: expectsWhatItLoads,
    fails: ['entries/load'],
    says: /`load` resolves\n.*no error\n.*LOG_UNAVAILABLE/,
  },
];
