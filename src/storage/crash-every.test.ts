/**
 * One short life of a storage (votes, batches, a membership entry, conflicts, a new segment, snapshot,
 * compaction, a snapshot from a leader, facts, a stop), and every crash of it: S-100, S-102, NASTY 2, 3, 36, 38.
 *
 * The life is recorded once: a picture of the disk just before each operation that changes something,
 * and what was acknowledged by then. Then each picture is made to crash in every way there is:
 *
 * - the process dies in the middle of a write, at every byte of it;
 * - the power fails: each unsynced sector (of 512 or 4096 bytes) is lost or not, each unsynced name and
 *   size is as before or not, in all combinations where they are few, else in 1024 of them;
 * - the process dies, another one opens the folder and builds on what it found, and then the power fails;
 * - the power fails, and unsynced sectors also arrive at each other's places: repeated, reordered.
 *
 * All but the last must end in exactly the acknowledged prefix, perhaps with whole steps that were asked for
 * and not acknowledged. The last may also end in a refusal that names file and offset.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { appendOne, judgeFolder, type Promised, StorageLife } from '../../sim/rigs/storage-life.ts';
import {
  clock,
  describeLog,
  dice,
  entries,
  entry,
  hardState,
  MemoryDisk,
  open,
} from '../../sim/rigs/storage-rig.ts';
import type { DiskChange } from '../../sim/world/memory-disk.ts';
import { ClusterError } from '../errors.ts';
import { EntryType } from '../raft/index.ts';
import type { DiskStorage } from './disk-storage.ts';
import { afterPowerCut } from './every-choice.fixture.ts';

interface Moment {
  readonly change: DiskChange;
  /** Before the change. */
  readonly disk: MemoryDisk;
  readonly promised: Promised;
}

const OPTIONS = {
  tuning: { segmentBytes: 2048 },
  // The witness follows each write at once, so that its own writes are among those that are cut.
  clock: {
    ...clock,
    after: (_delayMs: number, callback: () => void) => {
      queueMicrotask(callback);
      return { cancel: () => {} };
    },
  },
};

/** Power cuts behind each moment at which the process dies. */
const CUTS_OF_NEXT = 8;

const moments: Moment[] = [];
let life: StorageLife;

async function record(): Promise<void> {
  const disk = new MemoryDisk();
  life = new StorageLife(await open(disk, OPTIONS));
  disk.watch((change) => {
    moments.push({ change, disk: disk.picture(), promised: life.promised });
  });
  await live(life);
  moments.push({
    change: { kind: 'look', path: 'the end' },
    disk: disk.picture(),
    promised: life.promised,
  });
}

async function live(of: StorageLife): Promise<void> {
  of.append([], hardState(1, 1, 0));
  await of.settled();
  of.append(entries(1, 2), hardState(1, 1, 0));
  await of.settled();
  of.append([{ ...entry(3, 1, 'members'), type: EntryType.ConfChangeV2 }], hardState(1, 1, 2));
  of.append(entries(4, 6), hardState(1, 1, 3));
  of.append([], hardState(2, 3, 3));
  await of.settled();
  of.append(entries(5, 5, 3), hardState(3, 3, 3));
  of.fact();
  await of.settled();
  of.append([entry(6, 3, 'x'.repeat(900))], hardState(3, 3, 5));
  await of.settled();
  of.append([entry(7, 3, 'y'.repeat(700))], hardState(3, 3, 6));
  await of.settled();
  await of.save(6);
  of.compact(5);
  await of.settled();
  of.append(entries(8, 9, 3), hardState(3, 3, 6));
  of.fact();
  await of.settled();
  await of.install(20, 4);
  of.append(entries(21, 22, 4), hardState(4, 2, 21));
  await of.settled();
  of.append([], hardState(5, 1, 21));
  of.append(entries(23, 24, 5), hardState(5, 1, 22));
  await of.settled();
  await of.storage.close();
}

interface Tally {
  tried: number;
  whole: number;
  refused: number;
}

async function judge(
  after: MemoryDisk,
  moment: Moment,
  tally: Tally,
  what: string,
  mayRefuse: boolean,
): Promise<void> {
  const { change, promised } = moment;
  tally.tried++;
  // Sometimes on a second crash, of the opening that mends the first one.
  const again = tally.tried % 13 === 0 ? after.picture() : undefined;
  try {
    const found = await judgeFolder(after, life, promised, { ...OPTIONS, seed: 2 });
    if (tally.tried % 17 === 0) await worksOn(found, after, tally.tried);
    if (again !== undefined) await crashWhileOpening(again, moment, tally.tried);
    tally.whole++;
  } catch (error) {
    if (mayRefuse && isNamedRefusal(error)) {
      tally.refused++;
      return;
    }
    const at = `${what}, ${change.kind} of ${change.path} at ${change.position}`;
    throw new Error(`${at}: ${String(error)}`, { cause: error });
  }
}

async function worksOn(
  found: Awaited<ReturnType<typeof judgeFolder>>,
  disk: MemoryDisk,
  seed: number,
): Promise<void> {
  const last = await appendOne(found);
  const again = await open(disk.crash(dice(seed)), OPTIONS);
  expect(again.lastIndex()).toBe(last);
}

