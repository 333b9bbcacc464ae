/** Snapshot files: format, transfer, retention, races; NASTY 35. */
import { describe, expect, it } from 'vitest';
import {
  CONF,
  dice,
  entries,
  hardState,
  MemoryDisk,
  open,
  readState,
  reopen,
  save,
  snapshotOf,
  transfer,
} from '../../sim/rigs/storage-rig.ts';
import { decodeSnapshotDescriptor, encodeSnapshotDescriptor } from './descriptor.ts';
import { MemoryStorage } from './memory-storage.ts';
import type { StoredSnapshot } from './types.ts';

function files(disk: MemoryDisk): string[] {
  return disk.paths().filter((path) => path.includes('/snap/'));
}

/** A leader with a snapshot of several frames. */
async function leaderWith(
  index: number,
  bytes = 1_000_000,
): Promise<[MemoryStorage, StoredSnapshot]> {
  const leader = new MemoryStorage();
  const text = 'abcdefghij'.repeat(bytes / 10);
  return [leader, await save(leader, index, 1, text)];
}

describe('the file', () => {
  it('gives back its sections, whatever the chunks were', async () => {
    const storage = await open(new MemoryDisk());
    async function* numbers(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 10_000; i++) yield Buffer.from(`${i},`);
    }
    const stored = await storage.saveSnapshot({ index: 5, term: 2, confState: CONF }, [
      { name: 'empty', chunks: [] },
      { name: 'many', chunks: numbers() },
      { name: 'huge', chunks: [Buffer.alloc(0), Buffer.alloc(700_000, 'h')] },
    ]);
    const reader = await storage.openSnapshot(stored);
    const read = async (name: string): Promise<Buffer> => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of reader.section(name)!) chunks.push(chunk);
      return Buffer.concat(chunks);
    };
    expect(reader.section('none')).toBeUndefined();
    expect((await read('empty')).length).toBe(0);
    expect((await read('many')).toString().split(',')).toHaveLength(10_001);
    expect((await read('huge')).equals(Buffer.alloc(700_000, 'h'))).toBe(true);
    expect((await read('many')).toString().startsWith('0,1,2,')).toBe(true);
    await reader.close();
  });

  it('a state that throws while it is written leaves nothing behind', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      throw new Error('the state machine is broken');
    }
    await expect(
      storage.saveSnapshot({ index: 5, term: 2, confState: CONF }, [
        { name: 'state', chunks: broken() },
      ]),
    ).rejects.toThrow('the state machine is broken');
    expect(files(disk)).toEqual([]);
    expect(storage.failure).toBeUndefined();
  });

  it('a flipped bit is found where it is read, with file and offset', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await storage.append({ entries: entries(1, 3) });
    const stored = await save(storage, 2);
    const path = files(disk)[0]!;
    const bytes = disk.peek(path);
    bytes[bytes.indexOf('state at 2') + 1]! ^= 4;
    disk.poke(path, bytes);
    await expect(readState(storage, stored)).rejects.toThrow(`${path} is damaged at offset`);
  });

  it('has a descriptor that travels', () => {
    const descriptor = { bytes: 2 ** 40, checksum: 0xfedcba98 };
    expect(decodeSnapshotDescriptor(encodeSnapshotDescriptor(descriptor))).toEqual(descriptor);
    expect(() => decodeSnapshotDescriptor(Buffer.from('no descriptor'))).toThrow('no descriptor');
    const future = Buffer.from(encodeSnapshotDescriptor(descriptor));
    future[3] = 2;
    expect(() => decodeSnapshotDescriptor(future)).toThrow('version 2');
  });
});

