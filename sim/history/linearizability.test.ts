/**
 * Goal: the checker says of hand-made histories what a person would say, and for the right reason; and of
 * random ones what trying all orders says.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  add,
  cas,
  get,
  isLinearizableByBrute,
  op,
  put,
  remove,
  step,
  txn,
} from './history.fixture.ts';
import { checkLinearizable } from './linearizability.ts';
import { anySeed, drawFrom, makeHistory, withOneChange } from './made-history.fixture.ts';
import type { Interval, Model } from './model.ts';
import type { HistoryOperation } from './operation.ts';
import { registerModel } from './register-model.ts';
import { partsByKey } from './register-parts.ts';

/** The words about the first key that is not linearizable; '' when all are. */
function judge(...history: HistoryOperation[]): string {
  for (const parts of partsByKey(history).values()) {
    const verdict = checkLinearizable(registerModel, parts);
    if (verdict.kind === 'violation') return verdict.violation.lines.join('\n');
    expect(verdict.kind).toBe('ok');
  }
  return '';
}

describe('good histories', () => {
  const cases: Record<string, HistoryOperation[]> = {
    'nothing at all': [],
    'one after the other': [put('a', '1', [0, 1]), get('a', '1', [2, 3]), get('a', '1', [4, 5])],
    'a read during a write sees the old or the new value': [
      put('a', '1', [0, 1]),
      put('a', '2', [2, 9]),
      get('a', '1', [3, 4]),
      get('a', '2', [5, 6]),
    ],
    'what touches in time is simultaneous': [put('a', '1', [0, 5]), get('a', null, [5, 6])],
    'an unknown write is seen late': [
      put('a', '1', [0, 1]),
      put('a', '2', [2, null]),
      get('a', '1', [3, 4]),
      get('a', '2', [50, 51]),
    ],
    'an unknown write is never seen': [put('a', '2', [2, null]), get('a', null, [3, 4])],
    'an unknown compare took effect, so another fails': [
      put('a', '1', [0, 1]),
      cas('a', ['1', '2'], null, [2, null]),
      cas('a', ['1', '3'], false, [3, 4]),
    ],
    'a write that nobody ever read makes a compare fail': [
      put('a', '1', [0, 1]),
      put('a', 'unseen', [2, null]),
      cas('a', ['1', '3'], false, [3, 4]),
    ],
    'a failed write tells nothing': [
      put('a', '1', [0, 1]),
      put('a', '2', [2, 3], { ok: false }),
      get('a', '1', [4, 5]),
    ],
    'an unknown chain: put, compare, sum': [
      put('a', '5', [0, null]),
      cas('a', ['5', '7'], null, [1, null]),
      add('a', '3', null, [2, null]),
      get('a', '10', [3, 4]),
    ],
    'deletes tell what was there': [
      remove('a', false, [0, 1]),
      put('a', '1', [2, 3]),
      remove('a', true, [4, 5]),
      get('a', null, [6, 7]),
      remove('a', null, [8, 9]),
    ],
    'sums in another order than asked': [
      add('a', '2', '5', [0, 9]),
      add('a', '3', '3', [1, 8]),
      get('a', '5', [10, 11]),
    ],
    'a read of one node may be old': [
      put('a', '1', [0, 1]),
      get('a', null, [2, 3], { consistency: 'local' }),
    ],
    'a transaction seen by key': [
      txn(
        {
          guards: [{ key: 'a', target: 'version', operator: 'equal', operand: 0 }],
          then: [step('put', 'a', '1'), step('put', 'b', '1'), step('get', 'a')],
          output: { succeeded: true, steps: [null, null, '1'] },
        },
        [0, 1],
      ),
      get('b', '1', [2, 3]),
      op('range', 'a', [4, 5], {
        end: '',
        output: {
          items: [
            { key: 'a', value: '1' },
            { key: 'b', value: '1' },
          ],
          more: false,
        },
      }),
    ],
  };
  for (const [title, history] of Object.entries(cases)) {
    it(title, () => expect(judge(...history)).toBe(''));
  }
});

