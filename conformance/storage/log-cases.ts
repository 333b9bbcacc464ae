/**
 * The log and the hard state: what is appended is seen at once, durable when told so, and is there after
 * any crash, in order; what was replaced never comes back; a vote is never forgotten (Raft, figure 2).
 */
import { type Entry, encodedEntrySize } from '../../src/raft/index.ts';
import { begun, type CaseSpec, type Checks, codeOf, nextTurn } from '../kit/index.ts';
import {
  entries,
  entry,
  IDENTITY,
  microsteps,
  outline,
  picture,
  readLog,
  type StorageBench,
} from './bench.ts';

export interface StorageAbilities {
  /** Reasons why cases that need them are left out; `undefined` when the rig can. */
  readonly crash: string | undefined;
  readonly hold: string | undefined;
  readonly failWrites: string | undefined;
}

type StorageCase = CaseSpec<StorageBench>;

export function logCases(can: StorageAbilities): StorageCase[] {
  return [...beginningCases(can), ...appendCases(can), ...hardStateCases(can), ...readingCases()];
}

function beginningCases(can: StorageAbilities): StorageCase[] {
  return [
    {
      id: 'fresh',
      title: 'a fresh storage is an empty log that belongs to nobody',
      body: async (checks, bench) => {
        const { storage } = await bench.fresh();
        const clause = 'a fresh storage holds nothing';
        checks.equal(`${clause}: identity`, storage.identity, undefined);
        checks.equal(`${clause}: firstIndex, lastIndex`, span(storage), [1, 0]);
        checks.equal(`${clause}: durableIndex`, storage.durableIndex, 0);
        const before = `${clause}: term before the first entry`;
        const term = checks.returns(before, () => storage.term(0));
        checks.equal(before, term, 0);
        const { hardState, confState } = storage.initialState();
        checks.equal(`${clause}: hard state`, hardState, { term: 0, vote: 0, commit: 0 });
        checks.equal(`${clause}: voters`, confState.voters, []);
        checks.equal(`${clause}: snapshot`, storage.snapshot(), undefined);
        checks.equal(`${clause}: newestSnapshot`, storage.newestSnapshot, undefined);
        checks.equal(`${clause}: failure`, storage.failure, undefined);
      },
    },
    {
      id: 'identity/kept',
      title: 'an identity is given once, and is durable when `found` resolves',
      body: async (checks, bench) => {
        const tenancy = await bench.fresh();
        await checks.resolves('a fresh storage can be founded', () =>
          tenancy.storage.found(IDENTITY),
        );
        checks.equal('the identity is the one given', tenancy.storage.identity, IDENTITY);
        await checks.rejects(
          'another identity is refused',
          () => tenancy.storage.found({ ...IDENTITY, nodeId: 'node-2', raftId: 2 }),
          ['DATA_DIR_MISMATCH'],
        );
        checks.equal('a refused identity changes nothing', tenancy.storage.identity, IDENTITY);
        const again = can.crash === undefined ? await tenancy.crash() : await tenancy.reopen();
        checks.equal('the identity is there after a restart', again.identity, IDENTITY);
      },
    },
  ];
}

function span(storage: { firstIndex(): number; lastIndex(): number }): [number, number] {
  return [storage.firstIndex(), storage.lastIndex()];
}

function appendCases(can: StorageAbilities): StorageCase[] {
  return [
    visibleAtOnce(can),
    {
      id: 'append/durable-on-resolve',
      title: 'what an append promised is there after a power cut at that moment',
      skip: can.crash,
      body: async (checks, bench) => {
        for (let round = 0; round < bench.rounds; round++) {
          const tenancy = await bench.founded();
          const last = 1 + round * 2;
          for (let index = 1; index <= last; index += 2) {
            const list = entries(index, Math.min(index + 1, last));
            await tenancy.storage.append({ entries: list });
          }
          const clause = 'entries whose append resolved survive a crash';
          const log = await readLog(checks, await tenancy.crash());
          checks.equal(clause, outline(log), outline(entries(1, last)));
        }
      },
    },
    prefixAfterCrash(can),
    overlapReplaces(),
    replacedIsNotDurable(can),
    {
      id: 'append/gap-refused',
      title: 'entries that leave a gap are refused, and change nothing',
      body: async (checks, bench) => {
        const { storage } = await bench.filled(3);
        await checks.rejects('a gap is refused', () => storage.append({ entries: [entry(5)] }));
        const clause = 'a refused append changes nothing';
        checks.equal(clause, storage.lastIndex(), 3);
        checks.equal(clause, outline(await readLog(checks, storage)), outline(entries(1, 3)));
        const next = (): Promise<void> => storage.append({ entries: [entry(4)] });
        await checks.resolves('a refused append is no failure: the next one works', next);
      },
    },
  ];
}

