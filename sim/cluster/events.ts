/**
 * What happens in a simulated cluster, as its checkers are told: every write to a disk, every message,
 * every command applied, the beginning and the end of every process. The checkers see nothing else of
 * a node's inside, so that what they hold to is the contract and not the code.
 *
 * Events are told in the order of simulated time, from within the turn in which they happen. A life is one
 * process of one machine; they are numbered from 1 for each machine.
 */
import type { CommandResult } from '../../src/consensus/index.ts';
import type { HardState, LogIndex, Message, RaftId, Snapshot, Term } from '../../src/raft/index.ts';
import type { AppendBatch, Identity, Storage } from '../../src/storage/index.ts';

/** Why a process is gone. */
export type EndOfLife =
  /** `kill -9`: what was written is there, synced or not. */
  | 'killed'
  /** The power failed: what was not synced may be lost. */
  | 'power-cut'
  /** Asked to stop, and stopped in good order. */
  | 'stopped'
  /** It ended by itself: a failed disk, damage, a divergence, a removal; `error` says why. */
  | 'failed';

/**
 * Faults that a process may rightly end of. Whoever brings one upon a machine says so, once, before it can
 * strike; it counts from then on. What is not among them is no reason for any process to end.
 */
export type Excuse =
  /** Its disk may run out of room. */
  | 'disk-full'
  /** Operations on its disk may fail. */
  | 'disk-failing'
  /** Bits on its disk were flipped, or files cut or lost. */
  | 'disk-rot'
  /** The power failed, and sectors that were not synced arrived at each other's places. */
  | 'misplaced-sectors'
  /** Operators asked for its removal. */
  | 'removal'
  /** It was started beside, or in the place of, another one of the same identity. */
  | 'twin'
  /** An older picture of its disk was put back: what it promised since is forgotten. */
  | 'roll-back';

/** What a process has open. */
export interface Leftovers {
  /** Timers, deliveries and checks that wait in its loop. */
  readonly waiting: number;
  readonly openFiles: number;
  /** Its ends of connections, and its listeners. */
  readonly sockets: number;
  /** What its disk owed it at that moment. */
  readonly disk: OwedByDisk;
  /** How long its stop was to wait for a disk that hangs, in ms. */
  readonly stopTimeoutMs: number;
}

/** Operations of a disk that were asked for and not answered. */
export interface OwedByDisk {
  /** Deliveries of answers that wait in the loop. */
  readonly answers: number;
  /** For how long it has owed something without a pause. */
  readonly forMs: number;
}

interface OfNode {
  /** Name of the machine. */
  readonly node: string;
  readonly life: number;
}

export type SimEvent =
  | (OfNode & { readonly kind: 'began' })
  /** The data folder was opened: what this life found there. */
  | (OfNode & { readonly kind: 'opened'; readonly storage: Storage })
  /** An identity was made durable: the folder was founded or joined. */
  | (OfNode & { readonly kind: 'founded'; readonly identity: Identity })
  /** Entries and hard state were handed to the storage, which may not have them durable yet. */
  | (OfNode & { readonly kind: 'appended'; readonly batch: AppendBatch })
  /** The storage said that the batch is durable. */
  | (OfNode & { readonly kind: 'durable'; readonly batch: AppendBatch })
  | (OfNode & { readonly kind: 'snapshot-saved'; readonly index: LogIndex; readonly term: Term })
  /** A peer's snapshot is to become the beginning of the log, with this hard state, in one step. */
  | (OfNode & {
      readonly kind: 'snapshot-installing';
      readonly snapshot: Snapshot;
      readonly hardState: HardState | undefined;
    })
  /** It has, durably. */
  | (OfNode & {
      readonly kind: 'snapshot-installed';
      readonly snapshot: Snapshot;
      readonly hardState: HardState | undefined;
    })
  | (OfNode & { readonly kind: 'compacted'; readonly index: LogIndex })
  | (OfNode & { readonly kind: 'sent'; readonly message: Message })
  | (OfNode & { readonly kind: 'received'; readonly from: RaftId; readonly message: Message })
  | (OfNode & {
      readonly kind: 'applied';
      readonly index: LogIndex;
      readonly term: Term;
      readonly commands: readonly Uint8Array[];
      readonly results: readonly CommandResult[];
    })
  /** The machine's state was replaced by that of a snapshot. */
  | (OfNode & { readonly kind: 'restored' })
  | (OfNode & {
      readonly kind: 'ended';
      readonly how: EndOfLife;
      readonly error: Error | undefined;
      /** Sectors and names that were written, not synced, and lost by a power cut. */
      readonly lost: number;
      /** Of one that stopped in good order: what it had not let go of at that moment. */
      readonly leftovers?: Leftovers;
    })
  /** The machine's disk was replaced by an empty one. */
  | (OfNode & { readonly kind: 'wiped' })
  /** Something was done to the machine that may be the reason for an end; see `Excuse`. */
  | (OfNode & { readonly kind: 'fault'; readonly what: Excuse });

/** Takes part in what a cluster tells. */
export type Listener = (event: SimEvent) => void;
