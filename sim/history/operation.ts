/**
 * One operation of a client, as a history holds it: what was asked, what was answered, and when.
 *
 * A history is the only thing that a judge from outside sees, so each field must mean exactly one thing:
 *
 * - `ok: true`: it took effect (or was read) at one moment between `call` and `return`, and `output` is
 *   what was answered. A compare that failed is `ok: true, output: false`.
 * - `ok: false`: certainly without effect, now and for ever. It tells nothing else.
 * - `ok: null`: unknown. It may take effect at any moment after `call`, or never; `return` is null.
 *
 * `output` of each kind: put null; get the value, or null when there is none; cas true or false; delete
 * whether there was something to delete, or null if that was not told; increment the new number in decimal
 * digits; range and txn the objects below. Times are nanoseconds of one monotonic clock from the run's
 * start. What may go wrong is to call an unknown outcome failed: a checker then finds violations that are
 * none. In doubt it is unknown.
 *
 * `revision` is the store's, where the server told one (see src/state/types.ts): of a write its own, of
 * what wrote nothing the one at which it was read.
 */

/** What clients can ask of a store. */
export const OPERATION_KINDS = [
  'put',
  'get',
  'cas',
  'delete',
  'increment',
  'txn',
  'range',
] as const;

/** One of `OPERATION_KINDS`. */
export type HistoryKind = (typeof OPERATION_KINDS)[number];

/** A condition of a transaction. A key that does not exist has version and revisions 0, and no value. */
export interface HistoryGuard {
  readonly key: string;
  readonly target: 'value' | 'version' | 'createRevision' | 'modRevision';
  readonly operator: 'equal' | 'notEqual' | 'less' | 'greater';
  /** Text for a value, a number for the others. */
  readonly operand: string | number;
}

/** What a transaction does, in order; later steps see what earlier ones wrote. `value`: what to put or add. */
export interface HistoryStep {
  readonly op: 'get' | 'put' | 'delete' | 'increment';
  readonly key: string;
  readonly value: string | null;
}

/** `steps[i]` answers step i of the branch taken: put null, get value or null, delete boolean, increment digits. */
export interface TxnOutput {
  readonly succeeded: boolean;
  readonly steps: readonly (string | boolean | null)[];
}

/** What a range answers. */
export interface RangeOutput {
  readonly items: readonly { readonly key: string; readonly value: string }[];
  /** There was more behind the last item. */
  readonly more: boolean;
}

/** What is asked. A number to add is in `value`, in decimal digits. */
export interface HistoryCall {
  /** Does one operation at a time; a client that gave up on one goes on under another number, or waits. */
  readonly client: number;
  readonly op: HistoryKind;
  /** Of a range its start; of a transaction the empty text. */
  readonly key: string;
  readonly value: string | null;
  /** Of a cas: what must be there; null: nothing. */
  readonly expect: string | null;
  /** Of a range: where it ends; the empty text: nowhere. Absent: the one key. */
  readonly end?: string;
  readonly guards?: readonly HistoryGuard[];
  readonly then?: readonly HistoryStep[];
  readonly else?: readonly HistoryStep[];
  /** A read of one node's own state, which may lag: true of its revision, but no promise of the present. */
  readonly consistency?: 'local';
}

export interface HistoryOperation extends HistoryCall {
  readonly output: unknown;
  readonly ok: boolean | null;
  readonly call: number;
  readonly return: number | null;
  readonly revision?: number;
}

/** What became of a call. */
export type HistoryOutcome =
  | { readonly ok: true; readonly output: unknown; readonly revision?: number }
  | { readonly ok: false }
  | { readonly ok: null };

export function isRead(operation: HistoryCall): boolean {
  return operation.op === 'get' || operation.op === 'range';
}

export function txnOutput(operation: HistoryOperation): TxnOutput {
  return operation.output as TxnOutput;
}

export function rangeOutput(operation: HistoryOperation): RangeOutput {
  return operation.output as RangeOutput;
}

/** Steps of the branch that was taken, each with what it answered. */
export function takenSteps(
  operation: HistoryOperation,
): { step: HistoryStep; output: string | boolean | null }[] {
  const { succeeded, steps } = txnOutput(operation);
  const branch = (succeeded ? operation.then : operation.else) ?? [];
  return branch.map((step, i) => ({ step, output: steps[i] ?? null }));
}

/** Order of keys as the store has it: by the bytes of their UTF-8, which is the order of code points. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left === right) continue;
    // Surrogates stand for code points above all others, though their units are below 0xe000.
    const isHighLeft = left >= 0xd800 && left < 0xe000;
    const isHighRight = right >= 0xd800 && right < 0xe000;
    return isHighLeft === isHighRight ? left - right : isHighLeft ? 1 : -1;
  }
  return a.length - b.length;
}

/** Whether a range (`end` as in `HistoryCall`) holds a key. */
export function rangeHoldsKey(start: string, end: string | undefined, key: string): boolean {
  if (end === undefined) return key === start;
  return compareKeys(key, start) >= 0 && (end === '' || compareKeys(key, end) < 0);
}

/** A whole number in decimal digits, as the store reads it; a missing value counts as 0. */
export function wholeNumber(value: string | null): bigint | undefined {
  if (value === null) return 0n;
  return /^-?[0-9]+$/.test(value) ? BigInt(value) : undefined;
}

/** In one line: `client 3: cas "a" "1" -> "2" = false [10..25]`. */
export function operationText(operation: HistoryOperation): string {
  const { client, call, ok, output, revision } = operation;
  const end = operation.return === null ? '?' : String(operation.return);
  const outcome = ok === null ? 'unknown' : ok ? JSON.stringify(output ?? null) : 'no effect';
  const at = revision === undefined ? '' : ` at revision ${revision}`;
  return `client ${client}: ${callText(operation)} = ${outcome}${at} [${call}..${end}]`;
}

function callText(operation: HistoryCall): string {
  const { op, key, value, expect } = operation;
  const name = JSON.stringify(key);
  switch (op) {
    case 'put':
    case 'increment':
      return `${op} ${name} ${JSON.stringify(value)}`;
    case 'cas':
      return `cas ${name} ${JSON.stringify(expect)} -> ${JSON.stringify(value)}`;
    case 'range':
      return operation.end === undefined ? `range ${name}` : `range ${name} to "${operation.end}"`;
    case 'txn':
      return `txn ${branchText(operation.then)} else ${branchText(operation.else)}`;
    default:
      return `${op} ${name}`;
  }
}

function branchText(steps: readonly HistoryStep[] | undefined): string {
  const words = (steps ?? []).map(({ op, key, value }) =>
    value === null ? `${op} "${key}"` : `${op} "${key}" "${value}"`,
  );
  return `(${words.join(', ')})`;
}
