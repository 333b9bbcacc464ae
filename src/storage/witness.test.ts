/** A log that lost its end while the node was down is refused, and nothing is thrown away. */
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  entries,
  entry,
  FOLDER,
  hardState,
  lastSegment,
  MemoryDisk,
  open,
  reopen,
  save,
  snapshotOf,
  transfer,
} from '../../sim/rigs/storage-rig.ts';
import { ManualClock } from '../../sim/world/manual-clock.ts';
import { nullLogger } from '../world/index.ts';
import { inspect } from './inspect.ts';
import { MemoryStorage } from './memory-storage.ts';
import { type LogReach, readWitness, Witness } from './witness.ts';

const ROOMY = { tuning: { segmentBytes: 1024 * 1024 } };

/** Everything from `offset` on reads as zeros. */
function loseEnd(disk: MemoryDisk, offset: number): void {
  const path = lastSegment(disk);
  const bytes = disk.peek(path);
  bytes.fill(0, offset);
  disk.poke(path, bytes);
}

async function usedBytes(disk: MemoryDisk): Promise<number> {
  return (await inspect(disk, FOLDER)).log!.segments.at(-1)!.usedBytes;
}

it('a log that ends before the snapshot that was taken of it is refused', async () => {
  const disk = new MemoryDisk();
  const storage = await open(disk, ROOMY);
  await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 10) });
  const end = await usedBytes(disk);
  await storage.append({ hardState: hardState(2, 1, 15), entries: entries(11, 20, 2) });
  await save(storage, 15, 2);
  const after = disk.kill();
  loseEnd(after, end);
  const paths = after.paths();
  await expect(open(after, ROOMY)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
  await expect(open(after.clone(), ROOMY)).rejects.toThrow(/the log ends here, but it was durable/);
  expect(after.paths()).toEqual(paths);
  expect(JSON.stringify((await inspect(after, FOLDER)).damage)).toContain(
    `${lastSegment(after)} is damaged`,
  );
});

it('a log that lost the record of an installed snapshot is refused', async () => {
  const leader = new MemoryStorage();
  const stored = await save(leader, 50, 3);
  const disk = new MemoryDisk();
  const storage = await open(disk, ROOMY);
  await storage.append({ hardState: hardState(1, 1, 5), entries: entries(1, 5) });
  const end = await usedBytes(disk);
  await transfer(leader, storage, stored);
  await storage.installSnapshot(snapshotOf(stored), hardState(3, 2, 50));
  const after = disk.kill();
  loseEnd(after, end);
  await expect(open(after, ROOMY)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
});

it('what follows the newest snapshot may be torn, compacted or taken over as ever', async () => {
  const disk = new MemoryDisk();
  let storage = await open(disk, ROOMY);
  await storage.append({ hardState: hardState(1, 1, 8), entries: entries(1, 10) });
  await save(storage, 8);
  await storage.compact(8);
  await storage.append({ hardState: hardState(2, 2, 8), entries: entries(9, 9, 2) });
  storage = await reopen(disk, ROOMY);
  expect(storage.lastIndex()).toBe(9);
  await storage.close();
});

it('a log that was compacted to its very end, in a segment that still holds entries, is opened', async () => {
  const disk = new MemoryDisk();
  const storage = await open(disk, ROOMY);
  await storage.append({ hardState: hardState(1, 1, 5), entries: entries(1, 5) });
  await save(storage, 5);
  await storage.compact(5);
  const found = disk.kill();
  const again = await open(found, ROOMY);
  expect([again.firstIndex(), again.lastIndex(), again.term(5)]).toEqual([6, 5, 1]);
  await again.append({ entries: entries(6, 7, 2) });
  expect((await open(found.kill(), ROOMY)).lastIndex()).toBe(7);
});

it('a folder that is refused keeps the snapshots that nothing in the log speaks of', async () => {
  const leader = new MemoryStorage();
  const stored = await save(leader, 50, 3);
  const disk = new MemoryDisk();
  const storage = await open(disk, ROOMY);
  await storage.append({ hardState: hardState(1, 1, 5), entries: entries(1, 5) });
  const own = await save(storage, 4);
  await storage.compact(4);
  await transfer(leader, storage, stored);
  const after = disk.kill();
  const ownPath = after
    .paths()
    .find((path) => path.includes(`/snap/${'0'.repeat(15)}${own.index}-`));
  await after.remove(ownPath!);
  const paths = after.paths();
  await expect(open(after, ROOMY)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
  expect(after.paths()).toEqual(paths);
});

it('a log that lost its end is refused for that, whatever else no longer fits together', async () => {
  const disk = new MemoryDisk();
  const storage = await open(disk, { tuning: { segmentBytes: 2048 } });
  for (let index = 1; index <= 40; index++) {
    const one = entry(index, 1, 'x'.repeat(300));
    await storage.append({ hardState: hardState(1, 1, 0), entries: [one] });
  }
  await save(storage, 38);
  // Removes the segments before; the mark that says so lies behind the cut.
  await storage.compact(38);
  await storage.close();
  const path = lastSegment(disk);
  const bytes = disk.peek(path);
  let cuts = 0;
  for (let cut = (await usedBytes(disk)) - 1; cut > 900; cut -= 31, cuts++) {
    disk.poke(path, bytes.subarray(0, cut));
    const lost = /the log ends here, but it was durable/;
    await expect(open(disk.clone()), `cut at ${cut}`).rejects.toThrow(lost);
    const { damage, log } = await inspect(disk, FOLDER);
    expect(damage[0]!.message).toMatch(lost);
    expect(log).toMatchObject({ isWhole: false, torn: undefined });
  }
  expect(cuts).toBeGreaterThan(10);
});

it('NASTY 38 no flipped bit takes back a last record, not the only one in its sector', async () => {
  const disk = new MemoryDisk();
  const storage = await open(disk, ROOMY);
  await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 1) });
  const start = await usedBytes(disk);
  const data = Buffer.alloc(4096);
  data[2000] = 64;
  await storage.append({ entries: [{ ...entry(2, 1), data }] });
  const after = disk.kill();
  const path = lastSegment(after);
  const bytes = after.peek(path);
  for (let at = start; at < bytes.length; at++) {
    for (let bit = 0; bit < 8 && bytes[at] !== 0; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 1 << bit;
      after.poke(path, flipped);
      const opening = open(after.clone(), ROOMY);
      const what = `bit ${bit} of byte ${at}`;
      await expect(opening, what).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    }
  }
});

