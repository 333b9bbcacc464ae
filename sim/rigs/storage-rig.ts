/** What tests of a storage share: a node's folder on a disk in memory, entries, dice, transfers. */

import type { ConfState, Entry, HardState, Snapshot } from '../../src/raft/index.ts';
import {
  type DiskStorage,
  type DiskStorageTuning,
  encodeSnapshotDescriptor,
  type Identity,
  openDiskStorage,
  type Storage,
  type StoredSnapshot,
} from '../../src/storage/index.ts';
import {
  type Clock,
  type Disk,
  type Logger,
  nullLogger,
  type Random,
} from '../../src/world/index.ts';
import { type Dice, MemoryDisk } from '../world/memory-disk.ts';

export const FOLDER = '/data/node-1';

export const IDENTITY: Identity = {
  clusterName: 'test',
  clusterId: '0123456789abcdef0123456789abcdef',
  nodeId: 'node-1',
  raftId: 1,
  incarnation: '0123456789abcdef',
};

export const CONF: ConfState = {
  voters: [1, 2, 3],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** Small enough that tests fill several segments. */
export const SMALL: DiskStorageTuning = { segmentBytes: 4096 };

export const clock: Clock = {
  now: () => 0,
  wallTime: () => 0,
  after: () => ({ cancel: () => {} }),
  soon: () => {},
  afterIo: () => {},
};

/** Repeatable dice (mulberry32). */
export function dice(seed: number): Dice & Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  return {
    below: (bound) => next() % bound,
    bytes: (length) => Uint8Array.from({ length }, () => next() & 255),
  };
}

export interface OpenOptions {
  readonly tuning?: DiskStorageTuning;
  readonly logger?: Logger;
  readonly seed?: number;
  readonly clock?: Clock;
}

/** Opens the folder; founds it when it is fresh. */
export async function open(disk: Disk, options: OpenOptions = {}): Promise<DiskStorage> {
  const storage = await openDiskStorage({
    disk,
    clock: options.clock ?? clock,
    random: dice(options.seed ?? 1),
    logger: options.logger ?? nullLogger,
    directory: FOLDER,
    options: options.tuning ?? SMALL,
  });
  if (storage.identity === undefined) await storage.found(IDENTITY);
  return storage;
}

/** The process dies, another one opens the folder. */
export async function reopen(disk: MemoryDisk, options: OpenOptions = {}): Promise<DiskStorage> {
  return open(disk.kill(), options);
}

export function entry(index: number, term: number, text: string = `entry ${index}`): Entry {
  return { term, index, type: 0, data: Buffer.from(text) };
}

export function entries(from: number, to: number, term = 1): Entry[] {
  const list: Entry[] = [];
  for (let index = from; index <= to; index++) list.push(entry(index, term));
  return list;
}

export function hardState(term: number, vote: number, commit: number): HardState {
  return { term, vote, commit };
}

export function snapshotOf(stored: StoredSnapshot): Snapshot {
  const { index, term, confState } = stored;
  return { metadata: { index, term, confState }, data: encodeSnapshotDescriptor(stored) };
}

/** Saves a snapshot at `index` with some text as its state. */
export function save(
  storage: Storage,
  index: number,
  term = 1,
  text: string = `state at ${index}`,
): Promise<StoredSnapshot> {
  const sections = [
    { name: 'members', chunks: [Buffer.from('members')] },
    { name: 'state', chunks: [Buffer.from(text)] },
  ];
  return storage.saveSnapshot({ index, term, confState: CONF }, sections);
}

export async function readState(storage: Storage, stored: StoredSnapshot): Promise<string> {
  const reader = await storage.openSnapshot(stored);
  const chunks: Uint8Array[] = [];
  for await (const chunk of reader.section('state')!) chunks.push(chunk);
  await reader.close();
  return Buffer.concat(chunks).toString();
}

/** Sends a snapshot's file, in pieces of `pieceBytes`. */
export async function transfer(
  from: Storage,
  to: Storage,
  stored: StoredSnapshot,
  pieceBytes = 1000,
): Promise<StoredSnapshot> {
  const reader = await from.openSnapshot(stored);
  const receiver = await to.receiveSnapshot(snapshotOf(stored));
  for (let at = receiver.received; at < stored.bytes; at += pieceBytes) {
    await receiver.write(await reader.read(at, pieceBytes));
  }
  await reader.close();
  return receiver.finish();
}

/** All entries of the log, loaded where they are not in memory. */
export async function readAll(storage: Storage): Promise<Entry[]> {
  const all: Entry[] = [];
  let lo = storage.firstIndex();
  const hi = storage.lastIndex() + 1;
  while (lo < hi) {
    let some = storage.entries(lo, hi, 1024);
    if (some === undefined) {
      await storage.load(lo, hi, 1024);
      some = storage.entries(lo, hi, 1024);
    }
    if (some === undefined || some.length === 0) throw new Error(`entry ${lo} can not be loaded`);
    all.push(...some);
    lo += some.length;
  }
  return all;
}

/** `index:term:data` of each entry, for comparing logs. */
export async function describeLog(storage: Storage): Promise<string[]> {
  return (await readAll(storage)).map(textOf);
}

export function textOf(one: Entry): string {
  return `${one.index}:${one.term}:${Buffer.from(one.data).toString()}`;
}

export function lastSegment(disk: MemoryDisk): string {
  const paths = disk.paths().filter((path) => path.endsWith('.wal'));
  return paths[paths.length - 1]!;
}

export { MemoryDisk };
