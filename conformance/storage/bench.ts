/**
 * What a case of the storage suite works with: places with a storage open in each, entries, snapshots,
 * transfers from one storage to another.
 */

import type { ConfState, Entry, HardState, Snapshot } from '../../src/raft/index.ts';
import {
  encodeSnapshotDescriptor,
  type Identity,
  type SnapshotSection,
  type Storage,
  type StoredSnapshot,
} from '../../src/storage/index.ts';
import { type Checks, giveBack, shown } from '../kit/index.ts';
import { checkPlace, type StoragePlace, type StorageRig } from './rig.ts';

export const IDENTITY: Identity = {
  clusterName: 'conformance',
  clusterId: '00112233445566778899aabbccddeeff',
  nodeId: 'node-1',
  raftId: 1,
  incarnation: '0123456789abcdef',
};

export const MEMBERS: ConfState = {
  voters: [1, 2, 3],
  learners: [4],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

const ROUNDS_DEFAULT = 12;
/** Large enough that a handful of entries reaches over several sectors of a disk. */
const ENTRY_BYTES = 300;
const LOAD_BYTES = 64 * 1024;

/** A place, and the storage that is open in it at the moment. */
export class Tenancy {
  readonly place: StoragePlace;
  storage!: Storage; // by `enter`, before anybody sees it
  #isOpen = false;

  constructor(place: StoragePlace) {
    this.place = place;
  }

  async enter(): Promise<Storage> {
    this.storage = await this.place.open();
    this.#isOpen = true;
    return this.storage;
  }

  /** A clean stop and a start. */
  async reopen(): Promise<Storage> {
    await this.leave();
    return await this.#again('after it was closed');
  }

  async crash(): Promise<Storage> {
    await this.place.crash?.();
    this.#isOpen = false;
    return await this.#again('after a crash');
  }

  async #again(when: string): Promise<Storage> {
    try {
      return await this.enter();
    } catch (error) {
      throw new Error(`the storage can not be opened again ${when}: ${shown(error)}`, {
        cause: error,
      });
    }
  }

  async leave(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.storage.close();
  }
}

export class StorageBench {
  readonly #rig: StorageRig;
  readonly #tenancies: Tenancy[] = [];

  constructor(rig: StorageRig) {
    this.#rig = rig;
  }

  get rounds(): number {
    return this.#rig.crashRounds ?? ROUNDS_DEFAULT;
  }

  /** A storage in a place of its own, with nothing in it. */
  async fresh(): Promise<Tenancy> {
    const place = await this.#rig.place();
    checkPlace(place, this.#rig.offers);
    const tenancy = new Tenancy(place);
    this.#tenancies.push(tenancy);
    await tenancy.enter();
    return tenancy;
  }

  /** The same, founded. */
  async founded(): Promise<Tenancy> {
    const tenancy = await this.fresh();
    await tenancy.storage.found(IDENTITY);
    return tenancy;
  }

  /** The same, with the entries 1 to `last` of term 1, durable. */
  async filled(last: number): Promise<Tenancy> {
    const tenancy = await this.founded();
    const hardState = { term: 1, vote: 1, commit: 0 };
    await tenancy.storage.append({ hardState, entries: entries(1, last) });
    return tenancy;
  }

  async close(): Promise<void> {
    const steps = this.#tenancies.flatMap((tenancy) => [
      () => tenancy.place.release?.(),
      () => tenancy.leave(),
      () => tenancy.place.discard?.(),
    ]);
    await giveBack(steps);
  }
}

export function entry(index: number, term = 1): Entry {
  const text = `entry ${index} of term ${term} `;
  return { term, index, type: 0, data: Buffer.from(text.padEnd(ENTRY_BYTES, '.')) };
}

export function entries(from: number, to: number, term = 1): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, term));
}

/** `index/term` of each: what a log is compared by, with its bytes when they are wrong. */
export function outline(list: readonly Entry[]): string {
  return list.map(outlineOf).join(' ');
}

function outlineOf(one: Entry): string {
  const isIntact = Buffer.from(one.data).equals(Buffer.from(entry(one.index, one.term).data));
  return `${one.index}/${one.term}${isIntact && one.type === 0 ? '' : '(other content)'}`;
}

