/** Goal: nothing is called fulfilled that is not. Method: findings on both sides of their target. */
import { describe, expect, it } from 'vitest';
import type { LoadResult } from '../load/spec.ts';
import { Recorder } from '../recorder.ts';
import { median, ratio, spread } from '../statistics.ts';
import { atLeast, atMost, type Finding, figure, holds } from './findings.ts';
import { findingLine, sectionLines, summaryLines } from './print.ts';

const finding = (value: number, target?: Finding['target']): Finding => ({
  item: 1,
  what: 'puts, 64 in flight, against etcd',
  value,
  unit: 'times',
  ...(target === undefined ? {} : { target }),
});

describe('findings', () => {
  it.each([
    [6, atLeast(6), true],
    [5.99, atLeast(6), false],
    [0.2, atMost(0.2), true],
    [0.21, atMost(0.2), false],
    [Number.NaN, atLeast(6), undefined],
    [7, undefined, undefined],
  ])('of %d with target %o: %o', (value, target, expected) => {
    expect(holds(finding(value, target))).toBe(expected);
  });

  it('are told with their verdict, and counted at the end', () => {
    expect(findingLine(finding(5, atLeast(6)))).toBe(
      '  SHORT   1: puts, 64 in flight, against etcd: 5 times, wanted at least 6',
    );
    const findings = [finding(7, atLeast(6)), finding(5, atLeast(6)), finding(1)];
    const lines = summaryLines([{ title: 't', series: [], findings, notes: [] }]);
    expect(lines).toHaveLength(5);
    expect(lines.at(-1)).toBe('  1 of 2 demands hold');
  });

  it('that could not be measured do not hold', () => {
    const findings = [finding(Number.NaN, atLeast(6))];
    const lines = summaryLines([{ title: 't', series: [], findings, notes: [] }]);
    expect(lines.slice(2)).toEqual([
      '  absent  1: puts, 64 in flight, against etcd: - times, wanted at least 6',
      '  0 of 1 demands hold; 1 could not be measured here',
    ]);
  });

  it('of loads in which something failed prove nothing, and take nothing from the others', () => {
    const recorder = new Recorder();
    const load = { perSecond: 900, count: 900, skipped: 0, failures: {} } as unknown as LoadResult;
    recorder.addLoad('ours', load);
    recorder.addLoad('ours, refused', { ...load, failures: { OVERLOADED: 3 } });
    recorder.addLoad('theirs', { ...load, perSecond: 100 });
    const rest = { item: 1, what: 'puts', unit: 'times', target: atLeast(6) };
    const spoilt = { ...rest, ...recorder.against('ours, refused', 'theirs') };
    const sound = { ...rest, ...recorder.against('ours', 'theirs') };
    expect(sound).toMatchObject({ value: 9, failed: 0 });
    expect([holds(spoilt), holds(sound)]).toEqual([undefined, true]);
    const lines = summaryLines([{ title: 't', series: [], findings: [spoilt, sound], notes: [] }]);
    expect(lines.slice(2)).toEqual([
      '  FAILED  1: puts: 9 times, wanted at least 6, but 3 operations failed',
      '  holds   1: puts: 9 times, wanted at least 6',
      '  1 of 2 demands hold; 1 spoilt by operations that failed',
    ]);
    expect(recorder.notes()).toEqual(['failed: ours, refused: OVERLOADED: 3']);
  });

  it('of too few rounds are a first look, and what was left out is named', () => {
    const section = { title: 't', series: [], findings: [finding(7, atLeast(6))], notes: [] };
    const outline = { leftOut: ['6: steady'], firstLook: 'a first look' };
    expect(summaryLines([section], outline).slice(-2)).toEqual([
      '  not in this run  6: steady',
      '  1 of 1 would hold; a first look',
    ]);
  });

  it('come after their series, with all rounds', () => {
    const series = [
      { name: 'puts', unit: '1/s', rounds: [1_000, 3_000, 2_000] },
      { name: 'puts, p99', part: 'p99', unit: 'ms', rounds: [1, 3, 2] },
    ];
    const lines = sectionLines({ title: 'T', series, findings: [], notes: ['n'] });
    expect(lines).toEqual([
      '',
      'T',
      '  puts      2,000 1/s  p99     2 ms  (spread 3: 1,000 3,000 2,000)',
      '  note: n',
    ]);
  });
});

describe('figures', () => {
  it('have as many digits as mean anything', () => {
    expect([12_345.6, 123.4, 12.34, 1.234, 12, Number.NaN].map(figure)).toEqual([
      '12,346',
      '123',
      '12.3',
      '1.23',
      '12',
      '-',
    ]);
  });

  it('are medians; ratios are taken round by round', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(spread([2, 8, 4])).toBe(4);
    // Of the medians it would be 2; each round says 4.
    expect(ratio([4, 8, 12], [1, 2, 3])).toBe(4);
    expect(ratio([1, 8, 2], [1, 2, 4, 9])).toBe(1);
    expect(ratio([], [])).toBeNaN();
  });
});
