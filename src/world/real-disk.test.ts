import { mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { diskFault } from './disk-faults.ts';
import { Ordered } from './ordered.ts';
import { realDisk } from './real-disk.ts';
import { batchOf, without } from './real-file.ts';
import { DiskError } from './types.ts';

const disk = realDisk();
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-disk-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const text = (value: string): Uint8Array => Buffer.from(value);

function faultOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error) => (error instanceof DiskError ? error.fault : String(error)),
  );
}

it('writes chunks at a position, syncs, reads back, also past the end', async () => {
  const file = await disk.open(join(folder, 'log'), 'create');
  await file.write(0, [text('ab'), text(''), text('cd')]);
  await file.writeAndSync(4, [text('ef')]);
  expect(Buffer.from(await file.read(1, 3)).toString()).toBe('bcd');
  expect(Buffer.from(await file.read(4, 100)).toString()).toBe('ef');
  expect(await file.read(100, 4)).toHaveLength(0);
  expect(await file.size()).toBe(6);
  await file.truncate(3);
  await file.sync();
  await file.close();
  await file.close();
  expect(await readFile(join(folder, 'log'), 'utf8')).toBe('abc');
});

it('takes operations of one file in order without waiting between them', async () => {
  const file = await disk.open(join(folder, 'log'), 'create');
  const done: Promise<unknown>[] = [];
  for (let turn = 0; turn < 50; turn += 1) {
    done.push(file.writeAndSync(0, [text(String(turn).padStart(4, '0'))]));
  }
  done.push(file.truncate(2), file.write(2, [text('!')]));
  const seen = file.read(0, 10);
  await Promise.all(done);
  expect(Buffer.from(await seen).toString()).toBe('00!');
  await file.close();
});

it('writes more chunks than one system call takes', async () => {
  const file = await disk.open(join(folder, 'log'), 'create');
  const chunks = Array.from({ length: 3_000 }, (_, at) => text(String(at % 10)));
  await file.write(0, chunks);
  expect(Buffer.from(await file.read(0, 4_000))).toEqual(Buffer.concat(chunks));
  await file.close();
});

it('goes on after a short write where the kernel stopped', () => {
  const chunks = [text('abc'), text('de'), text('f')];
  expect(Buffer.concat(without(chunks, 4)).toString()).toBe('ef');
  expect(Buffer.concat(without(chunks, 3)).toString()).toBe('def');
  expect(without(chunks, 6)).toEqual([]);
  const many = Array.from({ length: 2_000 }, () => text('x'));
  expect(batchOf(many)).toHaveLength(1_024);
});

it('open modes say what must or must not be there', async () => {
  const path = join(folder, 'a');
  expect(await faultOf(disk.open(path, 'read'))).toBe('missing');
  expect(await faultOf(disk.open(path, 'write'))).toBe('missing');
  await (await disk.open(path, 'create')).close();
  expect(await faultOf(disk.open(path, 'create'))).toBe('exists');
  const file = await disk.open(path, 'read');
  await file.close();
  expect(await faultOf(file.read(0, 1))).toBe('failed');
  expect(await faultOf(file.write(0, [text('x')]))).toBe('failed');
  expect(await faultOf(file.sync())).toBe('failed');
});

it('names: makes folders, lists, renames over, removes, syncs', async () => {
  const deep = join(folder, 'x', 'y');
  await disk.makeDirectory(deep);
  await disk.makeDirectory(deep);
  for (const name of ['one', 'two']) {
    const file = await disk.open(join(deep, name), 'create');
    await file.write(0, [text(name)]);
    await file.close();
  }
  await disk.rename(join(deep, 'one'), join(deep, 'two'));
  await disk.syncDirectory(deep);
  expect(await disk.list(deep)).toEqual([{ name: 'two', kind: 'file', size: 3 }]);
  expect(await readFile(join(deep, 'two'), 'utf8')).toBe('one');
  await disk.remove(join(deep, 'two'));
  await disk.remove(join(deep, 'two'));
  expect(await disk.info(join(deep, 'two'))).toBeUndefined();
  expect(await disk.info(deep)).toMatchObject({ name: 'y', kind: 'directory' });
  expect(await disk.freeBytes(folder)).toBeGreaterThan(0);
});

