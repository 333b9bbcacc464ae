/**
 * Demand 9: how throughput and p99 go with the size of the values, the number of members, of keys and of
 * watchers. Each curve is drawn (docs/plots/), and searched for cliffs: a step that costs much more than what
 * was added to it explains (cliffs.ts).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Benchmark, BenchmarkContext } from '../benchmark.ts';
import type { LoadResult } from '../load/spec.ts';
import { machine } from '../measure.ts';
import { makeFolder } from '../processes/child.ts';
import { ROOT } from '../processes/paths.ts';
import { Recorder } from '../recorder.ts';
import { atLeast, type Finding, type Section } from '../report/findings.ts';
import { median } from '../statistics.ts';
import { steepestStep } from './cliffs.ts';
import { CURVES, type Curve } from './curves.ts';
import { svgPlot } from './svg-plot.ts';

/** A step may cost twice what the added work explains; what waits longest wavers more. */
const RATE_KEPT_MIN = 1 / 2;
const P99_KEPT_MIN = 1 / 4;
const PLOTS = join(ROOT, 'docs', 'plots');

export const scale: Benchmark = {
  name: 'scale',
  about:
    'throughput and p99 against value size, members, keys, watchers; writes docs/plots/ (demand 9)',
  run: async (context) => {
    // A trial must not draw over real curves.
    const folder = context.isTrial ? makeFolder('plots') : PLOTS;
    mkdirSync(folder, { recursive: true });
    const sections: Section[] = [];
    for (const curve of CURVES) {
      const { section, svg } = await draw(curve, context);
      writeFileSync(join(folder, `${curve.name}.svg`), svg);
      sections.push(section);
    }
    return sections;
  },
};

async function draw(
  curve: Curve,
  context: BenchmarkContext,
): Promise<{ readonly section: Section; readonly svg: string }> {
  const recorder = new Recorder();
  const xs = context.isTrial ? curve.xs.slice(0, 1) : curve.xs;
  const nameOf = (x: number): string => `${curve.operation} with ${curve.text(x)}`;
  await curve.measure(xs, context, (x: number, result: LoadResult) => {
    recorder.addLoad(nameOf(x), result);
  });
  // Where nothing went through there is no point; the table says so.
  const points = (suffix: string) =>
    xs
      .map((x) => [x, median(recorder.rounds(nameOf(x) + suffix))] as const)
      .filter(([, value]) => Number.isFinite(value) && value > 0);
  const x = { label: curve.label, scale: curve.scale, text: curve.short } as const;
  const rate = { label: 'a second', scale: curve.rateScale } as const;
  const svg = svgPlot(curve.title, machine(), [
    { title: 'throughput', x, y: rate, series: [{ name: curve.operation, points: points('') }] },
    {
      title: 'p99',
      x,
      y: { label: 'ms', scale: 'log' },
      series: [{ name: curve.operation, points: points(', p99') }],
    },
  ]);
  const failed = xs.reduce((sum, each) => sum + recorder.failed(nameOf(each)), 0);
  const findings = [
    cliff(curve, 'throughput', points(''), RATE_KEPT_MIN, failed),
    cliff(curve, 'p99', points(', p99').map(inverse), P99_KEPT_MIN, failed),
  ];
  return {
    section: { title: curve.title, series: recorder.series(), findings, notes: recorder.notes() },
    svg,
  };
}

type Point = readonly [x: number, y: number];
const inverse = ([x, y]: Point): Point => [x, 1 / y];

function cliff(
  { name, short, work }: Curve,
  figure: string,
  points: readonly Point[],
  keptMin: number,
  failed: number,
): Finding {
  const step = steepestStep(points, work);
  const where = step === undefined ? '' : ` (${short(step.from)} to ${short(step.to)})`;
  return {
    item: 9,
    what: `${name}: what the steepest step${where} leaves of the ${figure} that was to be expected`,
    value: step?.kept ?? Number.NaN,
    unit: 'times',
    target: atLeast(keptMin),
    failed,
  };
}
