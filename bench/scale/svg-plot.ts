/**
 * Curves as SVG, with nothing but text: two axes, each linear or logarithmic, grid lines where something was
 * measured and at round values, a line and its points for each series. Readable on light and on dark pages: it brings its own ground.
 */
import { figure } from '../report/findings.ts';

export interface PlotAxis {
  readonly label: string;
  readonly scale: 'linear' | 'log';
  /** Of a tick; default: short figures such as 10k. */
  readonly text?: (value: number) => string;
}

export interface PlotSeries {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Panel {
  readonly title: string;
  readonly x: PlotAxis;
  readonly y: PlotAxis;
  readonly series: readonly PlotSeries[];
}

const WIDTH = 500;
const HEIGHT = 300;
/** On the right: half of the widest figure below the axis. */
const MARGIN = { left: 64, right: 32, top: 34, bottom: 46 } as const;
const HEAD_HEIGHT = 44;
const TICKS_WANTED = 5;
const COLOURS = ['#1b6ca8', '#c2571a', '#3c8031', '#8a4fa3', '#7a6a1f'] as const;
const INK = '#222';
const GRID = '#ddd';

/** Panels stand side by side under one head. */
export function svgPlot(title: string, subtitle: string, panels: readonly Panel[]): string {
  const width = WIDTH * panels.length;
  const height = HEIGHT + HEAD_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11" fill="${INK}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(16, 20, title, 'font-size="15" font-weight="bold"'),
    text(16, 37, subtitle, 'fill="#666"'),
    ...panels.map(
      (panel, at) =>
        `<g transform="translate(${at * WIDTH} ${HEAD_HEIGHT})">\n${panelLines(panel).join('\n')}\n</g>`,
    ),
    '</svg>',
    '',
  ].join('\n');
}

function panelLines({ title, x, y, series }: Panel): string[] {
  const points = series.flatMap((each) => each.points);
  if (points.length === 0) return [text(MARGIN.left, 18, `${title}: nothing was measured`, '')];
  const xs = points.map(([value]) => value);
  const ys = points.map(([, value]) => value);
  const across = measuredAxis(x.scale, xs);
  const up = roundAxis(y.scale, ys);
  const left = MARGIN.left;
  const right = WIDTH - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const toX = (value: number): number => left + across.place(value) * (right - left);
  const toY = (value: number): number => bottom - up.place(value) * (bottom - MARGIN.top);
  return [
    text(left, 18, title, 'font-weight="bold"'),
    ...up.ticks.flatMap((value) => [
      `<path d="M${left} ${round(toY(value))}H${right}" stroke="${GRID}"/>`,
      text(left - 6, toY(value) + 4, label(y, value), 'text-anchor="end"'),
    ]),
    ...across.ticks.flatMap((value) => [
      `<path d="M${round(toX(value))} ${MARGIN.top}V${bottom}" stroke="${GRID}"/>`,
      text(toX(value), bottom + 16, label(x, value), 'text-anchor="middle"'),
    ]),
    text((left + right) / 2, HEIGHT - 10, x.label, 'text-anchor="middle" fill="#666"'),
    text(right, 18, y.label, 'text-anchor="end" fill="#666"'),
    ...series.flatMap((each, at) => curve(each, at, toX, toY)),
    ...(series.length > 1 ? series.map((each, at) => legend(each, at, left, bottom)) : []),
  ];
}

function curve(
  { points }: PlotSeries,
  at: number,
  toX: (value: number) => number,
  toY: (value: number) => number,
): string[] {
  const colour = COLOURS[at % COLOURS.length];
  const places = points.map(([x, y]) => `${round(toX(x))} ${round(toY(y))}`);
  return [
    `<path d="M${places.join('L')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...places.map((place) => {
      const [cx, cy] = place.split(' ');
      return `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`;
    }),
  ];
}

function legend({ name }: PlotSeries, at: number, left: number, bottom: number): string {
  const y = bottom - 10 - 14 * at;
  const colour = COLOURS[at % COLOURS.length];
  return `<circle cx="${left + 12}" cy="${y - 4}" r="4" fill="${colour}"/>${text(left + 20, y, name, '')}`;
}

interface Axis {
  /** 0 to 1. */
  readonly place: (value: number) => number;
  readonly ticks: readonly number[];
}

/** Ticks where something was measured, and nowhere else. */
function measuredAxis(scale: PlotAxis['scale'], values: readonly number[]): Axis {
  const ticks = [...new Set(values)].sort((a, b) => a - b);
  return { place: placement(scale, ticks[0]!, ticks.at(-1)!), ticks };
}

/** Ticks at round values, from one below all to one above. */
function roundAxis(scale: PlotAxis['scale'], values: readonly number[]): Axis {
  // Linear figures begin at 0: a curve without it looks steeper than it is.
  const low = scale === 'linear' ? 0 : Math.min(...values);
  const high = Math.max(...values);
  const ticks = scale === 'linear' ? linearTicks(high) : logTicks(low, high);
  return { place: placement(scale, ticks[0]!, ticks.at(-1)!), ticks };
}

function placement(scale: PlotAxis['scale'], low: number, high: number): Axis['place'] {
  if (low === high) return () => 1 / 2;
  if (scale === 'linear') return (value) => (value - low) / (high - low);
  return (value) => Math.log(value / low) / Math.log(high / low);
}

function linearTicks(high: number): number[] {
  const rough = high / TICKS_WANTED;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough)!;
  return Array.from({ length: Math.ceil(high / step - 1e-9) + 1 }, (_, at) => at * step);
}

/** 1, 2, 5, 10, 20 and so on; powers of ten alone where those would be too many. */
function logTicks(low: number, high: number): number[] {
  const all: number[] = [];
  const first = Math.floor(Math.log10(low));
  for (let power = first; 10 ** power < high * 10; power++) {
    for (const times of [1, 2, 5]) all.push(times * 10 ** power);
  }
  const from = all.findLastIndex((tick) => tick <= low * (1 + 1e-9));
  const to = all.findIndex((tick) => tick >= high * (1 - 1e-9));
  const fine = all.slice(from, Math.max(to, from + 1) + 1);
  if (fine.length <= 2 * TICKS_WANTED) return fine;
  const powers = all.filter((_, at) => at % 3 === 0);
  const above = powers.findIndex((tick) => tick >= high * (1 - 1e-9));
  return powers.slice(0, above + 1);
}

function label({ text: own }: PlotAxis, value: number): string {
  if (own !== undefined) return own(value);
  if (value >= 1e6) return `${trimmed(value / 1e6)}M`;
  if (value >= 1e3) return `${trimmed(value / 1e3)}k`;
  return trimmed(value);
}

function trimmed(value: number): string {
  return Number.isInteger(value) ? String(value) : figure(value).replace(/\.?0+$/, '');
}

function text(x: number, y: number, words: string, attributes: string): string {
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escaped(words)}</text>`;
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
