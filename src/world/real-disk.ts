/**
 * The machine's disk: files (see real-file.ts), names, and the lock of a folder (directory-lock.ts).
 *
 * Operations on names run in order per folder; a rename between two folders waits for both. A file's
 * name is durable only after `syncDirectory` of the folder, so that is an fsync of the folder itself:
 * without it a crash may bring back the old name of a renamed file, or lose a new file whose data was
 * synced. Files and folders are made for this user alone: a log may hold anybody's secrets.
 */
import {
  close as closeDescriptor,
  mkdir,
  open as openDescriptor,
  fsync as syncDescriptor,
} from 'node:fs';
import { readdir, rename, stat, statfs, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { lockDirectory } from './directory-lock.ts';
import { diskFault } from './disk-faults.ts';
import { Ordered } from './ordered.ts';
import { RealFile } from './real-file.ts';
import { type Disk, DiskError, type DiskFile, type FileInfo, type OpenMode } from './types.ts';

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
const FLAGS: Readonly<Record<OpenMode, string>> = { read: 'r', write: 'r+', create: 'wx+' };

const open = promisify(openDescriptor);
const close = promisify(closeDescriptor);
const fsync = promisify(syncDescriptor);
const makeDirectory = promisify(mkdir);

/** The machine's own file systems. */
export function realDisk(): Disk {
  const names = new Ordered();
  return {
    makeDirectory: (path) => names.run([folder(path)], () => makeFolder(folder(path))),
    list: (path) => names.run([folder(path)], () => list(path)),
    info: (path) => names.run([parent(path)], () => info(path)),
    open: (path, mode) => names.run([parent(path)], () => openFile(path, mode)),
    rename: (from, to) =>
      names.run([...new Set([parent(from), parent(to)])], () =>
        said(`rename to ${to} the file`, from, () => rename(from, to)),
      ),
    remove: (path) => names.run([parent(path)], () => remove(path)),
    syncDirectory: (path) => names.run([folder(path)], () => syncDirectory(path)),
    freeBytes: async (path) => {
      const facts = await said('ask for free space below', path, () => statfs(path));
      return facts.bavail * facts.bsize;
    },
    lock: (directory) => lockDirectory(directory),
  };
}

/** The key under which operations on a folder's names queue. */
function folder(path: string): string {
  return resolve(path);
}

function parent(path: string): string {
  return dirname(resolve(path));
}

async function said<T>(doing: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw diskFault(doing, path, cause);
  }
}

/**
 * One folder after the other. Node's own recursive mkdir goes round in circles for ever where a file system
 * answers "no such folder" although the parent is there, as /proc does.
 */
async function makeFolder(path: string): Promise<void> {
  try {
    await makeDirectory(path, { mode: DIRECTORY_MODE });
    return;
  } catch (cause) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory()) return;
    if (found !== undefined) throw notAFolder(path, path, cause);
    const above = dirname(path);
    const parent = await stat(above).catch(() => undefined);
    if (parent !== undefined && !parent.isDirectory()) throw notAFolder(path, above, cause);
    const isOnlyMissing = isCode(cause, 'ENOENT') && parent === undefined && above !== path;
    // Somebody else made it just now, or this is such a file system: one more attempt tells.
    const hasComeMeanwhile = isCode(cause, 'ENOENT') && parent !== undefined;
    if (!isOnlyMissing && !hasComeMeanwhile && !isCode(cause, 'ENOTDIR'))
      throw diskFault('make the folder', path, cause);
    if (!hasComeMeanwhile) await makeFolder(above);
  }
  // Somebody else may have been faster.
  await makeDirectory(path, { mode: DIRECTORY_MODE }).catch(async (cause: unknown) => {
    const found = await stat(path).catch(() => undefined);
    if (!found?.isDirectory()) throw diskFault('make the folder', path, cause);
  });
}

function notAFolder(path: string, file: string, cause: unknown): DiskError {
  return new DiskError(
    'not-a-directory',
    path,
    `can not make the folder ${path}: ${file === path ? 'a file has that name' : `${file} is a file`}; move it away`,
    cause,
  );
}

async function openFile(path: string, mode: OpenMode): Promise<DiskFile> {
  const doing = mode === 'create' ? 'create' : 'open';
  const fd = await said(doing, path, () => open(path, FLAGS[mode], FILE_MODE));
  return new RealFile(fd, path);
}

async function list(path: string): Promise<readonly FileInfo[]> {
  const entries = await said('list', path, () => readdir(path));
  const infos = await Promise.all(entries.map((name) => info(join(path, name))));
  // What vanished between the two questions is not there.
  return infos.filter((found) => found !== undefined);
}

async function info(path: string): Promise<FileInfo | undefined> {
  try {
    const facts = await stat(path);
    const kind = facts.isFile() ? 'file' : facts.isDirectory() ? 'directory' : 'other';
    return { name: basename(path), kind, size: facts.size };
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return undefined;
    throw diskFault('look at', path, cause);
  }
}

async function remove(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (cause) {
    if (!isCode(cause, 'ENOENT')) throw diskFault('remove', path, cause);
  }
}

async function syncDirectory(path: string): Promise<void> {
  // Windows has no fsync of a folder; its file systems journal names by themselves.
  if (process.platform === 'win32') return;
  await said('sync the folder', path, async () => {
    const fd = await open(path, 'r');
    try {
      await fsync(fd);
    } finally {
      await close(fd);
    }
  });
}

function isCode(cause: unknown, code: string): boolean {
  return typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === code;
}
