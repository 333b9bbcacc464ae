/**
 * The world of an interaction script: nodes with their storage and their queues of local work, and
 * one list of messages in flight, which nothing reorders.
 */
import { ClusterError } from '../../src/errors.ts';
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type ConfState,
  decodeConfChange,
  decodeConfChangeV2,
  EMPTY_CONF_STATE,
  type Entry,
  EntryType,
  type HardState,
  isStorageThread,
  MemoryLog,
  type Message,
  type MessageType,
  type RaftConfig,
  type RaftId,
  RawNode,
  type Snapshot,
} from '../../src/raft/index.ts';
import { describeMessage, describeReady } from './describe.ts';
import type { Output } from './output.ts';

const NO_SNAPSHOT: Snapshot = {
  metadata: { confState: EMPTY_CONF_STATE, index: 0, term: 0 },
  data: new Uint8Array(0),
};

/** Offers the newest state of the state machine as its snapshot, whatever was stored. */
export class ScriptLog extends MemoryLog {
  newest: Snapshot = NO_SNAPSHOT;
  #confState: ConfState | undefined;

  override snapshot(): Snapshot | undefined {
    return this.newest;
  }

  /** The membership that was applied last is what a node starts with. */
  restartFrom({ metadata }: Snapshot): void {
    this.#confState = metadata.confState;
  }

  override initialState(): ReturnType<MemoryLog['initialState']> {
    const { hardState, confState } = super.initialState();
    return { hardState, confState: this.#confState ?? confState };
  }
}

export interface ScriptNode {
  readonly id: RaftId;
  readonly options: Omit<RaftConfig, 'id' | 'storage'>;
  raw: RawNode;
  readonly log: ScriptLog;
  readonly isAsync: boolean;
  readonly appendWork: Message[];
  readonly applyWork: Message[];
}

export interface Recipient {
  readonly id: RaftId;
  readonly isDropping: boolean;
}

export class Network {
  readonly nodes: ScriptNode[] = [];
  readonly #output: Output;
  #messages: Message[] = [];

  constructor(output: Output) {
    this.#output = output;
  }

  node(id: number): ScriptNode {
    const node = this.nodes[id - 1];
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }

  add(options: Omit<RaftConfig, 'id' | 'storage'>, bootstrap: Snapshot | undefined): void {
    const id = this.nodes.length + 1;
    const log = new ScriptLog();
    if (bootstrap !== undefined) {
      log.applySnapshot(bootstrap);
      log.newest = bootstrap;
    }
    const raw = new RawNode({ ...options, id, storage: log });
    const isAsync = options.asyncStorageWrites ?? false;
    this.nodes.push({ id, options, raw, log, isAsync, appendWork: [], applyWork: [] });
  }

  /**
   * Ends a node and starts it again over what it had stored. Work that was not done is lost; the state
   * machine is durable as far as the stored commit index goes, so that nothing up to there is handed
   * out again.
   */
  restart(node: ScriptNode): void {
    const { id, options, log } = node;
    node.appendWork.length = 0;
    node.applyWork.length = 0;
    log.restartFrom(log.newest);
    const applied = Math.min(log.newest.metadata.index, log.initialState().hardState.commit);
    node.raw = new RawNode({ ...options, id, storage: log, applied });
  }

  send(message: Message): void {
    this.#messages.push(message);
  }

  hasMessagesFor(id: RaftId): boolean {
    return this.#messages.some((message) => message.to === id);
  }

  processReady(node: ScriptNode): void {
    const ready = node.raw.ready();
    this.#output.line(describeReady(ready));
    if (!node.isAsync) {
      write(node, ready.hardState, ready.entries, ready.snapshot);
      applyEntries(node, ready.committedEntries);
    }
    for (const message of ready.messages) {
      if (message.to === APPEND_THREAD) node.appendWork.push(message);
      else if (message.to === APPLY_THREAD) node.applyWork.push(message);
      else this.#messages.push(message);
    }
    if (!node.isAsync) node.raw.advance();
  }

