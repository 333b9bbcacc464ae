/**
 * Goal: the whole judgement, from the record of a run through its file to the report; and that it stays
 * affordable for histories of the size that chaos on real processes makes.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkHistoryFile } from './check-file.ts';
import { checkHistory } from './check-history.ts';
import { cas, get, op, put, remove, step, txn } from './history.fixture.ts';
import { writeHistory } from './json-lines.ts';
import { anySeed, drawFrom, makeHistory } from './made-history.fixture.ts';
import type { HistoryOperation } from './operation.ts';

const SMALL = { keys: ['a', 'b', 'c'], values: ['1', '2', '3', '4'], openMax: 6 };

describe('what happened is accepted', () => {
  it('with transactions and ranges, key by key and by revision', () => {
    fc.assert(
      fc.property(anySeed, (seed) => {
        const shape = { ...SMALL, operations: 80, unknownShare: 10, isWhole: true };
        const history = makeHistory(drawFrom(seed), shape);
        expect(checkHistory(history)).toMatchObject({ isOk: true, findings: [] });
      }),
      { numRuns: 80 },
    );
  });

  it('without revisions', () => {
    fc.assert(
      fc.property(anySeed, (seed) => {
        const shape = { ...SMALL, operations: 80, unknownShare: 6, isWhole: true };
        const history = makeHistory(drawFrom(seed), shape).map(
          ({ revision: _none, ...operation }): HistoryOperation => operation,
        );
        expect(checkHistory(history)).toMatchObject({ isOk: true, withRevision: 0 });
      }),
      { numRuns: 80 },
    );
  });
});

/** 1,000 operations on one key, 8 at a time, each write a value of its own, some 30 unknown. */
function chaosLike(seed: number, hasRevisions = false): HistoryOperation[] {
  const shape = { keys: ['a'], values: [], operations: 1_000, unknownShare: 33, openMax: 8 };
  const made = makeHistory(drawFrom(seed), { ...shape, isWhole: false });
  if (hasRevisions) return made;
  return made.map(({ revision: _none, ...one }): HistoryOperation => one);
}

const SEEDS = Array.from({ length: 6 }, (_, i) => i + 1);

describe('1,000 operations a key', () => {
  it('take few steps when good', () => {
    for (const seed of SEEDS) {
      const history = chaosLike(seed);
      expect(history.filter(({ ok }) => ok === null).length).toBeGreaterThan(15);
      const report = checkHistory(history);
      expect(report).toMatchObject({ isOk: true });
      expect(report.steps).toBeLessThan(20_000);
    }
  });

  it('take few steps when a read in the middle is stale, and are explained', () => {
    for (const seed of SEEDS.slice(0, 3)) {
      const history = chaosLike(seed);
      // The last known put of the first part, answered again far behind its time.
      const old = history.slice(0, 200).findLast((one) => one.op === 'put' && one.ok);
      const late = history.findIndex((one, i) => i > 500 && one.op === 'get' && one.ok);
      const read = history[late] as HistoryOperation;
      history[late] = { ...read, output: String(old?.value) };
      const report = checkHistory(history);
      expect(report).toMatchObject({ violations: 1, undecided: 0 });
      expect(report.findings[0]?.lines[1]).toContain(`get "a" = "${old?.value}"`);
      expect(report.steps).toBeLessThan(1_500_000);
    }
  });

  it('fill their revisions with unknown writes', () => {
    for (const seed of SEEDS) {
      const report = checkHistory(chaosLike(seed, true));
      expect(report).toMatchObject({ isOk: true });
      expect(report.withRevision).toBeGreaterThan(800);
      expect(report.steps).toBeLessThan(500_000);
    }
  });
});

it('reports counts, findings and the verdict in words', () => {
  const history = [
    put('a', '1', [0, 1]),
    put('a', '2', [2, 3], { ok: false }),
    put('b', '2', [4, null]),
    get('a', null, [6, 7], { client: 2 }),
  ];
  const { lines, ...report } = checkHistoryFile(writeHistory(history));
  expect(report).toMatchObject({
    isOk: false,
    operations: 4,
    failed: 1,
    unknown: 1,
    keys: 2,
    violations: 1,
    undecided: 0,
  });
  expect(lines).toEqual([
    '4 operations on 2 keys (1 failed, 1 unknown); no revisions to go by',
    'key "a": not linearizable',
    'no order explains this answer: client 2: get "a" = null [6..7]',
    'this was over before that was asked, and tells of another state:',
    '  client 1: put "a" "1" = null [0..1]',
    'and nothing that may have come between the two leads to the state that it tells of',
    'of 2 answers up to it at most 1 fit, in this order at the end:',
    '  client 1: put "a" "1" = null [0..1]',
    'then the state is "1", and what must come next does not fit:',
    '  client 2: get "a" = null [6..7]',
    'NOT LINEARIZABLE: 1 violations',
  ]);
});