async function crashWhileOpening(disk: MemoryDisk, moment: Moment, seed: number): Promise<void> {
  const random = dice(seed);
  disk.dieAfter(random.below(10));
  await Promise.race([disk.died, open(disk, { ...OPTIONS, seed: 3 })]);
  await judgeFolder(disk.crash(random), life, moment.promised, { ...OPTIONS, seed: 4 });
}

/** All that a process goes by. */
async function knownTo(storage: DiskStorage): Promise<unknown> {
  const { term, vote } = storage.initialState().hardState;
  const fact = Buffer.from((await storage.readFact('life')) ?? []).toString();
  return [
    term,
    vote,
    storage.firstIndex(),
    await describeLog(storage),
    storage.newestSnapshot,
    fact,
  ];
}

function isNamedRefusal(error: unknown): boolean {
  if (!(error instanceof ClusterError) || error.code !== 'DATA_CORRUPT') return false;
  return typeof error.details['path'] === 'string' && typeof error.details['offset'] === 'number';
}

function tell(title: string, { tried, whole, refused }: Tally): void {
  const rest = refused === 0 ? '' : `, ${refused} refused by file and offset`;
  process.stdout.write(
    `${title}: ${tried} cuts; ${whole} ended in the acknowledged prefix${rest}\n`,
  );
}

function newTally(): Tally {
  return { tried: 0, whole: 0, refused: 0 };
}

describe('S-100 every crash of a short life', () => {
  beforeAll(record);

  it('the life has everything that matters in it', () => {
    const seen = new Set(moments.map(({ change }) => `${change.kind} ${kindOf(change.path)}`));
    for (const one of [
      ...['create wal.tmp', 'rename wal.tmp', 'write wal', 'sync wal', 'remove wal'],
      ...['write snap.tmp', 'rename snap.tmp', 'write part', 'rename part', 'syncDirectory snap'],
      ...['write fact.tmp', 'rename fact.tmp', 'write WITNESS', 'syncDirectory wal'],
    ]) {
      expect(seen, one).toContain(one.replace('create', 'open'));
    }
  });

  it('S-102 the process dies at every byte that is written', async () => {
    const tally = newTally();
    for (const moment of moments) {
      const { kind, path, position = 0, bytes = Buffer.alloc(0) } = moment.change;
      await judge(moment.disk.picture(), moment, tally, 'before', false);
      if (kind !== 'write') continue;
      // Zeros into a segment that is being prepared: one byte is like the next.
      const step = bytes.every((byte) => byte === 0) ? 500 : 1;
      for (let cut = step; cut <= bytes.length; cut += step) {
        const torn = moment.disk.picture();
        torn.scribble(path, position, bytes.subarray(0, cut));
        await judge(torn, moment, tally, `cut at byte ${cut}`, false);
      }
    }
    tell('every byte', tally);
    expect(tally.tried).toBeGreaterThan(3_000);
  });

  it('what a killed process had not made durable, the next one has before it builds on it', async () => {
    let tried = 0;
    for (const [seed, { change, disk, promised }] of moments.entries()) {
      const found = disk.picture();
      const next = await judgeFolder(found, life, promised, { ...OPTIONS, seed: 2 });
      await appendOne(next);
      const { newestSnapshot } = next;
      if (newestSnapshot !== undefined && newestSnapshot.index >= next.firstIndex()) {
        await next.compact(newestSnapshot.index);
      }
      const known = await knownTo(next);
      for (let cut = 0; cut < CUTS_OF_NEXT; cut++, tried++) {
        const after = found.picture().crash(dice(seed * CUTS_OF_NEXT + cut));
        const now = open(after, { ...OPTIONS, seed: 3 }).then(knownTo, String);
        expect(await now, `killed before ${change.kind} of ${change.path}`).toEqual(known);
      }
    }
    process.stdout.write(`killed, opened, written on, power cut: ${tried} cuts\n`);
    expect(tried).toBeGreaterThan(500);
  });

  it.each([512, 4096])(
    'the power fails before and after every operation, sectors of %i bytes',
    async (sectorBytes) => {
      const tally = newTally();
      for (const [seed, moment] of moments.entries()) {
        for (const after of afterPowerCut(moment.disk, { sectorBytes }, seed)) {
          await judge(after, moment, tally, 'power cut', false);
        }
      }
      tell(`every operation, sectors of ${sectorBytes} bytes`, tally);
      expect(tally.tried).toBeGreaterThan(500);
    },
  );

  it('unsynced sectors arrive at each other’s places', async () => {
    const tally = newTally();
    for (const [seed, moment] of moments.entries()) {
      if (moment.change.kind !== 'sync') continue;
      for (const after of afterPowerCut(moment.disk, { misplaces: true }, seed)) {
        await judge(after, moment, tally, 'misplaced', true);
      }
    }
    tell('lost, repeated and reordered sectors', tally);
    expect(tally.refused).toBeGreaterThan(0);
  });
});

function kindOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (!name.includes('.')) return name;
  if (name.startsWith('save-')) return 'snap.tmp';
  return name.slice(name.indexOf('.') + 1);
}
