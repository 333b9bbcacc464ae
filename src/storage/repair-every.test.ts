/**
 * A folder whose log ends in a torn record, and everything that can go wrong while it is being opened: the
 * process dies at every byte that opening writes, the power fails before and after every operation, every
 * operation fails, writes also after some of their bytes or sectors; and then again while the next
 * one opens what that has left (NASTY 38, S-100). Opening must never turn a torn end into something that
 * is taken for damage: then an ordinary crash, at a bad moment, would cost a whole member. What
 * was acknowledged is there after each of them, nothing else is, and the log can be written on.
 */
import { describe, expect, it } from 'vitest';
import { appendOne } from '../../sim/rigs/storage-life.ts';
import {
  describeLog,
  dice,
  entries,
  entry,
  FOLDER,
  hardState,
  lastSegment,
  MemoryDisk,
  open,
  textOf,
} from '../../sim/rigs/storage-rig.ts';
import type { DiskChange } from '../../sim/world/memory-disk.ts';
import { ClusterError } from '../errors.ts';
import type { Entry } from '../raft/index.ts';
import { DiskError } from '../world/index.ts';
import { afterPowerCut } from './every-choice.fixture.ts';
import { scanLog } from './wal-scan.ts';

const OPTIONS = { tuning: { segmentBytes: 8192 } };
const SECTOR = 512;
/** Power cuts of one moment. */
const CUTS = 24;

/** A write of the log that was under way when the process died. */
interface LastWrite {
  /** Just before it. */
  readonly disk: MemoryDisk;
  readonly change: DiskChange;
  /** What was acknowledged. */
  readonly kept: readonly string[];
}

/** `sealed`: the storage was closed in good order and opened again in between. */
async function lastWrite(
  before: readonly Entry[],
  last: Entry,
  sealed = false,
): Promise<LastWrite> {
  const disk = new MemoryDisk();
  let storage = await open(disk, OPTIONS);
  await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 2) });
  await storage.append({ entries: before });
  if (sealed) {
    await storage.close();
    storage = await open(disk, OPTIONS);
  }
  const kept = await describeLog(storage);
  let found: LastWrite | undefined;
  disk.watch((change) => {
    if (change.kind !== 'write' || !change.path.endsWith('.wal')) return;
    found ??= { disk: disk.picture(), change, kept };
  });
  await storage.append({ entries: [last] });
  return found!;
}

const filler = (bytes: number): Entry => entry(3, 1, 'f'.repeat(bytes));
const small: Entry = entry(4, 1);
const big: Entry = entry(4, 1, 'b'.repeat(2_500));

/** The record begins so shortly before the end of a sector that its header lies in two of them. */
async function straddling(): Promise<LastWrite> {
  const { change } = await lastWrite([filler(0)], big);
  const missing = SECTOR - ((change.position! + 20) % SECTOR);
  const write = await lastWrite([filler(missing)], big);
  expect(write.change.position! % SECTOR).toBe(SECTOR - 20);
  return write;
}

interface Torn {
  readonly what: string;
  readonly disk: MemoryDisk;
  readonly kept: readonly string[];
}

/** What a death in the middle of the call leaves, or a write that failed: the first bytes. */
function cutAt({ disk, change, kept }: LastWrite, bytes: number): Torn {
  const torn = disk.picture();
  torn.scribble(change.path, change.position!, change.bytes!.subarray(0, bytes));
  return { what: `${bytes} of ${change.bytes!.length} bytes`, disk: torn, kept };
}

/** What a power cut leaves: some of the sectors. */
function sectorsOf({ disk, change, kept }: LastWrite, isThere: (at: number) => boolean): Torn {
  const torn = disk.picture();
  const there = scribbleSectors(torn, change, isThere);
  return { what: `sectors ${there.join(' ')}`, disk: torn.clone(), kept };
}

function scribbleSectors(
  disk: MemoryDisk,
  { path, position = 0, bytes = Buffer.alloc(0) }: DiskChange,
  isThere: (at: number) => boolean,
): readonly number[] {
  const there: number[] = [];
  let sector = 0;
  for (let from = 0; from < bytes.length; sector++) {
    const to = Math.min(bytes.length, from + SECTOR - ((position + from) % SECTOR));
    if (isThere(sector)) {
      disk.scribble(path, position + from, bytes.subarray(from, to));
      there.push(sector);
    }
    from = to;
  }
  return there;
}

async function everyTornEnd(): Promise<readonly Torn[]> {
  const one = await lastWrite([filler(10)], small);
  const large = await lastWrite([filler(10)], big);
  const split = await straddling();
  const sealed = await lastWrite([filler(10)], small, true);
  return [
    ...[1, 20, 47, 48, 60].map((bytes) => cutAt(one, bytes)),
    ...[30, 1_000, large.change.bytes!.length - 1].map((bytes) => cutAt(large, bytes)),
    ...[10, 30, 600].map((bytes) => cutAt(split, bytes)),
    cutAt(sealed, 50),
    sectorsOf(large, (at) => at > 0),
    sectorsOf(large, (at) => at === 2),
    sectorsOf(large, (at) => at % 2 === 0),
    sectorsOf(split, (at) => at > 0),
    sectorsOf(split, (at) => at !== 1),
    sectorsOf(split, (at) => at === 0),
  ];
}

