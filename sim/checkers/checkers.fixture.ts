/**
 * For tests: hand-made events of nodes that are not there, and storages that answer what the test says.
 */
import {
  type ConfState,
  EMPTY_CONF_STATE,
  type Entry,
  EntryType,
  type HardState,
  type LogIndex,
  type Message,
  MessageType,
  makeEntry,
  makeMessage,
  type Snapshot,
  type Term,
} from '../../src/raft/index.ts';
import type { Identity, Storage } from '../../src/storage/index.ts';
import type { EndOfLife, Excuse, Leftovers, SimEvent } from '../cluster/events.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { type Checker, Violation } from './checker.ts';

const NO_CLUSTER = {} as SimCluster;

export function entry(index: LogIndex, term: Term, text = `${index}`): Entry {
  return makeEntry(term, index, EntryType.Normal, bytes(text));
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Entries `first` to `last` of one term. */
export function entries(first: LogIndex, last: LogIndex, term: Term): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, at) => entry(first + at, term));
}

export function conf(...voters: number[]): ConfState {
  return { ...EMPTY_CONF_STATE, voters };
}

export function snapshotAt(index: LogIndex, term: Term, confState: ConfState): Snapshot {
  return { metadata: { index, term, confState }, data: new Uint8Array(0) };
}

/** What a data folder holds when it is opened. */
export interface Found {
  readonly identity?: Identity;
  readonly base?: LogIndex;
  readonly baseTerm?: Term;
  /** Of the entries behind the base. */
  readonly terms?: readonly Term[];
  readonly hardState?: HardState;
  readonly snapshotIndex?: LogIndex;
}

export function storageWith(found: Found): Storage {
  const { identity, base = 0, baseTerm = 0, terms = [], hardState, snapshotIndex = base } = found;
  return {
    identity,
    newestSnapshot: { index: snapshotIndex, confState: EMPTY_CONF_STATE },
    initialState: () => ({ hardState: hardState ?? { term: 0, vote: 0, commit: 0 } }),
    firstIndex: () => base + 1,
    lastIndex: () => base + terms.length,
    term: (index: LogIndex) => (index === base ? baseTerm : (terms[index - base - 1] ?? 0)),
  } as Partial<Storage> as Storage;
}

/** One process of a machine, as it speaks to the checkers. */
export class Actor {
  readonly node: string;
  readonly raftId: number;
  life = 1;
  incarnation: string;
  readonly #tell: (event: SimEvent) => void;

  constructor(raftId: number, tell: (event: SimEvent) => void) {
    this.node = `n${raftId}`;
    this.raftId = raftId;
    this.incarnation = `a${raftId}`;
    this.#tell = tell;
  }

  get #who(): { readonly node: string; readonly life: number } {
    return { node: this.node, life: this.life };
  }

  get identity(): Identity {
    const { node: nodeId, raftId, incarnation } = this;
    return { clusterName: 'test', clusterId: 'c', nodeId, raftId, incarnation };
  }

  /** A fresh folder of a founder. */
  found(confState: ConfState = conf(1, 2, 3)): this {
    this.#tell({ ...this.#who, kind: 'began' });
    this.#tell({ ...this.#who, kind: 'opened', storage: storageWith({}) });
    this.#tell({ ...this.#who, kind: 'founded', identity: this.identity });
    return this.install(snapshotAt(1, 1, confState), { term: 1, vote: 0, commit: 1 });
  }

  /** The next process of the machine. */
  reopen(found: Found): this {
    this.life += 1;
    this.#tell({ ...this.#who, kind: 'began' });
    const storage = storageWith({ identity: this.identity, ...found });
    this.#tell({ ...this.#who, kind: 'opened', storage });
    return this;
  }

  /** An install begins; answers how to make it durable. */
  installing(snapshot: Snapshot, hardState?: HardState): () => void {
    this.#tell({ ...this.#who, kind: 'snapshot-installing', snapshot, hardState });
    return () => this.#tell({ ...this.#who, kind: 'snapshot-installed', snapshot, hardState });
  }

  install(snapshot: Snapshot, hardState?: HardState): this {
    this.installing(snapshot, hardState)();
    return this;
  }

  saveSnapshot(index: LogIndex, term: Term): this {
    this.#tell({ ...this.#who, kind: 'snapshot-saved', index, term });
    return this;
  }

  /** Its own vote is durable, and those of others come in. */
  win(term: Term, ...votes: readonly number[]): this {
    this.store([], { term, vote: this.raftId, commit: 1 });
    for (const from of votes) this.hear(from, 'VoteResp', { term });
    return this;
  }

  /** Handed to the storage; answers how to make it durable. */
  append(list: readonly Entry[], hardState?: HardState): () => void {
    const batch = hardState === undefined ? { entries: list } : { entries: list, hardState };
    this.#tell({ ...this.#who, kind: 'appended', batch });
    return () => this.#tell({ ...this.#who, kind: 'durable', batch });
  }

  /** Handed to the storage, and durable. */
  store(list: readonly Entry[], hardState?: HardState): this {
    this.append(list, hardState)();
    return this;
  }

  send(type: keyof typeof MessageType, message: Partial<Message>): this {
    const full = makeMessage({ from: this.raftId, to: 9, ...message, type: MessageType[type] });
    this.#tell({ ...this.#who, kind: 'sent', message: full });
    return this;
  }

  hear(from: number, type: keyof typeof MessageType, message: Partial<Message>): this {
    const full = makeMessage({ from, to: this.raftId, ...message, type: MessageType[type] });
    this.#tell({ ...this.#who, kind: 'received', from, message: full });
    return this;
  }

  apply(index: LogIndex, term: Term, command = `${index}`, result = 'done'): this {
    const results = [{ code: 0, bytes: bytes(result) }];
    const commands = [bytes(command)];
    this.#tell({ ...this.#who, kind: 'applied', index, term, commands, results });
    return this;
  }

  restore(): this {
    this.#tell({ ...this.#who, kind: 'restored' });
    return this;
  }

  wipe(incarnation: string): this {
    this.#tell({ ...this.#who, kind: 'wiped' });
    this.life += 1;
    this.incarnation = incarnation;
    return this;
  }

  suffer(what: Excuse): this {
    this.#tell({ ...this.#who, kind: 'fault', what });
    return this;
  }

  end(how: EndOfLife, error?: Error, leftovers?: Leftovers): this {
    const rest = leftovers === undefined ? {} : { leftovers };
    this.#tell({ ...this.#who, kind: 'ended', how, error, lost: 0, ...rest });
    return this;
  }
}

/** Three nodes before a checker's eyes. */
export class Scene {
  readonly checker: Checker;
  readonly n1: Actor;
  readonly n2: Actor;
  readonly n3: Actor;

  constructor(checker: Checker) {
    this.checker = checker;
    const tell = (event: SimEvent): void => checker.event?.(event, NO_CLUSTER);
    this.n1 = new Actor(1, tell);
    this.n2 = new Actor(2, tell);
    this.n3 = new Actor(3, tell);
  }

  get all(): readonly Actor[] {
    return [this.n1, this.n2, this.n3];
  }

  /** All three have founded. */
  found(): this {
    for (const actor of this.all) actor.found();
    return this;
  }
}

/** What the checker says of it; fails when it is content. */
export function violationOf(act: () => void): string {
  try {
    act();
  } catch (error) {
    if (error instanceof Violation) return error.message;
    throw error;
  }
  throw new Error('no violation was found');
}
