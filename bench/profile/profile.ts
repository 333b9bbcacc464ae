/**
 * Where the time goes: the cluster under puts and under reads, with Node's own profilers on, as text. What is
 * printed is each node's processor time and each node's allocations by function; the profiles themselves
 * (for Chrome's tools) stay beside the results. A profiler costs something: rates are not those of the others.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Benchmark, BenchmarkContext } from '../benchmark.ts';
import { QuorateCluster } from '../cluster/quorate-cluster.ts';
import { LoadDriver } from '../load/driver.ts';
import type { Operation } from '../load/spec.ts';
import { makeFolder } from '../processes/child.ts';
import { program, ROOT } from '../processes/paths.ts';
import { type KernelWork, kernelWorkOf } from '../processes/proc-files.ts';
import { Recorder } from '../recorder.ts';
import { figure, type Section } from '../report/findings.ts';
import { KEYS, VALUE_BYTES } from '../throughput/sides.ts';
import {
  type CpuProfile,
  type FunctionShare,
  type HeapProfile,
  type TimeSpan,
  topOfCpuProfile,
  topOfHeapProfile,
} from './top-functions.ts';

const FUNCTIONS = 25;
/** Long enough that starting up does not show. */
const SECONDS_FACTOR = 6;

const CASES: readonly { readonly operation: Operation; readonly inflight: number }[] = [
  { operation: 'put', inflight: 1 },
  { operation: 'put', inflight: 1_000 },
  { operation: 'get', inflight: 256 },
];

type Profiler = 'cpu' | 'heap';

export const profile: Benchmark = {
  name: 'profile',
  about: 'where the time of the nodes goes, and what they allocate, by function',
  run: async (context) => {
    const sections: Section[] = [];
    for (const each of context.isTrial ? CASES.slice(0, 1) : CASES) {
      for (const profiler of ['cpu', 'heap'] as const) {
        context.tell(`${each.operation}, ${each.inflight} in flight, ${profiler}`);
        sections.push(await profiled(context, each, profiler));
      }
    }
    return sections;
  },
};

async function profiled(
  { seconds, isTrial }: BenchmarkContext,
  { operation, inflight }: (typeof CASES)[number],
  profiler: Profiler,
): Promise<Section> {
  const title = `${operation}, ${inflight} in flight: ${profiler}`;
  const folder = isTrial
    ? makeFolder('profiles')
    : join(ROOT, 'bench', 'results', `profile-${operation}-${inflight}-${profiler}-${Date.now()}`);
  mkdirSync(folder, { recursive: true });
  const nodeFlags = flagsOf(profiler, folder);
  const cluster = await QuorateCluster.start({ nodeFlags });
  const driver = new LoadDriver();
  const recorder = new Recorder();
  const pids = new Map(cluster.ids.map((id) => [cluster.child(id).pid, id]));
  const leader = await cluster.leader();
  const span = { from: 0, to: 0 };
  const load = {
    target: { kind: 'quorate', clients: [cluster.doorsFrom(leader)] },
    valueBytes: VALUE_BYTES,
    keys: KEYS,
    serverPids: cluster.pids,
  } as const;
  try {
    const fill = { inflight: 200, total: KEYS, seconds: 0, warmSeconds: 0 };
    if (operation !== 'put') await driver.load({ ...load, ...fill, operation: 'put' });
    if (profiler === 'heap') for (const id of cluster.ids) cluster.child(id).signal('SIGUSR2');
    const measured = { seconds: seconds * SECONDS_FACTOR, warmSeconds: 0, operation, inflight };
    const before = kernelWorkOf(cluster.pids);
    span.from = monotonicMicroseconds();
    const result = await driver.load({ ...load, ...measured });
    span.to = monotonicMicroseconds();
    recorder.addLoad(title, result);
    addKernelWork(recorder, before, kernelWorkOf(cluster.pids), result.count);
    await cluster.stopInOrder();
  } finally {
    await driver.stop();
    await cluster.stop();
  }
  const text = readdirSync(folder).flatMap((file) => {
    const pid = [...pids.keys()].find((each) => file.split('.').includes(String(each)));
    const id = pid === undefined ? file : pids.get(pid)!;
    const who = id === leader ? `${id} (leader)` : id;
    return profileLines(who, join(folder, file), profiler, span);
  });
  const series = recorder.series();
  return {
    title,
    series,
    findings: [],
    notes: [...recorder.notes(), `profiles in ${folder}`],
    text,
  };
}

/** Of the three nodes together. */
function addKernelWork(
  recorder: Recorder,
  before: KernelWork,
  after: KernelWork,
  operations: number,
): void {
  const add = (what: string, unit: string, of: keyof KernelWork): void =>
    recorder.add(`${what} an operation, three nodes`, unit, (after[of] - before[of]) / operations);
  add('calls of read', '', 'readCalls');
  add('calls of write', '', 'writeCalls');
  add('context switches', '', 'switches');
}

function flagsOf(profiler: Profiler, folder: string): readonly string[] {
  if (profiler === 'cpu') return ['--cpu-prof', `--cpu-prof-dir=${folder}`];
  const sampler = pathToFileURL(program('bench/profile/allocation-sampler'));
  sampler.searchParams.set('folder', folder);
  return ['--import', sampler.href];
}

function monotonicMicroseconds(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

function profileLines(who: string, path: string, profiler: Profiler, span: TimeSpan): string[] {
  const data = JSON.parse(readFileSync(path, 'utf8')) as CpuProfile & HeapProfile;
  const top =
    profiler === 'cpu' ? topOfCpuProfile(data, FUNCTIONS, span) : topOfHeapProfile(data, FUNCTIONS);
  return [`${who}:`, ...top.map((each) => shareLine(each, profiler))];
}

function shareLine({ name, amount, share }: FunctionShare, profiler: Profiler): string {
  const told = profiler === 'cpu' ? `${figure(amount / 1e3)} ms` : `${figure(amount / 1024)} KiB`;
  return `  ${(share * 100).toFixed(1).padStart(5)} %  ${told.padStart(10)}  ${name}`;
}
