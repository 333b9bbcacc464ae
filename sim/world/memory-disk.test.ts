/** The disk in memory must forget what a real one may forget, and nothing else. */
import { describe, expect, it } from 'vitest';
import { type Dice, MemoryDisk, SECTOR_BYTES } from './memory-disk.ts';

/** Dice that always fall the same way. */
function always(value: number): Dice {
  return { below: (bound) => Math.min(value, bound - 1) };
}

const KEEPS_NOTHING = always(0);
const KEEPS_ALL = always(1_000);

async function fresh(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await disk.makeDirectory('/d');
  return disk;
}

async function put(disk: MemoryDisk, path: string, text: string): Promise<void> {
  const file = await disk.open(path, 'create');
  await file.write(0, [Buffer.from(text)]);
  await file.sync();
  await disk.syncDirectory('/d');
  await file.close();
}

describe('a power cut', () => {
  it('keeps what was synced', async () => {
    const disk = await fresh();
    await put(disk, '/d/a', 'safe');
    expect(disk.crash(KEEPS_NOTHING).peek('/d/a').toString()).toBe('safe');
  });

  it('may take bytes that were written and not synced', async () => {
    const disk = await fresh();
    await put(disk, '/d/a', 'safe');
    const file = await disk.open('/d/a', 'write');
    await file.write(0, [Buffer.from('new and longer')]);
    expect(disk.peek('/d/a').toString()).toBe('new and longer');
    expect(disk.kill().peek('/d/a').toString()).toBe('new and longer');
    const disks = [disk.crash(KEEPS_NOTHING), disk.crash(KEEPS_ALL)];
    expect(disks.map((one) => one.peek('/d/a').toString())).toEqual(['safe', 'new and longer']);
  });

  it('takes sectors one by one, in any order', async () => {
    const disk = await fresh();
    const file = await disk.open('/d/a', 'create');
    await file.writeAndSync(0, [Buffer.alloc(3 * SECTOR_BYTES)]);
    await disk.syncDirectory('/d');
    await file.write(0, [Buffer.alloc(3 * SECTOR_BYTES, 'x')]);
    let turn = 0;
    // The size, then: the first sector goes, the second stays, the third goes.
    const bytes = disk.crash({ below: () => [0, 0, 1, 0][turn++]! }).peek('/d/a');
    expect([bytes[0], bytes[SECTOR_BYTES], bytes[2 * SECTOR_BYTES]]).toEqual([0, 120, 0]);
  });

  it('may take a new name, and give back a removed or renamed one', async () => {
    const disk = await fresh();
    await put(disk, '/d/old', 'old');
    await put(disk, '/d/gone', 'gone');
    const file = await disk.open('/d/new', 'create');
    await file.writeAndSync(0, [Buffer.from('new')]);
    await disk.rename('/d/new', '/d/old');
    await disk.remove('/d/gone');
    const nothing = disk.crash(KEEPS_NOTHING);
    expect(nothing.paths()).toEqual(['/d/gone', '/d/old']);
    expect(nothing.peek('/d/old').toString()).toBe('old');
    const all = disk.crash(KEEPS_ALL);
    expect(all.paths()).toEqual(['/d/old']);
    expect(all.peek('/d/old').toString()).toBe('new');
  });

  it('after a failed sync, syncing again helps nothing; writing again does', async () => {
    const disk = await fresh();
    await put(disk, '/d/a', 'old');
    const file = await disk.open('/d/a', 'write');
    await file.write(0, [Buffer.from('new')]);
    disk.failOn('sync', 'failed');
    await expect(file.sync()).rejects.toMatchObject({ fault: 'failed' });
    const later = disk.kill();
    const again = await later.open('/d/a', 'write');
    expect(Buffer.from(await again.read(0, 3)).toString()).toBe('new');
    await again.sync();
    expect(later.crash(KEEPS_NOTHING).peek('/d/a').toString()).toBe('old');
    const third = later.kill();
    const rewritten = await third.open('/d/a', 'write');
    await rewritten.writeAndSync(0, [Buffer.from('new')]);
    expect(third.crash(KEEPS_NOTHING).peek('/d/a').toString()).toBe('new');
  });
});

describe('the death of a process', () => {
  it('leaves what it asked for afterwards unsettled, and frees its locks', async () => {
    const disk = await fresh();
    await disk.lock('/d');
    await expect(disk.lock('/d')).rejects.toMatchObject({ fault: 'locked' });
    disk.dieAfter(2);
    let settled = false;
    // The file is created and written; its sync never happens.
    void put(disk, '/d/a', 'x').finally(() => {
      settled = true;
    });
    await disk.died;
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    expect(settled).toBe(false);
    await (await disk.kill().lock('/d')).release();
  });
});

describe('faults and limits', () => {
  it('fails the nth operation on a path', async () => {
    const disk = await fresh();
    const file = await disk.open('/d/a', 'create');
    disk.failOn('write', 'failed', { nth: 2, path: '/d/a' });
    await file.write(0, [Buffer.from('1')]);
    await expect(file.write(1, [Buffer.from('2')])).rejects.toMatchObject({ fault: 'failed' });
    await file.write(1, [Buffer.from('3')]);
    expect(disk.peek('/d/a').toString()).toBe('13');
  });

  it('is full at its capacity, with as much written as fits', async () => {
    const disk = await fresh();
    disk.capacityBytes = 10;
    await put(disk, '/d/a', '123456');
    const file = await disk.open('/d/b', 'create');
    await expect(file.write(0, [Buffer.from('abcdef')])).rejects.toMatchObject({ fault: 'full' });
    expect(disk.peek('/d/b').toString()).toBe('abcd');
    // What is there already may be written over.
    await file.write(0, [Buffer.from('ABCD')]);
    expect(await disk.freeBytes('/d')).toBe(0);
  });

  it('counts, holds and lists', async () => {
    const disk = await fresh();
    await put(disk, '/d/a', 'x');
    expect(disk.counters).toMatchObject({ write: 1, sync: 1, syncDirectory: 1, bytesWritten: 1 });
    await disk.makeDirectory('/d/e');
    expect(await disk.list('/d')).toEqual([
      { name: 'a', kind: 'file', size: 1 },
      { name: 'e', kind: 'directory', size: 0 },
    ]);
    await expect(disk.list('/d/a')).rejects.toMatchObject({ fault: 'not-a-directory' });
    await expect(disk.list('/d/none')).rejects.toMatchObject({ fault: 'missing' });
    expect(await disk.info('/d/none')).toBeUndefined();
    disk.hold();
    let done = false;
    const waiting = disk.info('/d/a').then(() => {
      done = true;
    });
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    expect(done).toBe(false);
    disk.release();
    await waiting;
  });
});
