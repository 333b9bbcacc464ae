/**
 * Snapshots and compaction: written whole or not at all, read back as they were, received piece by piece
 * from a peer, made the beginning of the log in one step; and the log is cut only where a snapshot
 * covers it, with the term of its last entry kept, for that is what the next entry is checked against.
 */
import { crc32 } from 'node:zlib';
import type { Storage, StoredSnapshot } from '../../src/storage/index.ts';
import { begun, type CaseSpec, type Checks, nextTurn } from '../kit/index.ts';
import {
  announce,
  entries,
  entry,
  foreignSnapshot,
  hand,
  MEMBERS,
  microsteps,
  outline,
  picture,
  readFile,
  readLog,
  readSection,
  type StorageBench,
  save,
  sectionsAt,
  stateAt,
} from './bench.ts';
import type { StorageAbilities } from './log-cases.ts';

type StorageCase = CaseSpec<StorageBench>;

export function snapshotCases(can: StorageAbilities): StorageCase[] {
  return [...savingCases(can), ...compactionCases(can), ...receivingCases(), ...installCases(can)];
}

function savingCases(can: StorageAbilities): StorageCase[] {
  return [
    {
      id: 'snapshot/read-back',
      title: 'a snapshot is read back as it was written, by section and as a raw file',
      body: async (checks, bench) => {
        const { storage } = await bench.filled(6);
        const stored = await checks.resolves('a snapshot can be saved', () => save(storage, 5));
        checks.equal('it says where it stands', [stored.index, stored.term], [5, 1]);
        checks.equal('it says who the members were', stored.confState, MEMBERS);
        await checkContent(checks, storage, stored);
        const none = await readSection(storage, stored, 'app.other');
        checks.equal('a section that was not written is not there', none, undefined);
        checks.equal('it is the newest', storage.newestSnapshot, stored);
        checks.equal('`snapshot()` offers it', storage.snapshot(), announce(stored));
        checks.equal('its members are in force', storage.initialState().confState, MEMBERS);
        checks.equal(
          'it does not touch the log',
          [storage.firstIndex(), storage.lastIndex()],
          [1, 6],
        );
      },
    },
    {
      id: 'snapshot/durable',
      title: 'a snapshot is there after a power cut once `saveSnapshot` resolved',
      skip: can.crash,
      body: async (checks, bench) => {
        for (let round = 0; round < bench.rounds / 2; round++) {
          const tenancy = await bench.filled(6);
          const stored = await save(tenancy.storage, 4 + (round % 3));
          const storage = await tenancy.crash();
          checks.equal('the snapshot survives a crash', storage.newestSnapshot, stored);
          await checkContent(checks, storage, stored);
        }
      },
    },
    ...orderCases(can),
    {
      id: 'snapshot/only-newer',
      title: 'a snapshot that is not newer than the newest is refused',
      body: async (checks, bench) => {
        const { storage } = await bench.filled(6);
        const stored = await save(storage, 5);
        for (const index of [4, 5]) {
          const older = (): Promise<unknown> => save(storage, index);
          await checks.rejects('a snapshot never goes back', older, ['SNAPSHOT_OUT_OF_DATE']);
        }
        checks.equal('the newest stays', storage.newestSnapshot, stored);
        await checkContent(checks, storage, stored);
      },
    },
    {
      id: 'snapshot/source-fails',
      title: 'a snapshot whose source fails leaves nothing behind, and ends nothing',
      body: async (checks, bench) => {
        const { storage } = await bench.filled(6);
        const broken = async function* (): AsyncGenerator<Uint8Array> {
          yield Buffer.alloc(2_000);
          throw new Error('the state can not be read');
        };
        const at = { index: 5, term: 1, confState: MEMBERS };
        const sections = [{ name: 'app.state', chunks: broken() }];
        const clause = 'the failure of a section is the failure of the call';
        await checks.rejects(clause, () => storage.saveSnapshot(at, sections));
        checks.equal('half a snapshot is none', storage.newestSnapshot, undefined);
        checks.equal('the storage goes on', storage.failure, undefined);
        await storage.append({ entries: [entry(7)] });
        const stored = await checks.resolves('the next one can be saved', () => save(storage, 5));
        await checkContent(checks, storage, stored);
      },
    },
  ];
}