/** Exactly what was acknowledged, now and after the next power cut, and it can be written on. */
async function judge(after: MemoryDisk, { kept }: Torn, seed: number): Promise<void> {
  const found = await open(after, { ...OPTIONS, seed });
  expect(await describeLog(found)).toEqual(kept);
  expect(found.initialState().hardState).toEqual(hardState(1, 1, 0));
  const next = await appendOne(found);
  const again = await open(after.crash(dice(seed)), { ...OPTIONS, seed: seed + 1 });
  expect(await describeLog(again)).toEqual([...kept, textOf(entry(next, 2))]);
}

async function judged(after: MemoryDisk, torn: Torn, seed: number, when: string): Promise<void> {
  await judge(after, torn, seed).catch((cause: unknown) => {
    throw new Error(`${torn.what}; ${when}: ${String(cause)}`, { cause });
  });
}

interface Moment {
  readonly change: DiskChange;
  /** Before the change. */
  readonly disk: MemoryDisk;
}

/** Each operation of an opening that changes something, and the disk before it. */
async function momentsOfOpening(disk: MemoryDisk): Promise<readonly Moment[]> {
  const moments: Moment[] = [];
  disk.watch((change) => moments.push({ change, disk: disk.picture() }));
  await open(disk, { ...OPTIONS, seed: 2 });
  moments.push({ change: { kind: 'look', path: 'the end' }, disk: disk.picture() });
  return moments;
}

function said(what: string, tried: number): void {
  process.stdout.write(`opening a log with a torn end, ${what}: ${tried} times; nothing is lost\n`);
  expect(tried).toBeGreaterThan(200);
}

describe('NASTY 38 while a torn end is being repaired', () => {
  it('the process dies at every byte that is written', async () => {
    let tried = 0;
    for (const torn of await everyTornEnd()) {
      for (const { change, disk } of await momentsOfOpening(torn.disk.picture())) {
        const { kind, path, position = 0, bytes = Buffer.alloc(0) } = change;
        await judged(disk.picture(), torn, ++tried, `before ${kind} of ${path}`);
        if (kind !== 'write') continue;
        // Zeros, and what was there before: one byte is like the next.
        const step = bytes.length > 1_000 ? 500 : 1;
        for (let cut = step; cut <= bytes.length; cut += step) {
          const after = disk.picture();
          after.scribble(path, position, bytes.subarray(0, cut));
          await judged(after, torn, ++tried, `${kind} of ${path} cut at byte ${cut}`);
        }
      }
    }
    said('cut at every byte', tried);
  });

  it.each([512, 4096])(
    'the power fails before and after every operation, sectors of %i bytes',
    async (sectorBytes) => {
      let tried = 0;
      for (const torn of await everyTornEnd()) {
        for (const { change, disk } of await momentsOfOpening(torn.disk.picture())) {
          for (const after of afterPowerCut(disk, { sectorBytes }, tried, CUTS)) {
            await judged(after, torn, ++tried, `power cut before ${change.kind} of ${change.path}`);
          }
        }
      }
      said(`power cuts, sectors of ${sectorBytes} bytes`, tried);
    },
  );

  it('every operation fails', async () => {
    const kinds = ['read', 'write', 'sync', 'open', 'rename', 'remove', 'syncDirectory'] as const;
    let tried = 0;
    for (const torn of await everyTornEnd()) {
      for (const kind of [...kinds, 'look'] as const) {
        for (let nth = 1; ; nth++) {
          const disk = torn.disk.picture();
          disk.failOn(kind, 'failed', { nth });
          await openOrFail(disk);
          const isHit = disk.counters[kind] >= nth;
          if (!isHit) break;
          await judged(disk.picture().crash(dice(nth)), torn, ++tried, `${kind} no. ${nth}, cut`);
          await judged(disk.kill(), torn, ++tried, `${kind} no. ${nth}, killed`);
        }
      }
    }
    said('EIO at every operation', tried);
  });

  it('every write fails when some of its bytes or sectors are written', async () => {
    let tried = 0;
    for (const torn of await everyTornEnd()) {
      for (let part = 0; part < 24; part++) {
        const random = dice(part);
        for (let nth = 1; ; nth++) {
          const disk = torn.disk.picture();
          if (!(await openWithPartialWrite(disk, nth, random))) break;
          const isCut = random.below(2) === 0;
          const after = isCut ? disk.crash(random) : disk.kill();
          await judged(after, torn, ++tried, `write no. ${nth} fails in part ${part}`);
        }
      }
    }
    said('EIO in the middle of every write', tried);
  });

  it('the repair of a repair is cut short, and the repair of that one', async () => {
    let tried = 0;
    for (const torn of await everyTornEnd()) {
      for (let seed = 1; seed <= 30; seed++) {
        const random = dice(seed);
        let disk = torn.disk.picture();
        for (let opening = 0; opening < 4; opening++) {
          if (random.below(3) === 0) {
            await openWithPartialWrite(disk, 1 + random.below(3), random);
          } else {
            disk.dieAfter(random.below(12));
            await Promise.race([disk.died, open(disk, { ...OPTIONS, seed: opening })]);
          }
          disk = random.below(3) === 0 ? disk.kill() : disk.crash(random);
        }
        await judged(disk, torn, ++tried, `chain ${seed}`);
      }
    }
    said('again and again', tried);
  });
});