describe('bad histories', () => {
  const cases: [string, HistoryOperation[], string, RegExp][] = [
    [
      'a stale read',
      [put('a', '1', [0, 1]), put('a', '2', [2, 3]), get('a', '1', [4, 5])],
      'get "a" = "1" [4..5]',
      /the state is "2"/,
    ],
    [
      'a new value and then the old one, during one write',
      [put('a', '1', [0, 1]), put('a', '2', [2, 20]), get('a', '2', [3, 4]), get('a', '1', [5, 6])],
      'get "a" = "1" [5..6]',
      /the state is "2"/,
    ],
    [
      'an acknowledged write is lost',
      [put('a', '1', [0, 1]), get('a', null, [2, 3])],
      'get "a" = null [2..3]',
      /the state is "1"/,
    ],
    [
      'two compares of one value both hold',
      [
        put('a', '1', [0, 1]),
        cas('a', ['1', '2'], true, [2, 8]),
        cas('a', ['1', '3'], true, [3, 9]),
      ],
      'cas "a" "1" -> "3" = true [3..9]',
      /the state is "2"/,
    ],
    [
      'a value comes back from the dead',
      [
        put('a', '1', [0, 1]),
        remove('a', true, [2, 3]),
        get('a', null, [4, 5]),
        get('a', '1', [6, 7]),
      ],
      'get "a" = "1" [6..7]',
      /the state is no value/,
    ],
    [
      'an unknown write is seen, then unseen, then seen',
      [
        put('a', '1', [0, 1]),
        put('a', '2', [2, null]),
        get('a', '2', [3, 4]),
        get('a', '1', [5, 6]),
        get('a', '2', [7, 8]),
      ],
      'get "a" = "1" [5..6]',
      /the state is "2"/,
    ],
    [
      'a read from the future',
      [get('a', '1', [0, 1]), put('a', '1', [2, 3])],
      'get "a" = "1" [0..1]',
      /no value/,
    ],
    [
      'an unknown write can not be seen before its call',
      [get('a', '1', [0, 1]), put('a', '1', [2, null])],
      'get "a" = "1" [0..1]',
      /no value/,
    ],
    [
      'a failed write is seen',
      [put('a', '1', [0, 1], { ok: false }), get('a', '1', [2, 3])],
      'get "a" = "1" [2..3]',
      /no value/,
    ],
    [
      'a sum is applied twice',
      [add('a', '1', '1', [0, 1]), get('a', '2', [2, 3])],
      'get "a" = "2" [2..3]',
      /"1"/,
    ],
    [
      'an unknown sum is applied twice',
      [add('a', '1', null, [0, null]), get('a', '2', [2, 3])],
      'get "a" = "2" [2..3]',
      /no value/,
    ],
    [
      'a compare fails though the value was there',
      [put('a', '1', [0, 1]), cas('a', ['1', '2'], false, [2, 3])],
      'cas "a" "1" -> "2" = false [2..3]',
      /"1"/,
    ],
    [
      'a range misses a key',
      [
        put('a', '1', [0, 1]),
        op('range', '', [2, 3], { end: '', output: { items: [], more: false } }),
      ],
      'range "" to ""',
      /"1"/,
    ],
    [
      'the guard of a transaction did not hold',
      [
        put('a', '1', [0, 1]),
        txn(
          {
            guards: [{ key: 'a', target: 'value', operator: 'equal', operand: '2' }],
            then: [step('put', 'a', '3')],
            output: { succeeded: true, steps: [null] },
          },
          [2, 3],
        ),
      ],
      'txn (put "a" "3")',
      /"1"/,
    ],
  ];
  for (const [title, history, culprit, reason] of cases) {
    it(title, () => {
      const words = judge(...history);
      expect(words.split('\n')[0]).toContain(culprit);
      expect(words).toMatch(reason);
      expect(words.split('\n').length).toBeLessThanOrEqual(12);
    });
  }

  it('shows the shortest beginning, not what came after it', () => {
    const history = [put('a', '1', [0, 1]), get('a', '0', [2, 3])];
    for (let i = 0; i < 50; i++) history.push(put('a', `x${i}`, [10 * i + 10, 10 * i + 15]));
    const words = judge(...history);
    expect(words).toContain('get "a" = "0" [2..3]');
    expect(words).toContain('of 2 answers');
  });
});

it('says undecided when the steps are used up', () => {
  const history: HistoryOperation[] = [];
  for (let i = 0; i < 12; i++) history.push(put('a', `${i}`, [i, 100]));
  history.push(remove('a', true, [200, 201]), remove('a', true, [202, 203]));
  const parts = partsByKey(history).get('a') ?? [];
  expect(checkLinearizable(registerModel, parts, { stepsMax: 50 }).kind).toBe('undecided');
  expect(checkLinearizable(registerModel, parts).kind).toBe('violation');
});

const VALUES = ['1', '2', '3'];

/** Anything at all on one key: mostly not linearizable. */
const anyOperation: fc.Arbitrary<HistoryOperation> = fc
  .record({
    kind: fc.constantFrom('put', 'get', 'cas', 'delete', 'increment'),
    value: fc.constantFrom(...VALUES),
    expect: fc.constantFrom(null, ...VALUES),
    output: fc.constantFrom(null, ...VALUES),
    flag: fc.boolean(),
    call: fc.integer({ min: 0, max: 12 }),
    length: fc.integer({ min: 0, max: 6 }),
    isUnknown: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  })
  .map(({ kind, value, expect: expected, output, flag, call, length, isUnknown }) => {
    const at = [call, isUnknown ? null : call + length] as const;
    if (kind === 'put') return put('a', value, at);
    if (kind === 'get') return op('get', 'a', at, { output: isUnknown ? null : output });
    if (kind === 'cas') return cas('a', [expected, value], isUnknown ? null : flag, at);
    if (kind === 'delete') return remove('a', isUnknown ? null : flag, at);
    return add('a', '1', isUnknown ? null : (output ?? '1'), at);
  });