/** Every entry of the log, loaded where it is not in memory. */
export async function readLog(checks: Checks, storage: Storage): Promise<Entry[]> {
  const clause = 'an entry of the log can be read, after `load` at the latest';
  const all: Entry[] = [];
  const end = storage.lastIndex() + 1;
  for (let lo = storage.firstIndex(); lo < end; ) {
    let some = checks.returns(clause, () => storage.entries(lo, end, LOAD_BYTES));
    if (some === undefined) {
      const from = lo;
      await checks.resolves(clause, () => storage.load(from, end, LOAD_BYTES));
      some = checks.returns(clause, () => storage.entries(from, end, LOAD_BYTES));
    }
    if (some === undefined || some.length === 0) {
      checks.fail(clause, `entry ${lo}`, some === undefined ? 'undefined' : 'an empty list');
    }
    all.push(...some);
    lo += some.length;
  }
  return all;
}

/** Log, hard state and snapshot of a storage, as one line: for comparing before and after. */
export async function picture(checks: Checks, storage: Storage): Promise<string> {
  const log = outline(await readLog(checks, storage));
  const { term, vote } = storage.initialState().hardState;
  const base = storage.firstIndex() - 1;
  const newest = storage.newestSnapshot?.index ?? 'none';
  return `base ${base}/${storage.term(base)}, log [${log}], term ${term}, vote ${vote}, snapshot ${newest}`;
}

/** The message part that announces a stored snapshot. */
export function announce(stored: StoredSnapshot): Snapshot {
  const { index, term, confState } = stored;
  return { metadata: { index, term, confState }, data: encodeSnapshotDescriptor(stored) };
}

const STATE_BYTES: number = 5_000;

/** Some state, different for each index. */
export function stateAt(index: number): Buffer {
  return Buffer.from(Array.from({ length: STATE_BYTES }, (_, i) => (i * 31 + index * 7) & 0xff));
}

export function sectionsAt(index: number): SnapshotSection[] {
  const state = stateAt(index);
  return [
    { name: 'members', chunks: [Buffer.from('members')] },
    { name: 'app.state', chunks: piecesOf(state) },
    { name: 'app.empty', chunks: [] },
  ];
}

async function* piecesOf(state: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < state.length; at += 777) yield state.subarray(at, at + 777);
}

export function save(storage: Storage, index: number, term = 1): Promise<StoredSnapshot> {
  return storage.saveSnapshot({ index, term, confState: MEMBERS }, sectionsAt(index));
}

/** The section's bytes; `undefined` when there is no such section. */
export async function readSection(
  storage: Storage,
  stored: StoredSnapshot,
  name: string,
): Promise<Buffer | undefined> {
  const reader = await storage.openSnapshot(stored);
  try {
    const section = reader.section(name);
    if (section === undefined) return undefined;
    const chunks: Uint8Array[] = [];
    for await (const chunk of section) chunks.push(Uint8Array.from(chunk));
    return Buffer.concat(chunks);
  } finally {
    await reader.close();
  }
}

/** The raw file, as it travels to a peer. */
export async function readFile(storage: Storage, stored: StoredSnapshot): Promise<Buffer> {
  const reader = await storage.openSnapshot(stored);
  try {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < stored.bytes; ) {
      const chunk = await reader.read(at, Math.min(1_000, stored.bytes - at));
      if (chunk.length === 0) break;
      chunks.push(Uint8Array.from(chunk));
      at += chunk.length;
    }
    return Buffer.concat(chunks);
  } finally {
    await reader.close();
  }
}

/** Gives the file to another storage, which has nothing of it yet, and finishes. */
export async function hand(
  to: Storage,
  stored: StoredSnapshot,
  file: Uint8Array,
): Promise<StoredSnapshot> {
  const receiver = await to.receiveSnapshot(announce(stored));
  for (let at = receiver.received; at < file.length; at += 1_000) {
    await receiver.write(file.subarray(at, at + 1_000));
  }
  return await receiver.finish();
}

/** A snapshot at `index` of another node, of the given term, and its file. */
export async function foreignSnapshot(
  bench: StorageBench,
  index: number,
  term = 1,
): Promise<{ readonly stored: StoredSnapshot; readonly file: Buffer }> {
  const { storage } = await bench.founded();
  const hardState: HardState = { term, vote: 0, commit: 0 };
  await storage.append({ hardState, entries: entries(1, index, term) });
  const stored = await save(storage, index, term);
  return { stored, file: await readFile(storage, stored) };
}

/** Lets `count` steps of the work under way happen. */
export async function microsteps(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve();
}
