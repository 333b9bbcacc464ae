/**
 * What every door offers, said once: the calls, what each may be given, and what it answers. A door
 * (HTTP, the binary protocol, a program in the same process) translates its own form to these and back,
 * and adds nothing to their meaning.
 */
import type {
  Consistency,
  NodeFailure,
  NodeStatus,
  ProposalListener,
  RequestId,
} from '../consensus/index.ts';
import type { Engine } from '../engine/index.ts';
import type {
  KeyRange,
  KeyValue,
  KvCommand,
  KvMachine,
  KvResult,
  KvWatch,
  RangeQuery,
  RangeResult,
} from '../state/index.ts';
import type { CallStats } from './call-stats.ts';
import type { ReadListener } from './read-barriers.ts';

/** What a node is made of, as far as its doors are concerned. */
export interface ApiContext {
  readonly engine: Engine;
  /** The machine that the engine applies commands to, in this process. */
  readonly kv: KvMachine;
  /** Of the program, for people. */
  readonly version: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** 1 to REQUEST_TIMEOUT_MS_MAX. */
  readonly timeoutMs?: number;
  /** Reads only. Default `linearizable`. */
  readonly consistency?: Consistency;
  /** Writes only. */
  readonly request?: RequestId;
}

export type OperationKind = 'read' | 'write' | 'admin' | 'stream';

export type OperationName =
  | 'kv.get'
  | 'kv.range'
  | 'kv.put'
  | 'kv.delete'
  | 'kv.deleteRange'
  | 'kv.increment'
  | 'kv.compareAndSet'
  | 'kv.transaction'
  | 'kv.compact'
  | 'kv.watch'
  | 'session.open'
  | 'session.close'
  | 'status'
  | 'members.list'
  | 'members.add'
  | 'members.promote'
  | 'members.remove'
  | 'leader.transfer';

export type JsonObject = Record<string, unknown>;

export interface GetAnswer {
  readonly item: KeyValue | undefined;
  readonly revision: number;
}

export interface StatusAnswer extends NodeStatus {
  /** Of the key-value store here. */
  readonly revision: number;
  /** Of the program. */
  readonly version: string;
}

export interface HealthAnswer {
  readonly healthy: boolean;
  readonly phase: string;
  readonly failure: NodeFailure | undefined;
}

export interface ReadinessAnswer {
  readonly ready: boolean;
  readonly leader: string | undefined;
  /** Why not, for people; empty when ready. */
  readonly reasons: readonly string[];
}

/** `revision`: the one before the first that is watched. `changes` ends by `cancel`, or throws why it can not go on. */
export interface WatchStream {
  readonly revision: number;
  readonly changes: KvWatch;
}

export interface WatchOptions extends CallOptions {
  /** First revision that is wanted; default: the one after the present. */
  readonly from?: number;
}

export interface Api {
  readonly nodeId: string;
  readonly version: string;
  readonly stats: CallStats;
  /** Set by a node that is about to stop: it is "not ready" from then on. */
  draining: boolean;
  /** Any operation but streams, JSON in and out. @throws REQUEST_INVALID, and what the operation throws. */
  call(name: OperationName, input: unknown, options?: CallOptions): Promise<JsonObject>;
  get(key: Uint8Array, options?: CallOptions): Promise<GetAnswer>;
  /**
   * `get` in two steps, for doors that read very much: the listener is told when `peek` may be asked, now or
   * later. For doors that have no room for the answer yet: what is read then is as new as it would be now, or
   * newer. What is refused at once is thrown, and the listener hears nothing.
   */
  submitRead(key: Uint8Array, options: Omit<CallOptions, 'signal'>, listener: ReadListener): void;
  /** The key as this node has it now. @throws KEY_INVALID. */
  peek(key: Uint8Array): GetAnswer;
  range(query: RangeQuery, options?: CallOptions): Promise<RangeResult>;
  write(command: KvCommand, options?: CallOptions): Promise<KvResult>;
  /**
   * A command in the machine's own bytes; the machine's rejections are results here. What is refused at once
   * is thrown, and the listener hears nothing; see `Engine.submit`.
   */
  submit(command: Uint8Array, options: CallOptions, listener: ProposalListener): void;
  watch(range: KeyRange, options?: WatchOptions): Promise<WatchStream>;
  openSession(options?: CallOptions): Promise<number>;
  closeSession(session: number, options?: CallOptions): Promise<void>;
  status(): StatusAnswer;
  health(): HealthAnswer;
  readiness(): Promise<ReadinessAnswer>;
}