  processAppend(node: ScriptNode): void {
    this.#work(node.appendWork, 'no append work to perform', (message) => {
      const { term, vote, commit, entries, snapshot } = message;
      const isEmpty = term === 0 && vote === 0 && commit === 0;
      write(node, isEmpty ? undefined : { term, vote, commit }, entries, snapshot);
    });
  }

  processApply(node: ScriptNode): void {
    this.#work(node.applyWork, 'no apply work to perform', (message) => {
      applyEntries(node, message.entries);
    });
  }

  #work(queue: Message[], nothing: string, perform: (message: Message) => void): void {
    const message = queue.shift();
    if (message === undefined) {
      this.#output.line(nothing);
      return;
    }
    this.#output.line('Processing:');
    this.#output.line(describeMessage({ ...message, responses: undefined }));
    perform(message);
    this.#output.line('Responses:');
    for (const response of message.responses ?? []) {
      this.#output.line(describeMessage(response));
      this.#messages.push(response);
    }
  }

  /** Returns how many messages were taken. */
  deliver(recipients: readonly Recipient[], type: MessageType | undefined): number {
    let count = 0;
    for (const { id, isDropping } of recipients) {
      const taken = this.#take(id, isDropping, type);
      count += taken.length;
      for (const message of taken) {
        this.#output.line(`${isDropping ? 'dropped: ' : ''}${describeMessage(message)}`);
        if (!isDropping) this.#stepInto(this.node(id), message);
      }
    }
    return count;
  }

  #take(id: RaftId, isDropping: boolean, type: MessageType | undefined): Message[] {
    const taken: Message[] = [];
    this.#messages = this.#messages.filter((message) => {
      const isWanted =
        message.to === id &&
        (type === undefined || message.type === type) &&
        !(isDropping && isLocal(message));
      if (isWanted) taken.push(message);
      return !isWanted;
    });
    return taken;
  }

  #stepInto(node: ScriptNode, message: Message): void {
    try {
      node.raw.step(message);
    } catch (error) {
      this.#output.line(errorText(error));
    }
  }
}

/** The network does not lose what never was on it. */
function isLocal({ from, to }: Message): boolean {
  return from === to || isStorageThread(from) || isStorageThread(to);
}

function write(
  node: ScriptNode,
  hardState: HardState | undefined,
  entries: readonly Entry[],
  snapshot: Snapshot | undefined,
): void {
  if (hardState !== undefined) node.log.setHardState(hardState);
  if (snapshot === undefined) {
    node.log.append(entries);
    return;
  }
  if (entries.length > 0) {
    throw new ScriptError("can't apply snapshot and entries at the same time");
  }
  node.log.applySnapshot(snapshot);
}

/** The state machine appends: its state is all data ever applied. */
function applyEntries(node: ScriptNode, entries: readonly Entry[]): void {
  for (const entry of entries) {
    const { data, metadata } = node.log.newest;
    let update = entry.data;
    let confState: ConfState = metadata.confState;
    if (entry.type !== EntryType.Normal) {
      const change =
        entry.type === EntryType.ConfChange
          ? decodeConfChange(entry.data)
          : decodeConfChangeV2(entry.data);
      update = change.context;
      confState = node.raw.applyConfChange(change);
    }
    node.log.newest = {
      metadata: { confState, index: entry.index, term: entry.term },
      data: Buffer.concat([data, update]),
    };
  }
}

/** The scripts' wording of what the core's storage says by code. */
const STORAGE_TEXTS: Readonly<Partial<Record<string, string>>> = {
  LOG_COMPACTED: 'requested index is unavailable due to compaction',
  LOG_UNAVAILABLE: 'requested entry at index is unavailable',
  SNAPSHOT_OUT_OF_DATE: 'requested index is older than the existing snapshot',
};

/** What a command answers with where it is the harness, and not the core, that can not do it. */
export class ScriptError extends Error {}

/** An error that a command answers with. A broken rule is none: it fails the case. */
export function errorText(error: unknown): string {
  if (error instanceof ScriptError) return error.message;
  if (!(error instanceof ClusterError) || error.code === 'INVARIANT') throw error;
  return STORAGE_TEXTS[error.code] ?? error.message;
}
