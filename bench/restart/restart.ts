/**
 * Demand 7: a member is killed and started again; how long until it answers a linearizable read itself, from
 * the start of the process on. With 300,000 keys, beside etcd; then with a log of a million entries, beside the
 * bare reading of the same files with a checksum. What the nodes occupy is read before.
 */

import { pause, until } from '../../test/waiting.ts';
import { type Benchmark, type BenchmarkContext, inRounds } from '../benchmark.ts';
import { QuorateCluster } from '../cluster/quorate-cluster.ts';
import { ETCD_MISSING, EtcdCluster, etcdVersion } from '../peers/etcd-cluster.ts';
import { etcdLoad } from '../peers/etcd-load.ts';
import { goProgram } from '../peers/go-programs.ts';
import { residentBytes } from '../processes/proc-files.ts';
import { Recorder } from '../recorder.ts';
import { atMost, type Finding, type Section } from '../report/findings.ts';
import { median } from '../statistics.ts';
import { fillWithKeys, VALUE_BYTES } from '../throughput/sides.ts';
import { longLog } from './long-log.ts';
import { servesReads } from './probe.ts';

const KEYS = 300_000;
const KEYS_OF_TRIAL = 300;
const INFLIGHT = 256;
const PROBE_EVERY_MS = 5;
const SERVING_MS_MAX = 60_000;
/** A node at rest gives back what a load needed. */
const REST_MS = 3_000;
/** The engine gives the memory of its young objects back when nothing has happened for some ten seconds. */
const LONG_REST_MS = 20_000;
const MIB = 2 ** 20;
const RESTART_MS_MAX = 1_000;
const FILLED_MIB_MAX = 250;
const IDLE_MIB_MAX = 100;

const RESTART = `restart with ${KEYS.toLocaleString('en-US')} keys`;
const IDLE = 'memory of an idle daemon';
const FILLED = `memory of a node with ${KEYS.toLocaleString('en-US')} keys`;

export const restart: Benchmark = {
  name: 'restart',
  about: 'how long a member needs to serve again, and what it occupies (demand 7)',
  run: async (context) => {
    const recorder = new Recorder();
    await ours(context, recorder);
    const notes = await etcds(context, recorder);
    return [section(recorder, notes), await longLog(context)];
  },
};

async function ours(context: BenchmarkContext, recorder: Recorder): Promise<void> {
  const cluster = await QuorateCluster.start();
  const readMemory = async (name: string, restMs = REST_MS): Promise<void> => {
    await pause(context.isTrial ? 0 : restMs);
    for (const pid of cluster.pids) recorder.add(name, 'MiB', residentBytes(pid) / MIB);
  };
  try {
    await readMemory(IDLE);
    context.tell('filling a cluster');
    await fillWithKeys(cluster, context.isTrial ? KEYS_OF_TRIAL : KEYS);
    await readMemory(FILLED);
    await readMemory(`${FILLED}, long at rest`, LONG_REST_MS);
    await inRounds(context, 'restarts', async () => {
      const id = (await cluster.followers())[0]!;
      await cluster.settled();
      await cluster.child(id).kill();
      const beganAt = performance.now();
      cluster.begin(id);
      await servesReads(cluster.door(id), SERVING_MS_MAX);
      recorder.add(`quorate, ${RESTART}`, 'ms', performance.now() - beganAt);
      await cluster.ready(id);
    });
  } finally {
    await cluster.stop();
  }
}

async function etcds(context: BenchmarkContext, recorder: Recorder): Promise<string[]> {
  const version = etcdVersion();
  if (version === undefined) return [`without etcd: ${ETCD_MISSING}`];
  const program = goProgram('etcdload', context.tell);
  if ('missing' in program) return [`without etcd: ${program.missing}`];
  const cluster = await EtcdCluster.start();
  try {
    context.tell('filling etcd');
    const keys = context.isTrial ? KEYS_OF_TRIAL : KEYS;
    await etcdLoad(program.path, {
      endpoints: [cluster.door(await cluster.leader())],
      operation: 'put',
      inflight: INFLIGHT,
      total: keys,
      keys,
      valueBytes: VALUE_BYTES,
      seconds: 0,
      warmSeconds: 0,
      serverPids: [],
    });
    for (const pid of cluster.pids)
      recorder.add(`etcd, ${FILLED}`, 'MiB', residentBytes(pid) / MIB);
    await inRounds(context, 'restarts of etcd', async () => {
      const id = (await cluster.followers())[0]!;
      await cluster.child(id).kill();
      const beganAt = performance.now();
      cluster.begin(id);
      const isServing = async () => ((await cluster.servesReads(id)) ? true : undefined);
      await until(`${id} to serve`, SERVING_MS_MAX, isServing, PROBE_EVERY_MS);
      recorder.add(`etcd, ${RESTART}`, 'ms', performance.now() - beganAt);
    });
  } finally {
    await cluster.stop();
  }
  return [`etcd ${version}, all defaults`];
}

function section(recorder: Recorder, notes: readonly string[]): Section {
  const worst = (name: string): number => Math.max(...recorder.rounds(name));
  const findings: Finding[] = [
    {
      item: 7,
      what: `${RESTART} until reads are served`,
      value: median(recorder.rounds(`quorate, ${RESTART}`)),
      unit: 'ms',
      target: atMost(RESTART_MS_MAX),
    },
    {
      item: 7,
      what: `${FILLED}, the largest of three`,
      value: worst(FILLED),
      unit: 'MiB',
      target: atMost(FILLED_MIB_MAX),
    },
    {
      item: 7,
      what: `${IDLE}, the largest of three`,
      value: worst(IDLE),
      unit: 'MiB',
      target: atMost(IDLE_MIB_MAX),
    },
  ];
  const title = 'Restart and memory (256-byte values)';
  return { title, series: recorder.series(), findings, notes };
}
