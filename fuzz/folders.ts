/**
 * Small data folders with a known past, for damaging: which states the storage was in, what lay in which
 * bytes of the log, which snapshots and facts were written.
 */
import {
  entry,
  hardState,
  MemoryDisk,
  open,
  save,
  textOf,
  transfer,
} from '../sim/rigs/storage-rig.ts';
import { type DiskStorage, MemoryStorage } from '../src/storage/index.ts';

/** After one acknowledged call. */
export interface FolderState {
  /** By index. */
  readonly log: ReadonlyMap<number, string>;
  readonly base: number;
  readonly last: number;
  readonly term: number;
  readonly vote: number;
  readonly commit: number;
  /** Where the written part of each segment ended. */
  readonly ends: ReadonlyMap<string, number>;
}

export interface Folder {
  readonly name: string;
  readonly disk: MemoryDisk;
  /** The last one is how the folder was left. */
  readonly states: readonly FolderState[];
  /** Text of the state, by index. */
  readonly snapshots: ReadonlyMap<number, string>;
  readonly facts: ReadonlyMap<string, string>;
}

type State = Omit<FolderState, 'ends'>;

class Life {
  readonly states: FolderState[] = [];
  readonly snapshots = new Map<number, string>();
  readonly facts = new Map<string, string>();
  readonly disk: MemoryDisk;
  readonly #storage: DiskStorage;
  #state: State = { log: new Map(), base: 0, last: 0, term: 0, vote: 0, commit: 0 };

  constructor(disk: MemoryDisk, storage: DiskStorage) {
    this.disk = disk;
    this.#storage = storage;
    this.#acknowledged(this.#state);
  }

  #acknowledged(state: State): void {
    this.#state = state;
    this.states.push({ ...state, ends: endsOf(this.disk) });
  }

  /** `from`: replaces what is there from that index on, in a new term. */
  async append(sizes: readonly number[], from?: number): Promise<void> {
    const now = this.#state;
    const first = from ?? now.last + 1;
    const term = from === undefined && now.term > 0 ? now.term : now.term + 1;
    const log = new Map([...now.log].filter(([index]) => index < first));
    const batch = sizes.map((size, at) => {
      return entry(first + at, term, `${first + at}/${term}/`.padEnd(size, 'd'));
    });
    for (const one of batch) log.set(one.index, textOf(one));
    const last = first + batch.length - 1;
    const vote = term === now.term ? now.vote : 2;
    const commit = Math.min(Math.max(now.commit, now.last - 1), last);
    await this.#storage.append({ hardState: hardState(term, vote, commit), entries: batch });
    this.#acknowledged({ ...now, log, last, term, vote, commit });
  }

  async vote(): Promise<void> {
    const state = { ...this.#state, term: this.#state.term + 1, vote: 3 };
    const { term, vote, commit } = state;
    await this.#storage.append({ hardState: hardState(term, vote, commit), entries: [] });
    this.#acknowledged(state);
  }

  async snapshot(index: number): Promise<void> {
    const text = `state at ${index} `.repeat(20);
    await save(this.#storage, index, this.#storage.term(index), text);
    this.snapshots.set(index, text);
    this.#acknowledged(this.#state);
  }

  async compact(index: number): Promise<void> {
    await this.#storage.compact(index);
    this.#acknowledged({ ...this.#state, base: index });
  }

  async fact(name: string, text: string): Promise<void> {
    await this.#storage.writeFact(name, Buffer.from(text));
    this.facts.set(name, text);
  }

  /** A leader's snapshot arrives, and the process dies before it is installed. */
  async receive(index: number): Promise<void> {
    const leader = new MemoryStorage();
    await transfer(leader, this.#storage, await save(leader, index, this.#state.term));
  }

  async end(name: string, isClosed: boolean): Promise<Folder> {
    if (isClosed) await this.#storage.close();
    const { states, snapshots, facts } = this;
    return { name, disk: this.disk.kill().clone(), states, snapshots, facts };
  }
}

function endsOf(disk: MemoryDisk): Map<string, number> {
  const ends = new Map<string, number>();
  for (const path of disk.paths())
    if (path.endsWith('.wal')) ends.set(path, endOf(disk.peek(path)));
  return ends;
}

function endOf(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

async function begin(): Promise<Life> {
  const disk = new MemoryDisk();
  return new Life(disk, await open(disk));
}

async function short(isClosed: boolean): Promise<Folder> {
  const life = await begin();
  await life.append([20, 20]);
  await life.vote();
  await life.append([1_200]);
  await life.append([10, 700, 30], 3);
  await life.vote();
  return life.end(`short, ${isClosed ? 'closed' : 'killed'}`, isClosed);
}

async function long(isClosed: boolean): Promise<Folder> {
  const life = await begin();
  await life.fact('peers', '{"2":"aa"}');
  for (let round = 0; round < 4; round++) {
    await life.append([300, 10, 900]);
    await life.append([1_500]);
    if (round === 1) await life.vote();
  }
  await life.snapshot(5);
  await life.snapshot(10);
  await life.compact(7);
  await life.append([50], 16);
  await life.append([800, 40]);
  await life.fact('peers', '{"2":"aa","3":"bb"}');
  await life.append([5]);
  await life.receive(40);
  return life.end(`long, ${isClosed ? 'closed' : 'killed'}`, isClosed);
}

/** Always the same ones. */
export async function makeFolders(): Promise<readonly Folder[]> {
  return [await short(false), await short(true), await long(false), await long(true)];
}
