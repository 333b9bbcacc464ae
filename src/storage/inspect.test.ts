/** Looking into a folder that lives: the glimpse may be old, but it is never taken for damage. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  entries,
  entry,
  FOLDER,
  hardState,
  MemoryDisk,
  open,
  save,
} from '../../sim/rigs/storage-rig.ts';
import type { Entry } from '../raft/index.ts';
import { IDENTITY_FILE, readIdentity } from './identity-file.ts';
import { inspect } from './inspect.ts';
import { inspectEntries } from './inspect-entries.ts';
import { writeSmallFile } from './small-file.ts';

async function list(disk: MemoryDisk, from: number, to: number): Promise<Entry[]> {
  const found: Entry[] = [];
  for await (const one of inspectEntries(disk, FOLDER, from, to)) found.push(one);
  return found;
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
