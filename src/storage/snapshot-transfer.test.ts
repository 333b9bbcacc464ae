/**
 * Transfers of snapshots as the storage sees them: cut anywhere, gone on with, by the same process or by
 * the next one; files that are not what they seem; disks without room; and files that are read while a
 * newer snapshot takes their place.
 */
import { describe, expect, it } from 'vitest';
import {
  entry,
  FOLDER,
  MemoryDisk,
  open,
  save,
  snapshotOf,
  transfer,
} from '../../sim/rigs/storage-rig.ts';
import { SNAPSHOT_FRAME_BYTES, SNAPSHOT_ROOM_LEFT_BYTES } from '../limits.ts';
import { MemoryStorage } from './memory-storage.ts';
import type { SnapshotReader, Storage, StoredSnapshot } from './types.ts';

const CHUNK = 100_000;
const MIB = 1024 * 1024;
const LINE_CHARS = 1_000;

function snapshotFiles(disk: MemoryDisk): string[] {
  return disk
    .paths()
    .filter((path) => path.startsWith(`${FOLDER}/snap/`))
    .map((path) => path.slice(FOLDER.length + 6));
}

/** A leader with a snapshot of several frames, no two of them alike. */
async function leaderWith(
  index: number,
  bytes = 1_500_000,
): Promise<[MemoryStorage, StoredSnapshot]> {
  const leader = new MemoryStorage();
  const lines = Array.from({ length: Math.ceil(bytes / LINE_CHARS) }, (_, line) =>
    `line ${line} of ${index}`.padEnd(LINE_CHARS, '.'),
  );
  return [leader, await save(leader, index, 1, lines.join(''))];
}

/** Sends chunks up to the `count`-th, then the line breaks. */
async function sendPart(
  reader: SnapshotReader,
  to: Storage,
  stored: StoredSnapshot,
  count: number,
): Promise<number> {
  const receiver = await to.receiveSnapshot(snapshotOf(stored));
  let at = receiver.received;
  for (let chunk = 0; chunk < count && at < stored.bytes; chunk++) {
    const bytes = await reader.read(at, CHUNK);
    await receiver.write(bytes);
    at += bytes.length;
  }
  await receiver.abort();
  return at;
}

