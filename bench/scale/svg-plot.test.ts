/** Goal: a curve that shows what was measured. Method: where its points lie, read from the picture. */
import { expect, it } from 'vitest';
import { CURVES } from './curves.ts';
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
    expect(x).toBeLessThanOrEqual(500);
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

/** Of a letter at the font's size, and rather too much: figures are narrower than letters. */
const LETTER_WIDTH = 0.6;
const FONT_SIZE = 11;

function textEnds(
  svg: string,
): { readonly text: string; readonly from: number; readonly to: number }[] {
  const found = svg.matchAll(/<g transform="translate\((\d+)|<text x="([\d.]+)"([^>]*)>([^<]*)</g);
  let left = 0;
  return [...found].flatMap(([, panelAt, x, style = '', text = '']) => {
    if (panelAt !== undefined) left = Number(panelAt);
    if (x === undefined) return [];
    const size = Number(/font-size="(\d+)"/.exec(style)?.[1] ?? FONT_SIZE);
    const width = text.length * size * LETTER_WIDTH;
    const share = style.includes('"middle"') ? 0.5 : style.includes('"end"') ? 1 : 0;
    const from = left + Number(x) - width * share;
    return [{ text, from, to: from + width }];
  });
}

it('cuts no text off, and lets no figure of an axis touch the next', () => {
  for (const curve of CURVES) {
    const points = curve.xs.map((x) => [x, 12_345] as const);
    const x = { label: curve.label, scale: curve.scale, text: curve.short };
    const y = { label: 'a second', scale: curve.rateScale };
    const panels = [1, 2].map(() => ({ title: 'p99', x, y, series: [{ name: 'puts', points }] }));
    const ends = textEnds(svgPlot(curve.title, 'Node.js v20.20.2, 2 x AMD EPYC, 24 GiB', panels));
    for (const { from, to } of ends) {
      expect(from).toBeGreaterThanOrEqual(0);
      expect(to).toBeLessThanOrEqual(2 * 500);
    }
    const figures = curve.xs.map((value) => ends.find(({ text }) => text === curve.short(value))!);
    for (let at = 1; at < figures.length; at++) {
      expect(figures[at]!.from).toBeGreaterThan(figures[at - 1]!.to);
    }
  }
});