it('makes folders where the file system says that a parent is missing which is there', async () => {
  // Recursive mkdir of Node never ends below /proc.
  if ((await disk.info('/proc/self')) === undefined) return;
  expect(await faultOf(disk.makeDirectory('/proc/quorate-test/data'))).toBe('missing');
  expect(await faultOf(disk.makeDirectory('/proc/self/quorate-test'))).toBe('missing');
  await disk.makeDirectory('/');
  const deep = join(folder, 'a', 'b', 'c');
  await Promise.all([disk.makeDirectory(deep), disk.makeDirectory(join(deep, 'd'))]);
  expect(await disk.info(join(deep, 'd'))).toMatchObject({ kind: 'directory' });
});

it('says which part of a path is a file', async () => {
  await (await disk.open(join(folder, 'file'), 'create')).close();
  await expect(disk.makeDirectory(join(folder, 'file'))).rejects.toThrow(
    `can not make the folder ${join(folder, 'file')}: a file has that name; move it away`,
  );
  await expect(disk.makeDirectory(join(folder, 'file', 'x', 'y'))).rejects.toThrow(
    `${join(folder, 'file')} is a file; move it away`,
  );
});

it('names faults: a missing folder, a file where a folder should be', async () => {
  await (await disk.open(join(folder, 'file'), 'create')).close();
  expect(await faultOf(disk.list(join(folder, 'none')))).toBe('missing');
  expect(await faultOf(disk.syncDirectory(join(folder, 'none')))).toBe('missing');
  expect(await faultOf(disk.rename(join(folder, 'none'), join(folder, 'b')))).toBe('missing');
  expect(await faultOf(disk.open(join(folder, 'file', 'x'), 'create'))).toBe('not-a-directory');
  expect(await faultOf(disk.makeDirectory(join(folder, 'file')))).toBe('not-a-directory');
  expect(await faultOf(disk.makeDirectory(join(folder, 'file', 'x')))).toBe('not-a-directory');
});

it.each([
  ['ENOSPC', 'full'],
  ['EDQUOT', 'full'],
  ['EROFS', 'read-only'],
  ['EACCES', 'denied'],
  ['EIO', 'failed'],
  ['ESOMETHING', 'failed'],
])('%s is the fault "%s", with the path in the message', (code, fault) => {
  const error = diskFault('write to', '/data/log', Object.assign(new Error(code), { code }));
  expect(error.fault).toBe(fault);
  expect(error.message).toContain('/data/log');
  expect(error.message).toContain(code);
});

it('a full disk is told, and does not pass for success', async () => {
  // Linux offers a device that is always full; elsewhere the table above must do.
  if ((await disk.info('/dev/full')) === undefined) return;
  await symlink('/dev/full', join(folder, 'full'));
  const file = await disk.open(join(folder, 'full'), 'write');
  expect(await faultOf(file.write(0, [text('x')]))).toBe('full');
  await file.close();
});

it('a failed sync is final for the file', async () => {
  // fdatasync of a terminal or pipe fails with EINVAL: the nearest that a healthy machine offers.
  const file = await disk.open('/dev/null', 'write').catch(() => undefined);
  if (file === undefined) return;
  expect(await faultOf(file.sync())).toBe('failed');
  expect(await faultOf(file.write(0, [text('x')]))).toBe('failed');
  expect(await faultOf(file.writeAndSync(0, [text('x')]))).toBe('failed');
  await file.close();
});

it('runs operations with a common key in order, others side by side', async () => {
  const ordered = new Ordered();
  const order: string[] = [];
  let release = (): void => {};
  const gate = new Promise<void>((done) => {
    release = done;
  });
  const step = (name: string, wait?: Promise<void>) => async (): Promise<void> => {
    await wait;
    order.push(name);
  };
  const first = ordered.run(['a'], step('a1', gate));
  const failed = ordered.run(['a'], () => Promise.reject(new Error('a2')));
  const both = ordered.run(['a', 'b'], step('ab'));
  const behind = ordered.run(['b'], step('b'));
  await ordered.run(['c'], step('c'));
  release();
  await expect(failed).rejects.toThrow('a2');
  await Promise.all([first, both, behind]);
  expect(order).toEqual(['c', 'a1', 'ab', 'b']);
  expect(await readdir(folder)).toEqual([]);
});

it('closes a file only when the reads under way have ended', async () => {
  const bytes = 16 * 1024 * 1024;
  const file = await disk.open(join(folder, 'log'), 'create');
  await file.write(0, [Buffer.alloc(bytes, 7)]);
  let ended = 0;
  const reads = Array.from({ length: 12 }, () => file.read(0, bytes).then(() => ended++));
  await new Promise((resolve) => setImmediate(resolve));
  await file.close();
  expect(ended).toBe(reads.length);
});
