/**
 * `npm run bench -- [codec]`: builds, then measures what is named, or everything. Prints the machine, the
 * medians, and how many times as long as ours the others take in the same run.
 */
import { codecBenchmark } from './codec/codec.ts';
import { type Benchmark, type Comparison, machine, measure, ROUNDS } from './measure.ts';

const BENCHMARKS: readonly Benchmark[] = [codecBenchmark];

function show({ title, candidates }: Comparison): void {
  const measured = measure(candidates);
  const ours = measured[0]!.nsPerOperation;
  console.log(`\n${title}`);
  for (const { name, nsPerOperation, spread } of measured) {
    const time = `${Math.round(nsPerOperation).toLocaleString('en-US')} ns`.padStart(12);
    const ratio = `${(nsPerOperation / ours).toFixed(2)} x`.padStart(9);
    console.log(`  ${name.padEnd(24)}${time}${ratio}   spread ${spread.toFixed(2)}`);
  }
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => !BENCHMARKS.some((each) => each.name === name));
if (unknown.length > 0) {
  const known = BENCHMARKS.map(({ name }) => name).join(', ');
  console.error(`there is no benchmark ${unknown.join(', ')}; there are: ${known}`);
  process.exitCode = 2;
} else {
  console.log(machine());
  console.log(`processor time, medians of ${ROUNDS} rounds in which all take turns`);
  for (const benchmark of BENCHMARKS) {
    if (names.length > 0 && !names.includes(benchmark.name)) continue;
    for (const comparison of benchmark.comparisons()) show(comparison);
  }
}
