/**
 * Keys and values with revisions: what the ready-made state machine holds and can be asked.
 *
 * The revision is the number of changes so far. Each request that changes anything takes one: a put,
 * a delete that removed at least one key, an increment, a transaction that wrote. Whatever it changed
 * carries that revision. Requests that change nothing (a failed comparison, a delete of nothing) take
 * none.
 */

export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Of the change that made the key (anew, after a delete). */
  readonly createRevision: number;
  /** Of the newest change of the key. */
  readonly modRevision: number;
  /** Changes of the key since it was made; 1 for a new one. */
  readonly version: number;
}

/** `[start, end)` in byte order. Without `end`: the one key. `end` empty: everything from `start` on. */
export interface KeyRange {
  readonly start: Uint8Array;
  readonly end?: Uint8Array;
}

/** What of a key is compared. */
export type CompareTarget = 'value' | 'version' | 'createRevision' | 'modRevision';
/** Values are compared byte by byte, the others as numbers. */
export type CompareOperator = 'equal' | 'notEqual' | 'less' | 'greater';

/** A key that does not exist has version and revisions 0; comparisons of its value are all false. */
export type Compare =
  | {
      readonly key: Uint8Array;
      readonly target: 'value';
      readonly operator: CompareOperator;
      readonly operand: Uint8Array;
    }
  | {
      readonly key: Uint8Array;
      readonly target: 'version' | 'createRevision' | 'modRevision';
      readonly operator: CompareOperator;
      readonly operand: number;
    };

/**
 * One thing that a transaction does. Steps see what earlier steps of the same transaction wrote.
 */
export type TransactionStep =
  | { readonly kind: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly range: KeyRange }
  | { readonly kind: 'increment'; readonly key: Uint8Array; readonly by: bigint }
  | { readonly kind: 'get'; readonly range: KeyRange; readonly limit?: number };

/**
 * What can be proposed to a `KvMachine`. Encode it with `encodeCommand`; limits are in
 * docs/reference/limits.md.
 */
export type KvCommand =
  | { readonly kind: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly range: KeyRange }
  /** `expected` absent: the key must not exist. */
  | {
      readonly kind: 'compareAndSet';
      readonly key: Uint8Array;
      readonly expected?: Uint8Array;
      readonly value: Uint8Array;
    }
  /** The value is a whole number in decimal digits (64-bit signed); a missing key counts as 0. */
  | { readonly kind: 'increment'; readonly key: Uint8Array; readonly by: bigint }
  | {
      readonly kind: 'transaction';
      readonly compare: readonly Compare[];
      readonly then: readonly TransactionStep[];
      readonly else: readonly TransactionStep[];
    }
  /** Forgets the history of changes below `revision`; watches can not begin there any more. */
  | { readonly kind: 'compact'; readonly revision: number };

/** What came of one step of a transaction. */
export type StepResult =
  | { readonly kind: 'put' }
  | { readonly kind: 'delete'; readonly deleted: number }
  | { readonly kind: 'increment'; readonly value: bigint }
  | { readonly kind: 'get'; readonly items: readonly KeyValue[]; readonly more: boolean };

/**
 * What came of a command; `unwrapResult` makes it of the answer to a proposal. `revision` is the
 * store's afterwards.
 */
export type KvResult =
  | { readonly kind: 'put'; readonly revision: number }
  | { readonly kind: 'delete'; readonly revision: number; readonly deleted: number }
  | {
      readonly kind: 'compareAndSet';
      readonly revision: number;
      readonly swapped: boolean;
      /** The value that was there, when it did not swap; absent when there was none. */
      readonly actual?: Uint8Array;
    }
  | { readonly kind: 'increment'; readonly revision: number; readonly value: bigint }
  | {
      readonly kind: 'transaction';
      readonly revision: number;
      readonly succeeded: boolean;
      readonly steps: readonly StepResult[];
    }
  | { readonly kind: 'compact'; readonly revision: number };

export interface RangeQuery extends KeyRange {
  /** At most this many items; default and bound: RANGE_ITEMS_MAX. */
  readonly limit?: number;
  readonly keysOnly?: boolean;
}

/** A page of items in byte order of their keys. */
export interface RangeResult {
  readonly items: readonly KeyValue[];
  /** There are more; go on with `start` = the last key plus a zero byte. */
  readonly more: boolean;
  /** Of the whole store when it was read. */
  readonly revision: number;
}

/** What happened to one key: it has a new value, or is gone. */
export type KvEvent =
  | { readonly kind: 'put'; readonly item: KeyValue }
  | { readonly kind: 'delete'; readonly key: Uint8Array; readonly modRevision: number };

/** All events of one revision together, or nothing of it. */
export interface KvChange {
  readonly revision: number;
  readonly events: readonly KvEvent[];
}

export interface WatchQuery extends KeyRange {
  /** First revision that is wanted; default: the one after the present. */
  readonly fromRevision?: number;
}
