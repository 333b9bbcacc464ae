/**
 * Histories that are good because they happened: operations run one after the other on a store, each at a
 * moment of its own; its call lies some time before and its return some time after that moment, so that
 * calls overlap. Some answers get lost (unknown, whether it ran or not), some operations never ran and say
 * so (failed). Everything follows from the numbers of one random stream.
 */
import fc from 'fast-check';
import type { HistoryCall, HistoryOperation, HistoryStep } from './operation.ts';
import { StoreModel } from './store-model.ts';

export interface MadeShape {
  readonly operations: number;
  readonly keys: readonly string[];
  /** Empty: each write has a value of its own, and compares name one of the last few. */
  readonly values: readonly string[];
  /** One in so many has an unknown outcome; 0: none. */
  readonly unknownShare: number;
  /** Moments that a call may be open before and after it ran; one moment for each operation. */
  readonly openMax: number;
  /** Sums, transactions and ranges too. */
  readonly isWhole: boolean;
}

/** Between two moments; more than there are operations, so that no two return at once. */
const UNIT = 10_000;

export type Draw = (below: number) => number;

/** A stream of whole numbers, the same for the same seed. */
export function drawFrom(seed: number): Draw {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % below;
  };
}

export const anySeed: fc.Arbitrary<number> = fc.integer({ min: 0, max: 2 ** 32 - 1 });

export function makeHistory(draw: Draw, shape: MadeShape): HistoryOperation[] {
  const store = new StoreModel(shape.keys);
  const history: HistoryOperation[] = [];
  let revision = 0;
  for (let i = 0; i < shape.operations; i++) {
    const asked = makeCall(draw, shape, i);
    const moment = (i + shape.openMax) * UNIT;
    const call = moment - UNIT * draw(shape.openMax + 1);
    const back = moment + 1 + i + UNIT * draw(shape.openMax + 1);
    const isUnknown = shape.unknownShare > 0 && draw(shape.unknownShare) === 0;
    const isRun = draw(isUnknown ? 2 : 10) > 0;
    if (!isRun) {
      const end = isUnknown ? null : back;
      history.push({ ...asked, output: null, ok: isUnknown ? null : false, call, return: end });
      continue;
    }
    const { output, wrote } = store.execute(withRange(asked), revision + 1);
    if (wrote) revision++;
    if (isUnknown) history.push({ ...asked, output: null, ok: null, call, return: null });
    else if (output === undefined) {
      history.push({ ...asked, output: null, ok: false, call, return: back });
    } else history.push({ ...asked, output, ok: true, call, return: back, revision });
  }
  return history;
}

/** The model asks the answer how far a range went; before there is one, all the way. */
function withRange(asked: HistoryCall): HistoryOperation {
  const output = { items: [], more: false };
  return { ...asked, output, ok: true, call: 0, return: 0 };
}

function makeCall(draw: Draw, shape: MadeShape, i: number): HistoryCall {
  const { keys, isWhole } = shape;
  const isOwn = shape.values.length === 0;
  const values = isOwn ? [`v${i}`] : shape.values;
  const expected = isOwn ? [`v${i - 1 - draw(4)}`] : shape.values;
  const pick = <T>(list: readonly T[]): T => list[draw(list.length)] as T;
  const base = { client: i % 8, key: pick(keys), value: null, expect: null };
  const kind = draw(isWhole ? 9 : 5);
  switch (kind) {
    case 0:
    case 1:
      return { ...base, op: 'put', value: pick(values) };
    case 2:
      return { ...base, op: 'get' };
    case 3:
      return { ...base, op: 'cas', expect: pick([null, ...expected]), value: pick(values) };
    case 4:
      return { ...base, op: 'delete' };
    case 5:
      return { ...base, op: 'increment', value: String(1 + draw(2)) };
    case 6:
      return { ...base, op: 'range', key: '', end: '' };
    default:
      return makeTransaction(draw, base, { keys, values });
  }
}

function makeTransaction(
  draw: Draw,
  base: Omit<HistoryCall, 'op'>,
  { keys, values }: Pick<MadeShape, 'keys' | 'values'>,
): HistoryCall {
  const pick = <T>(list: readonly T[]): T => list[draw(list.length)] as T;
  const steps = (): HistoryStep[] =>
    Array.from({ length: draw(3) }, () => {
      const op = pick(['get', 'put', 'delete', 'increment'] as const);
      const value = op === 'put' ? pick(values) : op === 'increment' ? '1' : null;
      return { op, key: pick(keys), value };
    });
  const guards = Array.from({ length: draw(3) }, () => {
    const operator = pick(['equal', 'notEqual', 'less', 'greater'] as const);
    if (draw(2) === 0) {
      return { key: pick(keys), target: 'value' as const, operator, operand: pick(values) };
    }
    const target = pick(['version', 'createRevision', 'modRevision'] as const);
    return { key: pick(keys), target, operator, operand: draw(4) };
  });
  return { ...base, op: 'txn', key: '', guards, then: steps(), else: steps() };
}

/** The same history with one answer or revision changed, in a way that its form allows. */
export function withOneChange(
  draw: Draw,
  history: readonly HistoryOperation[],
  values: readonly string[],
): HistoryOperation[] {
  const changed = [...history];
  const known = history.flatMap(({ ok }, i) => (ok === true ? [i] : []));
  const at = known[draw(Math.max(1, known.length))];
  const operation = at === undefined ? undefined : history[at];
  if (at === undefined || operation === undefined) return changed;
  const value = values[draw(values.length)] as string;
  const { op, output, revision = 0 } = operation;
  if (draw(3) === 0) changed[at] = { ...operation, revision: Math.max(0, revision - 1 + draw(3)) };
  else if (op === 'get') changed[at] = { ...operation, output: draw(3) === 0 ? null : value };
  else if (op === 'cas' || op === 'delete') changed[at] = { ...operation, output: output !== true };
  else if (op === 'increment') changed[at] = { ...operation, output: value };
  else if (op === 'range') {
    changed[at] = { ...operation, output: { items: [{ key: 'a', value }], more: draw(2) === 0 } };
  } else if (op === 'put') changed[at] = { ...operation, value };
  return changed;
}