describe('against all orders', () => {
  const wantsBoth = (model: Model<string | null, never> | typeof registerModel, runs: number) => {
    const seen = { ok: 0, violation: 0 };
    fc.assert(
      fc.property(fc.array(anyOperation, { minLength: 1, maxLength: 7 }), (history) => {
        const parts = partsByKey(history).get('a') ?? [];
        const verdict = checkLinearizable(model as typeof registerModel, parts);
        const expected = isLinearizableByBrute(registerModel, parts);
        expect(verdict.kind).toBe(expected ? 'ok' : 'violation');
        seen[expected ? 'ok' : 'violation']++;
      }),
      { numRuns: runs },
    );
    expect(seen.ok).toBeGreaterThan(runs / 20);
    expect(seen.violation).toBeGreaterThan(runs / 20);
  };

  it('agrees on random histories, with the shortcuts', () => wantsBoth(registerModel, 3_000));

  it('agrees on random histories, without them', () => {
    const { shortcuts: _none, ...plain } = registerModel;
    wantsBoth(plain, 1_500);
  });

  it('agrees on the parts of transactions and ranges', () => {
    const seen = { ok: 0, violation: 0 };
    const shape = { keys: ['a', 'b'], values: ['1', '2'], openMax: 3, isWhole: true };
    fc.assert(
      fc.property(anySeed, (seed) => {
        const draw = drawFrom(seed);
        const history = makeHistory(draw, { ...shape, operations: 9, unknownShare: 4 });
        for (const parts of partsByKey(withOneChange(draw, history, shape.values)).values()) {
          const expected = isLinearizableByBrute(registerModel, parts) ? 'ok' : 'violation';
          expect(checkLinearizable(registerModel, parts).kind).toBe(expected);
          seen[expected]++;
        }
      }),
      { numRuns: 1_500 },
    );
    expect(Math.min(seen.ok, seen.violation)).toBeGreaterThan(100);
  });

  it('agrees without merging values that nobody saw', () => {
    fc.assert(
      fc.property(fc.array(anyOperation, { minLength: 1, maxLength: 7 }), (history) => {
        const merged = partsByKey(history).get('a') ?? [];
        const [first] = history;
        // A sum of nothing, by nobody: it only makes that values are kept apart.
        const apart = partsByKey([...history, add('a', '0', null, [1_000, null])]).get('a') ?? [];
        expect(first).toBeDefined();
        expect(checkLinearizable(registerModel, merged).kind).toBe(
          checkLinearizable(registerModel, apart).kind,
        );
      }),
      { numRuns: 1_500 },
    );
  });
});

/** A queue: what a take answers depends on all that is in it, so it has no shortcuts. */
type QueueOp = { readonly add: string } | { readonly take: string | null };
const queueModel: Model<string, QueueOp> = {
  initial: '',
  step: (state, one) => {
    if ('add' in one) return state + one.add;
    if (one.take === null) return state === '' ? state : undefined;
    return state.startsWith(one.take) ? state.slice(1) : undefined;
  },
  identify: (state) => state,
  effectOf: (one) => JSON.stringify(one),
  show: (state) => state,
};

it('checks other models: a queue, against all orders', () => {
  const anyQueueOp: fc.Arbitrary<Interval<QueueOp>> = fc
    .record({
      what: fc.constantFrom<QueueOp>(
        { add: 'x' },
        { add: 'y' },
        { take: 'x' },
        { take: 'y' },
        { take: null },
      ),
      call: fc.integer({ min: 0, max: 10 }),
      length: fc.integer({ min: 0, max: 6 }),
      isUnknown: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
    })
    .map(({ what, call, length, isUnknown }) => ({
      call,
      return: isUnknown ? null : call + length,
      told: isUnknown ? undefined : what,
      pending: [what],
      text: JSON.stringify(what),
    }));
  const seen = { ok: 0, violation: 0 };
  fc.assert(
    fc.property(fc.array(anyQueueOp, { minLength: 1, maxLength: 7 }), (intervals) => {
      const expected = isLinearizableByBrute(queueModel, intervals) ? 'ok' : 'violation';
      expect(checkLinearizable(queueModel, intervals).kind).toBe(expected);
      seen[expected]++;
    }),
    { numRuns: 1_500 },
  );
  expect(Math.min(seen.ok, seen.violation)).toBeGreaterThan(100);
});
