/**
 * Goal: the judgement by revisions accepts what happened and refuses what can not have, for the right
 * reason. Also where checking key by key sees nothing: transactions torn apart, ranges of two moments.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cas, get, op, put, remove, step, txn } from './history.fixture.ts';
import { anySeed, drawFrom, makeHistory, withOneChange } from './made-history.fixture.ts';
import type { HistoryOperation } from './operation.ts';
import { revisionEvents } from './revision-events.ts';
import { checkRevisionOrder } from './revision-order.ts';
import { RevisionReplay } from './revision-replay.ts';

function judge(...history: HistoryOperation[]): string {
  const verdict = checkRevisionOrder(history);
  if (verdict.kind === 'ok') return '';
  expect(verdict.kind).toBe('violation');
  return verdict.lines.join('\n');
}

const at = (revision: number) => ({ revision });
const ranged = (items: Record<string, string>, more = false) => ({
  end: '',
  output: { items: Object.entries(items).map(([key, value]) => ({ key, value })), more },
});

describe('good histories', () => {
  const cases: Record<string, HistoryOperation[]> = {
    'nothing at all': [],
    'nothing that told a revision': [put('a', '1', [0, 1]), get('a', '1', [2, 3])],
    'writes and reads': [
      put('a', '1', [0, 1], at(1)),
      get('a', '1', [2, 3], at(1)),
      cas('a', ['2', '3'], false, [4, 5], at(1)),
      remove('a', true, [6, 7], at(2)),
      remove('a', false, [8, 9], at(2)),
    ],
    'an unknown write fills a gap and is read': [
      put('a', '1', [0, 1], at(1)),
      put('a', '2', [2, null]),
      get('a', '2', [3, 4], at(2)),
    ],
    'unknown writes that nobody saw': [
      put('a', '1', [0, null]),
      put('b', '1', [1, null]),
      put('b', '2', [2, 3], at(2)),
      put('a', '2', [4, 5], at(3)),
    ],
    'a chain of unknown writes': [
      put('a', '1', [0, 1], at(1)),
      cas('a', ['2', '3'], null, [2, null]),
      cas('a', ['1', '2'], null, [3, null]),
      put('a', '9', [4, null]),
      get('a', '3', [5, 6], at(3)),
    ],
    'an unknown transaction seen on both keys': [
      txn({ then: [step('put', 'a', '1'), step('put', 'b', '1')], output: null }, [0, null]),
      op('range', '', [1, 2], { ...at(1), ...ranged({ a: '1', b: '1' }) }),
    ],
    'a range cut off': [
      put('a', '1', [0, 1], at(1)),
      put('b', '1', [2, 3], at(2)),
      op('range', '', [4, 5], { ...at(2), ...ranged({ a: '1' }, true) }),
    ],
    'a read of one node lags': [
      put('a', '1', [0, 1], at(1)),
      put('a', '2', [2, 3], at(2)),
      get('a', '1', [4, 5], { ...at(1), consistency: 'local' }),
    ],
  };
  for (const [title, history] of Object.entries(cases)) {
    it(title, () => expect(judge(...history)).toBe(''));
  }
});

describe('bad histories', () => {
  const cases: [string, HistoryOperation[], RegExp][] = [
    [
      'two writes of one revision',
      [put('a', '1', [0, 1], at(1)), put('b', '1', [0, 1], at(1))],
      /revision 1 was told to two writes/,
    ],
    [
      'a read of an older state, though its value is the same',
      [put('b', '1', [0, 1], at(1)), put('a', '1', [2, 3], at(2)), get('b', '1', [4, 5], at(1))],
      /revisions run against time.*\n.*\n.*put "a"[\s\S]*get "b"/,
    ],
    [
      'a write before one that had returned',
      [put('b', '1', [2, 3], at(1)), put('a', '1', [0, 1], at(2))],
      /revisions run against time/,
    ],
    [
      'a revision from nowhere',
      [put('a', '1', [0, 1], at(1)), put('a', '2', [2, 3], at(3))],
      /1 of them belong to no write[\s\S]*first is 2[\s\S]*only 0/,
    ],
    [
      'a revision that only a later write could fill',
      [put('a', '1', [0, 1], at(2)), put('b', '1', [2, null])],
      /can not be filled/,
    ],
    [
      'a torn transaction',
      [
        txn(
          {
            ...at(1),
            then: [step('put', 'a', '1'), step('put', 'b', '1')],
            output: { succeeded: true, steps: [null, null] },
          },
          [0, 9],
        ),
        op('range', '', [1, 8], { ...at(1), ...ranged({ a: '1' }) }),
      ],
      /"b" holds "1"/,
    ],
    [
      'a range of two moments',
      [
        put('a', '1', [0, 1], at(1)),
        put('a', '2', [2, 20], at(2)),
        put('b', '2', [3, 21], at(3)),
        op('range', '', [4, 22], { ...at(3), ...ranged({ a: '1', b: '2' }) }),
      ],
      /"a" holds "2"/,
    ],
    [
      'a branch not taken',
      [
        put('a', '1', [0, 1], at(1)),
        txn(
          {
            ...at(1),
            guards: [{ key: 'a', target: 'modRevision', operator: 'equal', operand: 1 }],
            output: { succeeded: false, steps: [] },
          },
          [2, 3],
        ),
      ],
      /"succeeded":true/,
    ],
    [
      'a compare that held against another value',
      [put('a', '1', [0, 1], at(1)), cas('a', ['2', '3'], true, [2, 3], at(2))],
      /"a" holds "1"/,
    ],
    [
      'one unknown write for two gaps',
      [
        put('a', '1', [0, null]),
        put('b', '1', [1, null]),
        get('a', '1', [2, 3], at(1)),
        remove('a', true, [4, 5], at(2)),
        get('a', '1', [6, 7], at(3)),
      ],
      /revision 3/,
    ],
    [
      'items of a range in the wrong order',
      [
        put('a', '1', [0, 1], at(1)),
        put('b', '1', [2, 3], at(2)),
        op('range', '', [4, 5], { ...at(2), ...ranged({ b: '1', a: '1' }) }),
      ],
      /does not fit/,
    ],
  ];
  for (const [title, history, words] of cases) {
    it(title, () => expect(judge(...history)).toMatch(words));
  }
});

it('judges only times and doubles where others write too', () => {
  const history = [put('a', '1', [0, 1], at(7)), get('a', 'other', [2, 3], at(9))];
  expect(checkRevisionOrder(history, { isComplete: false }).kind).toBe('ok');
  expect(checkRevisionOrder(history).kind).toBe('violation');
});

/** All ways to fill the gaps, one by one. */
function fitsByBrute(history: readonly HistoryOperation[]): boolean {
  const events = revisionEvents(history, true);
  if ('lines' in events) return false;
  const replay = new RevisionReplay(events, history);
  const used = new Set<HistoryOperation>();
  const fill = (i: number): boolean => {
    const revision = events.missing[i];
    if (revision === undefined) return replay.run(0) === undefined;
    return events.candidates.some(({ operation, above }) => {
      if (above >= revision || used.has(operation)) return false;
      used.add(operation);
      replay.placed.set(revision, operation);
      const isFitting = fill(i + 1);
      replay.placed.delete(revision);
      used.delete(operation);
      return isFitting;
    });
  };
  return fill(0);
}

const SHAPE = { keys: ['a', 'b'], values: ['1', '2', '3'], openMax: 3, isWhole: true };

describe('random histories', () => {
  it('accepts what happened', () => {
    fc.assert(
      fc.property(anySeed, (seed) => {
        const shape = { ...SHAPE, operations: 60, unknownShare: 8 };
        const verdict = checkRevisionOrder(makeHistory(drawFrom(seed), shape));
        expect(verdict).toMatchObject({ kind: 'ok' });
      }),
      { numRuns: 150 },
    );
  });

  it('agrees with all fillings after one change', () => {
    const seen = { ok: 0, violation: 0 };
    fc.assert(
      fc.property(anySeed, (seed) => {
        const draw = drawFrom(seed);
        const history = makeHistory(draw, { ...SHAPE, operations: 12, unknownShare: 3 });
        const changed = withOneChange(draw, history, SHAPE.values);
        const expected = fitsByBrute(changed) ? 'ok' : 'violation';
        expect(checkRevisionOrder(changed).kind).toBe(expected);
        seen[expected]++;
      }),
      { numRuns: 1_500 },
    );
    expect(Math.min(seen.ok, seen.violation)).toBeGreaterThan(100);
  });
});