function visibleAtOnce(can: StorageAbilities): StorageCase {
  return {
    id: 'append/visible-at-once',
    title: 'an append is seen when the call returns, and counts as durable only later',
    body: async (checks, bench) => {
      const { storage, place } = await bench.filled(2);
      if (can.hold === undefined) place.hold?.();
      let isSettled = false;
      const given = { term: 2, vote: 3, commit: 1 };
      const done = begun(() => {
        const work = storage.append({ hardState: given, entries: entries(3, 5, 2) });
        return work.finally(() => {
          isSettled = true;
        });
      });
      const clause = 'when `append` returns, reads show what it holds';
      checks.equal(`${clause}: lastIndex`, storage.lastIndex(), 5);
      checks.equal(
        `${clause}: term`,
        [3, 4, 5].map((index) => storage.term(index)),
        [2, 2, 2],
      );
      const list = storage.entries(3, 6, Number.MAX_SAFE_INTEGER) ?? [];
      checks.equal(`${clause}: entries`, outline(list), outline(entries(3, 5, 2)));
      const { hardState } = storage.initialState();
      checks.equal(`${clause}: hard state`, hardState, given);
      if (can.hold === undefined) {
        for (let turn = 0; turn < 5; turn++) await nextTurn();
        const held = 'nothing is promised while the disk holds the write back';
        checks.equal(`${held}: the append`, isSettled ? 'resolved' : 'pending', 'pending');
        checks.equal(`${held}: durableIndex`, storage.durableIndex, 2);
        place.release?.();
      }
      await checks.resolves('the append resolves', () => done);
      checks.equal('durableIndex is there when the append resolved', storage.durableIndex, 5);
    },
  };
}

function prefixAfterCrash(can: StorageAbilities): StorageCase {
  return {
    id: 'append/prefix-after-crash',
    title:
      'a crash in the middle of appends leaves whole batches, in order, nothing promised missing',
    skip: can.crash,
    body: async (checks, bench) => {
      for (let round = 0; round < bench.rounds; round++) {
        const tenancy = await bench.founded();
        const resolved: number[] = [];
        for (let batch = 0; batch < 6; batch++) {
          const list = entries(batch * 3 + 1, batch * 3 + 3);
          const { storage } = tenancy;
          begun(() => storage.append({ entries: list }).then(() => resolved.push(batch)));
          if (batch % 2 === 1) await microsteps(round);
        }
        await microsteps(round * 3);
        const promised = [...resolved];
        const storage = await tenancy.crash();
        const inOrder = promised.map((_, i) => i);
        checks.equal('appends resolve in the order of the calls', promised, inOrder);
        const last = storage.lastIndex();
        checks.holds('a crash leaves whole batches', last % 3 === 0, 'a multiple of 3', last);
        const clause = 'nothing that was promised is missing after a crash';
        checks.holds(clause, last >= promised.length * 3, `${promised.length * 3} or more`, last);
        const log = outline(await readLog(checks, storage));
        checks.equal('what is left is a prefix', log, outline(entries(1, last)));
      }
    },
  };
}

function overlapReplaces(): StorageCase {
  return {
    id: 'append/overlap-replaces',
    title: 'entries that overlap the tail replace it from their first index on',
    body: async (checks, bench) => {
      const tenancy = await bench.filled(9);
      let { storage } = tenancy;
      // Read before, so that whatever caches there are hold the old entries.
      await readLog(checks, storage);
      const first = storage;
      const work = begun(() => first.append({ entries: entries(5, 6, 2) }));
      const expected = [...entries(1, 4), ...entries(5, 6, 2)];
      const now = 'a replaced entry is gone when the call returns';
      checks.equal(`${now}: lastIndex`, storage.lastIndex(), 6);
      checks.equal(`${now}: entries`, outline(await readLog(checks, storage)), outline(expected));
      await checks.resolves('the append resolves', () => work);
      const later = 'a replaced entry does not come back';
      checks.equal(later, outline(await readLog(checks, storage)), outline(expected));
      checks.equal('a replaced entry has no term', termsOf(storage), [1, 1, 1, 1, 2, 2]);
      checks.throws('what lay behind the replaced entries is gone', () => storage.term(7));
      storage = await tenancy.reopen();
      checks.equal(
        `${later}, not by a restart`,
        outline(await readLog(checks, storage)),
        outline(expected),
      );
      await storage.append({ entries: entries(7, 8, 2) });
      storage = await tenancy.reopen();
      const longer = [...expected, ...entries(7, 8, 2)];
      const log = outline(await readLog(checks, storage));
      checks.equal(`${later} when the log grows beyond it again`, log, outline(longer));
    },
  };
}

