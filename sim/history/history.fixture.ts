/**
 * Histories for tests: written by hand in short form, or made by running operations one after the other
 * on a store and then letting their calls and returns overlap at random.
 */
import type { Interval, Model } from './model.ts';
import type { HistoryOperation, HistoryStep, TxnOutput } from './operation.ts';

type Rest = Partial<HistoryOperation>;

/** Fields that a test does not care about get a value that fits. */
export function op(
  name: HistoryOperation['op'],
  key: string,
  at: readonly [number, number | null],
  rest: Rest = {},
): HistoryOperation {
  const [call, end] = at;
  const base = { client: 1, op: name, key, value: null, expect: null, output: null };
  return { ...base, ok: end === null ? null : true, call, return: end, ...rest };
}

export const put = (
  key: string,
  value: string,
  at: readonly [number, number | null],
  rest?: Rest,
): HistoryOperation => op('put', key, at, { value, ...rest });
export const get = (
  key: string,
  output: string | null,
  at: readonly [number, number],
  rest?: Rest,
): HistoryOperation => op('get', key, at, { output, ...rest });
export const cas = (
  key: string,
  [expect, value]: readonly [string | null, string],
  output: boolean | null,
  at: readonly [number, number | null],
  rest?: Rest,
): HistoryOperation => op('cas', key, at, { expect, value, output, ...rest });
export const remove = (
  key: string,
  output: boolean | null,
  at: readonly [number, number | null],
  rest?: Rest,
): HistoryOperation => op('delete', key, at, { output, ...rest });
export const add = (
  key: string,
  value: string,
  output: string | null,
  at: readonly [number, number | null],
  rest?: Rest,
): HistoryOperation => op('increment', key, at, { value, output, ...rest });
export const step = (
  name: HistoryStep['op'],
  key: string,
  value: string | null = null,
): HistoryStep => ({
  op: name,
  key,
  value,
});
export const txn = (
  rest: Rest & { output: TxnOutput | null },
  at: readonly [number, number | null],
): HistoryOperation => op('txn', '', at, rest);

/** The definition itself, with nothing clever in it: is there any order at all? */
export function isLinearizableByBrute<State, Op>(
  model: Model<State, Op>,
  intervals: readonly Interval<Op>[],
): boolean {
  const left = new Set(intervals);
  const tryFrom = (state: State): boolean => {
    const known = [...left].filter(({ told }) => told !== undefined);
    if (known.length === 0) return true;
    const firstReturn = Math.min(...known.map((one) => one.return as number));
    for (const one of [...left]) {
      if (one.call > firstReturn) continue;
      left.delete(one);
      for (const effect of one.told === undefined ? one.pending : [one.told]) {
        const next = model.step(state, effect);
        if (next !== undefined && tryFrom(next)) return true;
      }
      left.add(one);
    }
    return false;
  };
  return tryFrom(model.initial);
}
