/**
 * Demand 6, the part that takes seconds: how long nothing is acknowledged when the leader is killed, when it
 * falls silent, and when it hands over as planned; at default settings, under a steady trickle of puts. Beside
 * it, etcd's leader is killed, too.
 *
 * The client stands where it is worst for a kill (at the leader: it must find another node, too); for the
 * silent leader the cluster's own time is wanted, so there it stands at a follower, and the other beside.
 */
import { connect } from '../../src/client/index.ts';
import { defaultConfig } from '../../src/consensus/index.ts';
import { pause } from '../../test/waiting.ts';
import { type Benchmark, type BenchmarkContext, inRounds } from '../benchmark.ts';
import { QuorateCluster } from '../cluster/quorate-cluster.ts';
import { LoadDriver } from '../load/driver.ts';
import { epochMs, type TraceResult } from '../load/spec.ts';
import { ETCD_MISSING, EtcdCluster, etcdVersion } from '../peers/etcd-cluster.ts';
import { etcdTrace } from '../peers/etcd-load.ts';
import { goProgram } from '../peers/go-programs.ts';
import { Recorder } from '../recorder.ts';
import { atMost, type Finding, type Section } from '../report/findings.ts';
import { median } from '../statistics.ts';
import { failedCalls, longestGap, untilAcknowledged } from './gaps.ts';

const EVERY_MS = 2;
const HAND_OVER_EVERY_MS = 1;
/** Of quiet trickling before something happens. */
const BEFORE_MS = 500;
/** What comes back does so within this, or is noted as never. */
const AFTER_KILL_MS = 3_000;
const AFTER_ETCD_KILL_MS = 5_000;
const AFTER_SILENCE_MS = 6_000;
const AFTER_HAND_OVER_MS = 500;

const KILL_MS_MAX = 150;
const HAND_OVER_MS_MAX = 20;
const ELECTION_TIMEOUTS = 1.5;

const KILL = 'kill -9 of the leader to the next acknowledged put, client at the leader';
const KILL_FOLLOWER = 'the same, client at a follower';
const SILENT = 'SIGSTOP of the leader to the next acknowledged put, client at a follower';
const SILENT_LEADER = 'the same, client at the leader';
const HAND_OVER = 'planned hand-over: longest time without an acknowledged put';
const BASE = 'the same without a hand-over';
const FAILED = 'planned hand-over: failed puts';
const ETCD_KILL = 'etcd: kill -9 of the leader to the next acknowledged put';

interface Bed {
  readonly cluster: QuorateCluster;
  readonly driver: LoadDriver;
  readonly recorder: Recorder;
}

export const failover: Benchmark = {
  name: 'failover',
  about: 'killed, silent and retiring leaders: how long nothing is acknowledged (demand 6)',
  run: async (context) => {
    const cluster = await QuorateCluster.start();
    const driver = new LoadDriver();
    const bed = { cluster, driver, recorder: new Recorder() };
    try {
      await inRounds(context, 'failover', async () => {
        await killLeader(bed, KILL, 'leader');
        await killLeader(bed, KILL_FOLLOWER, 'follower');
        if (!context.isTrial) await silenceLeader(bed, SILENT, 'follower');
        if (!context.isTrial) await silenceLeader(bed, SILENT_LEADER, 'leader');
        await handOver(bed);
      });
    } finally {
      await driver.stop();
      await cluster.stop();
    }
    const notes = await etcdKills(context, bed.recorder);
    return [section(bed.recorder, [...notes, ...bed.recorder.notes()])];
  },
};

/** Where the client stands: it goes on to the others in either case. */
type Place = 'leader' | 'follower';

async function tracing(
  { cluster, driver }: Bed,
  place: Place,
  everyMs: number,
  work: (leader: string) => Promise<void>,
): Promise<TraceResult> {
  await cluster.settled();
  const leader = await cluster.leader();
  const follower = cluster.ids.find((id) => id !== leader)!;
  const nodes = cluster.doorsFrom(place === 'leader' ? leader : follower);
  await driver.beginTrace({ kind: 'quorate', clients: [nodes] }, everyMs);
  await pause(BEFORE_MS);
  await work(leader);
  return await driver.endTrace();
}

