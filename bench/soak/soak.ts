/**
 * Demand 10: at half of what goes through at most, for long, with snapshots and compaction going on: memory,
 * descriptors and p99 must not grow. What is compared is the last third with the first, after a while in which
 * caches fill; single samples say nothing.
 */
import type { Benchmark, BenchmarkContext } from '../benchmark.ts';
import { openFiles, residentBytes } from '../processes/proc-files.ts';
import { Recorder } from '../recorder.ts';
import { atLeast, atMost, type Finding, type Section } from '../report/findings.ts';
import { median } from '../statistics.ts';
import { quorateSide } from '../throughput/sides.ts';

const INFLIGHT = 256;
/** Of the open loop: a stall of seconds must not be hidden by a bound. */
const DUE_MAX = 60_000;
const TOP_SECONDS = 5;
const SAMPLES_MIN = 12;
const SAMPLE_SECONDS_MAX = 30;
/** The first samples, in which heaps and caches come to their size. */
const SHARE_OF_WARM_UP = 0.1;
const MIB = 2 ** 20;

/** Last third by first third. */
const MEMORY_GROWTH_MAX = 1.1;
const FILES_GROWTH_MAX = 1.1;
const P99_GROWTH_MAX = 1.5;

const P99 = 'p99, from when it was due';
const MEMORY = 'memory of the largest node';
const FILES = 'open files of the node with most';
const SNAPSHOTS = 'newest snapshot, log index';

type SoakSide = Awaited<ReturnType<typeof quorateSide>>;

export const soak: Benchmark = {
  name: 'soak',
  about: 'half of the top rate for --minutes: no growth of memory, descriptors or p99 (demand 10)',
  run: async (context) => {
    const side = await quorateSide();
    try {
      return [await measure(side, context)];
    } finally {
      await side.stop();
    }
  },
};

async function measure(side: SoakSide, context: BenchmarkContext): Promise<Section> {
  const { minutes, isTrial, tell } = context;
  const put = { operation: 'put', via: 'leader' } as const;
  const topSeconds = isTrial ? context.seconds : TOP_SECONDS;
  const top = await side.load({ ...put, inflight: INFLIGHT, seconds: topSeconds, warmSeconds: 1 });
  const rate = Math.floor(top.perSecond / 2);
  const totalSeconds = minutes * 60;
  const seconds = Math.min(SAMPLE_SECONDS_MAX, totalSeconds / SAMPLES_MIN);
  const recorder = new Recorder();
  const endAt = performance.now() + totalSeconds * 1_000;
  while (performance.now() < endAt) {
    tell(`${rate} puts/s: ${Math.ceil((endAt - performance.now()) / 1_000)} s to go`);
    const load = { ...put, rate, inflight: DUE_MAX, seconds, warmSeconds: 0 };
    const result = await side.load(load);
    recorder.addLoad('puts', result);
    await sample(side, recorder, result.p99Ms);
  }
  return {
    title: `Soak: ${rate.toLocaleString('en-US')} puts/s for ${minutes} min`,
    series: recorder.series(),
    findings: findings(recorder),
    notes: [`the top rate was ${Math.round(top.perSecond)}/s`, ...recorder.notes()],
  };
}

async function sample(side: SoakSide, recorder: Recorder, p99Ms: number): Promise<void> {
  const { cluster } = side;
  const report = await cluster.report(await cluster.leader());
  recorder.add(P99, 'ms', p99Ms);
  recorder.add(MEMORY, 'MiB', Math.max(...cluster.pids.map(residentBytes)) / MIB);
  recorder.add(FILES, '', Math.max(...cluster.pids.map(openFiles)));
  recorder.add(SNAPSHOTS, '', report?.snapshotIndex ?? Number.NaN);
}

function findings(recorder: Recorder): Finding[] {
  const growth = (name: string): number => growthOf(recorder.rounds(name));
  const snapshots = recorder.rounds(SNAPSHOTS);
  return [
    { what: 'growth of memory', value: growth(MEMORY), target: atMost(MEMORY_GROWTH_MAX) },
    { what: 'growth of open files', value: growth(FILES), target: atMost(FILES_GROWTH_MAX) },
    {
      what: 'growth of p99',
      value: growth(P99),
      target: atMost(P99_GROWTH_MAX),
      failed: recorder.failed('puts'),
    },
    {
      what: 'snapshots taken meanwhile',
      value: new Set(snapshots).size - 1,
      unit: 'snapshots',
      target: atLeast(1),
    },
  ].map((finding) => ({ item: 10, unit: 'times', ...finding }));
}

/** The last third by the first third, of what comes after the warm-up. */
export function growthOf(samples: readonly number[]): number {
  const settled = samples.slice(Math.ceil(samples.length * SHARE_OF_WARM_UP));
  const third = Math.max(1, Math.floor(settled.length / 3));
  return median(settled.slice(-third)) / median(settled.slice(0, third));
}