describe('a transfer', () => {
  it('S-103 brings the file over; installed, it survives', async () => {
    const [leader, stored] = await leaderWith(100);
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await storage.append({ entries: entries(1, 4) });
    expect(await transfer(leader, storage, stored, 65_536)).toEqual(stored);
    // Received is not installed: nobody may see it yet.
    expect(storage.newestSnapshot).toBeUndefined();
    await storage.installSnapshot(snapshotOf(stored), hardState(1, 0, 100));
    await storage.append({ entries: entries(101, 103) });
    const again = await reopen(disk);
    expect([again.firstIndex(), again.lastIndex()]).toEqual([101, 103]);
    expect((await readState(again, stored)).length).toBe(1_000_000);
  });

  it('goes on where it broke off', async () => {
    const [leader, stored] = await leaderWith(100);
    const storage = await open(new MemoryDisk());
    const reader = await leader.openSnapshot(stored);
    const receiver = await storage.receiveSnapshot(snapshotOf(stored));
    expect(receiver.received).toBe(0);
    await receiver.write(await reader.read(0, 600_000));
    await receiver.abort();
    const resumed = await storage.receiveSnapshot(snapshotOf(stored));
    // Whole frames of what came are kept.
    expect(resumed.received).toBeGreaterThan(500_000);
    await resumed.abort();
    expect(await transfer(leader, storage, stored, 100_000)).toEqual(stored);
  });

  it('goes on after a power cut behind what was synced, however the rest looks', async () => {
    const [leader, stored] = await leaderWith(100, 10_000_000);
    const disk = new MemoryDisk();
    const storage = await open(disk);
    const reader = await leader.openSnapshot(stored);
    const receiver = await storage.receiveSnapshot(snapshotOf(stored));
    for (let at = 0; at < 9_500_000; at += 500_000) {
      await receiver.write(await reader.read(at, 500_000));
    }
    for (let seed = 1; seed < 4; seed++) {
      const copy = await open(disk.crash(dice(seed)));
      const last = await copy.receiveSnapshot(snapshotOf(stored));
      expect(last.received).toBeGreaterThan(8 * 1024 * 1024 - 300_000);
      await last.abort();
      expect(await transfer(leader, copy, stored, 500_000)).toEqual(stored);
    }
  });

  it('what arrives changed is refused, and begins anew', async () => {
    const [leader, stored] = await leaderWith(100, 1000);
    const storage = await open(new MemoryDisk());
    const reader = await leader.openSnapshot(stored);
    const bytes = Buffer.from(await reader.read(0, stored.bytes));
    bytes[200]! ^= 1;
    const receiver = await storage.receiveSnapshot(snapshotOf(stored));
    await receiver.write(bytes);
    await expect(receiver.finish()).rejects.toMatchObject({ code: 'TRANSFER_FAILED' });
    const next = await storage.receiveSnapshot(snapshotOf(stored));
    expect(next.received).toBe(0);
    await next.abort();
    expect(await transfer(leader, storage, stored)).toEqual(stored);
  });

  it('too little, too much, or two at once are refused', async () => {
    const [, stored] = await leaderWith(100, 1000);
    const storage = await open(new MemoryDisk());
    const receiver = await storage.receiveSnapshot(snapshotOf(stored));
    await expect(storage.receiveSnapshot(snapshotOf(stored))).rejects.toMatchObject({
      code: 'TRANSFER_FAILED',
    });
    await expect(receiver.write(Buffer.alloc(stored.bytes + 1))).rejects.toMatchObject({
      code: 'TRANSFER_FAILED',
    });
    await receiver.write(Buffer.alloc(10));
    await expect(receiver.finish()).rejects.toMatchObject({ code: 'TRANSFER_FAILED' });
  });

  it('an install that never came is forgotten by the next open, and can be repeated', async () => {
    const [leader, stored] = await leaderWith(100, 1000);
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await storage.append({ hardState: hardState(1, 1, 2), entries: entries(1, 4) });
    await transfer(leader, storage, stored);
    const after = disk.kill();
    const again = await open(after);
    expect([again.firstIndex(), again.lastIndex()]).toEqual([1, 4]);
    expect(again.newestSnapshot).toBeUndefined();
    expect(files(after)).toEqual([]);
    await transfer(leader, again, stored);
    await again.installSnapshot(snapshotOf(stored), undefined);
    expect(again.firstIndex()).toBe(101);
  });
});