describe('a transfer that is cut', () => {
  it('S-103 goes on after a cut at any chunk, in the same process and in the next', async () => {
    const [leader, stored] = await leaderWith(100);
    const reader = await leader.openSnapshot(stored);
    const chunks = Math.ceil(stored.bytes / CHUNK);
    for (let cut = 0; cut <= chunks; cut++) {
      for (const restarts of [false, true]) {
        let disk = new MemoryDisk();
        let storage = await open(disk);
        const sent = await sendPart(reader, storage, stored, cut);
        if (restarts) {
          disk = disk.kill();
          storage = await open(disk);
        }
        const resumed = await storage.receiveSnapshot(snapshotOf(stored));
        // What is lost is at most the frame in which the cut fell, and the table at the end.
        expect(sent - resumed.received).toBeLessThan(SNAPSHOT_FRAME_BYTES + 100);
        await resumed.abort();
        expect(await transfer(leader, storage, stored, CHUNK)).toEqual(stored);
        await storage.installSnapshot(snapshotOf(stored), { term: 1, vote: 0, commit: 100 });
        expect(storage.newestSnapshot).toEqual(stored);
      }
    }
  });

  it('goes on after several cuts, and sends hardly more than the file', async () => {
    const [leader, stored] = await leaderWith(100);
    const reader = await leader.openSnapshot(stored);
    const storage = await open(new MemoryDisk());
    let sent = 0;
    for (let cut = 0; cut < 4; cut++) {
      const before = await storage.receiveSnapshot(snapshotOf(stored));
      await before.abort();
      sent += (await sendPart(reader, storage, stored, 4)) - before.received;
    }
    const last = await storage.receiveSnapshot(snapshotOf(stored));
    sent += stored.bytes - last.received;
    await last.abort();
    await transfer(leader, storage, stored, CHUNK);
    expect(sent).toBeLessThan(stored.bytes + 4 * SNAPSHOT_FRAME_BYTES);
  });

  it('begins anew where another file lies under its name', async () => {
    const [leader, stored] = await leaderWith(100);
    const [other, stranger] = await leaderWith(200);
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await sendPart(await leader.openSnapshot(stored), storage, stored, 6);
    const part = disk.paths().find((path) => path.endsWith('.part')) as string;
    const reader = await other.openSnapshot(stranger);
    // Not a snapshot at all: nothing of it is gone on with.
    disk.poke(part, Buffer.alloc(600_000, 'x'));
    const garbage = await storage.receiveSnapshot(snapshotOf(stored));
    expect(garbage.received).toBe(0);
    await garbage.abort();
    // Whole frames of another snapshot: found out at the end, and then it begins anew.
    disk.poke(part, Buffer.from(await reader.read(0, 700_000)));
    await expect(transfer(leader, storage, stored, CHUNK)).rejects.toMatchObject({
      code: 'TRANSFER_FAILED',
    });
    const anew = await storage.receiveSnapshot(snapshotOf(stored));
    expect(anew.received).toBe(0);
    await anew.abort();
    expect(await transfer(leader, storage, stored, CHUNK)).toEqual(stored);
  });

  it('goes on before a part of the file that was damaged meanwhile', async () => {
    const [leader, stored] = await leaderWith(100);
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await sendPart(await leader.openSnapshot(stored), storage, stored, 10);
    const part = disk.paths().find((path) => path.endsWith('.part')) as string;
    const bytes = disk.peek(part);
    bytes[600_000]! ^= 1;
    disk.poke(part, bytes);
    const resumed = await storage.receiveSnapshot(snapshotOf(stored));
    expect(resumed.received).toBeLessThan(600_000);
    expect(resumed.received).toBeGreaterThan(200_000);
    await resumed.abort();
    expect(await transfer(leader, storage, stored, CHUNK)).toEqual(stored);
  });

  it('of a snapshot that was superseded leaves room for the newer one', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    for (const index of [100, 200, 300]) {
      const [leader, stored] = await leaderWith(index);
      await sendPart(await leader.openSnapshot(stored), storage, stored, 6);
    }
    const parts = snapshotFiles(disk).filter((name) => name.endsWith('.part'));
    expect(parts.map((name) => Number(name.split('-')[0]))).toEqual([200, 300]);
    const [leader, stored] = await leaderWith(400);
    await transfer(leader, storage, stored, CHUNK);
    await storage.installSnapshot(snapshotOf(stored), { term: 1, vote: 0, commit: 400 });
    expect(snapshotFiles(disk).filter((name) => name.endsWith('.part'))).toEqual([]);
  });
});

