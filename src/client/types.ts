/**
 * What programs see of the network client. docs/reference/client.md is the contract.
 */
import type { Consistency, Invitation, MemberStatus, RequestId } from '../consensus/index.ts';
import type { Compare, KeyValue, KvChange, RangeResult, StepResult } from '../state/index.ts';

/** Strings are taken as UTF-8. */
export type Bytes = string | Uint8Array;

/** Which nodes to talk to, and how. */
export interface ConnectOptions {
  /** `host:port` of the nodes' client doors; tried in this order. */
  readonly nodes: readonly string[];
  /** Deadline of calls that name none, and of connecting. Default REQUEST_TIMEOUT_MS_DEFAULT. */
  readonly timeoutMs?: number;
  /** Give each write a request id, so that it can be repeated safely. Default true. */
  readonly session?: boolean;
  readonly signal?: AbortSignal;
}

/** How long the caller waits; default: the client's `timeoutMs`. */
export interface ClientCallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** How fresh the read must be; default `linearizable`. */
export interface ReadCallOptions extends ClientCallOptions {
  readonly consistency?: Consistency;
}

/** By which name the request is known if it is repeated. */
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

/** Which part of a range is wanted. `limit`: items, default and bound RANGE_ITEMS_MAX. */
export interface ClientRangeOptions extends ReadCallOptions {
  readonly limit?: number;
  readonly keysOnly?: boolean;
}

/** How a range is gone through. `pageItems`: items fetched at a time. */
export interface ListOptions extends ReadCallOptions {
  readonly keysOnly?: boolean;
  readonly pageItems?: number;
}

/** Where a watch begins. */
export interface ClientWatchOptions extends ReadCallOptions {
  /** First revision that is wanted; default: the one after the present. */
  readonly from?: number;
}

/** A condition of a transaction; see `Compare`. */
export type ClientCompare = Compare extends infer C
  ? C extends { readonly target: 'value' }
    ? Omit<C, 'key' | 'operand'> & { readonly key: Bytes; readonly operand: Bytes }
    : Omit<C, 'key'> & { readonly key: Bytes }
  : never;

/** One thing that a transaction does; see `TransactionStep`. */
export type ClientStep =
  | { readonly kind: 'put'; readonly key: Bytes; readonly value: Bytes }
  | ({ readonly kind: 'delete' } & ClientRange)
  | { readonly kind: 'increment'; readonly key: Bytes; readonly by?: bigint | number }
  | ({ readonly kind: 'get'; readonly limit?: number } & ClientRange);

/**
 * If all of `compare` hold, `then` is done, otherwise `else`; all of it in one revision, or
 * nothing.
 */
export interface ClientTransaction {
  readonly compare?: readonly ClientCompare[];
  readonly then?: readonly ClientStep[];
  readonly else?: readonly ClientStep[];
}

/**
 * Changes as they come, in order, none left out. Leave the loop to end it; it ends with an error
 * only when it can not go on, such as REVISION_COMPACTED.
 */
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

/** How a member is added. */
export interface AddMemberOptions extends ClientCallOptions {
  /** The cluster that is meant; refused when it is another one. */
  readonly clusterName?: string;
}

/**
 * A client of running nodes: pipelined, goes from one node to the next by itself, and repeats what
 * is safe to repeat. Every call rejects with a `ClusterError`; docs/reference/client.md says which.
 */
