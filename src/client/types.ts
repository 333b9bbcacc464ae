/**
 * What programs see of the network client. docs/reference/client.md is the contract.
 */
import type { Consistency, RequestId } from '../consensus/index.ts';
import type { Compare, KeyValue, KvChange, RangeResult, StepResult } from '../state/index.ts';

/** Strings are taken as UTF-8. */
export type Bytes = string | Uint8Array;

export interface ConnectOptions {
  /** `host:port` of the nodes' client doors; tried in this order. */
  readonly nodes: readonly string[];
  /** Deadline of calls that name none, and of connecting. Default REQUEST_TIMEOUT_MS_DEFAULT. */
  readonly timeoutMs?: number;
  /** Give each write a request id, so that it can be repeated safely. Default true. */
  readonly session?: boolean;
  readonly signal?: AbortSignal;
}

export interface ClientCallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export interface ReadCallOptions extends ClientCallOptions {
  readonly consistency?: Consistency;
}

export interface WriteCallOptions extends ClientCallOptions {
  /** Of an earlier try of the same write, or from `nextRequest`. */
  readonly request?: RequestId;
}

/** One of: a key, a prefix, a start with or without an end, everything (`{}`, or `all` where keys are deleted). */
export interface ClientRange {
  readonly key?: Bytes;
  readonly prefix?: Bytes;
  readonly start?: Bytes;
  readonly end?: Bytes;
  readonly all?: boolean;
}

export interface ClientRangeOptions extends ReadCallOptions {
  readonly limit?: number;
  readonly keysOnly?: boolean;
}

export interface ListOptions extends ReadCallOptions {
  readonly keysOnly?: boolean;
  readonly pageItems?: number;
}

export interface ClientWatchOptions extends ReadCallOptions {
  /** First revision that is wanted; default: the one after the present. */
  readonly from?: number;
}

export type ClientCompare = Compare extends infer C
  ? C extends { readonly target: 'value' }
    ? Omit<C, 'key' | 'operand'> & { readonly key: Bytes; readonly operand: Bytes }
    : Omit<C, 'key'> & { readonly key: Bytes }
  : never;

export type ClientStep =
  | { readonly kind: 'put'; readonly key: Bytes; readonly value: Bytes }
  | ({ readonly kind: 'delete' } & ClientRange)
  | { readonly kind: 'increment'; readonly key: Bytes; readonly by?: bigint | number }
  | ({ readonly kind: 'get'; readonly limit?: number } & ClientRange);

export interface ClientTransaction {
  readonly compare?: readonly ClientCompare[];
  readonly then?: readonly ClientStep[];
  readonly else?: readonly ClientStep[];
}

export interface Watch extends AsyncIterableIterator<KvChange> {
  /** The revision before the first that is watched, once the cluster has taken the watch. */
  readonly started: Promise<number>;
}

export interface QuorateClient extends AsyncDisposable {
  /** `host:port` of the node that is talked to, if any. */
  readonly node: string | undefined;
  put(key: Bytes, value: Bytes, options?: WriteCallOptions): Promise<{ revision: number }>;
  get(key: Bytes, options?: ReadCallOptions): Promise<KeyValue | undefined>;
  getText(key: Bytes, options?: ReadCallOptions): Promise<string | undefined>;
  delete(key: Bytes, options?: WriteCallOptions): Promise<{ deleted: number; revision: number }>;
  deleteRange(
    range: ClientRange,
    options?: WriteCallOptions,
  ): Promise<{ deleted: number; revision: number }>;
  /** `expected` undefined: the key must not exist. */
  compareAndSet(
    key: Bytes,
    expected: Bytes | undefined,
    value: Bytes,
    options?: WriteCallOptions,
  ): Promise<{ swapped: boolean; revision: number; actual?: Uint8Array }>;
  increment(
    key: Bytes,
    by?: bigint | number,
    options?: WriteCallOptions,
  ): Promise<{ value: bigint; revision: number }>;
  transaction(
    transaction: ClientTransaction,
    options?: WriteCallOptions,
  ): Promise<{ succeeded: boolean; revision: number; steps: readonly StepResult[] }>;
  range(range: ClientRange, options?: ClientRangeOptions): Promise<RangeResult>;
  list(range: ClientRange, options?: ListOptions): AsyncIterableIterator<KeyValue>;
  watch(range: ClientRange, options?: ClientWatchOptions): Watch;
  compact(revision: number, options?: WriteCallOptions): Promise<{ revision: number }>;
  status(options?: ClientCallOptions): Promise<Record<string, unknown>>;
  call(
    operation: string,
    input?: Record<string, unknown>,
    options?: ReadCallOptions,
  ): Promise<Record<string, unknown>>;
  nextRequest(options?: ClientCallOptions): Promise<RequestId>;
  close(): Promise<void>;
}