function termsOf(storage: {
  firstIndex(): number;
  lastIndex(): number;
  term(index: number): number;
}): number[] {
  const terms: number[] = [];
  for (let index = storage.firstIndex(); index <= storage.lastIndex(); index++) {
    terms.push(storage.term(index));
  }
  return terms;
}

function replacedIsNotDurable(can: StorageAbilities): StorageCase {
  return {
    id: 'append/replaced-is-not-durable',
    title: 'durableIndex never counts an entry that was replaced while its write was under way',
    skip: can.hold ?? can.crash,
    body: async (checks, bench) => {
      for (let round = 0; round < bench.rounds; round++) {
        const tenancy = await bench.filled(2);
        const { storage, place } = tenancy;
        place.hold?.();
        const first = begun(() => storage.append({ entries: entries(3, 6) }));
        await microsteps(round);
        begun(() => storage.append({ entries: entries(4, 4, 2) }));
        checks.equal('the second append replaces what the first one held', storage.lastIndex(), 4);
        // The power goes in the step in which the promise is made: the second one is still under way.
        const crashing = begun(async () => {
          await first;
          const durable = storage.durableIndex;
          const terms = termsOf(storage);
          return { durable, terms, again: await tenancy.crash() };
        });
        place.release?.();
        const resolves = 'the first append resolves';
        const { durable, terms, again } = await checks.resolves(resolves, () => crashing);
        const within = 'durableIndex counts no entry that was replaced';
        checks.holds(within, durable <= terms.length, `${terms.length} at most`, durable);
        const kept = 'entries up to durableIndex are there after a crash, as they were';
        checks.equal(kept, termsOf(again).slice(0, durable), terms.slice(0, durable));
      }
    },
  };
}

function hardStateCases(can: StorageAbilities): StorageCase[] {
  return [
    {
      id: 'hard-state/vote-kept',
      title: 'term and vote are there after a power cut, with entries or without',
      skip: can.crash,
      body: async (checks, bench) => {
        const clause = 'a vote that was promised is never forgotten';
        for (const [term, vote] of [
          [1, 2],
          [2, 0],
          [5, 3],
        ] as const) {
          const tenancy = await bench.filled(2);
          const hardState = { term, vote, commit: 0 };
          await tenancy.storage.append({ hardState, entries: [] });
          const after = (await tenancy.crash()).initialState().hardState;
          checks.equal(clause, [after.term, after.vote], [term, vote]);
        }
        const tenancy = await bench.filled(2);
        await tenancy.storage.append({ hardState: { term: 3, vote: 2, commit: 0 }, entries: [] });
        await tenancy.storage.append({ entries: entries(3, 4, 3) });
        const after = (await tenancy.crash()).initialState().hardState;
        checks.equal(`${clause} by later entries`, [after.term, after.vote], [3, 2]);
      },
    },
    {
      id: 'hard-state/with-entries',
      title: 'a hard state and the entries of one append are durable together, or neither is',
      skip: can.crash,
      body: async (checks, bench) => {
        for (let round = 0; round < bench.rounds * 2; round++) {
          const tenancy = await bench.filled(3);
          const hardState = { term: 2, vote: 3, commit: 0 };
          const before = tenancy.storage;
          begun(() => before.append({ hardState, entries: entries(4, 7, 2) }));
          await microsteps(round);
          const storage = await tenancy.crash();
          const { term, vote } = storage.initialState().hardState;
          const clause =
            'after a crash there are both the hard state and the entries, or none of them';
          const isOld = term === 1 && vote === 1 && storage.lastIndex() === 3;
          const isNew = term === 2 && vote === 3 && storage.lastIndex() === 7;
          const expected = 'term 1, vote 1, last 3; or term 2, vote 3, last 7';
          const found = `term ${term}, vote ${vote}, last ${storage.lastIndex()}`;
          checks.holds(clause, isOld || isNew, expected, found);
        }
      },
    },
    {
      id: 'hard-state/clean-stop',
      title: 'a clean stop keeps everything, the commit index too',
      body: async (checks, bench) => {
        const tenancy = await bench.filled(4);
        // The commit index alone may be lost in a crash (it is learnt again), but not by a clean stop.
        await tenancy.storage.append({ hardState: { term: 1, vote: 1, commit: 3 }, entries: [] });
        const before = await picture(checks, tenancy.storage);
        const storage = await tenancy.reopen();
        checks.equal('a clean stop keeps the log', await picture(checks, storage), before);
        const { commit } = storage.initialState().hardState;
        checks.equal('a clean stop keeps the commit index', commit, 3);
        checks.equal('what was opened is durable', storage.durableIndex, 4);
      },
    },
  ];
}

