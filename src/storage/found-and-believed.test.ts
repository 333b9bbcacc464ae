/**
 * What a process finds in a folder, it believes and builds on, although the one before may have died
 * before it was durable. So it makes it durable first: a power cut takes nothing back that was read.
 */
import { expect, it } from 'vitest';
import { dice, MemoryDisk, open } from '../../sim/rigs/storage-rig.ts';

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
