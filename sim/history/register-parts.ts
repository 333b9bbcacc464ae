/**
 * A history taken apart by key: what each operation did, or may have done, to each key that it touched.
 *
 * Linearizability is local: a history is linearizable exactly if its part on each object is. For gets,
 * puts and the like the key is the object. Transactions and ranges touch several; their parts are judged
 * here one by one, which is necessary and not sufficient (see register-model.ts).
 *
 * Left out is what tells nothing: failed operations, reads without an answer, reads of one node's own
 * state. A range says of each key in it, of all keys that the history knows, what its value was, or that
 * there was none; where it was cut off, only of those up to its last item.
 *
 * Values that were written with unknown outcome and that no answer names are told apart by nobody. They
 * are made one, so that the checker needs to try only one of them. Not where values are compared for
 * order, or counted up: there a value matters without being named.
 */
import type { Interval } from './model.ts';
import {
  compareKeys,
  type HistoryGuard,
  type HistoryOperation,
  type HistoryStep,
  operationText,
  rangeHoldsKey,
  rangeOutput,
  takenSteps,
  txnOutput,
} from './operation.ts';
import { type RegisterOp, type RegisterStep, UNSEEN } from './register-model.ts';

type Part = Interval<RegisterOp>;
type Parts = Map<string, Part[]>;

/** In the order in which the keys were first named. */
export function partsByKey(history: readonly HistoryOperation[]): Map<string, Part[]> {
  const parts: Parts = new Map();
  for (const key of keysOf(history)) parts.set(key, []);
  const sortedKeys = [...parts.keys()].sort(compareKeys);
  for (const operation of history) {
    if (operation.ok === false || operation.consistency === 'local') continue;
    if (operation.op === 'txn') addTransaction(parts, operation);
    else if (operation.op === 'range') addRange(parts, sortedKeys, operation);
    else addSimple(parts, operation);
  }
  for (const [key, list] of parts) parts.set(key, mergeUnseen(list));
  return parts;
}

/** Every key that an operation names or an answer shows. */
export function keysOf(history: readonly HistoryOperation[]): Set<string> {
  const keys = new Set<string>();
  for (const operation of history) {
    if (operation.op === 'txn') {
      for (const { key } of operation.guards ?? []) keys.add(key);
      for (const { key } of operation.then ?? []) keys.add(key);
      for (const { key } of operation.else ?? []) keys.add(key);
    } else if (operation.op !== 'range') keys.add(operation.key);
    else if (operation.ok === true) {
      for (const { key } of rangeOutput(operation).items) keys.add(key);
    }
  }
  return keys;
}

function add(
  parts: Parts,
  key: string,
  operation: HistoryOperation,
  what: { told?: RegisterOp; pending?: RegisterOp[] },
): void {
  const { told, pending = [] } = what;
  if (told === undefined && pending.length === 0) return;
  const { call, return: end } = operation;
  const text = operationText(operation);
  parts.get(key)?.push({ call, return: end, told, pending, text });
}

function addSimple(parts: Parts, operation: HistoryOperation): void {
  const { key, ok } = operation;
  const pending = pendingOf(operation);
  if (ok === null) add(parts, key, operation, { pending });
  else add(parts, key, operation, { told: toldOf(operation), pending });
}

function toldOf(operation: HistoryOperation): RegisterOp {
  const { op, value, expect, output } = operation;
  if (op === 'cas') return { kind: 'cas', expect, value: value ?? '', output: output as boolean };
  return stepOf(op as HistoryStep['op'], value, output as string | boolean | null);
}

function pendingOf({ op, value, expect }: HistoryOperation): RegisterOp[] {
  if (op === 'get') return [];
  if (op === 'cas') return [{ kind: 'cas', expect, value: value ?? '', output: null }];
  return [stepOf(op as HistoryStep['op'], value, null)];
}

