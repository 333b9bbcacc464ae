/**
 * What has happened so far, as several checkers need it: each machine's identity, its log in memory and on
 * disk, its term and vote, what is committed and by which configuration. Events only: nothing is asked of a
 * node, but what it found in its data folder when it opened it.
 *
 * Several checkers share one. Each shows it every event (`see`), and the first one counts, so that none
 * depends on the order in which they are called.
 *
 * "Durable" is what the storage said is durable, with what was found at the last opening: never less than
 * what a node may count on. Memory: a few numbers an entry and machine, dropped as the log is compacted.
 */
import {
  type ConfChangeV2,
  decodeConfChange,
  decodeConfChangeV2,
  type Entry,
  EntryType,
  type HardState,
  type LogIndex,
  type Message,
  MessageType,
  type RaftId,
  type Term,
  toConfChangeV2,
} from '../../src/raft/index.ts';
import type { AppendBatch, Identity, Storage } from '../../src/storage/index.ts';
import type { SimEvent } from '../cluster/events.ts';
import { CommitLedger } from './commit-ledger.ts';
import { Configurations } from './configurations.ts';
import { type CutEntries, MachineLog } from './machine-log.ts';

const EMPTY_HARD_STATE: HardState = { term: 0, vote: 0, commit: 0 };

/** What a machine's disk was promised to hold when its process was gone. */
export interface LeftBehind {
  readonly log: MachineLog;
  readonly hardState: HardState;
  /** Handed to the storage and not told durable, in order. */
  readonly pending: readonly AppendBatch[];
}

export interface MachineRecord {
  readonly name: string;
  life: number;
  identity: Identity | undefined;
  storage: Storage | undefined;
  /** What the storage was given. */
  memory: MachineLog;
  memoryState: HardState;
  /** What it said is durable. */
  durable: MachineLog;
  durableState: HardState;
  /** A commit index alone is worth no write: it is durable with the next batch that is. */
  commitAlone: LogIndex;
  readonly pending: AppendBatch[];
  /** Index of the newest snapshot that a peer offered in this life and that is not installed: 0 for none. */
  offered: LogIndex;
  /** What the life before left, as it stood when this one opened the folder. */
  left: LeftBehind | undefined;
}

/** A claim that entries are committed, made by the last event. */
export interface CommitClaim {
  readonly by: MachineRecord;
  readonly index: LogIndex;
  /** The ledger ended here before. */
  readonly ledgerBefore: LogIndex;
}

interface ChangeEntry {
  readonly term: Term;
  readonly change: ConfChangeV2;
}

export class ClusterRecords {
  readonly machines: Map<string, MachineRecord> = new Map();
  readonly ledger: CommitLedger = new CommitLedger();
  readonly configurations: Configurations = new Configurations();
  /** Of the last event, if it was an `appended` one. */
  cut: CutEntries | undefined;
  claim: CommitClaim | undefined;
  /** Changes of members by index, as they stand in anybody's log. */
  readonly #changes: Map<LogIndex, ChangeEntry[]> = new Map();
  #configuredUpTo: LogIndex = 0;
  #seen: SimEvent | undefined;

  /** Takes the event in, once. */
  see(event: SimEvent): void {
    if (event === this.#seen) return;
    this.#seen = event;
    this.cut = undefined;
    this.claim = undefined;
    const record = this.of(event.node);
    record.life = event.life;
    switch (event.kind) {
      case 'opened':
        open(record, event.storage);
        return;
      case 'founded':
        record.identity = event.identity;
        return;
      case 'wiped':
        forget(record);
        return;
      case 'fault':
        if (event.what === 'roll-back') forget(record);
        return;
      case 'appended':
        this.#appended(record, event.batch);
        return;
      case 'durable':
        madeDurable(record, event.batch);
        return;
      case 'compacted':
        record.memory.compact(event.index);
        record.durable.compact(event.index);
        return;
      case 'snapshot-installed': {
        const { index, term, confState } = event.snapshot.metadata;
        record.memory.install(index, term);
        record.durable.install(index, term);
        if (record.offered <= index) record.offered = 0;
        this.configurations.begin(index, confState);
        return;
      }
      case 'received':
        if (event.message.type === MessageType.Snap) {
          record.offered = event.message.snapshot?.metadata.index ?? 0;
        }
        return;
      case 'sent':
        this.#sent(record, event.message);
        return;
      case 'applied':
        this.#claimed(record, event.index, undefined);
        return;
    }
  }

  of(node: string): MachineRecord {
    let record = this.machines.get(node);
    if (record === undefined) {
      record = fresh(node);
      this.machines.set(node, record);
    }
    return record;
  }

  byRaftId(id: RaftId): MachineRecord | undefined {
    for (const record of this.machines.values()) {
      if (record.identity?.raftId === id) return record;
    }
    return undefined;
  }

  #appended(record: MachineRecord, batch: AppendBatch): void {
    record.pending.push(batch);
    this.cut = record.memory.replace(batch.entries);
    for (const entry of batch.entries) {
      if (entry.type !== EntryType.Normal) this.#noteChange(entry);
    }
    if (batch.hardState === undefined) return;
    record.memoryState = batch.hardState;
    this.#claimed(record, batch.hardState.commit, batch.hardState.term);
  }