const WITNESS = `${FOLDER}/WITNESS`;

/** What runs in the background runs to its end. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('the witness', () => {
  it('S-100 after a stop in good order no byte of the log can go unnoticed', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await storage.append({ hardState: hardState(1, 2, 0), entries: entries(1, 2) });
    await storage.append({ entries: entries(3, 3) });
    await storage.close();
    const path = lastSegment(disk);
    const whole = disk.clone();
    const bytes = whole.peek(path);
    const used = await usedBytes(whole);
    let cuts = 0;
    for (let cut = 0; cut < used; cut++) {
      for (const rest of [bytes.subarray(0, cut), Buffer.from(bytes).fill(0, cut)]) {
        whole.poke(path, rest);
        const error: unknown = await open(whole.clone()).catch((cause: unknown) => cause);
        expect(error, `cut at ${cut}`).toMatchObject({ code: 'DATA_CORRUPT', details: { path } });
        expect((error as { details: { offset: number } }).details.offset).toBeLessThanOrEqual(cut);
        cuts++;
      }
    }
    process.stdout.write(`the end cut off a closed log: ${cuts} cuts; all refused\n`);
  });

  it('S-102 NASTY 2 a vote that was cut off the log is not forgotten', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, ROOMY);
    await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 3) });
    const end = await usedBytes(disk);
    await storage.append({ hardState: hardState(2, 3, 0), entries: [] });
    await settled();
    const after = disk.kill();
    loseEnd(after, end);
    await expect(open(after, ROOMY)).rejects.toMatchObject({
      code: 'DATA_CORRUPT',
      details: { path: lastSegment(after), offset: end },
    });
  });

  it('follows ordinary writes a second later, not each of them', async () => {
    const clock = new ManualClock();
    const disk = new MemoryDisk();
    const storage = await open(disk, { ...ROOMY, clock });
    await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 1) });
    await settled();
    const syncs = disk.counters.sync;
    const ends: number[] = [];
    for (let index = 2; index <= 21; index++) {
      await storage.append({ entries: entries(index, index) });
      ends.push(await usedBytes(disk));
    }
    expect(disk.counters.sync - syncs).toBe(20);
    await clock.advance(1_000);
    expect(disk.counters.sync - syncs).toBe(21);
    await storage.append({ entries: entries(22, 22) });
    const found = disk.kill();
    // What lies within the last second can not be told from a write that never reached the disk.
    const young = found.clone();
    loseEnd(young, ends.at(-1)!);
    expect((await open(young, ROOMY)).lastIndex()).toBe(21);
    loseEnd(found, ends.at(-2)!);
    await expect(open(found, ROOMY)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
  });

  it('is not misled by entries that a new leader replaced', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, ROOMY);
    await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 9) });
    await settled();
    await storage.append({ hardState: hardState(2, 2, 0), entries: entries(3, 3, 2) });
    await settled();
    expect((await open(disk.kill(), ROOMY)).lastIndex()).toBe(3);
  });

  it('that was torn while being written leaves the one before it', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, ROOMY);
    await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 2) });
    await settled();
    const before = disk.peek(WITNESS);
    const earlier = (await readWitness(disk, FOLDER))!;
    await storage.append({ hardState: hardState(2, 1, 0), entries: entries(3, 4, 2) });
    await settled();
    const found = disk.kill();
    const later = (await readWitness(found, FOLDER))!;
    expect(later.reach.end).toBeGreaterThan(earlier.reach.end);
    const bytes = found.peek(WITNESS);
    const at = (later.count % 2) * 4096;
    for (let torn = 0; torn < 48; torn++) {
      const mixed = Buffer.from(bytes);
      mixed.fill(0, at, at + 48);
      before.copy(mixed, at, at, at + 48);
      bytes.copy(mixed, at, at, at + torn);
      found.poke(WITNESS, mixed);
      expect((await readWitness(found, FOLDER))?.count, `torn at ${torn}`).toBe(earlier.count);
      expect((await open(found.clone(), ROOMY)).lastIndex()).toBe(4);
    }
  });

  it('with both slots damaged is refused; missing or empty it says nothing', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, ROOMY);
    await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 2) });
    await storage.close();
    const bytes = disk.peek(WITNESS);
    const damaged = disk.clone();
    bytes[20]! ^= 1;
    bytes[4096 + 20]! ^= 1;
    damaged.poke(WITNESS, bytes);
    await expect(open(damaged, ROOMY)).rejects.toMatchObject({
      code: 'DATA_CORRUPT',
      details: { path: WITNESS, offset: 0 },
    });
    const empty = disk.clone();
    empty.poke(WITNESS, Buffer.alloc(0));
    expect((await open(empty, ROOMY)).lastIndex()).toBe(2);
    const missing = disk.clone();
    await missing.remove(WITNESS);
    expect((await open(missing, ROOMY)).lastIndex()).toBe(2);
  });

  it('knows a segment that was put in the place of another', async () => {
    const [disk, other] = [new MemoryDisk(), new MemoryDisk()];
    for (const [seed, one] of [disk, other].entries()) {
      const storage = await open(one, { ...ROOMY, seed: seed + 1 });
      await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 2) });
      await storage.close();
    }
    const found = disk.clone();
    found.poke(lastSegment(found), other.peek(lastSegment(other)));
    await expect(open(found, ROOMY)).rejects.toThrow(/another file than the one/);
  });

  it('that can not be written ends nothing', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, ROOMY);
    disk.failOn('sync', 'failed', { path: 'WITNESS' });
    await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 2) });
    await settled();
    await storage.append({ hardState: hardState(2, 1, 0), entries: entries(3, 3, 2) });
    await storage.close();
    expect(storage.failure).toBeUndefined();
    expect((await open(disk.clone(), ROOMY)).lastIndex()).toBe(3);
  });

  it('has a format of its own: these bytes', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk, ROOMY);
    await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 2) });
    await settled();
    const bytes = disk.peek(WITNESS);
    expect(bytes.subarray(4096).toString('hex')).toMatchInlineSnapshot(
      `"515749540100000001000000000000000100000000000000f3c9ebfd2b30f05c2e0100000000000000000000587d8b9f"`,
    );
    const future = Buffer.from(bytes);
    future.writeUInt32LE(2, 4096 + 4);
    future.writeUInt32LE(crc32(future.subarray(4096, 4096 + 44)), 4096 + 44);
    const after = disk.kill();
    after.poke(WITNESS, future);
    await expect(open(after, ROOMY)).rejects.toMatchObject({ code: 'DATA_DIR_FORMAT' });
  });
});

it('sets no timer while the storage closes, and still notes what is reached then', async () => {
  const disk = new MemoryDisk();
  await disk.makeDirectory(FOLDER);
  const clock = new ManualClock();
  const witness = new Witness({ disk, clock, logger: nullLogger, directory: FOLDER }, undefined);
  const reach = (end: number): LogReach => ({ sequence: 1, generation: Buffer.alloc(8), end });
  witness.reached(reach(64), false);
  expect(clock.waiting).toBe(1);
  witness.closing();
  witness.reached(reach(128), false);
  expect(clock.waiting).toBe(0);
  await witness.close();
  expect((await readWitness(disk, FOLDER))?.reach.end).toBe(128);
});
