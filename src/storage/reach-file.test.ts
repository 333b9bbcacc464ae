/** A log that lost its end while the node was down is refused, and nothing is thrown away. */
import { expect, it } from 'vitest';
import {
  entries,
  FOLDER,
  hardState,
  lastSegment,
  MemoryDisk,
  open,
  reopen,
  save,
  snapshotOf,
  transfer,
} from '../../sim/storage-rig.ts';
import { inspect } from './inspect.ts';
import { MemoryStorage } from './memory-storage.ts';

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
  await expect(open(after.clone(), ROOMY)).rejects.toThrow(/once held entry 15 of term 2/);
  expect(after.paths()).toEqual(paths);
  expect((await inspect(after, FOLDER)).damage.join()).toContain('entry 15');
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
