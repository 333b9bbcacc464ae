/**
 * The benchmarks of small synchronous pieces, by processor time: each comparison of `measure.ts` becomes a
 * series a candidate. What is compared is named first, so that the table reads by itself.
 */
import type { Benchmark } from '../benchmark.ts';
import { codecBenchmark } from '../codec/codec.ts';
import { type Comparison, type Benchmark as MicroBenchmark, measure, ROUNDS } from '../measure.ts';
import type { Section } from '../report/findings.ts';
import { stateBenchmark } from './state.ts';

export const MICRO_BENCHMARKS: readonly MicroBenchmark[] = [codecBenchmark, stateBenchmark];

const ABOUT: Readonly<Record<string, string>> = {
  codec: 'raftpb: ours and two libraries',
  state: 'keys and values: puts in batches, reads, ranges, a snapshot',
};

export const micro: readonly Benchmark[] = MICRO_BENCHMARKS.map((benchmark) => ({
  name: benchmark.name,
  about: ABOUT[benchmark.name] ?? '',
  run: async ({ tell, isTrial }) =>
    benchmark.comparisons().map((comparison) => {
      tell(comparison.title);
      return isTrial ? tried(comparison) : measured(comparison);
    }),
}));

function measured({ title, candidates }: Comparison): Section {
  const series = measure(candidates).map(({ name, rounds }) => ({ name, unit: 'ns', rounds }));
  const note = `processor time of one operation, ${ROUNDS} rounds in which all take turns`;
  return { title, series, findings: [], notes: [note] };
}

function tried({ title, candidates }: Comparison): Section {
  for (const { run } of candidates) run();
  return { title, series: [], findings: [], notes: ['each was run once'] };
}