async function openOrFail(disk: MemoryDisk): Promise<void> {
  await open(disk, { ...OPTIONS, seed: 2 }).catch((error: unknown) => {
    if (!(error instanceof ClusterError) || error.code !== 'DISK_FAILED') throw error;
  });
}

/** The `nth` write of the opening fails, when a part of it has happened. False: there is no such write. */
async function openWithPartialWrite(
  disk: MemoryDisk,
  nth: number,
  random: ReturnType<typeof dice>,
): Promise<boolean> {
  let left = nth;
  disk.watch((change) => {
    if (change.kind !== 'write' || --left !== 0) return;
    const bytes = change.bytes!;
    if (random.below(2) === 0) scribbleSectors(disk, change, () => random.below(2) === 0);
    else
      disk.scribble(change.path, change.position!, bytes.subarray(0, random.below(bytes.length)));
    throw new DiskError('failed', change.path, `write of ${change.path}: failed in the middle`);
  });
  await openOrFail(disk);
  return left <= 0;
}

it('NASTY 38 what is torn is left as it is: not a byte of it changes, and the log goes on behind it', async () => {
  for (const torn of await everyTornEnd()) {
    const disk = torn.disk.picture();
    const path = lastSegment(disk);
    const before = disk.peek(path);
    const storage = await open(disk, OPTIONS);
    await storage.append({ entries: entries(4, 6) });
    expect(disk.peek(path).equals(before)).toBe(true);
    expect(lastSegment(disk)).not.toBe(path);
    const log = [...torn.kept, ...entries(4, 6).map(textOf)];
    expect(await describeLog(await open(disk.kill(), OPTIONS))).toEqual(log);
  }
});

it('the segment behind a torn end is filled before it is used, and small, as the first one is', async () => {
  const tuning = { segmentBytes: 4 * 1024 * 1024 };
  const disk = new MemoryDisk();
  const storage = await open(disk, { tuning });
  await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 8) });
  await storage.append({ entries: entries(9, 9) });
  const { lastRecord } = await scanLog(disk, '/data/node-1/wal');
  const found = disk.kill();
  const path = lastSegment(found);
  // The last byte of the last record is not zero: without it, the record is torn.
  found.scribble(path, lastRecord!.offset + lastRecord!.size - 1, Buffer.alloc(1));
  const again = await open(found, { tuning });
  expect(again.lastIndex()).toBe(8);
  expect(found.peek(lastSegment(found)).length).toBe(1024 * 1024);
});

describe('opening a log with a torn end on a full disk', () => {
  /** Bytes of all files together. */
  const used = (disk: MemoryDisk): number =>
    disk.paths().reduce((sum, path) => sum + disk.peek(path).length, 0);

  it.each([0, 1, 48, 100])(
    'with %i bytes left names the folder and what to do, changes nothing, and goes on with room again',
    async (left) => {
      for (const torn of await everyTornEnd()) {
        const disk = torn.disk.picture();
        const path = lastSegment(disk);
        const before = disk.peek(path);
        const paths = disk.paths();
        disk.capacityBytes = used(disk) + left;
        const refused = await open(disk, OPTIONS).catch((error: unknown) => error);
        expect(refused).toMatchObject({ code: 'DISK_FULL' });
        const { message, details } = refused as ClusterError;
        expect(message).toContain(`could not open the data folder ${FOLDER}`);
        expect(message).toContain('Free space');
        expect(details['path']).toMatch(/\/wal\/.*\.tmp$/);
        expect(disk.paths()).toEqual(paths);
        expect(disk.peek(path).equals(before)).toBe(true);
        disk.capacityBytes = Number.POSITIVE_INFINITY;
        // The same process may try again: nothing of the folder is held any more.
        const storage = await open(disk, OPTIONS);
        expect(await describeLog(storage)).toEqual(torn.kept);
        await appendOne(storage);
      }
    },
  );

  it('with room for the beginning of a segment, but not for all of it, opens', async () => {
    for (const torn of await everyTornEnd()) {
      const disk = torn.disk.picture();
      disk.capacityBytes = used(disk) + 4_096;
      const storage = await open(disk, OPTIONS);
      expect(await describeLog(storage)).toEqual(torn.kept);
      await appendOne(storage);
    }
  });
});