export interface QuorateClient extends AsyncDisposable {
  /** `host:port` of the node that is talked to, if any. */
  readonly node: string | undefined;
  /** Sets the key's value. @throws ClusterError KEY_INVALID, VALUE_TOO_LARGE. */
  put(key: Bytes, value: Bytes, options?: WriteCallOptions): Promise<{ revision: number }>;
  /** The key's value and revisions; `undefined` when there is none. */
  get(key: Bytes, options?: ReadCallOptions): Promise<KeyValue | undefined>;
  /** As `get`, only the value, as UTF-8 text. */
  getText(key: Bytes, options?: ReadCallOptions): Promise<string | undefined>;
  /** Deletes one key. `deleted` is 0 when there was none, which takes no revision. */
  delete(key: Bytes, options?: WriteCallOptions): Promise<{ deleted: number; revision: number }>;
  /** Deletes all keys of a range at once. An empty prefix is refused: say `all`. */
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
  /**
   * Adds `by` (default 1) to a value that is a whole number in decimal digits; a missing key counts
   * as 0.
   * @throws ClusterError NOT_A_NUMBER, NUMBER_OUT_OF_RANGE.
   */
  increment(
    key: Bytes,
    by?: bigint | number,
    options?: WriteCallOptions,
  ): Promise<{ value: bigint; revision: number }>;
  /** Compares, then does one or the other list of steps, as one change. */
  transaction(
    transaction: ClientTransaction,
    options?: WriteCallOptions,
  ): Promise<{ succeeded: boolean; revision: number; steps: readonly StepResult[] }>;
  /** One page of a range, in byte order of the keys. */
  range(range: ClientRange, options?: ClientRangeOptions): Promise<RangeResult>;
  /** All items of a range, page by page; later pages may be read at newer revisions. */
  list(range: ClientRange, options?: ListOptions): AsyncIterableIterator<KeyValue>;
  /** Follows the changes of a range; goes on over changes of nodes without a gap. */
  watch(range: ClientRange, options?: ClientWatchOptions): Watch;
  /**
   * Forgets the changes before `revision`: no watch can begin there any more. @throws ClusterError
   * REVISION_FUTURE.
   */
  compact(revision: number, options?: WriteCallOptions): Promise<{ revision: number }>;
  /** What the node that answers says about itself. */
  status(options?: ClientCallOptions): Promise<Record<string, unknown>>;
  /** Who is in the cluster, as the node that answers sees it. */
  members(options?: ClientCallOptions): Promise<MembersAnswer>;
  /**
   * Adds a member that gets its vote when it has caught up. Answers what its node must be started with
   * (`RaftNodeConfig.join`); the same again, as long as that node has not come.
   * @throws ClusterError MEMBER_EXISTS, CHANGE_IN_PROGRESS.
   */
  addNode(nodeId: string, address: string, options?: AddMemberOptions): Promise<Invitation>;
  /** As `addNode`; it only follows the log until it is promoted. */
  addLearner(nodeId: string, address: string, options?: AddMemberOptions): Promise<Invitation>;
  /** Resolves when its vote counts. @throws ClusterError MEMBER_UNKNOWN, CHANGE_IN_PROGRESS, OUTCOME_UNKNOWN. */
  promoteLearner(nodeId: string, options?: ClientCallOptions): Promise<void>;
  /**
   * False: nobody is called so. That may be because an attempt of this very call has removed it, and its
   * answer was lost: above all when the node that is asked is the one that goes. Either way it is gone.
   * @throws ClusterError CONF_CHANGE_INVALID when those who remain could not decide anything.
   */
  removeNode(nodeId: string, options?: ClientCallOptions): Promise<boolean>;
  /** Resolves when that node leads. @throws ClusterError MEMBER_UNKNOWN, TRANSFER_TIMED_OUT. */
  transferLeadership(toNodeId: string, options?: ClientCallOptions): Promise<void>;
  /** Any operation of docs/reference/http.md, by its name; input and answer are as JSON there. */
  call(
    operation: string,
    input?: Record<string, unknown>,
    options?: ReadCallOptions,
  ): Promise<Record<string, unknown>>;
  /**
   * A request id of the client's own session, for a write that the caller may want to repeat
   * himself.
   */
  nextRequest(options?: ClientCallOptions): Promise<RequestId>;
  /** Ends the session and the connection. Calls under way reject with CLIENT_CLOSED. Idempotent. */
  close(): Promise<void>;
}
