/**
 * What a put takes while the cluster is not at its limit: an open loop at fixed rates, latencies from when each
 * put was due. That is what users of a service feel; the closed loops of the other benchmarks tell what it can
 * bear.
 */
import { type Benchmark, inRounds } from '../benchmark.ts';
import { Histogram } from '../histogram.ts';
import { Recorder } from '../recorder.ts';
import { quorateSide } from './sides.ts';

const RATES = [500, 2_000, 10_000] as const;
const DUE_MAX = 60_000;
/** What only all rounds together have enough of. */
const RARE = 0.999;

export const paced: Benchmark = {
  name: 'paced',
  about: 'latencies of puts at fixed rates, counted from when they were due',
  run: async (context) => {
    const { seconds, warmSeconds } = context;
    const side = await quorateSide();
    const recorder = new Recorder();
    const all = new Map<number, Histogram>(RATES.map((rate) => [rate, new Histogram()]));
    const nameOf = (rate: number): string => `${rate} puts due a second`;
    try {
      await inRounds(context, 'paced puts', async () => {
        for (const rate of RATES) {
          const load = { operation: 'put', via: 'leader', inflight: DUE_MAX, rate } as const;
          const result = await side.load({ ...load, seconds, warmSeconds });
          recorder.addLoad(nameOf(rate), result);
          if (result.latency !== undefined) all.get(rate)!.add(result.latency);
        }
      });
    } finally {
      await side.stop();
    }
    for (const [rate, histogram] of all) {
      recorder.addPart(nameOf(rate), 'p99.9 of all rounds', 'ms', histogram.quantileMs(RARE));
      recorder.addPart(nameOf(rate), 'longest', 'ms', histogram.maxMs);
    }
    const title = 'Puts at fixed rates (256 bytes, three durable nodes, open loop)';
    return [{ title, series: recorder.series(), findings: [], notes: recorder.notes() }];
  },
};