describe('room on the disk', () => {
  it('a transfer for which there is none is refused at once, and the log goes on', async () => {
    const [leader, stored] = await leaderWith(100, 10 * MIB);
    const disk = new MemoryDisk();
    const storage = await open(disk);
    const free = await disk.freeBytes(FOLDER);
    expect(free).toBeGreaterThan(0);
    disk.capacityBytes = 9 * MIB + SNAPSHOT_ROOM_LEFT_BYTES;
    await expect(storage.receiveSnapshot(snapshotOf(stored))).rejects.toMatchObject({
      code: 'DISK_FULL',
    });
    await storage.append({ entries: [{ index: 1, term: 1, type: 0, data: Buffer.from('on') }] });
    expect(storage.failure).toBeUndefined();
    disk.capacityBytes = 20 * MIB + SNAPSHOT_ROOM_LEFT_BYTES;
    expect(await transfer(leader, storage, stored, MIB)).toEqual(stored);
  });

  it('a transfer takes that of an earlier one which nobody goes on with', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    const [gone, begun] = await leaderWith(100, 12 * MIB);
    await sendPart(await gone.openSnapshot(begun), storage, begun, 60);
    const [leader, stored] = await leaderWith(200, 12 * MIB);
    disk.capacityBytes = 15 * MIB + SNAPSHOT_ROOM_LEFT_BYTES;
    expect(await transfer(leader, storage, stored, MIB)).toEqual(stored);
    expect(snapshotFiles(disk).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('a transfer that would not fit even so leaves the earlier one as it is', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    const [gone, begun] = await leaderWith(100, 12 * MIB);
    const sent = await sendPart(await gone.openSnapshot(begun), storage, begun, 60);
    const [, stored] = await leaderWith(200, 16 * MIB);
    disk.capacityBytes = 15 * MIB + SNAPSHOT_ROOM_LEFT_BYTES;
    await expect(storage.receiveSnapshot(snapshotOf(stored))).rejects.toMatchObject({
      code: 'DISK_FULL',
    });
    const resumed = await storage.receiveSnapshot(snapshotOf(begun));
    expect(resumed.received).toBeGreaterThan(sent - SNAPSHOT_FRAME_BYTES - CHUNK);
    await resumed.abort();
  });

  it('a snapshot of this node takes that of a transfer which it has overtaken', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    const [leader, begun] = await leaderWith(100, 12 * MIB);
    await sendPart(await leader.openSnapshot(begun), storage, begun, 200);
    const entries = Array.from({ length: 110 }, (_, at) => entry(at + 1, 1));
    await storage.append({ entries });
    disk.capacityBytes = 15 * MIB + SNAPSHOT_ROOM_LEFT_BYTES;
    const stored = await save(storage, 110, 1, 'x'.repeat(9 * MIB));
    expect(storage.newestSnapshot).toEqual(stored);
  });

  it('a transfer that finds the disk full gives back what it took', async () => {
    const [leader, stored] = await leaderWith(100);
    const disk = new MemoryDisk();
    const storage = await open(disk);
    disk.failOn('write', 'full', { nth: 4, path: '/snap/' });
    await expect(transfer(leader, storage, stored, CHUNK)).rejects.toMatchObject({
      code: 'DISK_FULL',
    });
    expect(snapshotFiles(disk)).toEqual([]);
    expect(storage.failure).toBeUndefined();
    expect(await transfer(leader, storage, stored, CHUNK)).toEqual(stored);
  });

  it('a snapshot of this node is given up before it takes what the log needs', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await storage.append({ entries: [{ index: 1, term: 1, type: 0, data: Buffer.from('one') }] });
    disk.capacityBytes = 20 * MIB + SNAPSHOT_ROOM_LEFT_BYTES;
    function* large(): Generator<Uint8Array> {
      for (let chunk = 0; chunk < 64; chunk++) yield Buffer.alloc(MIB, chunk);
    }
    const confState = { ...(await leaderWith(1))[1].confState };
    const at = { index: 1, term: 1, confState };
    const saving = storage.saveSnapshot(at, [{ name: 'state', chunks: large() }]);
    await expect(saving).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(snapshotFiles(disk)).toEqual([]);
    expect(disk.counters.bytesWritten).toBeLessThan(40 * MIB);
    expect(storage.failure).toBeUndefined();
  });
});

describe('a file that is read', () => {
  it('stays while newer snapshots take its place, and goes with its last reader', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    const list = Array.from({ length: 10 }, (_, i) => ({
      index: i + 1,
      term: 1,
      type: 0 as const,
      data: Buffer.from('entry'),
    }));
    await storage.append({ entries: list });
    const first = await save(storage, 2);
    const readers = [await storage.openSnapshot(first), await storage.openSnapshot(first)];
    for (const index of [4, 6, 8]) await save(storage, index);
    const indexes = (): number[] => snapshotFiles(disk).map((name) => Number(name.split('-')[0]));
    expect(indexes()).toEqual([2, 6, 8]);
    expect((await readers[0]!.read(0, first.bytes)).length).toBe(first.bytes);
    // Another one may still begin to read it: a transfer that broke off goes on.
    await (await storage.openSnapshot(first)).close();
    await readers[0]!.close();
    expect(indexes()).toEqual([2, 6, 8]);
    await readers[1]!.close();
    expect(indexes()).toEqual([6, 8]);
    await expect(storage.openSnapshot(first)).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
    expect(disk.openFiles).toBeLessThan(4);
  });

  it('is let go of once by a reader that is closed twice', async () => {
    const storage = await open(new MemoryDisk());
    const data = Buffer.from('entry');
    const list = [1, 2, 3, 4].map((index) => ({ index, term: 1, type: 0 as const, data }));
    await storage.append({ entries: list });
    const stored = await save(storage, 1);
    const [one, two] = [await storage.openSnapshot(stored), await storage.openSnapshot(stored)];
    await one.close();
    await one.close();
    for (const index of [2, 3, 4]) await save(storage, index);
    await (await storage.openSnapshot(stored)).close();
    await two.close();
  });
});