/** Some of the log has still to become durable when a snapshot is taken of it. */
function orderCases(can: StorageAbilities): StorageCase[] {
  return [
    {
      id: 'snapshot/behind-its-log',
      title: 'a snapshot is not promised before the entries that it covers are durable',
      skip: can.hold,
      body: async (checks, bench) => {
        const { storage, place } = await bench.filled(6);
        place.hold?.();
        let isSettled = false;
        const appended = begun(() => storage.append({ entries: entries(7, 9) }));
        const saved = begun(() =>
          save(storage, 8).finally(() => {
            isSettled = true;
          }),
        );
        for (let turn = 0; turn < 5; turn++) await nextTurn();
        const held = 'nothing is promised while the disk holds the entries back';
        checks.equal(`${held}: the snapshot`, isSettled ? 'resolved' : 'pending', 'pending');
        checks.equal(`${held}: newestSnapshot`, storage.newestSnapshot, undefined);
        place.release?.();
        await checks.resolves('the append resolves', () => appended);
        const stored = await checks.resolves('then the snapshot does', () => saved);
        checks.equal('it is the newest', storage.newestSnapshot, stored);
      },
    },
    {
      id: 'snapshot/outlives-its-log',
      title: 'a snapshot of entries that were just appended is there after a power cut',
      skip: can.crash,
      body: async (checks, bench) => {
        const tenancy = await bench.filled(30);
        await save(tenancy.storage, 25);
        const { storage } = tenancy;
        // Much that the log has to write first, each in a write of its own.
        for (let index = 1; index <= 25; index++) begun(() => storage.compact(index));
        begun(() => storage.append({ entries: entries(31, 36) }));
        const stored: StoredSnapshot[] = [];
        for (const index of [31, 34]) stored.push(await save(storage, index));
        const again = await tenancy.crash();
        const clause = 'the snapshot survives a crash';
        checks.equal(clause, again.newestSnapshot, stored.at(-1));
        const last = again.lastIndex();
        checks.holds('and what it covers is in the log', last >= 34, '34 or more', last);
        await checkContent(checks, again, stored.at(-1)!); // two were saved
      },
    },
  ];
}

async function checkContent(
  checks: Checks,
  storage: Storage,
  stored: StoredSnapshot,
): Promise<void> {
  const { index } = stored;
  const read = (name: string): Promise<Buffer | undefined> =>
    checks.resolves('a section can be read', () => readSection(storage, stored, name));
  const state = await read('app.state');
  const isSame = state?.equals(stateAt(index)) === true;
  checks.holds('a section reads as it was written', isSame, `the state at ${index}`, state);
  checks.equal('a section without bytes is there', await read('app.empty'), Buffer.alloc(0));
  const file = await checks.resolves('the raw file can be read', () => readFile(storage, stored));
  checks.equal('`bytes` is the size of the file', stored.bytes, file.length);
  checks.equal('`checksum` is the CRC-32 of the file', stored.checksum, crc32(file));
}

function compactionCases(can: StorageAbilities): StorageCase[] {
  return [
    {
      id: 'compact/keeps-term',
      title: "compaction frees the entries up to its index and keeps that index's term",
      body: async (checks, bench) => {
        const tenancy = await bench.filled(4);
        await tenancy.storage.append({ entries: entries(5, 9, 3) });
        await save(tenancy.storage, 8, 3);
        const work = begun(() => tenancy.storage.compact(6));
        checkCompacted(checks, tenancy.storage, 'when the call returned');
        await checks.resolves('a compaction resolves', () => work);
        const rest = outline(entries(7, 9, 3));
        const kept = 'what is above the index stays';
        checks.equal(kept, outline(await readLog(checks, tenancy.storage)), rest);
        checkCompacted(checks, await tenancy.reopen(), 'after a restart');
        if (can.crash === undefined) checkCompacted(checks, await tenancy.crash(), 'after a crash');
        checks.equal(kept, outline(await readLog(checks, tenancy.storage)), rest);
        const { storage } = tenancy;
        await checks.resolves('the log goes on', () => storage.append({ entries: [entry(10, 3)] }));
      },
    },
    {
      id: 'compact/to-the-end',
      title: 'a log that was compacted to its end goes on where it ended',
      body: async (checks, bench) => {
        const tenancy = await bench.filled(5);
        await save(tenancy.storage, 5);
        await tenancy.storage.compact(5);
        const storage = await tenancy.reopen();
        const clause = 'an empty log keeps its place';
        checks.equal(clause, [storage.firstIndex(), storage.lastIndex()], [6, 5]);
        checks.equal(`${clause}: term`, storage.term(5), 1);
        await checks.resolves(clause, () => storage.append({ entries: [entry(6, 1)] }));
      },
    },
    {
      id: 'compact/covered-only',
      title: 'the log is never cut where no snapshot covers it, nor beyond its end, nor twice',
      body: async (checks, bench) => {
        const { storage } = await bench.filled(6);
        await save(storage, 3);
        const before = await picture(checks, storage);
        const clause = 'a cut beyond the newest snapshot is refused';
        await checks.rejects(clause, () => storage.compact(4));
        await checks.rejects('a cut beyond the log is refused', () => storage.compact(7));
        const picturesNow = await picture(checks, storage);
        checks.equal('a refused compaction changes nothing', picturesNow, before);
        await storage.compact(3);
        const again = (): Promise<void> => storage.compact(2);
        await checks.rejects('what is gone can not be cut off', again, ['LOG_COMPACTED']);
      },
    },
  ];
}