function stepOf(
  op: HistoryStep['op'],
  value: string | null,
  output: string | boolean | null,
): RegisterStep {
  switch (op) {
    case 'get':
      return { kind: 'get', output: output as string | null };
    case 'put':
      return { kind: 'put', value: value ?? '' };
    case 'delete':
      return { kind: 'delete', output: output as boolean | null };
    case 'increment':
      return { kind: 'increment', by: value ?? '0', output: output as string | null };
  }
}

function addRange(parts: Parts, sortedKeys: readonly string[], operation: HistoryOperation): void {
  if (operation.ok !== true) return;
  const { items, more } = rangeOutput(operation);
  const values = new Map(items.map(({ key, value }) => [key, value]));
  const last = items.at(-1)?.key;
  for (const key of sortedKeys) {
    if (!rangeHoldsKey(operation.key, operation.end, key)) continue;
    if (more && (last === undefined || compareKeys(key, last) > 0)) break;
    add(parts, key, operation, { told: { kind: 'get', output: values.get(key) ?? null } });
  }
}

function addTransaction(parts: Parts, operation: HistoryOperation): void {
  const { guards = [], ok } = operation;
  for (const key of keysOf([operation])) {
    const own = guards.filter((guard) => guard.key === key);
    const pending = pendingParts(operation, key, own);
    if (ok === null) {
      add(parts, key, operation, { pending });
      continue;
    }
    const steps = takenSteps(operation)
      .filter(({ step }) => step.key === key)
      .map(({ step, output }) => stepOf(step.op, step.value, output));
    const holds = knownGuards(own, guards, txnOutput(operation).succeeded);
    if (steps.length === 0 && holds === undefined) continue;
    add(parts, key, operation, { told: { kind: 'part', guards: own, holds, steps }, pending });
  }
}

/** That all guards held is known of each; that one failed, only where all are on this key. */
function knownGuards(
  own: readonly HistoryGuard[],
  all: readonly HistoryGuard[],
  succeeded: boolean,
): boolean | undefined {
  if (own.length === 0) return undefined;
  if (succeeded) return true;
  return own.length === all.length ? false : undefined;
}

/** What it writes to this key, whichever branch it takes. What it reads is of no effect. */
function pendingParts(
  { guards = [], ...operation }: HistoryOperation,
  key: string,
  own: readonly HistoryGuard[],
): RegisterOp[] {
  const branches = [
    { steps: operation.then ?? [], succeeded: true },
    { steps: operation.else ?? [], succeeded: false },
  ];
  const parts: RegisterOp[] = [];
  for (const { steps, succeeded } of branches) {
    const writes = steps
      .filter((step) => step.key === key && step.op !== 'get')
      .map(({ op, value }) => stepOf(op, value, null));
    if (writes.length === 0) continue;
    const holds = knownGuards(own, guards, succeeded);
    parts.push({ kind: 'part', guards: own, holds, steps: writes });
  }
  return parts;
}

function mergeUnseen(parts: Part[]): Part[] {
  const named = new Set<string | null>();
  const note = (op: RegisterOp): boolean => {
    if (op.kind === 'get') named.add(op.output);
    else if (op.kind === 'cas') named.add(op.expect);
    else if (op.kind === 'part') {
      for (const { target, operator, operand } of op.guards) {
        if (target === 'value' && operator !== 'equal' && operator !== 'notEqual') return false;
        named.add(String(operand));
      }
      return op.steps.every(note);
    }
    return op.kind !== 'increment';
  };
  for (const { told, pending } of parts) {
    const isMergeable = (told === undefined || note(told)) && pending.every(note);
    if (!isMergeable) return parts;
  }
  const merge = (op: RegisterOp): RegisterOp =>
    (op.kind === 'put' || op.kind === 'cas') && !named.has(op.value)
      ? { ...op, value: UNSEEN }
      : op;
  return parts.map((part) =>
    part.told === undefined ? { ...part, pending: part.pending.map(merge) } : part,
  );
}
