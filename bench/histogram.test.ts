/** Goal: percentiles within 1 % of the exact ones. Method: property tests against sorted lists. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from './histogram.ts';

/** From 10 µs to 200 s, as many small ones as large ones. */
const latency = fc.double({ min: -2, max: 5.3, noNaN: true }).map((power) => 10 ** power);

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

describe('a histogram', () => {
  it('answers any quantile with a relative error of at most 1 %', () => {
    fc.assert(
      fc.property(
        fc.array(latency, { minLength: 1, maxLength: 300 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, share) => {
          const sorted = [...values].sort((a, b) => a - b);
          const exact = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1]!;
          const told = histogramOf(values).quantileMs(share);
          expect(Math.abs(told - exact) / exact).toBeLessThanOrEqual(0.01);
        },
      ),
    );
  });

  it('is the same whether it was merged or recorded at once, and after a journey as JSON', () => {
    fc.assert(
      fc.property(fc.array(latency), fc.array(latency), (some, more) => {
        const merged = histogramOf(some);
        merged.add(Histogram.from(JSON.parse(JSON.stringify(histogramOf(more)))));
        const whole = histogramOf([...some, ...more]);
        const { sumMs, ...rest } = merged.toJSON();
        const { sumMs: wholeSumMs, ...wholeRest } = whole.toJSON();
        expect(rest).toEqual(wholeRest);
        expect(sumMs).toBeCloseTo(wholeSumMs, 3);
      }),
    );
  });

  it('keeps the extremes and the mean exactly', () => {
    const histogram = histogramOf([0.123456, 7, 1234.5678]);
    expect(histogram.minMs).toBe(0.123456);
    expect(histogram.maxMs).toBe(1234.5678);
    expect(histogram.meanMs).toBeCloseTo((0.123456 + 7 + 1234.5678) / 3, 10);
    expect(histogram.quantileMs(1)).toBe(1234.5678);
    expect(histogram.quantileMs(0)).toBe(0.123456);
  });

  it('takes what is beyond its range as the end of it, and says 0 while it is empty', () => {
    const histogram = new Histogram();
    expect([histogram.quantileMs(0.5), histogram.minMs, histogram.meanMs]).toEqual([0, 0, 0]);
    for (const odd of [-1, 0, 1e9]) histogram.record(odd);
    expect(histogram.count).toBe(3);
    expect(histogram.quantileMs(0.1)).toBe(0);
    expect(histogram.quantileMs(0.99)).toBeGreaterThan(200_000);
  });
});