it('says of which keys nobody saw what became of the last acknowledged write', () => {
  const last = (...history: HistoryOperation[]) =>
    checkHistoryFile(writeHistory(history.map((one, client) => ({ ...one, client })))).lines;
  const base = [put('a', '1', [0, 1]), put('b', '2', [2, 5])];
  const line = (which: string) =>
    `nothing can be said of the last acknowledged write to ${which}: no read of it follows`;
  expect(last(...base, get('a', '1', [4, 5]))).toContain(line('"b" (1 of 2 keys)'));
  // A read during the write, a read that failed, and a compare that failed, do not tell.
  const weak = [get('b', '2', [4, 6]), get('b', null, [7, 8], { ok: false })];
  const compared = cas('b', ['1', '3'], false, [9, 10]);
  expect(last(...base, ...weak, compared)).toContain(line('"a", "b" (2 of 2 keys)'));
  const read = [get('a', '1', [4, 5]), get('b', '2', [6, 7])];
  expect(last(...base, ...read).join()).not.toContain('nothing can be said');
  // What was not acknowledged can not be lost; a range and a delete that found nothing look too.
  const unsure = [put('c', '1', [0, null]), put('c', '2', [0, 1], { ok: false })];
  expect(checkHistory([...base, ...read, ...unsure]).unread).toEqual([]);
  const items = [
    { key: 'a', value: '1' },
    { key: 'b', value: '2' },
  ];
  const range = op('range', '', [6, 7], { end: '', output: { items, more: false } });
  expect(checkHistory([...base, range]).unread).toEqual([]);
  const gone = [remove('a', true, [6, 7]), remove('a', false, [8, 9])];
  expect(checkHistory([...base, ...gone]).unread).toEqual(['b']);
  const many = Array.from({ length: 12 }, (_, i) => put(`k${i}`, '1', [i, i]));
  expect(last(...many).at(-2)).toContain('"k7" and 4 more (12 of 12 keys)');
});

it('names the revisions that it goes by also above what is wrong with them', () => {
  const twice = [put('a', '1', [0, 1], { revision: 1 }), put('b', '2', [2, 3], { revision: 1 })];
  const { lines } = checkHistoryFile(writeHistory(twice));
  expect(lines[0]).toContain('2 told a revision');
  expect(lines[1]).toContain('revision 1 was told to two writes');
});

it('calls nothing good where there is nothing', () => {
  expect(checkHistoryFile(['', '']).lines.at(-1)).toContain('NOTHING TO JUDGE');
});

it('finds by revision what no single key shows', () => {
  const both = (value: string) => ({
    then: [step('put', 'a', value), step('put', 'b', value)],
    output: { succeeded: true, steps: [null, null] },
  });
  const seen = (a: string, b: string) => ({
    end: '',
    output: {
      items: [
        { key: 'a', value: a },
        { key: 'b', value: b },
      ],
      more: false,
    },
  });
  const history = [
    txn({ ...both('1'), revision: 1 }, [0, 1]),
    txn({ ...both('2'), revision: 2 }, [2, 9]),
    op('range', '', [3, 8], { ...seen('2', '1'), revision: 2 }),
  ];
  const { findings } = checkHistory(history);
  expect(findings.map(({ kind, key }) => [kind, key])).toEqual([['violation', undefined]]);
});

it('never calls undecided ok', () => {
  const history: HistoryOperation[] = [];
  for (let i = 0; i < 12; i++) history.push(put('a', `${i}`, [i, 100]));
  history.push(remove('a', true, [200, 201]), remove('a', true, [202, 203]));
  const report = checkHistory(history, { linearizability: { stepsMax: 50 } });
  expect(report).toMatchObject({ isOk: false, violations: 0, undecided: 1 });
});

it('decides without the search where two answers contradict each other', () => {
  const history: HistoryOperation[] = [];
  for (let i = 0; i < 12; i++) history.push(put('a', `${i}`, [i, 100]));
  history.push(get('a', 'never', [200, 201]));
  const report = checkHistory(history, { linearizability: { stepsMax: 50 } });
  expect(report).toMatchObject({ isOk: false, violations: 1, undecided: 0 });
  expect(report.findings[0]?.lines[1]).toContain('get "a" = "never"');
});
