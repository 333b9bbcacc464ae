/**
 * `npm run bench -- [NAME...]`: measures what is named, or a selection that takes five minutes. Each table is
 * printed as soon as it is there; at the end all that was demanded, and whether it holds. The same as JSON.
 *
 * Nothing here fails because something is slow: that is what the figures are for. What breaks (1) and what was
 * asked wrongly (2) has an exit code.
 */
import { release } from 'node:os';
import { resolve } from 'node:path';
import type { Benchmark } from './benchmark.ts';
import { core } from './core/core.ts';
import { failover } from './failover/failover.ts';
import { steady } from './failover/steady.ts';
import { limits } from './limits/limits.ts';
import { machine } from './measure.ts';
import { log } from './micro/log.ts';
import { micro } from './micro/micro.ts';
import { transport } from './micro/transport.ts';
import { type Options, parseOptions, ROUNDS_JUDGING, type Selection } from './options.ts';
import { ETCD_MISSING, etcdVersion } from './peers/etcd-cluster.ts';
import { GO_PROGRAMS, goProgram } from './peers/go-programs.ts';
import { profile } from './profile/profile.ts';
import { timeline } from './profile/timeline.ts';
import type { Section } from './report/findings.ts';
import { type RunOutline, sectionLines, summaryLines } from './report/print.ts';
import { defaultResultsFile, writeResults } from './report/results-file.ts';
import { restart } from './restart/restart.ts';
import { scale } from './scale/scale.ts';
import { soak } from './soak/soak.ts';
import { embedded } from './throughput/embedded.ts';
import { paced } from './throughput/paced.ts';
import { reads } from './throughput/reads.ts';
import { writes } from './throughput/writes.ts';

const BROKEN = 1;
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
  paced,
  failover,
  steady,
  restart,
  scale,
  soak,
  profile,
  timeline,
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

interface Part {
  readonly item: number;
  readonly what: string;
  /** Absent: nothing here does. */
  readonly measuredBy?: Benchmark;
}

/** Of the demands, what is measured apart from the rest of it: a verdict on the rest is none on these. */
const PARTS_APART: readonly Part[] = [
  { item: 6, what: 'no false election in ten minutes at full load', measuredBy: steady },
  { item: 6, what: 'a leader behind a black hole (SIGSTOP stands for silence)' },
  { item: 7, what: 'the restart of a leader (a follower is restarted)' },
  { item: 9, what: 'curves of reads' },
  { item: 10, what: 'the memory of the client' },
];

export async function main(args: readonly string[]): Promise<number> {
  const parsed = parseOptions(args, BENCHMARKS, SELECTIONS);
  if ('help' in parsed) {
    console.log(parsed.help);
    return 0;
  }
  if ('prepare' in parsed) return prepare();
  if ('mistake' in parsed) {
    console.error(`bench: ${parsed.mistake}\nTry npm run bench -- --help`);
    return MISTAKE;
  }
  return await measure(parsed.options);
}

/** What the peers need, all of it: whoever wants to be sure that nothing is left out asks for this first. */
function prepare(): number {
  const etcd = etcdVersion();
  const found = etcd === undefined ? [`etcd: ${ETCD_MISSING}`] : [];
  for (const name of GO_PROGRAMS) {
    const program = goProgram(name, (line) => console.error(`  .. ${line}`));
    if ('missing' in program) found.push(`${name}: ${program.missing}`);
  }
  for (const problem of found) console.error(`bench: ${problem}`);
  if (found.length > 0) return BROKEN;
  console.log(`etcd ${etcd} and the drivers ${GO_PROGRAMS.join(', ')} are there`);
  return 0;
}

/** What breaks is told, and takes nothing from the others: they took their time, too. */
async function run(
  benchmark: Benchmark,
  options: Options,
): Promise<{ readonly sections: readonly Section[]; readonly isBroken: boolean }> {
  const { name } = benchmark;
  const tell = (line: string): void => console.error(`  .. ${name}: ${line}`);
  try {
    return { sections: await benchmark.run({ ...options, tell }), isBroken: false };
  } catch (error) {
    console.error(error);
    const note = `it broke: ${(error as Error).message}`;
    const section = { title: `BROKEN: ${name}`, series: [], findings: [], notes: [note] };
    return { sections: [section], isBroken: true };
  }
}

async function measure(options: Options): Promise<number> {
  const { benchmarks, rounds, seconds, warmSeconds, jsonFile } = options;
  const began = new Date();
  const head = { machine: `${machine()}, Linux ${release()}`, rounds, seconds, warmSeconds };
  console.log(head.machine);
  console.log(`medians of ${rounds} rounds of ${seconds} s, in which all take turns`);
  const sections: Section[] = [];
  const names = benchmarks.map(({ name }) => name);
  // Where npm was called: it goes to the root of the repository by itself.
  const from = process.env['INIT_CWD'] ?? process.cwd();
  const path = jsonFile === undefined ? defaultResultsFile(names, began) : resolve(from, jsonFile);
  let code = 0;
  for (const benchmark of benchmarks) {
    const { sections: found, isBroken } = await run(benchmark, options);
    if (isBroken) code = BROKEN;
    for (const section of found) console.log(sectionLines(section).join('\n'));
    sections.push(...found);
    // After each, so that what was measured is not lost to what fails later.
    writeResults(path, { benchmarks: names, ...head }, sections, began);
  }
  console.log(summaryLines(sections, outline(options, sections)).join('\n'));
  const minutes = (Date.now() - began.getTime()) / 60_000;
  console.log(`\n${minutes.toFixed(1)} min; results in ${path}`);
  return code;
}

function outline({ benchmarks, rounds }: Options, sections: readonly Section[]): RunOutline {
  const items = new Set(sections.flatMap(({ findings }) => findings.map(({ item }) => item)));
  const leftOut = PARTS_APART.filter(
    ({ item, measuredBy }) =>
      items.has(item) && (measuredBy === undefined || !benchmarks.includes(measuredBy)),
  ).map(({ item, what, measuredBy }) => {
    const how = measuredBy === undefined ? 'no benchmark' : `npm run bench -- ${measuredBy.name}`;
    return `${item}: ${what}: ${how}`;
  });
  if (rounds >= ROUNDS_JUDGING) return { leftOut };
  const firstLook = `a first look: ${rounds} of the ${ROUNDS_JUDGING} rounds that a verdict takes`;
  return { leftOut, firstLook };
}
