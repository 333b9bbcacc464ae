/** Goal: a curve that shows what was measured. Method: where its points lie, read from the picture. */
import { expect, it } from 'vitest';
import { svgPlot } from './svg-plot.ts';

const panel = (scale: 'linear' | 'log', points: [number, number][]) => ({
  title: 'throughput',
  x: { label: 'bytes', scale },
  y: { label: 'a second', scale: 'linear' as const },
  series: [{ name: 'puts', points }],
});

function circles(svg: string): [number, number][] {
  const found = svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)" r="3"/g);
  return [...found].map(([, x, y]) => [Number(x), Number(y)]);
}

it('places points in proportion, on linear and on logarithmic axes', () => {
  const linear = circles(
    svgPlot('t', 's', [
      panel('linear', [
        [0, 0],
        [5, 50],
        [10, 100],
      ]),
    ]),
  );
  expect(linear[1]![0]).toBeCloseTo((linear[0]![0] + linear[2]![0]) / 2, 0);
  expect(linear[1]![1]).toBeCloseTo((linear[0]![1] + linear[2]![1]) / 2, 0);
  const log = circles(
    svgPlot('t', 's', [
      panel('log', [
        [1, 1],
        [100, 1],
        [10_000, 1],
      ]),
    ]),
  );
  expect(log[1]![0]).toBeCloseTo((log[0]![0] + log[2]![0]) / 2, 0);
});

it('is well-formed, keeps what it is told from breaking it, and stays in its frame', () => {
  const svg = svgPlot('puts < reads & more', 's', [
    panel('log', [
      [16, 12_345],
      [1_048_576, 99],
    ]),
    panel('linear', [[1, 7]]),
  ]);
  expect(svg).toContain('puts &lt; reads &amp; more');
  expect(svg.match(/<g /g)).toHaveLength(2);
  expect(svg.match(/<g /g)).toHaveLength(svg.match(/<\/g>/g)!.length);
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  for (const [x, y] of circles(svg)) {
    expect(x).toBeGreaterThanOrEqual(0);
    expect(x).toBeLessThanOrEqual(460);
    expect(y).toBeGreaterThanOrEqual(0);
    expect(y).toBeLessThanOrEqual(300);
  }
});

it('names the series only where there are several', () => {
  const one = panel('log', [
    [1, 2],
    [10, 3],
  ]);
  const two = { ...one, series: [...one.series, { name: 'reads', points: one.series[0]!.points }] };
  expect(svgPlot('t', 's', [one])).not.toContain('>puts<');
  expect(svgPlot('t', 's', [two])).toMatch(/>puts<[\s\S]*>reads</);
});
