/**
 * For tests: groups of pure cores over logs in memory, driven by hand. Nothing happens by itself;
 * `settle` does all that can be done without time passing. A crash loses what was not written.
 */

import { decodeConfChange, decodeConfChangeV2 } from './codec/index.ts';
import type { RaftConfig } from './config.ts';
import { EMPTY_CONF_STATE, MemoryLog } from './memory-log.ts';
import { RawNode } from './raw-node.ts';
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type ConfState,
  type Entry,
  EntryType,
  type LogRead,
  type Message,
  MessageType,
  NO_LIMIT,
  type RaftId,
  type ReadState,
  type Ready,
  StateType,
} from './types.ts';

export type TestOptions = Partial<Omit<RaftConfig, 'id' | 'storage'>>;

/** A log of which only the end is in memory, until somebody loads the rest. */
export class CacheLog extends MemoryLog {
  /** Entries below are not in memory. */
  cachedFrom = 0;

  override entries(lo: number, hi: number, maxBytes: number): readonly Entry[] | undefined {
    const found = super.entries(lo, hi, maxBytes);
    return lo < this.cachedFrom ? undefined : found;
  }

  /** What is stored, in memory or not. */
  allEntries(): readonly Entry[] {
    return super.entries(this.firstIndex(), this.lastIndex() + 1, NO_LIMIT) ?? [];
  }
}

export class TestNode {
  readonly id: RaftId;
  readonly log: CacheLog;
  readonly options: TestOptions;
  raw: RawNode;
  applied: Entry[] = [];
  confState: ConfState;
  readStates: ReadState[] = [];
  logReads: LogRead[] = [];
  appendQueue: Message[] = [];
  applyQueue: Message[] = [];
  /** Requests for votes, by the write that they wait for (see `Ready.messages`). */
  readonly #requests = new Map<Message, Message[]>();

  constructor(id: RaftId, log: CacheLog, options: TestOptions) {
    this.id = id;
    this.log = log;
    this.options = options;
    this.confState = log.initialState().confState;
    this.raw = this.#start();
  }

  /** Power fails, and comes back. */
  restart(): void {
    this.appendQueue = [];
    this.applyQueue = [];
    this.#requests.clear();
    this.logReads = [];
    this.readStates = [];
    this.confState = this.log.initialState().confState;
    const snapshotIndex = this.log.snapshot()!.metadata.index;
    this.applied = this.applied.filter((entry) => entry.index <= snapshotIndex);
    this.raw = this.#start();
  }

  get isLeader(): boolean {
    return this.raw.basicStatus().softState.state === StateType.Leader;
  }

  /** Data of the normal entries applied, as text; the algorithm's own empty ones left out. */
  get texts(): string[] {
    const normal = this.applied.filter((e) => e.type === EntryType.Normal && e.data.length > 0);
    return normal.map((entry) => text(entry.data));
  }

  get appliedIndex(): number {
    return this.applied.at(-1)?.index ?? this.log.snapshot()!.metadata.index;
  }

  /** Takes a Ready and puts the work into the queues; returns it with the messages to peers. */
  takeReady(onReady: (ready: Ready) => void = () => {}): { ready: Ready; outgoing: Message[] } {
    const ready = this.raw.ready();
    onReady(ready);
    this.readStates.push(...ready.readStates);
    this.logReads.push(...ready.logReads);
    const outgoing: Message[] = [];
    const requests: Message[] = [];
    const isAsync = this.options.asyncStorageWrites === true;
    for (const message of ready.messages) {
      if (message.to === APPEND_THREAD) {
        this.appendQueue.push(message);
        this.#requests.set(message, requests);
      } else if (message.to === APPLY_THREAD) this.applyQueue.push(message);
      else if (isAsync && message.type === MessageType.Vote) requests.push(message);
      else outgoing.push(message);
    }
    if (!isAsync) {
      this.#write(ready.hardState, ready.entries, ready.snapshot);
      this.#apply(ready.committedEntries);
      this.raw.advance();
    }
    return { ready, outgoing };
  }

  /** Does the oldest write; returns the messages that waited for it. */
  writeOne(): Message[] {
    const message = this.appendQueue.shift();
    if (message === undefined) return [];
    const { term, vote, commit } = message;
    const hardState = term + vote + commit === 0 ? undefined : { term, vote, commit };
    this.#write(hardState, message.entries, message.snapshot);
    const requests = this.#requests.get(message) ?? [];
    this.#requests.delete(message);
    return [...requests, ...this.#respond(message)];
  }

  applyOne(): Message[] {
    const message = this.applyQueue.shift();
    if (message === undefined) return [];
    this.#apply(message.entries);
    return this.#respond(message);
  }

  /** Loads what the core waits for. */
  load(): void {
    if (this.logReads.length === 0) return;
    this.log.cachedFrom = Math.min(this.log.cachedFrom, ...this.logReads.map(({ lo }) => lo));
    this.logReads = [];
    this.raw.logReadDone();
  }

  #start(): RawNode {
    return new RawNode({
      electionTick: 10,
      heartbeatTick: 1,
      random: () => 0,
      applied: this.log.snapshot()!.metadata.index,
      ...this.options,
      id: this.id,
      storage: this.log,
    });
  }

