/**
 * `npm run bench -- [NAME...]`: measures what is named, or a selection that takes five minutes. Each table is
 * printed as soon as it is there; at the end all that was demanded, and whether it holds. The same as JSON.
 *
 * Nothing here fails because something is slow: that is what the figures are for.
 */
import { release } from 'node:os';
import type { Benchmark } from './benchmark.ts';
import { core } from './core/core.ts';
import { failover } from './failover/failover.ts';
import { steady } from './failover/steady.ts';
import { limits } from './limits/limits.ts';
import { machine } from './measure.ts';
import { log } from './micro/log.ts';
import { micro } from './micro/micro.ts';
import { transport } from './micro/transport.ts';
import { type Options, parseOptions, type Selection } from './options.ts';
import type { Section } from './report/findings.ts';
import { sectionLines, summaryLines } from './report/print.ts';
import { defaultResultsFile, writeResults } from './report/results-file.ts';
import { restart } from './restart/restart.ts';
import { scale } from './scale/scale.ts';
import { soak } from './soak/soak.ts';
import { embedded } from './throughput/embedded.ts';
import { reads } from './throughput/reads.ts';
import { writes } from './throughput/writes.ts';

const MISTAKE = 2;

export const BENCHMARKS: readonly Benchmark[] = [
  limits,
  ...micro,
  log,
  transport,
  core,
  writes,
  reads,
  embedded,
  failover,
  steady,
  restart,
  scale,
  soak,
];

export const SELECTIONS: readonly Selection[] = [
  {
    name: 'short',
    about: 'what matters most, in five minutes',
    benchmarks: [limits, core, writes, reads, embedded],
  },
  {
    name: 'peers',
    about: 'demands 1, 2, 3, 4, 6, 7, 8 side by side with the peers, below fifteen minutes',
    benchmarks: [limits, writes, reads, embedded, failover, restart],
  },
  { name: 'full', about: 'everything; about two hours with --minutes 60', benchmarks: BENCHMARKS },
];

export async function main(args: readonly string[]): Promise<number> {
  const parsed = parseOptions(args, BENCHMARKS, SELECTIONS);
  if ('help' in parsed) {
    console.log(parsed.help);
    return 0;
  }
  if ('mistake' in parsed) {
    console.error(`bench: ${parsed.mistake}\nTry npm run bench -- --help`);
    return MISTAKE;
  }
  await measure(parsed.options);
  return 0;
}

async function measure(options: Options): Promise<void> {
  const { benchmarks, rounds, seconds, warmSeconds, jsonFile } = options;
  const began = new Date();
  const head = { machine: `${machine()}, Linux ${release()}`, rounds, seconds, warmSeconds };
  console.log(head.machine);
  console.log(`medians of ${rounds} rounds of ${seconds} s, in which all take turns`);
  const sections: Section[] = [];
  const names = benchmarks.map(({ name }) => name);
  const path = jsonFile ?? defaultResultsFile(names, began);
  for (const benchmark of benchmarks) {
    const tell = (line: string): void => console.error(`  .. ${benchmark.name}: ${line}`);
    for (const section of await benchmark.run({ ...options, tell })) {
      sections.push(section);
      console.log(sectionLines(section).join('\n'));
    }
    // After each, so that what was measured is not lost to what fails later.
    writeResults(path, { benchmarks: names, ...head }, sections, began);
  }
  console.log(summaryLines(sections).join('\n'));
  const minutes = (Date.now() - began.getTime()) / 60_000;
  console.log(`\n${minutes.toFixed(1)} min; results in ${path}`);
}
