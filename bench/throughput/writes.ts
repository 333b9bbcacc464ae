/**
 * Demands 1, 2 and 8: puts through the network client, one at a time and many in flight, beside etcd with its
 * Go client and the bare pipeline. Three durable nodes, 256-byte values, the client in its own process; both
 * clients talk to the leader first, which is to etcd's advantage as much as to ours.
 */
import type { Benchmark, BenchmarkContext } from '../benchmark.ts';
import { SYNC_WAYS, type SyncWay } from '../ceiling/group-log.ts';
import { Recorder } from '../recorder.ts';
import { atLeast, atMost, type Finding, type Section } from '../report/findings.ts';
import { median } from '../statistics.ts';
import { type FoundEtcd, findEtcd } from './peer-sides.ts';
import { ceilingSide, quorateSide, type Side } from './sides.ts';
import { type Turn, takeTurns } from './taking-turns.ts';

const INFLIGHTS = [1, 64, 256, 1_000] as const;
/** Times as many as etcd, by the number in flight. */
const TIMES_ETCD: Readonly<Record<number, number>> = { 64: 6, 256: 8, 1000: 12 };
/** Of the bare pipeline's rate: a fifth at least. */
const SHARE_OF_CEILING = 1 / 5;
const P99_OF_ETCD = 1 / 5;
const P50_OF_ETCD = 1 / 2;
const P50_OF_CEILING = 1.5;
const CPU_OF_ETCD = 1 / 10;
const CPU_INFLIGHT = 1_000;

const nameOf = (who: string, inflight: number): string => `${who}, ${inflight} in flight`;
const QUORATE = 'quorate';
const ETCD = 'etcd';
const ceilingName = (way: SyncWay): string => `bare pipeline with ${way}`;
const AT_FOLLOWERS = 'quorate, asked of followers';

export const writes: Benchmark = {
  name: 'writes',
  about: 'puts through the network client, beside etcd and the bare pipeline (demands 1, 2, 8)',
  run: async (context) => {
    const etcd = await findEtcd(context.tell);
    const ours = await quorateSide();
    const ceilings = await Promise.all(SYNC_WAYS.map(ceilingSide));
    try {
      return [await measure(context, ours, ceilings, etcd)];
    } finally {
      await Promise.all([...ceilings, ours, etcd.side].map((side) => side?.stop()));
    }
  },
};

type Entrant = [who: string, side: Side | undefined, load: Turn['load']];

async function measure(
  context: BenchmarkContext,
  ours: Side,
  ceilings: readonly Side[],
  { side: etcd, note }: FoundEtcd,
): Promise<Section> {
  const recorder = new Recorder();
  const groups = INFLIGHTS.map((inflight): Turn[] => {
    const load = { operation: 'put', via: 'leader', inflight } as const;
    const sides: Entrant[] = [
      [QUORATE, ours, load],
      [ETCD, etcd, load],
      ...SYNC_WAYS.map((way, at): Entrant => [ceilingName(way), ceilings[at], load]),
      [AT_FOLLOWERS, inflight === 1 ? undefined : ours, { ...load, via: 'followers' }],
    ];
    return sides.flatMap(([who, side, put]) =>
      side === undefined ? [] : [{ name: nameOf(who, inflight), side, load: put }],
    );
  });
  await takeTurns(context, 'puts', groups, recorder);
  return {
    title: 'Puts through the network client (256 bytes, three durable nodes)',
    series: recorder.series(),
    findings: findings(recorder),
    notes: [note, ...recorder.notes()],
  };
}

function findings(recorder: Recorder): Finding[] {
  const against = (other: string, inflight: number, part?: string) =>
    recorder.against(nameOf(QUORATE, inflight), nameOf(other, inflight), part);
  const many = INFLIGHTS.filter((inflight) => inflight > 1);
  return [
    ...many.map((inflight) => ({
      item: 1,
      what: nameOf('puts against etcd', inflight),
      ...against(ETCD, inflight),
      unit: 'times',
      target: atLeast(TIMES_ETCD[inflight]!),
    })),
    ...many.map((inflight) => {
      const ceiling = ceilingName(fasterWay(recorder, inflight));
      return {
        item: 1,
        what: nameOf(`puts against the ${ceiling}`, inflight),
        ...against(ceiling, inflight),
        unit: 'times',
        target: atLeast(SHARE_OF_CEILING),
      };
    }),
    ...many.map((inflight) => ({
      item: 1,
      what: nameOf('p99 against etcd', inflight),
      ...against(ETCD, inflight, 'p99'),
      unit: 'times',
      target: atMost(P99_OF_ETCD),
    })),
    {
      item: 2,
      what: 'p50 of one at a time against etcd',
      ...against(ETCD, 1, 'p50'),
      unit: 'times',
      target: atMost(P50_OF_ETCD),
    },
    {
      item: 2,
      what: `p50 of one at a time against the ${ceilingName(fasterWay(recorder, 1))}`,
      ...against(ceilingName(fasterWay(recorder, 1)), 1, 'p50'),
      unit: 'times',
      target: atMost(P50_OF_CEILING),
    },
    {
      item: 8,
      what: nameOf('CPU of all servers for a put against etcd', CPU_INFLIGHT),
      ...against(ETCD, CPU_INFLIGHT, 'server CPU'),
      unit: 'times',
      target: atMost(CPU_OF_ETCD),
    },
  ];
}

/** The ceiling is whatever is faster: one at a time that is also the one that answers sooner. */
function fasterWay(recorder: Recorder, inflight: number): SyncWay {
  const rate = (way: SyncWay): number =>
    median(recorder.rounds(nameOf(ceilingName(way), inflight)));
  return SYNC_WAYS.reduce((best, way) => (rate(way) > rate(best) ? way : best));
}
