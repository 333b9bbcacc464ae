/**
 * What a storage was asked to do, kept as a list of the states that its log should have been in, and how
 * far that was acknowledged. After a crash `judgeFolder` opens what is left and finds the state: it must
 * be one that was asked for, not older than what was acknowledged, nothing in between and nothing else;
 * votes, snapshots and facts included. Tests of crashes decide what to do, and when to crash.
 */
import type { Entry, HardState } from '../../src/raft/index.ts';
import { type DiskStorage, MemoryStorage } from '../../src/storage/index.ts';
import type { MemoryDisk } from '../world/memory-disk.ts';
import {
  entry,
  hardState,
  type OpenOptions,
  open,
  readAll,
  readState,
  save,
  snapshotOf,
  textOf,
  transfer,
} from './storage-rig.ts';

/** What the log should be after a step. */
export interface LogState {
  readonly log: ReadonlyMap<number, string>;
  readonly base: number;
  readonly last: number;
  readonly term: number;
  readonly vote: number;
  readonly commit: number;
}

/** What was asked for and what was promised at one moment. */
export interface Promised {
  /** States that were asked for. */
  readonly asked: number;
  /** Position of the newest state that was acknowledged. */
  readonly acknowledged: number;
  /** Newest snapshot whose save or install was acknowledged. */
  readonly snapshot: number;
  /** How many values of the fact were asked for, and acknowledged. */
  readonly factsAsked: number;
  readonly factsAcknowledged: number;
}

const FACT = 'life';

export class StorageLife {
  readonly storage: DiskStorage;
  readonly states: LogState[] = [{ log: new Map(), base: 0, last: 0, term: 0, vote: 0, commit: 0 }];
  #acknowledged = 0;
  #snapshot = 0;
  #factsAsked = 0;
  #factsAcknowledged = 0;
  readonly #pending: Promise<void>[] = [];

  constructor(storage: DiskStorage) {
    this.storage = storage;
  }

  get now(): LogState {
    return this.states[this.states.length - 1]!;
  }

  get promised(): Promised {
    return {
      asked: this.states.length,
      acknowledged: this.#acknowledged,
      snapshot: this.#snapshot,
      factsAsked: this.#factsAsked,
      factsAcknowledged: this.#factsAcknowledged,
    };
  }

  /** Waits until all that was asked for is acknowledged. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending.splice(0));
  }

  append(batch: readonly Entry[], state: HardState): void {
    const now = this.now;
    const first = batch[0]?.index ?? now.last + 1;
    const log = new Map([...now.log].filter(([index]) => index < first));
    for (const one of batch) log.set(one.index, textOf(one));
    const last = batch[batch.length - 1]?.index ?? now.last;
    const next = { ...now, log, last, ...state };
    this.#step(next, this.storage.append({ hardState: state, entries: batch }));
  }

  async save(index: number): Promise<void> {
    await save(this.storage, index, this.storage.term(index), `state ${index}`);
    this.#snapshot = Math.max(this.#snapshot, index);
  }

  compact(base: number): void {
    this.#step({ ...this.now, base }, this.storage.compact(base));
  }

  /** A leader sends its snapshot. */
  async install(index: number, term: number): Promise<void> {
    const leader = new MemoryStorage();
    const stored = await save(leader, index, term, `state ${index}`);
    await transfer(leader, this.storage, stored, 64);
    const state = hardState(term, 2, index);
    const keeps = this.now.last >= index && this.storage.term(index) === term;
    const log = keeps ? this.now.log : new Map<number, string>();
    const last = keeps ? this.now.last : index;
    const work = this.storage.installSnapshot(snapshotOf(stored), state);
    this.#step(
      { log, base: index, last, ...state },
      work.then(() => {
        this.#snapshot = Math.max(this.#snapshot, index);
      }),
    );
  }

  fact(): void {
    const count = ++this.#factsAsked;
    const work = this.storage.writeFact(FACT, Buffer.from(`value ${count}`)).then(() => {
      this.#factsAcknowledged = count;
    });
    this.#wait(work);
  }

  #step(state: LogState, work: Promise<void>): void {
    const position = this.states.push(state) - 1;
    const done = work.then(() => {
      // Compactions and installs settle late: they also remove files.
      this.#acknowledged = Math.max(this.#acknowledged, position);
    });
    this.#wait(done);
  }

  /** `settled` tells of failures, whenever it is asked. */
  #wait(work: Promise<void>): void {
    work.catch(() => {});
    this.#pending.push(work);
  }
}

/** Which of the states the storage is in; -1: in none of them. */
async function matchState(storage: DiskStorage, states: readonly LogState[]): Promise<number> {
  const log = new Map((await readAll(storage)).map((one) => [one.index, textOf(one)]));
  const found = storage.initialState().hardState;
  const base = storage.firstIndex() - 1;
  for (let i = states.length - 1; i >= 0; i--) {
    const state = states[i]!;
    if (state.base !== base || state.last !== storage.lastIndex()) continue;
    if (state.term !== found.term || state.vote !== found.vote) continue;
    let isSame = true;
    for (let index = base + 1; index <= state.last; index++) {
      isSame &&= state.log.get(index) === log.get(index);
    }
    if (isSame) return i;
  }
  return -1;
}

/** Opens the folder and compares. Throws when something promised is missing, or was never asked for. */
export async function judgeFolder(
  disk: MemoryDisk,
  life: StorageLife,
  promised: Promised,
  options: OpenOptions = {},
): Promise<DiskStorage> {
  const found = await open(disk, options);
  const position = await matchState(found, life.states.slice(0, promised.asked));
  if (position < 0) throw new Error('a state that was never asked for');
  if (position < promised.acknowledged) {
    throw new Error(`state ${position} is there, but ${promised.acknowledged} was acknowledged`);
  }
  const { commit } = found.initialState().hardState;
  if (commit > found.lastIndex() || commit < found.firstIndex() - 1) {
    throw new Error(`the commit index ${commit} lies outside of the log`);
  }
  const newest = found.newestSnapshot;
  if ((newest?.index ?? 0) < promised.snapshot) {
    throw new Error(`the snapshot at ${promised.snapshot} is gone`);
  }
  if (newest !== undefined && (await readState(found, newest)) !== `state ${newest.index}`) {
    throw new Error(`the snapshot at ${newest.index} holds another state`);
  }
  const fact = await found.readFact(FACT);
  const count = fact === undefined ? 0 : Number(Buffer.from(fact).toString().split(' ')[1]);
  if (!(count >= promised.factsAcknowledged && count <= promised.factsAsked)) {
    throw new Error(`fact ${count} is there, but ${promised.factsAcknowledged} was acknowledged`);
  }
  return found;
}

/** And it must work on: what is appended now survives the next power cut, too. */
export async function appendOne(found: DiskStorage): Promise<number> {
  const next = found.lastIndex() + 1;
  const { term, commit } = found.initialState().hardState;
  const state = hardState(term + 1, 1, commit);
  await found.append({ hardState: state, entries: [entry(next, term + 1)] });
  return next;
}
