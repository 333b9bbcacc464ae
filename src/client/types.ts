/**
 * What programs see of the network client. docs/reference/client.md is the contract.
 */
import type { Consistency, Invitation, MemberStatus, RequestId } from '../consensus/index.ts';
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

/** The members, as the node sees them that answered. */
export interface MembersAnswer {
  /** `matchIndex`, `progress` and `active` are known to the leader only. */
  readonly members: readonly MemberStatus[];
  /** Node id; `null`: none is known. */
  readonly leader: string | null;
  readonly commitIndex: number;
  /** Id of the node that answered. */
  readonly node: string;
}

export interface AddMemberOptions extends ClientCallOptions {
  /** The cluster that is meant; refused when it is another one. */
  readonly clusterName?: string;
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
  members(options?: ClientCallOptions): Promise<MembersAnswer>;
  /**
   * Adds a member that gets its vote when it has caught up. Answers what its node must be started with
   * (`RaftNodeConfig.join`); the same again, as long as that node has not come.
   * @throws ClusterError MEMBER_EXISTS, CHANGE_IN_PROGRESS.
   */
  addNode(nodeId: string, address: string, options?: AddMemberOptions): Promise<Invitation>;
  /** As `addNode`; it only follows the log until it is promoted. */
  addLearner(nodeId: string, address: string, options?: AddMemberOptions): Promise<Invitation>;
  /** @throws ClusterError MEMBER_UNKNOWN, CHANGE_IN_PROGRESS. */
  promoteLearner(nodeId: string, options?: ClientCallOptions): Promise<void>;
  /**
   * False: nobody is called so, and nothing was done.
   * @throws ClusterError CONF_CHANGE_INVALID when those who remain could not decide anything,
   * OUTCOME_UNKNOWN when the answer was lost: `members` tells.
   */
  removeNode(nodeId: string, options?: ClientCallOptions): Promise<boolean>;
  /** Resolves when that node leads. @throws ClusterError MEMBER_UNKNOWN, TRANSFER_TIMED_OUT. */
  transferLeadership(toNodeId: string, options?: ClientCallOptions): Promise<void>;
  call(
    operation: string,
    input?: Record<string, unknown>,
    options?: ReadCallOptions,
  ): Promise<Record<string, unknown>>;
  nextRequest(options?: ClientCallOptions): Promise<RequestId>;
  close(): Promise<void>;
}