  #sent(record: MachineRecord, { type, commit, term }: Message): void {
    if (type !== MessageType.App && type !== MessageType.Heartbeat) return;
    if (commit > this.ledger.lastKnownIn) this.#claimed(record, commit, term);
  }

  #claimed(by: MachineRecord, index: LogIndex, term: Term | undefined): void {
    this.claim = { by, index, ledgerBefore: this.ledger.last };
    this.ledger.note(by.memory, index, term);
    if (this.#changes.size === 0) return;
    for (let i = this.#configuredUpTo + 1; i <= this.ledger.last; i++) {
      const term = this.ledger.termAt(i);
      const entry = this.#changes.get(i)?.find((candidate) => candidate.term === term);
      if (entry !== undefined) this.configurations.change(i, entry.change);
      this.#changes.delete(i);
    }
    this.#configuredUpTo = Math.max(this.#configuredUpTo, this.ledger.last);
  }

  #noteChange({ index, term, type, data }: Entry): void {
    if (index <= this.#configuredUpTo) return;
    const known = this.#changes.get(index) ?? [];
    if (known.some((other) => other.term === term)) return;
    const isOld = type === EntryType.ConfChange;
    const change = toConfChangeV2(isOld ? decodeConfChange(data) : decodeConfChangeV2(data));
    known.push({ term, change });
    this.#changes.set(index, known);
  }
}

/** `n2 (life 3)`. */
export function nameOf({ node, life }: { readonly node: string; readonly life: number }): string {
  return `${node} (life ${life})`;
}

function fresh(name: string): MachineRecord {
  return {
    name,
    life: 0,
    identity: undefined,
    storage: undefined,
    memory: new MachineLog(),
    memoryState: EMPTY_HARD_STATE,
    durable: new MachineLog(),
    durableState: EMPTY_HARD_STATE,
    commitAlone: 0,
    pending: [],
    offered: 0,
    left: undefined,
  };
}

function forget(record: MachineRecord): void {
  const { name, life } = record;
  Object.assign(record, fresh(name), { life });
}

function open(record: MachineRecord, storage: Storage): void {
  const { durable: log, durableState: hardState } = record;
  record.left = { log, hardState, pending: [...record.pending] };
  record.pending.length = 0;
  record.storage = storage;
  record.offered = 0;
  record.identity = storage.identity;
  record.memory = MachineLog.of(storage);
  record.durable = record.memory.copy();
  record.memoryState = storage.initialState().hardState;
  record.durableState = record.memoryState;
  record.commitAlone = record.memoryState.commit;
}

function madeDurable(record: MachineRecord, batch: AppendBatch): void {
  const at = record.pending.indexOf(batch);
  if (at >= 0) record.pending.splice(at, 1);
  const { durableState } = record;
  const { term, vote, commit } = batch.hardState ?? durableState;
  record.commitAlone = Math.max(record.commitAlone, commit);
  const isWritten =
    batch.entries.length > 0 || term !== durableState.term || vote !== durableState.vote;
  record.durableState = isWritten ? { term, vote, commit: record.commitAlone } : durableState;
  const last = batch.entries.at(-1);
  // Of a batch that was written before a snapshot took the place of what it holds nothing is left.
  if (last !== undefined && last.index > record.durable.baseIndex) {
    record.durable.replace(batch.entries);
  }
}
