/**
 * What is known of one machine: its identity, its log in memory and on disk, its term and vote, and what its disk
 * was promised to hold when its process went.
 *
 * "Durable" is what the storage said is durable, with what was found at the last opening. What was handed over
 * and not told durable is under way: of it any part may be on the disk after a crash, whole and in order.
 */
import type { HardState, LogIndex, Snapshot, Term } from '../../src/raft/index.ts';
import type { AppendBatch, Identity, Storage } from '../../src/storage/index.ts';
import { MachineLog } from './machine-log.ts';

const EMPTY_HARD_STATE: HardState = { term: 0, vote: 0, commit: 0 };

/** A peer's snapshot that becomes the beginning of the log, in one step with the hard state. */
export interface Install {
  readonly snapshot: Snapshot;
  readonly hardState: HardState | undefined;
}

/** What was handed to a storage. */
export type Write = AppendBatch | Install;

/** What a machine's disk was promised to hold when its process was gone. */
export interface LeftBehind {
  readonly identity: Identity | undefined;
  readonly log: MachineLog;
  readonly hardState: HardState;
  /** Newest snapshot that was said to be in force: saved of its own state, or installed. */
  readonly snapshotIndex: LogIndex;
  /** Handed to the storage and not told durable, in order. */
  readonly pending: readonly Write[];
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
  snapshotIndex: LogIndex;
  readonly pending: Write[];
  /** The newest snapshot that a peer offered in this life, while the log does not hold what it covers. */
  offered: { readonly index: LogIndex; readonly term: Term } | undefined;
  /** Seen of this life: the last entry whose commands it applied, or its restored snapshot. */
  appliedIndex: LogIndex;
  /** Nothing was done to the folder that was not told. */
  isFolderKnown: boolean;
  /** Bits of its disk may have changed: a snapshot that can not be read is passed over for an older one. */
  isDiskRotten: boolean;
  /** Up to here it has told a leader, in any life on this disk, that it has everything. */
  acknowledged: LogIndex;
  /** What the life before left, as it stood when this one opened the folder; if that is known. */
  left: LeftBehind | undefined;
}

export function freshRecord(name: string): MachineRecord {
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
    snapshotIndex: 0,
    pending: [],
    offered: undefined,
    appliedIndex: 0,
    isFolderKnown: false,
    isDiskRotten: false,
    acknowledged: 0,
    left: undefined,
  };
}

/** Another folder is in the place of the one that was known: an empty one, or one that nobody has told of. */
export function replaceFolder(record: MachineRecord, isEmpty: boolean): void {
  const { name, life } = record;
  Object.assign(record, freshRecord(name), { life, isFolderKnown: isEmpty });
}

export function openFolder(record: MachineRecord, storage: Storage): void {
  const { identity, durable: log, durableState: hardState, snapshotIndex } = record;
  const pending = record.pending.splice(0);
  record.left = record.isFolderKnown
    ? { identity, log, hardState, snapshotIndex, pending }
    : undefined;
  record.isFolderKnown = true;
  record.storage = storage;
  record.offered = undefined;
  record.appliedIndex = 0;
  record.identity = storage.identity;
  record.snapshotIndex = storage.newestSnapshot?.index ?? 0;
  record.memory = MachineLog.of(storage);
  record.durable = record.memory.copy();
  record.memoryState = storage.initialState().hardState;
  record.durableState = record.memoryState;
  record.commitAlone = record.memoryState.commit;
}

export function madeDurable(record: MachineRecord, batch: AppendBatch): void {
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

export function madeInstalled(record: MachineRecord, snapshot: Snapshot): void {
  const at = record.pending.findIndex((write) => isInstall(write) && write.snapshot === snapshot);
  const [begun] = at < 0 ? [] : record.pending.splice(at, 1);
  const install = begun === undefined || !isInstall(begun) ? undefined : begun;
  const write: Install = { snapshot, hardState: install?.hardState };
  record.memoryState = afterWrite(record.memory, record.memoryState, write);
  record.durableState = afterWrite(record.durable, record.durableState, write);
  record.commitAlone = Math.max(record.commitAlone, record.durableState.commit);
  record.snapshotIndex = Math.max(record.snapshotIndex, snapshot.metadata.index);
}

/** Does to a log and a hard state what the write does; the log is changed, the state answered. */
export function afterWrite(log: MachineLog, state: HardState, write: Write): HardState {
  if (!isInstall(write)) {
    log.replace(write.entries);
    return write.hardState ?? state;
  }
  const { index, term } = write.snapshot.metadata;
  log.install(index, term);
  const given = write.hardState ?? state;
  const commit = Math.max(state.commit, index, Math.min(given.commit, log.lastIndex));
  // What a snapshot covers was written in its term at the latest; a vote goes with its term.
  if (given.term < term) return { term, vote: 0, commit };
  return { term: given.term, vote: given.vote, commit };
}

export function isInstall(write: Write): write is Install {
  return 'snapshot' in write;
}
