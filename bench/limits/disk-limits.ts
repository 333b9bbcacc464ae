/**
 * What the disk below the temporary folder gives: 4 KiB written and made durable, again and again. Appended, a
 * file grows and its length must be made durable too; preallocated, the space is there but was never written;
 * overwritten, nothing but the bytes changes.
 */
import { spawnSync } from 'node:child_process';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';

const BLOCK_BYTES = 4 * 1024;
const FILE_BYTES = 16 * 2 ** 20;
const WRITERS = 3;

export type WriteKind = 'append' | 'preallocated' | 'overwrite';

/** Milliseconds that each write and fdatasync took, for so long. */
export async function syncTimes(
  folder: string,
  kind: WriteKind,
  seconds: number,
): Promise<number[]> {
  const file = await prepared(join(folder, kind), kind);
  try {
    return await writeFor(file, seconds, kind === 'append' ? Number.POSITIVE_INFINITY : FILE_BYTES);
  } finally {
    await file.close();
  }
}

/** Three at once, each appending to a file of its own: what three nodes of one machine do to each other. */
export async function threeWriters(folder: string, seconds: number): Promise<number[]> {
  const files = await Promise.all(
    Array.from({ length: WRITERS }, (_, at) => prepared(join(folder, `writer-${at}`), 'append')),
  );
  try {
    const writing = files.map((file) => writeFor(file, seconds, Number.POSITIVE_INFINITY));
    return (await Promise.all(writing)).flat();
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

async function prepared(path: string, kind: WriteKind): Promise<FileHandle> {
  const file = await open(path, 'w+');
  if (kind === 'append') return file;
  if (kind === 'overwrite') await file.write(new Uint8Array(FILE_BYTES));
  else await setAside(file, path);
  await file.sync();
  return file;
}

async function writeFor(file: FileHandle, seconds: number, lengthMax: number): Promise<number[]> {
  const block = new Uint8Array(BLOCK_BYTES).fill(1);
  const times: number[] = [];
  const endAt = performance.now() + seconds * 1_000;
  for (let at = 0; ; at += BLOCK_BYTES) {
    const beganAt = performance.now();
    if (beganAt >= endAt) return times;
    await file.write(block, 0, BLOCK_BYTES, at % lengthMax);
    await file.datasync();
    times.push(performance.now() - beganAt);
  }
}

/** Node has no fallocate, the system has the command. Without it there is only the length, and a hole. */
async function setAside(file: FileHandle, path: string): Promise<void> {
  const { status } = spawnSync('fallocate', ['-l', String(FILE_BYTES), path]);
  if (status !== 0) await file.truncate(FILE_BYTES);
}