  #write(
    hardState: Ready['hardState'],
    entries: readonly Entry[],
    snapshot: Ready['snapshot'],
  ): void {
    if (hardState !== undefined) this.log.setHardState(hardState);
    if (snapshot !== undefined) {
      this.log.applySnapshot(snapshot);
      this.confState = snapshot.metadata.confState;
      this.applied = decodeState(snapshot.data);
    }
    this.log.append(entries);
  }

  #apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.applied.push(entry);
      if (entry.type === EntryType.Normal) continue;
      const decode = entry.type === EntryType.ConfChange ? decodeConfChange : decodeConfChangeV2;
      this.confState = this.raw.applyConfChange(decode(entry.data));
      // Whoever joins can use only a snapshot that names it.
      this.log.createSnapshot(entry.index, this.confState, encodeState(this.applied));
    }
  }

  /** Makes a snapshot of what is applied and drops the log up to it. */
  compact(): void {
    const index = this.appliedIndex;
    if (index < this.log.firstIndex() || index > this.log.lastIndex()) return;
    if (index > this.log.snapshot()!.metadata.index) {
      this.log.createSnapshot(index, this.confState, encodeState(this.applied));
    }
    this.log.compact(index);
  }

  #respond(message: Message): Message[] {
    const others: Message[] = [];
    for (const response of message.responses ?? []) {
      if (response.to === this.id) stepQuietly(this.raw, response);
      else others.push(response);
    }
    return others;
  }
}

/** The state machine's state is the list of entries applied, so a snapshot is that list. */
const states = new Map<string, Entry[]>();

function encodeState(entries: readonly Entry[]): Uint8Array {
  const key = entries.map((e) => `${e.term}/${e.index}/${text(e.data)}`).join(' ');
  states.set(key, [...entries]);
  return bytes(key);
}

function decodeState(data: Uint8Array): Entry[] {
  return [...(states.get(text(data)) ?? [])];
}

/** Late messages of removed members and dropped proposals are part of life. */
export function stepQuietly(raw: RawNode, message: Message): void {
  try {
    raw.step(message);
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code !== 'STEP_PEER_UNKNOWN' && code !== 'PROPOSAL_DROPPED') throw error;
  }
}

export class TestGroup {
  readonly nodes: TestNode[];
  wire: Message[] = [];
  /** Nodes that apply nothing at the moment. */
  readonly stuck: Set<RaftId> = new Set();
  /** Messages that get lost in `settle`. */
  isLost: (message: Message) => boolean = () => false;
  onReady: (node: TestNode, ready: Ready) => void = () => {};
  onSend: (messages: readonly Message[]) => void = () => {};

  constructor(
    voters: readonly RaftId[],
    options: TestOptions = {},
    others: { learners?: readonly RaftId[]; strangers?: readonly RaftId[] } = {},
  ) {
    const learners = others.learners ?? [];
    const confState = { ...EMPTY_CONF_STATE, voters, learners };
    const members = [...voters, ...learners].map((id) => {
      const log = new CacheLog();
      log.applySnapshot({ metadata: { confState, index: 1, term: 1 }, data: new Uint8Array(0) });
      return new TestNode(id, log, options);
    });
    const strangers = (others.strangers ?? []).map(
      (id) => new TestNode(id, new CacheLog(), options),
    );
    this.nodes = [...members, ...strangers];
  }

  node(id: RaftId): TestNode {
    return this.nodes.find((node) => node.id === id)!;
  }

  get leaders(): TestNode[] {
    return this.nodes.filter((node) => node.isLeader);
  }

  /** All that can happen without time passing. */
  settle(): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = false;
      for (const node of this.nodes) isBusy = this.work(node) || isBusy;
      const wire = this.wire;
      this.wire = [];
      for (const message of wire) {
        isBusy = true;
        const target = this.nodes.find((node) => node.id === message.to);
        if (target !== undefined && !this.isLost(message)) stepQuietly(target.raw, message);
      }
    }
  }

  /** All that the node can do by itself. False when there was nothing. */
  work(node: TestNode): boolean {
    let isBusy = false;
    while (node.raw.hasReady()) {
      isBusy = true;
      this.takeReady(node);
      while (node.appendQueue.length > 0) this.send(node.writeOne());
    }
    while (node.applyQueue.length > 0 && !this.stuck.has(node.id)) {
      isBusy = true;
      this.send(node.applyOne());
    }
    return isBusy;
  }

  takeReady(node: TestNode): void {
    this.send(node.takeReady((ready) => this.onReady(node, ready)).outgoing);
  }

  send(messages: readonly Message[]): void {
    this.onSend(messages);
    this.wire.push(...messages);
  }

  elect(id: RaftId): TestNode {
    this.node(id).raw.campaign();
    this.settle();
    return this.node(id);
  }

  tick(times = 1): void {
    for (let i = 0; i < times; i++) {
      for (const node of this.nodes) node.raw.tick();
      this.settle();
    }
  }
}

export function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function text(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}
