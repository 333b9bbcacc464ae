/**
 * One put alone, from the client and back, step by step: where its time goes. The steps are told by the system
 * calls of the processes (`perf`, Debian's linux-perf), so nothing is built into them; watching them costs
 * about a microsecond for each call. Linux on x86-64, and who may trace there.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pause } from '../../test/waiting.ts';
import type { Benchmark, BenchmarkContext } from '../benchmark.ts';
import { QuorateCluster } from '../cluster/quorate-cluster.ts';
import { LoadDriver } from '../load/driver.ts';
import { makeFolder, removeFolder } from '../processes/child.ts';
import { Recorder } from '../recorder.ts';
import type { Section } from '../report/findings.ts';
import { median } from '../statistics.ts';
import { KEYS, VALUE_BYTES } from '../throughput/sides.ts';
import { RUN_IN_INFLIGHT, RUN_IN_SECONDS } from '../throughput/taking-turns.ts';
import { OWN_RECORD, type Parties, STEPS, stepsOfPuts, WHOLE } from './put-steps.ts';
import { type Call, callsOf, ONLY_THESE, socketsOf, TRACEPOINTS } from './syscall-trace.ts';

const TITLE = 'One put alone, step by step';
const TRACE_BYTES_MAX = 512 * 2 ** 20;
const MICROSECONDS = 1e6;
/** Before the watching and behind it the load runs, too. */
const MARGIN_SECONDS = 0.5;

export const timeline: Benchmark = {
  name: 'timeline',
  about: 'one put alone, from the client and back, step by step (needs perf)',
  run: async (context) => {
    const missing = whyNot();
    if (missing !== undefined) {
      return [{ title: TITLE, series: [], findings: [], notes: [`not measured: ${missing}`] }];
    }
    const cluster = await QuorateCluster.start();
    const driver = new LoadDriver();
    try {
      return [await measure(context, cluster, driver)];
    } finally {
      await driver.stop();
      await cluster.stop();
    }
  },
};

function whyNot(): string | undefined {
  if (process.arch !== 'x64' || process.platform !== 'linux') {
    return 'system calls are told apart by the numbers that they have in Linux on x86-64';
  }
  try {
    execFileSync('perf', ['stat', '-e', TRACEPOINTS[0], '-a', 'true'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'perf is not there, or may not trace: it is part of Debian’s linux-perf, and needs root';
  }
}

async function measure(
  context: BenchmarkContext,
  cluster: QuorateCluster,
  driver: LoadDriver,
): Promise<Section> {
  const { isTrial, rounds, tell } = context;
  const leader = await cluster.leader();
  const load = {
    target: { kind: 'quorate', clients: [cluster.doorsFrom(leader)] },
    operation: 'put',
    valueBytes: VALUE_BYTES,
    keys: KEYS,
    serverPids: cluster.pids,
  } as const;
  const seconds = isTrial ? context.seconds : RUN_IN_SECONDS / 2;
  for (const inflight of [RUN_IN_INFLIGHT, 1]) {
    tell(`run in, ${inflight} in flight`);
    await driver.load({ ...load, inflight, seconds, warmSeconds: 0 });
  }
  const recorder = new Recorder();
  for (let round = 1; round <= rounds; round++) {
    tell(`round ${round} of ${rounds}`);
    const watched = isTrial ? 1 : context.seconds;
    const running = driver.load({
      ...load,
      inflight: 1,
      seconds: watched + MARGIN_SECONDS,
      warmSeconds: MARGIN_SECONDS,
    });
    const watching = async (): Promise<Parties> => {
      await pause(MARGIN_SECONDS * 1_000);
      // While the connections are there: behind the load the client's is gone.
      const links = linksOf(cluster, leader, driver);
      return links(await watch(cluster, driver, watched));
    };
    const [found] = await Promise.all([watching(), running]);
    const steps = stepsOfPuts(found);
    for (const step of [...STEPS, WHOLE, OWN_RECORD]) {
      recorder.add(step, 'µs', median(steps.get(step) ?? []) * MICROSECONDS);
    }
    recorder.add('puts seen whole', '', steps.get(WHOLE)?.length ?? 0);
  }
  const notes = ['medians of each step by itself: they need not add up to that of the whole'];
  return { title: TITLE, series: recorder.series(), findings: [], notes };
}

/** The calls of nodes and client for so long. */
async function watch(
  cluster: QuorateCluster,
  driver: LoadDriver,
  seconds: number,
): Promise<Map<number, Call[]>> {
  const folder = makeFolder('timeline');
  const file = join(folder, 'perf.data');
  const events = TRACEPOINTS.flatMap((name) => ['-e', name, '--filter', ONLY_THESE]);
  const pids = [...cluster.pids, driver.pid].join(',');
  const until = ['--', 'sleep', String(seconds)];
  try {
    const perf = spawn('perf', ['record', '-o', file, ...events, '-p', pids, ...until], {
      stdio: 'ignore',
    });
    await once(perf, 'exit');
    const fields = ['-F', 'pid,tid,time,event,trace', '--ns'];
    const text = execFileSync('perf', ['script', '-i', file, ...fields], {
      encoding: 'utf8',
      maxBuffer: TRACE_BYTES_MAX,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return callsOf(text);
  } finally {
    removeFolder(folder);
  }
}

/** Who talks to whom by which descriptors; with the calls of all, what is known of each. */
function linksOf(
  cluster: QuorateCluster,
  leaderId: string,
  driver: LoadDriver,
): (calls: ReadonlyMap<number, readonly Call[]>) => Parties {
  const leader = cluster.child(leaderId).pid;
  const fromClient = linkBetween(driver.pid, leader);
  const followers = cluster.ids
    .filter((id) => id !== leaderId)
    .map((id) => cluster.child(id).pid)
    .map((pid) => ({ pid, link: linkBetween(pid, leader) }));
  return (calls) => {
    const of = (pid: number): readonly Call[] => calls.get(pid) ?? [];
    return {
      client: { calls: of(driver.pid), toLeader: fromClient.one },
      leader: { calls: of(leader), toClient: fromClient.other },
      followers: followers.map(({ pid, link }) => ({
        calls: of(pid),
        toLeader: link.one,
        fromLeader: link.other,
      })),
    };
  };
}

/** The connection of two processes by the descriptors that it has in each. */
function linkBetween(one: number, other: number): { readonly one: number; readonly other: number } {
  const theirs = socketsOf(other);
  for (const { fd, localPort, remotePort } of socketsOf(one)) {
    const end = theirs.find((it) => it.localPort === remotePort && it.remotePort === localPort);
    if (end !== undefined) return { one: fd, other: end.fd };
  }
  throw new Error(`processes ${one} and ${other} have no connection`);
}
