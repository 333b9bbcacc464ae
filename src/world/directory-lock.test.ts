/**
 * The lock of a folder, with a process that is killed for real: nothing else shows that the kernel
 * takes the lock back.
 */
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { type ChildPrograms, childPrograms, ended, line } from '../../test/house/child-program.ts';
import { folderHolder } from './directory-lock.ts';
import { realDisk } from './real-disk.ts';

const disk = realDisk();
let programs: ChildPrograms;
let folder = '';
beforeAll(() => {
  programs = childPrograms(['world']);
});
afterAll(() => programs.dispose());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-lock-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const HOLDER = `import { realDisk } from 'DOOR/world/real-disk.js';
  await realDisk().lock(process.argv[2]);
  console.log('locked');
  process.stdin.resume();`;

it('refuses a second lock of this process, by whatever path, until released', async () => {
  const lock = await disk.lock(folder);
  await symlink(folder, `${folder}-link`);
  try {
    await expect(disk.lock(folder)).rejects.toMatchObject({
      fault: 'locked',
      // What to do about it is said once, by who opens the data folder.
      message: expect.stringMatching(/is held by [^;.]+$/),
    });
    await expect(disk.lock(`${folder}-link`)).rejects.toThrow(`this process already`);
  } finally {
    await rm(`${folder}-link`);
  }
  await lock.release();
  await lock.release();
  expect(await readdir(folder)).toEqual([]);
  const again = await disk.lock(folder);
  await again.release();
});

it('refuses what another process holds, names it, and gets it after kill -9', async () => {
  const child = programs.start(HOLDER, [folder]);
  await line(child, 'locked');
  await expect(disk.lock(folder)).rejects.toMatchObject({
    fault: 'locked',
    message: expect.stringContaining(`process ${child.pid} `),
  });
  child.kill('SIGKILL');
  await ended(child);
  const lock = await disk.lock(folder);
  await lock.release();
});

it('names a holder that is stopped and can not answer', async () => {
  const child = programs.start(HOLDER, [folder]);
  await line(child, 'locked');
  child.kill('SIGSTOP');
  await expect(disk.lock(folder)).rejects.toThrow(`process ${child.pid} `);
  child.kill('SIGKILL');
  await ended(child);
});

it('says who holds a folder, without touching it', async () => {
  expect(await folderHolder(folder)).toBeUndefined();
  const child = programs.start(HOLDER, [folder]);
  await line(child, 'locked');
  expect(await folderHolder(folder)).toMatchObject({ pid: child.pid });
  child.kill('SIGKILL');
  await ended(child);
  const names = await readdir(folder);
  expect(await folderHolder(folder)).toBeUndefined();
  expect(await readdir(folder)).toEqual(names);
});

it('keeps no process alive', async () => {
  const run = await ended(programs.start(HOLDER.replace('process.stdin.resume();', ''), [folder]));
  expect(run).toMatchObject({ stdout: 'locked\n', code: 0 });
});

it('takes a folder with a very long path', async () => {
  const deep = join(folder, 'x'.repeat(100), 'y'.repeat(100));
  await mkdir(deep, { recursive: true });
  const lock = await disk.lock(deep);
  await expect(disk.lock(deep)).rejects.toMatchObject({ fault: 'locked' });
  await lock.release();
});

it('a stale text file of a dead process stops nobody', async () => {
  const stale = { pid: 1, host: 'elsewhere', boot: 'another', startTicks: '1' };
  await writeFile(join(folder, 'LOCK'), JSON.stringify(stale));
  const lock = await disk.lock(folder);
  await lock.release();
});

it('says so when there is no such folder', async () => {
  await expect(disk.lock(join(folder, 'none'))).rejects.toMatchObject({ fault: 'missing' });
});

it('a lock that could not be taken wholly is given back wholly', async () => {
  await mkdir(join(folder, 'LOCK'));
  await expect(disk.lock(folder)).rejects.toMatchObject({ name: 'DiskError' });
  expect(await readdir(folder)).toEqual(['LOCK']);
  await rm(join(folder, 'LOCK'), { recursive: true });
  const lock = await disk.lock(folder);
  await lock.release();
});