function readingCases(): StorageCase[] {
  return [
    {
      id: 'entries/range',
      title: 'entries are given from `lo` on, within the bytes asked for, but at least one',
      body: async (checks, bench) => {
        const { storage } = await bench.filled(9);
        const read = (lo: number, hi: number, bytes: number): string => {
          const list = checks.returns('entries of the log can be read', () =>
            storage.entries(lo, hi, bytes),
          );
          return list === undefined ? 'not in memory' : outline(list);
        };
        await storage.load(1, 10, Number.MAX_SAFE_INTEGER);
        const all = Number.MAX_SAFE_INTEGER;
        checks.equal('`hi` is exclusive', read(2, 5, all), outline(entries(2, 4)));
        checks.equal('a range without an entry is empty', read(5, 5, all), '');
        checks.equal('the bound never leaves nothing', read(3, 9, 0), outline([entry(3)]));
        const size = encodedEntrySize(entry(4));
        const two = read(4, 9, size * 2);
        checks.equal('the encoded entries stay within the bound', two, outline(entries(4, 5)));
        checks.equal('and reach it', read(4, 9, size * 2 - 1), outline([entry(4)]));
        const beyond = (): unknown => storage.entries(8, 11, all);
        checks.throws('a range beyond the end is refused', beyond, ['LOG_UNAVAILABLE']);
        const low = (): unknown => storage.entries(0, 3, all);
        checks.throws('a range before the beginning is refused', low, ['LOG_COMPACTED']);
      },
    },
    {
      id: 'entries/term',
      title: 'the term of every entry is known without loading it',
      body: async (checks, bench) => {
        // More of them than a storage is likely to have in memory when it was just opened.
        const expected = [...entries(1, 150), ...entries(151, 152, 2), ...entries(153, 200, 7)];
        const tenancy = await bench.founded();
        for (const list of [expected.slice(0, 80), expected.slice(80, 152), expected.slice(152)]) {
          await tenancy.storage.append({ entries: list });
        }
        const storage = await tenancy.reopen();
        const terms = checks.returns('terms are known from the start', () => termsOf(storage));
        const given = expected.map(({ term }) => term);
        checks.equal('terms are those of the entries', terms, given);
        const beyond = (): unknown => storage.term(201);
        checks.throws('there is no term beyond the end', beyond, ['LOG_UNAVAILABLE']);
      },
    },
    loadBringsBack(),
  ];
}

function loadBringsBack(): StorageCase {
  return {
    id: 'entries/load',
    title: 'what is not in memory is there after `load`, as it is in the log by then',
    body: async (checks, bench) => {
      const tenancy = await bench.founded();
      for (let from = 1; from <= 200; from += 40) {
        await tenancy.storage.append({ entries: entries(from, from + 39) });
      }
      const storage = await tenancy.reopen();
      const loading = begun(() => storage.load(90, 120, 1_000_000));
      const replacing = begun(() => storage.append({ entries: entries(100, 101, 2) }));
      await checks.resolves('`load` resolves', () => loading);
      await checks.resolves('an append during a load resolves', () => replacing);
      const expected = [...entries(1, 99), ...entries(100, 101, 2)];
      const log = outline(await readLog(checks, storage));
      checks.equal('a load does not bring replaced entries back', log, outline(expected));
      const clause =
        '`load` of what is not in the log resolves, and `entries` says what became of it';
      await checks.resolves(clause, () => storage.load(150, 160, 1_000));
      checks.throws(clause, () => storage.entries(150, 160, 1_000), ['LOG_UNAVAILABLE']);
      const one = await loaded(checks, storage, 50);
      checks.equal('`load` brings at least the first entry', outline([one]), outline([entry(50)]));
    },
  };
}

async function loaded(
  checks: Checks,
  storage: {
    load(lo: number, hi: number, bytes: number): Promise<void>;
    entries(lo: number, hi: number, bytes: number): readonly Entry[] | undefined;
  },
  index: number,
): Promise<Entry> {
  await storage.load(index, index + 10, 1);
  let list: readonly Entry[] | undefined;
  try {
    list = storage.entries(index, index + 10, 1);
  } catch (error) {
    checks.fail('a loaded entry can be read', `entry ${index}`, codeOf(error) ?? String(error));
  }
  const [one] = list ?? [];
  if (one === undefined) checks.fail('a loaded entry can be read', `entry ${index}`, 'nothing');
  return one;
}
