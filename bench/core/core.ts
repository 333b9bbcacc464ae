/**
 * Demand 5: the core alone, beside etcd's raft in Go in the same run. What counts is processor time: it is the
 * price of an entry, whatever else the machine does, and the collector's and compiler's threads are in it,
 * on both sides.
 */
import { spawnSync } from 'node:child_process';
import { type Benchmark, type BenchmarkContext, inRounds } from '../benchmark.ts';
import { goProgram } from '../peers/go-programs.ts';
import { Recorder } from '../recorder.ts';
import { atLeast, type Finding, type Section } from '../report/findings.ts';
import { CoreGroup } from './core-group.ts';
import { idleGroups } from './idle-groups.ts';

const ENTRY_BYTES = 256;
const BATCH = 100;
/** Until the compiler has seen it all. By processor time: a busy machine gives it less in the same time. */
const WARM_CPU_MS = 1_000;
/** Never compacted in the case that shows whether a long log costs anything. */
const LONG_LOG_ENTRIES = 300_000;
const QUORATE = 'quorate';
const ETCD = 'etcd/raft';
/** A long log may cost a tenth: what it does to the processor's caches. */
const LONG_LOG_SHARE = 0.9;

export interface CoreCase {
  /** As the program in Go calls it. */
  readonly name: string;
  readonly about: string;
  readonly marshals: boolean;
  readonly timesEtcd: number;
  readonly step: (group: CoreGroup) => void;
}

const DATA = new Uint8Array(ENTRY_BYTES);
const DATAS: readonly Uint8Array[] = Array.from({ length: BATCH }, () => DATA);

export const CORE_CASES: readonly CoreCase[] = [
  {
    name: 'one',
    about: 'one at a time',
    marshals: false,
    timesEtcd: 2,
    step: (group) => group.propose(DATA, 1),
  },
  {
    name: 'batch',
    about: `batches of ${BATCH} proposals`,
    marshals: false,
    timesEtcd: 4,
    step: (group) => group.propose(DATA, BATCH),
  },
  {
    name: 'message',
    about: `one message of ${BATCH}, marshalled`,
    marshals: true,
    timesEtcd: 3,
    step: (group) => group.proposeTogether(DATAS),
  },
];

interface Speed {
  readonly perCpuSecond: number;
  readonly perSecond: number;
}

const nameOf = (who: string, about: string): string => `${who}, ${about}`;
const LONG_LOG = `batches of ${BATCH}, behind ${LONG_LOG_ENTRIES.toLocaleString('en-US')} entries`;
const SHORT_LOG = `batches of ${BATCH}, with that in the same heap`;
const BATCHES = CORE_CASES.find(({ name }) => name === 'batch')!;

export const core: Benchmark = {
  name: 'core',
  about: 'three raft cores in memory, beside etcd/raft in Go; a thousand idle groups (demand 5)',
  run: async (context) => {
    const recorder = new Recorder();
    const program = goProgram('etcdcore', context.tell);
    await inRounds(context, 'cores', async (round) => {
      const sides = [
        () => ownRound(recorder, context),
        () => 'path' in program && etcdRound(recorder, context, program.path),
      ];
      for (const side of round % 2 === 0 ? sides : sides.reverse()) side();
    });
    await besideLongLog(recorder, context);
    const notes = 'missing' in program ? [`without ${ETCD}: ${program.missing}`] : [];
    return [section(recorder, notes), idleGroups(context)];
  },
};

function ownRound(recorder: Recorder, context: BenchmarkContext): void {
  for (const each of CORE_CASES) {
    const group = new CoreGroup({ marshals: each.marshals });
    addSpeed(recorder, nameOf(QUORATE, each.about), speedOf(group, each, context));
  }
}

/** By itself, after all else: what it holds is work for the collector, whoever runs meanwhile. */
async function besideLongLog(recorder: Recorder, context: BenchmarkContext): Promise<void> {
  const long = new CoreGroup({ marshals: false, kept: Number.MAX_SAFE_INTEGER });
  const entries = context.isTrial ? BATCH : LONG_LOG_ENTRIES;
  while (long.entries < entries) long.propose(DATA, BATCH);
  await inRounds(context, 'a long log', async () => {
    const short = new CoreGroup({ marshals: false });
    addSpeed(recorder, nameOf(QUORATE, SHORT_LOG), speedOf(short, BATCHES, context));
    addSpeed(recorder, nameOf(QUORATE, LONG_LOG), speedOf(long, BATCHES, context));
  });
}

function speedOf(
  group: CoreGroup,
  { step }: CoreCase,
  { seconds, isTrial }: BenchmarkContext,
): Speed {
  const begin = process.cpuUsage();
  const warmMicros = isTrial ? 1 : WARM_CPU_MS * 1_000;
  while (cpuMicros(begin) < warmMicros) for (let at = 0; at < BATCH; at++) step(group);
  const before = group.entries;
  const cpu = process.cpuUsage();
  const beganAt = performance.now();
  while (performance.now() - beganAt < seconds * 1_000) step(group);
  const elapsed = (performance.now() - beganAt) / 1_000;
  const entries = group.entries - before;
  return { perCpuSecond: entries / (cpuMicros(cpu) / 1e6), perSecond: entries / elapsed };
}

function cpuMicros(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return user + system;
}

function etcdRound(recorder: Recorder, { seconds }: BenchmarkContext, path: string): void {
  const { status, stdout, stderr } = spawnSync(path, [`-seconds=${seconds}`], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`etcdcore ended with ${status}: ${stderr}`);
  for (const line of stdout.trim().split('\n')) {
    const speed = JSON.parse(line) as Speed & { readonly case: string };
    const { about } = CORE_CASES.find(({ name }) => name === speed.case)!;
    addSpeed(recorder, nameOf(ETCD, about), speed);
  }
}

function addSpeed(recorder: Recorder, name: string, { perCpuSecond, perSecond }: Speed): void {
  recorder.add(name, '1/cpu s', perCpuSecond);
  recorder.addPart(name, 'an entry', 'ns', 1e9 / perCpuSecond);
  recorder.addPart(name, 'as time passes', '1/s', perSecond);
}

function section(recorder: Recorder, notes: readonly string[]): Section {
  const findings: Finding[] = CORE_CASES.map(({ about, timesEtcd }) => ({
    item: 5,
    what: `${about}, against ${ETCD}`,
    ...recorder.against(nameOf(QUORATE, about), nameOf(ETCD, about)),
    unit: 'times',
    target: atLeast(timesEtcd),
  }));
  findings.push({
    item: 5,
    what: 'speed with a long log, against a short one (what grows with the log would show here)',
    ...recorder.against(nameOf(QUORATE, LONG_LOG), nameOf(QUORATE, SHORT_LOG)),
    unit: 'times',
    target: atLeast(LONG_LOG_SHARE),
  });
  return {
    title: 'The core alone: three nodes in memory, 256-byte entries',
    series: recorder.series(),
    findings,
    notes,
  };
}