function checkCompacted(checks: Checks, storage: Storage, when: string): void {
  const clause = `the log begins behind the index of the compaction, ${when}`;
  checks.equal(clause, [storage.firstIndex(), storage.lastIndex()], [7, 9]);
  const term = checks.returns(`the term at the index of the compaction is kept, ${when}`, () =>
    storage.term(6),
  );
  checks.equal(`the term at the index of the compaction is kept, ${when}`, term, 3);
  checks.throws(`terms below it are gone, ${when}`, () => storage.term(5), ['LOG_COMPACTED']);
  const read = (): unknown => storage.entries(6, 8, 1_000);
  checks.throws(`entries up to it are gone, ${when}`, read, ['LOG_COMPACTED']);
}

function receivingCases(): StorageCase[] {
  return [
    {
      id: 'transfer/whole',
      title: 'a received snapshot is checked and named, and does not touch the log yet',
      body: async (checks, bench) => {
        const { stored, file } = await foreignSnapshot(bench, 8, 2);
        const { storage } = await bench.filled(3);
        const before = await picture(checks, storage);
        const received = await checks.resolves('a snapshot can be received', () =>
          hand(storage, stored, file),
        );
        checks.equal('what arrived is what was announced', received, stored);
        const after = await picture(checks, storage);
        checks.equal('a received snapshot is not in force', after, before);
        await checkContent(checks, storage, stored);
        const again = await storage.receiveSnapshot(announce(stored));
        const clause = 'what is here already is not asked for again';
        checks.equal(clause, again.received, stored.bytes);
        checks.equal(clause, await checks.resolves(clause, () => again.finish()), stored);
      },
    },
    {
      id: 'transfer/resume',
      title: 'a broken transfer goes on from what it says is here',
      body: async (checks, bench) => {
        const { stored, file } = await foreignSnapshot(bench, 8, 2);
        const { storage } = await bench.filled(3);
        for (const part of [0, 1_500, 4_000, stored.bytes - 1]) {
          const receiver = await storage.receiveSnapshot(announce(stored));
          const from = receiver.received;
          const clause = '`received` counts only what was given before';
          checks.holds(clause, from >= 0 && from <= part, `0 to ${part} bytes`, from);
          await receiver.write(file.subarray(from, part));
          await checks.resolves('a transfer can be given up', () => receiver.abort());
          if (from === part) await receiver.abort();
        }
        const last = await checks.resolves('the rest completes it', () =>
          hand(storage, stored, file),
        );
        checks.equal('a resumed snapshot is whole', last, stored);
        await checkContent(checks, storage, stored);
      },
    },
    {
      id: 'transfer/damaged',
      title: 'a file that is not what was announced is refused, and can be received again',
      body: async (checks, bench) => {
        const { stored, file } = await foreignSnapshot(bench, 8, 2);
        const { storage } = await bench.filled(3);
        const before = await picture(checks, storage);
        const damaged = Buffer.from(file);
        damaged[2_500] = (damaged[2_500] ?? 0) ^ 1;
        const clause = 'one wrong bit is found before the file counts';
        await checks.rejects(clause, () => hand(storage, stored, damaged));
        const cut = file.subarray(0, file.length - 10);
        const short = 'a file that is too short is refused';
        await checks.rejects(short, () => hand(storage, stored, cut));
        const install = (): Promise<void> => storage.installSnapshot(announce(stored), undefined);
        await checks.rejects('a snapshot that is not here can not be installed', install);
        const after = await picture(checks, storage);
        checks.equal('a refused snapshot changes nothing', after, before);
        const whole = await checks.resolves('the right file is taken afterwards', () =>
          hand(storage, stored, file),
        );
        checks.equal('the right file is whole', whole, stored);
        await checkContent(checks, storage, stored);
      },
    },
  ];
}

