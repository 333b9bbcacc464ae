/**
 * Demand 3: proposals from the leader's own process, the normal way of embedding, beside hashicorp/raft with
 * its bolt store over TCP: three processes each, a state machine that does nothing, 256-byte commands.
 * What an idle embedded node occupies (demand 7) is read here, before the load.
 */

import { pause } from '../../test/waiting.ts';
import { type Benchmark, type BenchmarkContext, inRounds } from '../benchmark.ts';
import { EmbeddedCluster, quorateNode } from '../cluster/embedded-cluster.ts';
import { goProgram } from '../peers/go-programs.ts';
import { hashicorpNode } from '../peers/raft-node-command.ts';
import { residentBytes } from '../processes/proc-files.ts';
import { Recorder } from '../recorder.ts';
import { atLeast, atMost, type Finding, type Section } from '../report/findings.ts';
import { rotated } from '../rotated.ts';
import { VALUE_BYTES } from './sides.ts';
import { RUN_IN_INFLIGHT, RUN_IN_SECONDS } from './taking-turns.ts';

const INFLIGHTS = [1, 64, 1_000] as const;
const TIMES_HASHICORP: Readonly<Record<number, number>> = { 1: 1, 64: 6, 1000: 10 };
const IDLE_MIB_MAX = 60;
/** What the start needed is given back by then, if ever. */
const REST_MS = 2_000;
const MIB = 2 ** 20;
const QUORATE = 'quorate';
const HASHICORP = 'hashicorp/raft';

const nameOf = (who: string, inflight: number): string => `${who}, ${inflight} in flight`;

export const embedded: Benchmark = {
  name: 'embedded',
  about: "proposals in the leader's process, beside hashicorp/raft (demand 3; idle memory of 7)",
  run: async (context) => {
    const program = goProgram('raftload', context.tell);
    const ours = await EmbeddedCluster.start(QUORATE, quorateNode);
    const clusters: [string, EmbeddedCluster][] = [[QUORATE, ours]];
    try {
      if ('path' in program) {
        const theirs = await EmbeddedCluster.start(HASHICORP, hashicorpNode(program.path));
        clusters.push([HASHICORP, theirs]);
      }
      const note = 'missing' in program ? [`without ${HASHICORP}: ${program.missing}`] : [];
      return [await measure(context, clusters, note)];
    } finally {
      await Promise.all(clusters.map(([, cluster]) => cluster.stop()));
    }
  },
};

async function measure(
  context: BenchmarkContext,
  clusters: readonly (readonly [string, EmbeddedCluster])[],
  notes: readonly string[],
): Promise<Section> {
  const { seconds, warmSeconds } = context;
  const recorder = new Recorder();
  await pause(context.isTrial ? 0 : REST_MS);
  for (const [who, { pids }] of clusters) {
    for (const pid of pids) recorder.add(`${who}, idle node`, 'MiB', residentBytes(pid) / MIB);
  }
  await runIn(context, clusters);
  await inRounds(context, 'proposals in process', async (round) => {
    for (const inflight of INFLIGHTS) {
      for (const [who, cluster] of rotated(clusters, round)) {
        const load = { inflight, seconds, warmSeconds, valueBytes: VALUE_BYTES };
        recorder.addLoad(nameOf(who, inflight), await cluster.load(load));
      }
    }
  });
  return {
    title: "Proposals in the leader's process (256 bytes, three durable nodes)",
    series: recorder.series(),
    findings: findings(recorder),
    notes: [...notes, ...recorder.notes()],
  };
}

/** As `takeTurns` does it: a program just started spends its first seconds with compiling itself. */
async function runIn(
  { isTrial, seconds }: BenchmarkContext,
  clusters: readonly (readonly [string, EmbeddedCluster])[],
): Promise<void> {
  const runSeconds = isTrial ? seconds : RUN_IN_SECONDS;
  for (const [, cluster] of clusters) {
    const load = { inflight: RUN_IN_INFLIGHT, warmSeconds: 0, valueBytes: VALUE_BYTES };
    await cluster.load({ ...load, seconds: runSeconds });
  }
}

function findings(recorder: Recorder): Finding[] {
  const against = INFLIGHTS.map((inflight) => ({
    item: 3,
    what: nameOf(`proposals against ${HASHICORP}`, inflight),
    ...recorder.against(nameOf(QUORATE, inflight), nameOf(HASHICORP, inflight)),
    unit: 'times',
    target: atLeast(TIMES_HASHICORP[inflight]!),
  }));
  const idle = {
    item: 7,
    what: 'memory of an idle embedded node, the largest of three',
    value: Math.max(...recorder.rounds(`${QUORATE}, idle node`)),
    unit: 'MiB',
    target: atMost(IDLE_MIB_MAX),
  };
  return [...against, idle];
}
