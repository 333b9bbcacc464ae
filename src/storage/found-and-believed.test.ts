/**
 * What a process finds in a folder, it believes and builds on, although the one before may have died
 * before it was durable. So it makes it durable first: a power cut takes nothing back that was read.
 */
import { expect, it } from 'vitest';
import {
  dice,
  hardState,
  MemoryDisk,
  open,
  readState,
  save,
  snapshotOf,
  transfer,
} from '../../sim/rigs/storage-rig.ts';
import { BULK_CHUNK_BYTES, SNAPSHOT_SYNC_BYTES } from '../limits.ts';
import { MemoryStorage } from './memory-storage.ts';

const CUTS = 20;

async function readFact(disk: MemoryDisk, seed: number): Promise<string> {
  const storage = await open(disk, { seed });
  return Buffer.from((await storage.readFact('peers'))!).toString();
}

it('S-102 a fact that the next process has read is there after a power cut', async () => {
  const disk = new MemoryDisk();
  const storage = await open(disk);
  await storage.writeFact('peers', Buffer.from('old'));
  disk.failOn('syncDirectory', 'failed', { path: '/facts' });
  await expect(storage.writeFact('peers', Buffer.from('new'))).rejects.toMatchObject({
    code: 'DISK_FAILED',
  });
  const killed = disk.kill();
  const read = await readFact(killed, 2);
  expect(read).toBe('new');
  for (let seed = 0; seed < CUTS; seed++) {
    expect(await readFact(killed.picture().crash(dice(seed)), 3)).toBe(read);
  }
});

it.each([
  ['the last sync', 1, 600_000],
  ['a sync on the way', 2, 2 * SNAPSHOT_SYNC_BYTES + 2 * BULK_CHUNK_BYTES],
])(
  'NASTY 39 a transfer of which %s failed goes on, and is whole in the end',
  async (_what, nth, bytes) => {
    const leader = new MemoryStorage();
    const text = 'x'.repeat(bytes);
    const stored = await save(leader, 100, 1, text);
    const disk = new MemoryDisk();
    const storage = await open(disk);
    disk.failOn('sync', 'failed', { nth, path: '.part' });
    // As if the process had been killed before it could remove the file.
    disk.failOn('remove', 'failed', { path: '.part' });
    const receiving = transfer(leader, storage, stored, BULK_CHUNK_BYTES);
    await expect(receiving).rejects.toMatchObject({ code: 'DISK_FAILED' });
    const killed = disk.kill();
    const next = await open(killed, { seed: 2 });
    const receiver = await next.receiveSnapshot(snapshotOf(stored));
    expect(receiver.received).toBeGreaterThan(0);
    await receiver.abort();
    await transfer(leader, next, stored, BULK_CHUNK_BYTES);
    await next.installSnapshot(snapshotOf(stored), hardState(1, 0, 100));
    for (let seed = 0; seed < 3; seed++) {
      const found = await open(killed.picture().crash(dice(seed)), { seed: 3 });
      expect((await readState(found, found.newestSnapshot!)) === text).toBe(true);
    }
  },
);