function installCases(can: StorageAbilities): StorageCase[] {
  return [
    {
      id: 'install/replaces-log',
      title: 'an installed snapshot is the beginning of a log that did not reach it',
      body: async (checks, bench) => {
        const { stored, file } = await foreignSnapshot(bench, 8, 2);
        const tenancy = await bench.filled(3);
        await hand(tenancy.storage, stored, file);
        const hardState = { term: 4, vote: 2, commit: 8 };
        const install = (): Promise<void> =>
          tenancy.storage.installSnapshot(announce(stored), hardState);
        await checks.resolves('a received snapshot can be installed', install);
        const expected = 'base 8/2, log [], term 4, vote 2, snapshot 8';
        const now = await picture(checks, tenancy.storage);
        checks.equal('the log begins with the snapshot', now, expected);
        checks.equal('what it covers is durable', tenancy.storage.durableIndex, 8);
        const { hardState: after, confState } = tenancy.storage.initialState();
        checks.equal('what it covers is committed', after.commit, 8);
        checks.equal('its members are in force', confState, MEMBERS);
        const storage = can.crash === undefined ? await tenancy.crash() : await tenancy.reopen();
        const later = await picture(checks, storage);
        checks.equal('it is there after a restart', later, expected);
        await checkContent(checks, storage, stored);
        const next = (): Promise<void> => storage.append({ entries: [entry(9, 4)] });
        await checks.resolves('the log goes on behind it', next);
      },
    },
    {
      id: 'install/keeps-tail',
      title: 'entries that follow on an installed snapshot stay',
      body: async (checks, bench) => {
        const { stored, file } = await foreignSnapshot(bench, 4);
        const tenancy = await bench.filled(7);
        await hand(tenancy.storage, stored, file);
        await tenancy.storage.installSnapshot(announce(stored), { term: 1, vote: 1, commit: 4 });
        const expected = `base 4/1, log [${outline(entries(5, 7))}], term 1, vote 1, snapshot 4`;
        const clause = 'the snapshot agrees with the log, so what follows stays';
        checks.equal(clause, await picture(checks, tenancy.storage), expected);
        checks.equal(clause, await picture(checks, await tenancy.reopen()), expected);
      },
    },
    {
      id: 'install/drops-conflict',
      title: 'entries that do not follow on an installed snapshot are gone',
      body: async (checks, bench) => {
        const { stored, file } = await foreignSnapshot(bench, 4, 2);
        const tenancy = await bench.filled(7);
        await hand(tenancy.storage, stored, file);
        await tenancy.storage.installSnapshot(announce(stored), { term: 2, vote: 0, commit: 4 });
        const expected = 'base 4/2, log [], term 2, vote 0, snapshot 4';
        const clause = 'the snapshot contradicts the log, so all of it goes';
        checks.equal(clause, await picture(checks, tenancy.storage), expected);
        checks.equal(clause, await picture(checks, await tenancy.reopen()), expected);
      },
    },
    {
      id: 'install/one-step',
      title: 'a crash during an install leaves the old log or the new one, whole',
      skip: can.crash,
      body: async (checks, bench) => {
        const { stored, file } = await foreignSnapshot(bench, 8, 2);
        for (let round = 0; round < bench.rounds * 2; round++) {
          const tenancy = await bench.filled(3);
          await hand(tenancy.storage, stored, file);
          const before = await picture(checks, tenancy.storage);
          const hardState = { term: 2, vote: 3, commit: 8 };
          const old = tenancy.storage;
          begun(() => old.installSnapshot(announce(stored), hardState));
          await microsteps(round);
          const after = await picture(checks, await tenancy.crash());
          const isNew = after === 'base 8/2, log [], term 2, vote 3, snapshot 8';
          const clause = 'log, hard state and snapshot change together';
          checks.holds(clause, after === before || isNew, `${before}; or base 8/2, term 2`, after);
        }
      },
    },
    {
      id: 'install/only-newer',
      title: 'an install never goes back',
      body: async (checks, bench) => {
        const { stored, file } = await foreignSnapshot(bench, 4);
        const { storage } = await bench.filled(7);
        await hand(storage, stored, file);
        await save(storage, 6);
        const before = await picture(checks, storage);
        const install = (): Promise<void> => storage.installSnapshot(announce(stored), undefined);
        await checks.rejects('an older snapshot is refused', install, ['SNAPSHOT_OUT_OF_DATE']);
        const after = await picture(checks, storage);
        checks.equal('a refused install changes nothing', after, before);
      },
    },
    {
      id: 'install/founding',
      title: 'a group is founded by a snapshot that lies beyond an empty log',
      body: async (checks, bench) => {
        const tenancy = await bench.founded();
        const at = { index: 1, term: 1, confState: MEMBERS };
        const stored = await checks.resolves('a snapshot beyond the log can be saved', () =>
          tenancy.storage.saveSnapshot(at, sectionsAt(1)),
        );
        const early = 'it is not in force before it is installed';
        checks.equal(early, tenancy.storage.newestSnapshot, undefined);
        await tenancy.storage.installSnapshot(announce(stored), { term: 1, vote: 0, commit: 1 });
        const expected = 'base 1/1, log [], term 1, vote 0, snapshot 1';
        const clause = 'the log begins with the founding snapshot';
        checks.equal(clause, await picture(checks, tenancy.storage), expected);
        checks.equal(clause, await picture(checks, await tenancy.reopen()), expected);
      },
    },
  ];
}
