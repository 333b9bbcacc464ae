/** Looking into a folder that lives: the glimpse may be old, but it is never taken for damage. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  entries,
  entry,
  FOLDER,
  hardState,
  lastSegment,
  MemoryDisk,
  open,
  save,
  transfer,
} from '../../sim/rigs/storage-rig.ts';
import type { Entry } from '../raft/index.ts';
import { IDENTITY_FILE, readIdentity } from './identity-file.ts';
import { inspect } from './inspect.ts';
import { inspectEntries } from './inspect-entries.ts';
import { MemoryStorage } from './memory-storage.ts';
import { writeSmallFile } from './small-file.ts';
import { snapshotStem } from './snapshot-store.ts';
import type { StoredSnapshot } from './types.ts';

async function list(disk: MemoryDisk, from: number, to: number): Promise<Entry[]> {
  const found: Entry[] = [];
  for await (const one of inspectEntries(disk, FOLDER, from, to)) found.push(one);
  return found;
}

function snapPath(stored: StoredSnapshot): string {
  return join(FOLDER, 'snap', `${snapshotStem(stored)}.snap`);
}

it('a folder that is being written is never called damaged', async () => {
  const disk = new MemoryDisk();
  const storage = await open(disk);
  await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 1) });
  let isOver = false;
  const write = async (): Promise<void> => {
    for (let index = 2; index <= 300; index++) {
      const data = Buffer.alloc(100 + (index % 7) * 150, 'x');
      await storage.append({
        hardState: hardState(1 + Math.floor(index / 40), 1, index - 1),
        entries: [{ ...entry(index, 1 + Math.floor(index / 40)), data }],
      });
      if (index % 50 === 0) {
        await save(storage, index - 10, storage.term(index - 10));
        await storage.compact(index - 20);
      }
    }
    isOver = true;
  };
  const written = write();
  let looks = 0;
  let last = 0;
  while (!isOver) {
    const { damage, log } = await inspect(disk, FOLDER);
    expect(damage).toEqual([]);
    expect(log!.lastIndex).toBeGreaterThanOrEqual(last);
    last = log!.lastIndex;
    looks++;
  }
  await written;
  expect(looks).toBeGreaterThan(10);
  expect((await inspect(disk, FOLDER)).log).toMatchObject({ firstIndex: 281, lastIndex: 300 });
});

it('entries are those that count: replaced and compacted ones are left out', async () => {
  const disk = new MemoryDisk();
  const storage = await open(disk);
  await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 6) });
  await storage.append({ hardState: hardState(2, 1, 0), entries: entries(4, 5, 2) });
  await storage.append({ entries: entries(6, 9, 2) });
  await storage.append({ hardState: hardState(3, 1, 2), entries: entries(8, 8, 3) });
  await save(storage, 2);
  await storage.compact(2);
  const terms = (await list(disk, 1, 100)).map(({ index, term }) => `${index}:${term}`);
  expect(terms).toEqual(['3:1', '4:2', '5:2', '6:2', '7:2', '8:3']);
  expect((await list(disk, 5, 6)).map(({ index }) => index)).toEqual([5, 6]);
  const { log } = await inspect(disk, FOLDER);
  expect(log).toMatchObject({ firstIndex: 3, lastIndex: 8, entries: 6 });
});

it('a log without its identity is damage, as it is for a node; so is an identity that is none', async () => {
  const disk = new MemoryDisk();
  const storage = await open(disk);
  await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 3) });
  await storage.close();
  const kept = await readIdentity(disk, FOLDER);
  for (const text of ['null', '[]', '{}', '"x"']) {
    await writeSmallFile(disk, FOLDER, IDENTITY_FILE, Buffer.from(text));
    const { damage, identity } = await inspect(disk, FOLDER);
    expect(identity).toBeUndefined();
    expect(damage.map(({ what }) => what)).toEqual(['it is no identity']);
  }
  await disk.remove(join(FOLDER, IDENTITY_FILE));
  const { damage } = await inspect(disk, FOLDER);
  expect(damage.map(({ what }) => what)).toEqual(['it is missing, but the folder holds a log']);
  expect(kept).toBeDefined();
});

it('a snapshot that was received and not installed is none, and the next start removes it', async () => {
  const leader = new MemoryStorage();
  const disk = new MemoryDisk();
  const storage = await open(disk);
  await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 9) });
  const own = await save(storage, 4);
  await storage.compact(4);
  const beyond = await save(leader, 50, 3);
  await transfer(leader, storage, beyond);
  const otherTerm = await save(new MemoryStorage(), 6, 2);
  const refused = disk.kill();
  const kept = refused.peek(snapPath(own));
  await refused.remove(snapPath(own));
  expect((await inspect(refused, FOLDER)).damage.map(({ what }) => what)).toEqual([
    'the log begins behind entry 4, and no whole snapshot that reaches as far is here',
  ]);
  await expect(open(refused)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
  refused.poke(snapPath(own), kept);
  refused.poke(snapPath(otherTerm), Buffer.from('never read'));
  const { damage, snapshots, leftovers } = await inspect(refused, FOLDER);
  expect([damage, snapshots.map(({ index }) => index)]).toEqual([[], [4]]);
  const received = leftovers.filter(({ what }) => what.startsWith('received, not installed'));
  const paths = received.map(({ path }) => path);
  expect(paths).toEqual([otherTerm, beyond].map(snapPath));
  await open(refused);
  expect(refused.paths().filter((path) => paths.includes(path))).toEqual([]);
});

it('counts only what counts: terms, records and the witness', async () => {
  const disk = new MemoryDisk();
  const storage = await open(disk, { tuning: { segmentBytes: 65_536 } });
  for (let index = 1; index <= 8; index++) {
    const term = Math.ceil(index / 3);
    await storage.append({
      hardState: hardState(term, 1, 0),
      entries: entries(index, index, term),
    });
  }
  await save(storage, 4, 2);
  await storage.compact(4);
  const { log, witness } = await inspect(disk, FOLDER);
  expect(log!.segments.map(({ records, firstIndex }) => [records, firstIndex])).toEqual([[4, 5]]);
  expect(log!.terms).toEqual([
    { index: 5, term: 2 },
    { index: 7, term: 3 },
  ]);
  expect(witness!.offset).toBeLessThanOrEqual(log!.usedBytes);
  // Up to damage, the same.
  const bytes = disk.peek(lastSegment(disk));
  bytes[log!.usedBytes - 20]! ^= 1;
  disk.poke(lastSegment(disk), bytes);
  const { log: readable } = await inspect(disk, FOLDER);
  expect(readable!.isWhole).toBe(false);
  expect(readable!.terms[0]!.index).toBe(readable!.firstIndex);
});

it.each(['/IDENTITY', '/wal', '/WITNESS', '/snap', '/facts'])(
  'a folder of which %s may not be read is not called damaged',
  async (path) => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 3) });
    await save(storage, 2);
    await storage.writeFact('peers', Buffer.from('one'));
    await storage.close();
    for (const kind of ['look', 'open', 'read'] as const) {
      // A log is looked at twice before it is called damaged.
      for (const nth of [1, 2]) disk.failOn(kind, 'denied', { nth, path });
      await expect(inspect(disk, FOLDER)).rejects.toMatchObject({
        code: 'DATA_DIR_UNUSABLE',
        message: expect.stringContaining('as the user that the node runs as'),
      });
    }
  },
);
