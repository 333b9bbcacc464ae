/**
 * Goal: revisions that nobody owned up to are filled without going through what has nothing to do with
 * them; and what is said about the revisions of unknown writes helps, but is never believed.
 */
import { describe, expect, it } from 'vitest';
import { checkHistory } from './check-history.ts';
import { add, cas, get, put } from './history.fixture.ts';
import type { HistoryOperation } from './operation.ts';
import { checkRevisionOrder } from './revision-order.ts';

/**
 * From a run on real processes, reduced. On each of many keys a write is missing of which is only known
 * that it changed the key, and two unknown writes may have done it. On one key, the one of the two that
 * comes to mind first is needed for the gap behind it, too, which shows when all else is filled.
 */
function earlyMistake(keys: number, isPossible = true): HistoryOperation[] {
  const history: HistoryOperation[] = [];
  let revision = 0;
  let now = 0;
  const at = (): [number, number] => [now++, now++];
  const changed = (key: string, isNarrow: boolean): void => {
    history.push(put(key, 'old', at(), { revision: ++revision }));
    history.push(put(key, 'x', [now++, null]), put(key, 'y', [now++, null]));
    revision++;
    history.push(cas(key, ['old', 'new'], false, at(), { revision }));
    if (!isNarrow) return;
    // One more is missing: it can not be y, and if it is to be x, then y must have been before.
    history.push(put(key, 'between', at(), { revision: ++revision }));
    revision++;
    history.push(cas(key, ['y', 'new'], false, at(), { revision }));
    if (!isPossible) history.push(cas(key, ['x', 'new'], false, at(), { revision }));
  };
  changed('narrow', true);
  for (let i = 0; i < keys; i++) changed(`k${i}`, false);
  return history;
}

/** Sums that only one choice of its unknown parts explains. */
function sumOfUnknown(parts: number, hint: (i: number, revision: number) => number | undefined) {
  const history: HistoryOperation[] = [];
  let revision = 0;
  let sum = 0n;
  for (let i = 0; i < parts; i++) {
    // Powers of three: no two of them make up for another one.
    const by = 3n ** BigInt(i);
    const isApplied = i % 2 === 0;
    if (isApplied) {
      sum += by;
      revision++;
    }
    const said = isApplied ? hint(i, revision) : undefined;
    const rest = said === undefined ? {} : { revision: said };
    history.push(add('n', by.toString(), null, [i, null], rest));
  }
  history.push(get('n', sum.toString(), [parts, parts + 1], { revision }));
  return history;
}

describe('gaps', () => {
  it('a mistake that shows at the very end costs little, whatever was chosen since', () => {
    const few = checkRevisionOrder(earlyMistake(10));
    const many = checkRevisionOrder(earlyMistake(40));
    expect(few).toMatchObject({ kind: 'ok', filled: 12 });
    expect(many).toMatchObject({ kind: 'ok', filled: 42 });
    expect(many.steps).toBeLessThan(40_000);
  });

  it('so does finding that there is none', () => {
    const verdict = checkRevisionOrder(earlyMistake(40, false));
    expect(verdict.kind).toBe('violation');
    expect(verdict.steps).toBeLessThan(40_000);
  });

  it('more gaps than writes that were called in time are told at once', () => {
    const history: HistoryOperation[] = [];
    // Twelve writes for the last thirteen of twenty-four gaps; the others have plenty.
    for (let i = 0; i < 30; i++) history.push(put(`late${i}`, '1', [1_000 + i, null]));
    for (let i = 0; i < 12; i++) history.push(put(`early${i}`, '1', [i, null]));
    history.push(put('a', '1', [100, 101], { revision: 14 }));
    history.push(put('b', '1', [2_000, 2_001], { revision: 30 }));
    const verdict = checkRevisionOrder(history);
    expect(verdict.kind).toBe('violation');
    expect(verdict.steps).toBeLessThan(40_000);
  });
});

describe('what is said about unknown writes', () => {
  it('spares the search', () => {
    const verdict = checkRevisionOrder(sumOfUnknown(40, (_, revision) => revision));
    expect(verdict).toMatchObject({ kind: 'ok', filled: 20, isWhole: true });
    expect(verdict.steps).toBeLessThan(100);
  });

  it('decides about a key that is too hard by itself', () => {
    const history = sumOfUnknown(40, (_, revision) => revision);
    const silent = history.map(({ revision: _none, ...rest }): HistoryOperation => rest);
    expect(checkHistory(history)).toMatchObject({ isOk: true, undecided: 0 });
    // Given up in the middle of a chain of unknown ones; a violation it would be wrong to say.
    const bounds = { linearizability: { stepsMax: 20_000 } };
    expect(checkHistory(silent, bounds)).toMatchObject({ violations: 0, undecided: 1 });
  });

  it('is not believed when it is wrong', () => {
    const all = (_: number, revision: number) => revision;
    const verdicts = [
      sumOfUnknown(8, (i, revision) => (i === 0 ? 9 : revision)),
      sumOfUnknown(8, (i) => i + 7),
      sumOfUnknown(8, () => 1),
      sumOfUnknown(8, (_, revision) => 5 - revision),
    ].map((history) => checkRevisionOrder(history).kind);
    expect(verdicts).toEqual(['ok', 'ok', 'ok', 'ok']);
    const history = sumOfUnknown(8, all);
    const last = history.pop() as HistoryOperation;
    const wrong = [...history, { ...last, output: '7' }];
    expect(checkRevisionOrder(wrong).kind).toBe('violation');
  });

  it('says nothing of writes that were called too late', () => {
    const history = [
      put('a', '1', [0, 1], { revision: 2 }),
      put('b', '1', [2, null], { revision: 1 }),
    ];
    expect(checkRevisionOrder(history).kind).toBe('violation');
  });
});
