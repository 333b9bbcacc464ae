/**
 * What has happened so far, as several checkers need it: of each machine what machine-record.ts says, and
 * what is committed and by which configuration. Events only: nothing is asked of a
 * node, but what it found in its data folder when it opened it.
 *
 * Several checkers share one. Each shows it every event (`see`), and the first one counts, so that none
 * depends on the order in which they are called.
 *
 * Memory: a few numbers an entry and machine, dropped as the log is compacted.
 */
import {
  type ConfChangeV2,
  decodeConfChange,
  decodeConfChangeV2,
  type Entry,
  EntryType,
  type LogIndex,
  type Message,
  MessageType,
  type RaftId,
  type Term,
  toConfChangeV2,
} from '../../src/raft/index.ts';
import type { AppendBatch } from '../../src/storage/index.ts';
import type { Excuse, SimEvent } from '../cluster/events.ts';
import { CommitLedger } from './commit-ledger.ts';
import { type ConfigurationAt, Configurations } from './configurations.ts';
import type { CutEntries, MachineLog } from './machine-log.ts';
import {
  freshRecord,
  type MachineRecord,
  madeDurable,
  madeInstalled,
  openFolder,
  replaceFolder,
} from './machine-record.ts';

/** A disk that was wiped: what it had, and had told a leader. */
export interface WipedDisk {
  readonly log: MachineLog;
  readonly acknowledged: LogIndex;
}

/** A claim that entries are committed, made by the last event. */
export interface CommitClaim {
  readonly by: MachineRecord;
  readonly index: LogIndex;
  /** The ledger ended here before. */
  readonly ledgerBefore: LogIndex;
  /** The configurations by which who claims it may have counted. */
  readonly inForce: readonly ConfigurationAt[];
}

interface ChangeEntry {
  readonly term: Term;
  readonly change: ConfChangeV2;
}

export class ClusterRecords {
  readonly machines: Map<string, MachineRecord> = new Map();
  readonly ledger: CommitLedger = new CommitLedger();
  readonly configurations: Configurations = new Configurations();
  /** By the raft id that nobody has any more. */
  readonly wiped: Map<RaftId, WipedDisk> = new Map();
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
        openFolder(record, event.storage);
        return;
      case 'founded':
        record.identity = event.identity;
        return;
      case 'wiped':
        this.#wiped(record);
        replaceFolder(record, true);
        return;
      case 'fault':
        suffer(record, event.what);
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
      case 'snapshot-saved':
        // One that the log does not hold is not in force yet.
        if (record.memory.termAt(event.index) === event.term) {
          record.snapshotIndex = Math.max(record.snapshotIndex, event.index);
        }
        return;
      case 'snapshot-installing':
        record.pending.push({ snapshot: event.snapshot, hardState: event.hardState });
        return;
      case 'snapshot-installed': {
        const { index, confState } = event.snapshot.metadata;
        madeInstalled(record, event.snapshot);
        if (record.offered !== undefined && record.offered.index <= index)
          record.offered = undefined;
        this.configurations.begin(index, confState);
        return;
      }
      case 'received':
        if (event.message.type === MessageType.Snap) offer(record, event.message);
        return;
      case 'sent':
        this.#sent(record, event.message);
        return;
      case 'applied':
        // What it has applied counts from the next claim on: this one was reckoned before.
        this.#claimed(record, event.index, undefined);
        record.appliedIndex = Math.max(record.appliedIndex, event.index);
        return;
      case 'restored':
        record.appliedIndex = record.storage?.newestSnapshot?.index ?? 0;
        return;
    }
  }

  of(node: string): MachineRecord {
    let record = this.machines.get(node);
    if (record === undefined) {
      record = freshRecord(node);
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
    const { offered } = record;
    if (offered !== undefined && record.memory.has(offered.index, offered.term)) {
      record.offered = undefined;
    }
    for (const entry of batch.entries) {
      if (entry.type !== EntryType.Normal) this.#noteChange(entry);
    }
    if (batch.hardState === undefined) return;
    record.memoryState = batch.hardState;
    this.#claimed(record, batch.hardState.commit, batch.hardState.term);
  }

  #wiped({ identity, durable: log, acknowledged }: MachineRecord): void {
    if (identity !== undefined) this.wiped.set(identity.raftId, { log, acknowledged });
  }

  #sent(record: MachineRecord, { type, commit, term, index, reject }: Message): void {
    if (type === MessageType.AppResp && !reject) {
      record.acknowledged = Math.max(record.acknowledged, index);
    }
    if (type !== MessageType.App && type !== MessageType.Heartbeat) return;
    if (commit > this.ledger.lastKnownIn) this.#claimed(record, commit, term);
  }

  #claimed(by: MachineRecord, index: LogIndex, term: Term | undefined): void {
    const ledgerBefore = this.ledger.last;
    this.ledger.note(by.memory, index, term);
    if (this.#changes.size > 0) this.#configure();
    const inForce = this.configurations.inForceFor(by.appliedIndex);
    this.claim = { by, index, ledgerBefore, inForce };
  }

  /** The changes of members that are known to be committed now. */
  #configure(): void {
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

function suffer(record: MachineRecord, what: Excuse): void {
  if (what === 'roll-back') replaceFolder(record, false);
  if (what === 'disk-rot' || what === 'misplaced-sectors') record.isDiskRotten = true;
}

/** A snapshot of a peer is on its way; of one that brings nothing new nothing comes. */
function offer(record: MachineRecord, { snapshot }: Message): void {
  if (snapshot === undefined) return;
  const { index, term } = snapshot.metadata;
  if (record.memory.has(index, term) || index <= (record.offered?.index ?? 0)) return;
  record.offered = { index, term };
}