async function killLeader(bed: Bed, name: string, place: Place): Promise<void> {
  let killed = '';
  let at = 0;
  let gone = 0;
  const { calls } = await tracing(bed, place, EVERY_MS, async (leader) => {
    killed = leader;
    at = epochMs();
    await bed.cluster.child(leader).kill();
    gone = epochMs();
    await pause(AFTER_KILL_MS);
  });
  bed.recorder.add(name, 'ms', untilAcknowledged(calls, at, gone));
  await bed.cluster.restart(killed);
}

async function silenceLeader(bed: Bed, name: string, place: Place): Promise<void> {
  let at = 0;
  const { calls } = await tracing(bed, place, EVERY_MS, async (leader) => {
    const child = bed.cluster.child(leader);
    at = epochMs();
    child.signal('SIGSTOP');
    await pause(AFTER_SILENCE_MS);
    child.signal('SIGCONT');
  });
  // A signal is taken within the next time slice; what was sent 20 ms later surely met a silent leader.
  bed.recorder.add(name, 'ms', untilAcknowledged(calls, at, at + 20));
}

async function handOver(bed: Bed): Promise<void> {
  let at = 0;
  let over = 0;
  const { cluster, recorder } = bed;
  const { calls } = await tracing(bed, 'leader', HAND_OVER_EVERY_MS, async (leader) => {
    const heir = cluster.ids.find((id) => id !== leader)!;
    const client = await connect({ nodes: [cluster.door(leader)] });
    at = epochMs();
    await client.transferLeadership(heir);
    over = epochMs();
    await client.close();
    await pause(AFTER_HAND_OVER_MS);
  });
  recorder.add(HAND_OVER, 'ms', longestGap(calls, at, over + AFTER_HAND_OVER_MS / 2));
  recorder.add(BASE, 'ms', longestGap(calls, at - BEFORE_MS / 2, at - 1));
  recorder.add(FAILED, '', failedCalls(calls));
}

/** Why there is nothing of etcd, if so. */
async function etcdKills(context: BenchmarkContext, recorder: Recorder): Promise<string[]> {
  const version = etcdVersion();
  if (version === undefined) return [`without etcd: ${ETCD_MISSING}`];
  const program = goProgram('etcdload', context.tell);
  if ('missing' in program) return [`without etcd: ${program.missing}`];
  const cluster = await EtcdCluster.start();
  try {
    await inRounds(context, 'failover of etcd', async () => {
      const leader = await cluster.leader();
      const doors = cluster.ids.map((id) => cluster.door(id));
      const trace = await etcdTrace(program.path, doors, EVERY_MS);
      await pause(BEFORE_MS);
      const at = epochMs();
      await cluster.child(leader).kill();
      const gone = epochMs();
      await pause(AFTER_ETCD_KILL_MS);
      const { calls } = await trace.end();
      recorder.add(ETCD_KILL, 'ms', untilAcknowledged(calls, at, gone));
      await cluster.restart(leader);
    });
  } finally {
    await cluster.stop();
  }
  return [`etcd ${version} with its Go client, all defaults`];
}

function section(recorder: Recorder, notes: readonly string[]): Section {
  const { tickIntervalMs, electionTicks } = defaultConfig();
  const middle = (name: string): number => median(recorder.rounds(name));
  const findings: Finding[] = [
    { item: 6, what: KILL, value: middle(KILL), unit: 'ms', target: atMost(KILL_MS_MAX) },
    {
      item: 6,
      what: SILENT,
      value: middle(SILENT),
      unit: 'ms',
      target: atMost(ELECTION_TIMEOUTS * tickIntervalMs * electionTicks),
    },
    {
      item: 6,
      what: HAND_OVER,
      value: middle(HAND_OVER),
      unit: 'ms',
      target: atMost(HAND_OVER_MS_MAX),
    },
    {
      item: 6,
      what: `${FAILED}, of all rounds together`,
      value: recorder.rounds(FAILED).reduce((sum, count) => sum + count, 0),
      unit: 'puts',
      target: atMost(0),
    },
  ];
  const title = 'Failover at default settings (three nodes, a put every 2 ms)';
  return { title, series: recorder.series(), findings, notes };
}
