/**
 * Demand 6, the part that takes minutes: no election at full load while the machine's other core is busy. The
 * load is as much as goes through, the other core turns in a circle, and whoever leads, and in which term, must
 * be the same afterwards.
 */
import type { Benchmark } from '../benchmark.ts';
import { nodeChild } from '../processes/child.ts';
import { program } from '../processes/paths.ts';
import { Recorder } from '../recorder.ts';
import { atMost } from '../report/findings.ts';
import { quorateSide } from '../throughput/sides.ts';

const INFLIGHT = 1_000;
const STRETCH_SECONDS = 10;

export const steady: Benchmark = {
  name: 'steady',
  about: 'no false election at full load, the other core busy, for --minutes (demand 6)',
  run: async ({ minutes, tell, isTrial }) => {
    const side = await quorateSide();
    const busy = nodeChild('busy core', program('bench/failover/busy-main'), []);
    const recorder = new Recorder();
    try {
      const before = await side.cluster.report(await side.cluster.leader());
      const endAt = performance.now() + minutes * 60_000;
      while (performance.now() < endAt) {
        const left = (endAt - performance.now()) / 1_000;
        const seconds = Math.max(0.1, Math.min(STRETCH_SECONDS, left));
        if (!isTrial) tell(`full load with a busy core: ${Math.ceil(left)} s to go`);
        const load = { operation: 'put', via: 'leader', inflight: INFLIGHT } as const;
        recorder.addLoad('puts', await side.load({ ...load, seconds, warmSeconds: 0 }));
      }
      const after = await side.cluster.report(await side.cluster.leader());
      const elections = (after?.term ?? Number.NaN) - (before?.term ?? Number.NaN);
      return [
        {
          title: `Full load with a busy core for ${minutes} min`,
          series: recorder.series(),
          findings: [
            {
              item: 6,
              what: `terms begun in ${minutes} min at full load`,
              value: elections,
              failed: recorder.failed('puts'),
              unit: 'terms',
              target: atMost(0),
            },
          ],
          notes: recorder.notes(),
        },
      ];
    } finally {
      await busy.kill();
      await side.stop();
    }
  },
};
