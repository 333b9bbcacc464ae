/**
 * The register: one key, which holds a text or nothing.
 *
 * A transaction shows on each of its keys as a `part`: what of its guards is known to have held or not on
 * this key alone, and its steps on this key. That loses its atomicity between keys (revision-order.ts
 * judges that) but never calls a good history bad: an order of the whole store that explains all answers
 * explains the answers about each key too.
 *
 * Every known answer of a register fixes the state or leaves it alone: a put, a compare that held, an
 * increment (its sum) and a delete say what is there afterwards; everything else only looks. That is what
 * `shortcuts` promises.
 */

import { type Model, UNSURE } from './model.ts';
import type { HistoryGuard } from './operation.ts';
import { wholeNumber } from './operation.ts';

/** `output` null where an answer would be: not told. */
export type RegisterStep =
  | { readonly kind: 'get'; readonly output: string | null }
  | { readonly kind: 'put'; readonly value: string }
  | { readonly kind: 'delete'; readonly output: boolean | null }
  | { readonly kind: 'increment'; readonly by: string; readonly output: string | null };

export type RegisterOp =
  | RegisterStep
  | {
      readonly kind: 'cas';
      readonly expect: string | null;
      readonly value: string;
      readonly output: boolean | null;
    }
  | {
      readonly kind: 'part';
      /** Guards on this key, and whether all of them held; `holds` undefined: that is not known. */
      readonly guards: readonly HistoryGuard[];
      readonly holds: boolean | undefined;
      readonly steps: readonly RegisterStep[];
    };

export type RegisterState = string | null;

/**
 * Stands for all values that were written with unknown outcome and that no answer names (register-parts.ts).
 * No JSON line and no client makes it by accident; if one does, a value is only told apart less.
 */
export const UNSEEN: string = '\u0000unseen';

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

export const registerModel: Model<RegisterState, RegisterOp> = {
  initial: null,
  step,
  identify,
  effectOf: (op) => JSON.stringify(op),
  show,
  shortcuts: {
    isObserver,
    isBlind: (op) => op.kind === 'put' || op.kind === 'delete',
    needed,
    given,
  },
};

function identify(state: RegisterState): string | number {
  return state === null ? 0 : `"${state}`;
}

function show(state: RegisterState): string {
  if (state === UNSEEN) return 'a value that no answer names';
  return state === null ? 'no value' : JSON.stringify(state);
}

function step(state: RegisterState, op: RegisterOp): RegisterState | undefined {
  switch (op.kind) {
    case 'cas':
      if (op.output === false) return state === op.expect ? undefined : state;
      return state === op.expect ? op.value : undefined;
    case 'part':
      return partStep(state, op);
    default:
      return simpleStep(state, op);
  }
}

function simpleStep(state: RegisterState, op: RegisterStep): RegisterState | undefined {
  switch (op.kind) {
    case 'get':
      return state === op.output ? state : undefined;
    case 'put':
      return op.value;
    case 'delete':
      return op.output === null || op.output === (state !== null) ? null : undefined;
    case 'increment': {
      const present = wholeNumber(state);
      if (present === undefined) return undefined;
      const sum = present + BigInt(op.by);
      if (sum > INT64_MAX || sum < INT64_MIN) return undefined;
      const text = sum.toString();
      return op.output === null || op.output === text ? text : undefined;
    }
  }
}

function partStep(
  state: RegisterState,
  op: Extract<RegisterOp, { kind: 'part' }>,
): RegisterState | undefined {
  if (op.holds !== undefined && !agrees(state, op.guards, op.holds)) return undefined;
  let next: RegisterState = state;
  for (const one of op.steps) {
    const after = simpleStep(next, one);
    if (after === undefined) return undefined;
    next = after;
  }
  return next;
}

/** Whether guards on a register can have come out so. What a register does not hold excuses everything. */
function agrees(state: RegisterState, guards: readonly HistoryGuard[], holds: boolean): boolean {
  let isAnyUnsure = false;
  for (const guard of guards) {
    const verdict = guardHolds(state, guard);
    if (verdict === undefined) isAnyUnsure = true;
    else if (!verdict) return !holds;
  }
  return holds || isAnyUnsure;
}

/** `undefined`: it is about revisions or versions, and the value alone does not tell. */
function guardHolds(state: RegisterState, guard: HistoryGuard): boolean | undefined {
  const { target, operator, operand } = guard;
  if (target === 'value') {
    if (state === null) return false;
    if (operator === 'equal') return state === operand;
    if (operator === 'notEqual') return state !== operand;
    return undefined;
  }
  // Zero is what a key has that does not exist, and no other.
  if (operand === 0 && operator === 'less') return false;
  if (operand === 0) return operator === 'equal' ? state === null : state !== null;
  return state === null ? zeroIs(operator, Number(operand)) : undefined;
}

function zeroIs(operator: HistoryGuard['operator'], operand: number): boolean {
  switch (operator) {
    case 'equal':
      return operand === 0;
    case 'notEqual':
      return operand !== 0;
    case 'less':
      return operand > 0;
    case 'greater':
      return operand < 0;
  }
}

function isObserver(op: RegisterOp): boolean {
  switch (op.kind) {
    case 'get':
      return true;
    case 'cas':
      return op.output === false;
    case 'delete':
      return op.output === false;
    case 'part':
      return op.steps.every(isObserver);
    default:
      return false;
  }
}

function needed(op: RegisterOp): string | number | undefined {
  switch (op.kind) {
    case 'get':
      return identify(op.output);
    case 'cas':
      return op.output === true ? identify(op.expect) : undefined;
    case 'delete':
      return op.output === false ? identify(null) : undefined;
    case 'part': {
      const guard = op.guards.find(
        ({ target, operator }) => target === 'value' && operator === 'equal',
      );
      if (op.holds === true && guard !== undefined) return identify(String(guard.operand));
      // Later steps see what earlier ones wrote; the first one sees what was there.
      return op.steps[0] === undefined ? undefined : needed(op.steps[0]);
    }
    default:
      return undefined;
  }
}

function given(op: RegisterOp): string | number | undefined | typeof UNSURE {
  switch (op.kind) {
    case 'put':
      return identify(op.value);
    case 'cas':
      return op.output === false ? undefined : identify(op.value);
    case 'delete':
      return op.output === false ? undefined : identify(null);
    case 'increment':
      return op.output === null ? UNSURE : identify(op.output);
    case 'part': {
      const all = op.steps.map(given).filter((one) => one !== undefined);
      return all.includes(UNSURE) ? UNSURE : all.at(-1);
    }
    default:
      return undefined;
  }
}