describe('several snapshots', () => {
  it('keeps the newest two', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await storage.append({ entries: entries(1, 10) });
    for (const index of [2, 4, 6, 8]) await save(storage, index);
    expect(files(disk).map((path) => Number(path.split('/').pop()!.split('-')[0]))).toEqual([6, 8]);
  });

  it('NASTY 35 an install that overtakes a local snapshot wins', async () => {
    const [leader, stored] = await leaderWith(100, 1000);
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await storage.append({ entries: entries(1, 10) });
    await transfer(leader, storage, stored);
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('old ');
      await gate;
      yield Buffer.from('state');
    }
    const saving = storage.saveSnapshot({ index: 10, term: 1, confState: CONF }, [
      { name: 'state', chunks: slow() },
    ]);
    await storage.installSnapshot(snapshotOf(stored), undefined);
    release();
    await expect(saving).rejects.toMatchObject({ code: 'SNAPSHOT_OUT_OF_DATE' });
    expect(storage.newestSnapshot).toEqual(stored);
    const again = await reopen(disk);
    expect(again.newestSnapshot).toEqual(stored);
  });

  it('NASTY 35 two installs in a row, the first still being written', async () => {
    const [leader, first] = await leaderWith(100, 1000);
    const [other, second] = await leaderWith(200, 1000);
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await transfer(leader, storage, first);
    await transfer(other, storage, second);
    await Promise.all([
      storage.installSnapshot(snapshotOf(first), undefined),
      storage.installSnapshot(snapshotOf(second), undefined),
      storage.append({ entries: entries(201, 202) }),
    ]);
    for (const one of [storage, await reopen(disk)]) {
      expect([one.firstIndex(), one.lastIndex()]).toEqual([201, 202]);
      expect(one.newestSnapshot).toEqual(second);
    }
  });
});

describe('what a failed disk leaves behind', () => {
  it('NASTY 39 a transfer whose sync failed begins anew: what the kernel holds may not be on the disk', async () => {
    const [leader, stored] = await leaderWith(20, 300_000);
    let disk = new MemoryDisk();
    const storage = await open(disk);
    disk.failOn('sync', 'failed', { path: '/snap/' });
    await expect(transfer(leader, storage, stored)).rejects.toMatchObject({ code: 'DISK_FAILED' });
    expect(await transfer(leader, storage, stored)).toEqual(stored);
    await storage.installSnapshot(snapshotOf(stored), hardState(1, 0, 20));
    // A power cut takes what no sync has covered; some dice lose it.
    for (let seed = 1; seed <= 8; seed++) {
      disk = disk.crash(dice(seed));
      const after = await open(disk);
      expect((await readState(after, after.newestSnapshot!)).length).toBe(300_000);
      await after.close();
    }
  });

  it('two saves of the same state at once leave the one that is in force', async () => {
    const storage = await open(new MemoryDisk());
    await storage.append({ entries: entries(1, 5) });
    const outcomes = await Promise.allSettled([save(storage, 3), save(storage, 3)]);
    expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await readState(storage, storage.newestSnapshot!)).toBe('state at 3');
  });

  it('a save that outlives its storage gives nothing a name', async () => {
    const disk = new MemoryDisk();
    const storage = await open(disk);
    await storage.append({ entries: entries(1, 5) });
    let goOn = (): void => {};
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    async function* slow(): AsyncGenerator<Uint8Array> {
      await gate;
      yield Buffer.from('late');
    }
    const at = { index: 3, term: 1, confState: CONF };
    const saving = storage.saveSnapshot(at, [{ name: 'state', chunks: slow() }]);
    await storage.close();
    goOn();
    await expect(saving).rejects.toMatchObject({ code: 'STORAGE_CLOSED' });
    expect(files(disk).filter((path) => path.endsWith('.snap'))).toEqual([]);
  });
});

it('NASTY 39 a snapshot that can not be read is a failure of the disk, whoever reads it', async () => {
  const disk = new MemoryDisk();
  const storage = await open(disk);
  await storage.append({ hardState: hardState(1, 1, 0), entries: entries(1, 3) });
  const stored = await save(storage, 2);
  const failure = { code: 'DISK_FAILED', details: { path: expect.stringContaining('.snap') } };
  for (const kind of ['open', 'look', 'read'] as const) {
    disk.failOn(kind, 'failed', { path: '.snap' });
    await expect(storage.openSnapshot(stored), kind).rejects.toMatchObject(failure);
  }
  const reader = await storage.openSnapshot(stored);
  disk.failOn('read', 'failed', { path: '.snap' });
  await expect(reader.read(0, 10)).rejects.toMatchObject(failure);
  disk.failOn('read', 'failed', { path: '.snap' });
  const state = async (): Promise<void> => {
    for await (const _ of reader.section('state')!);
  };
  await expect(state()).rejects.toMatchObject(failure);
  disk.failOn('look', 'failed', { path: '.snap' });
  // A descriptor that can not be given back costs the reader nothing.
  await reader.close();
  // Nothing that was promised is in doubt: the storage goes on.
  expect(storage.failure).toBeUndefined();
  expect(await readState(storage, stored)).toBe('state at 2');
});
