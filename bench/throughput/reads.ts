/**
 * Demand 4: linearizable reads through the network client, asked of the leader, and spread over the followers;
 * beside etcd with its Go client, asked in the same way. Lease reads (as soon as a node offers them) and local
 * ones are measured beside.
 */
import { connect } from '../../src/client/index.ts';
import type { Consistency } from '../../src/consensus/index.ts';
import { ClusterError } from '../../src/index.ts';
import type { Benchmark, BenchmarkContext } from '../benchmark.ts';
import { keyName } from '../load/spec.ts';
import { Recorder } from '../recorder.ts';
import { atLeast, type Finding, type Section } from '../report/findings.ts';
import { type FoundEtcd, findEtcd } from './peer-sides.ts';
import { quorateSide, type Side, type Via } from './sides.ts';
import { type Turn, takeTurns } from './taking-turns.ts';

const INFLIGHTS = [64, 256] as const;
const TIMES_ETCD = 12;
const WAYS: readonly Via[] = ['leader', 'followers'];

const nameOf = (who: string, via: Via, inflight: number): string =>
  `${who}, from the ${via}, ${inflight} in flight`;

export const reads: Benchmark = {
  name: 'reads',
  about: 'linearizable, lease and local reads through the network client, beside etcd (demand 4)',
  run: async (context) => {
    const etcd = await findEtcd(context.tell);
    const ours = await quorateSide();
    try {
      const { cluster } = ours;
      const hasLease = await hasLeaseReads(cluster.door(await cluster.leader()));
      return [await measure(context, ours, etcd, hasLease)];
    } finally {
      await Promise.all([ours.stop(), etcd.side?.stop()]);
    }
  },
};

async function measure(
  context: BenchmarkContext,
  ours: Side,
  { side: etcd, note }: FoundEtcd,
  hasLease: boolean,
): Promise<Section> {
  const recorder = new Recorder();
  const groups = INFLIGHTS.flatMap((inflight) => [
    ...WAYS.map((via): Turn[] => {
      const load = { operation: 'get', via, inflight } as const;
      const mine = { name: nameOf('quorate', via, inflight), side: ours, load };
      if (etcd === undefined) return [mine];
      return [mine, { name: nameOf('etcd', via, inflight), side: etcd, load }];
    }),
    besides(ours, inflight, hasLease),
  ]);
  await takeTurns(context, 'reads', groups, recorder);
  return {
    title: 'Reads through the network client (256 bytes, three nodes)',
    series: recorder.series(),
    findings: findings(recorder),
    notes: [
      note,
      ...(hasLease ? [] : ['without lease reads: the nodes do not offer them']),
      ...recorder.notes(),
    ],
  };
}

function besides(ours: Side, inflight: number, hasLease: boolean): Turn[] {
  const operations = hasLease ? (['get-lease', 'get-local'] as const) : (['get-local'] as const);
  return operations.map((operation) => ({
    name: nameOf(`quorate, ${operation.slice('get-'.length)}`, 'leader', inflight),
    side: ours,
    load: { operation, via: 'leader', inflight },
  }));
}

function findings(recorder: Recorder): Finding[] {
  return INFLIGHTS.flatMap((inflight) =>
    WAYS.map((via) => ({
      item: 4,
      what: nameOf('linearizable reads against etcd', via, inflight),
      ...recorder.against(nameOf('quorate', via, inflight), nameOf('etcd', via, inflight)),
      unit: 'times',
      target: atLeast(TIMES_ETCD),
    })),
  );
}

/** A node that does not know them refuses the word. */
async function hasLeaseReads(door: string): Promise<boolean> {
  const client = await connect({ nodes: [door] });
  try {
    await client.get(keyName(0), { consistency: 'lease' as Consistency });
    return true;
  } catch (error) {
    // Anything else is a fault, and would make a figure vanish without a word.
    if (error instanceof ClusterError && error.code === 'REQUEST_INVALID') return false;
    throw error;
  } finally {
    await client.close();
  }
}
