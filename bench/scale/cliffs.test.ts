/** Goal: a fall that the work explains is no cliff, any other is. Method: curves written by hand. */
import { expect, it } from 'vitest';
import { steepestStep } from './cliffs.ts';

it('lets a rate fall in proportion to the work, and finds where it falls further', () => {
  const inProportion = [
    [1, 900],
    [3, 300],
    [9, 100],
  ] as const;
  expect(steepestStep(inProportion, (x) => x)!.kept).toBeCloseTo(1);
  const broken = [
    [1, 900],
    [3, 300],
    [9, 20],
    [27, 19],
  ] as const;
  expect(steepestStep(broken, (x) => x)).toEqual({ from: 3, to: 9, kept: expect.closeTo(0.2) });
});

it('takes each fall for a cliff where x is no work, and a rise for none', () => {
  const points = [
    [10, 100],
    [100, 120],
    [1_000, 60],
  ] as const;
  expect(steepestStep(points, () => 1)).toEqual({ from: 100, to: 1_000, kept: 0.5 });
});

it('has nothing to say of one point', () => {
  expect(steepestStep([[1, 2]], () => 1)).toBeUndefined();
});
