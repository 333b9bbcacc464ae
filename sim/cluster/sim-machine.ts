/**
 * One machine of a simulated cluster: its disk, which outlives its processes, the process that runs on it
 * now, and what is wrong with it at present.
 */
import type { RaftNodeConfig } from '../../src/consensus/index.ts';
import type { DiskStorageTuning } from '../../src/storage/index.ts';
import type { MemoryDisk } from '../world/memory-disk.ts';
import type { ManglerConditions, Mangling } from '../world/message-mangler.ts';
import type { DiskConditions, DiskStruck } from '../world/sim-disk.ts';
import type { Interceptor } from './intercept.ts';
import type { SimProcess } from './sim-process.ts';

export interface SimMachine {
  /** Also the host's name and the node's id. */
  readonly name: string;
  /** `host:port` that its peers dial. */
  readonly address: string;
  /** What its node is told beyond what all are told; a rolling restart may change it. */
  tuning: Partial<RaftNodeConfig>;
  storage: DiskStorageTuning;
  join: RaftNodeConfig['join'];
  disk: MemoryDisk;
  /** Processes that have begun here. */
  lives: number;
  process: SimProcess | undefined;
  /** Why the last process ended by itself, until the next one begins. */
  failure: Error | undefined;
  /** What its wall clock is wrong by, in ms; processes begin with it. */
  wallSkewMs: number;
  readonly diskConditions: DiskConditions;
  readonly mangling: ManglerConditions;
  /** What its disk refused or took long for, in all of its lives. */
  readonly struck: DiskStruck;
  /** Messages to its processes that were tampered with, in all of its lives. */
  readonly mangled: Record<Mangling, number>;
  /** A script's hand on the raft messages that its processes receive. */
  intercept: Interceptor | undefined;
}
