/**
 * Goal: a seed brings back the plan of faults, however long each took; and a cluster that does not come back is
 * a finding. Method: a cluster that is only said to be one, and faults that only draw numbers.
 */
import { expect, it } from 'vitest';

import type { ChaosCluster } from './chaos-cluster.ts';
import type { Fault, Missed, Stage } from './fault.ts';
import { Nemesis } from './nemesis.ts';

const TIMES = { holdMsMin: 1, holdMsMax: 5, calmMs: 0 };

interface Stub {
  readonly cluster: ChaosCluster;
  readonly mended: string[];
}

/** `n1` runs until `isDown` says so. */
function stub(isDown: () => boolean = () => false): Stub {
  const mended: string[] = [];
  const cluster = {
    ids: ['n1'],
    findings: [] as string[],
    links: { heal: async () => mended.push('links') },
    revive: async () => mended.push('processes'),
    isRunning: () => !isDown(),
    reports: async () => [{}],
    areReady: async () => true,
  };
  return { cluster: cluster as unknown as ChaosCluster, mended };
}

function fault(kind: string, run: (stage: Stage) => Promise<string | Missed>): Fault {
  return { kind, about: kind, run };
}

async function plan(seed: number, draws: () => number): Promise<string[]> {
  const told: string[] = [];
  let isOver = false;
  const kinds = ['a', 'b', 'c', 'd'];
  const faults = kinds.map((kind) =>
    fault(kind, async ({ seeded, holdMs }) => {
      const first = `${seeded.below(1_000_000)} ${holdMs()}`;
      for (let i = draws(); i > 0; i--) seeded.below(2);
      if (told.length >= 7) isOver = true;
      return first;
    }),
  );
  const acknowledgedAt: number[] = [];
  const { cluster } = stub(() => isOver);
  const note = (text: string): void => {
    told.push(text.split(';')[0] ?? '');
  };
  const ballast = async (): Promise<number> => 0;
  const options = { cluster, seed, faults, times: TIMES, acknowledgedAt, note, ballast };
  const writing = setInterval(() => acknowledgedAt.push(performance.now()), 1);
  await new Nemesis(options).run(60_000);
  clearInterval(writing);
  return told;
}

it('does the same to the same in the same order for the same seed', async () => {
  let count = 0;
  const once = await plan(7, () => 0);
  const again = await plan(7, () => ++count % 5);
  expect(again).toEqual(once);
  expect(new Set(once.slice(0, 4).map((text) => text[0]))).toEqual(new Set(['a', 'b', 'c', 'd']));
  expect(await plan(8, () => 0)).not.toEqual(once);
});

it('mends everything after a fault, also after one that could not be done', async () => {
  let isOver = false;
  const { cluster, mended } = stub(() => isOver);
  const faults = [
    fault('broken', async () => {
      isOver = true;
      throw new Error('nobody to strike');
    }),
  ];
  const note = (): void => {};
  const ballast = async (): Promise<number> => 0;
  const nemesis = new Nemesis({
    cluster,
    seed: 1,
    faults,
    times: TIMES,
    acknowledgedAt: [],
    note,
    ballast,
  });
  await nemesis.run(60_000);
  expect(mended).toEqual(['links', 'processes']);
  expect(cluster.findings[0]).toContain('broken could not be done: nobody to strike');
  expect(cluster.findings[1]).toContain('n1 has ended');
  expect(nemesis.windows).toHaveLength(1);
});

it('counts no fault that struck nothing, and says so', async () => {
  let round = 0;
  const { cluster } = stub(() => round > 3);
  const faults = [
    fault('vain', async () => {
      round++;
      return round % 2 === 0 ? 'one connection' : { missed: 'there were no connections' };
    }),
  ];
  const told: string[] = [];
  const acknowledgedAt: number[] = [];
  const nemesis = new Nemesis({
    cluster,
    seed: 1,
    faults,
    times: TIMES,
    acknowledgedAt,
    note: (text) => told.push(text),
    ballast: async () => 0,
  });
  const writing = setInterval(() => acknowledgedAt.push(performance.now()), 1);
  await nemesis.run(60_000);
  clearInterval(writing);
  expect(nemesis.windows).toHaveLength(2);
  expect(told[0]).toContain('vain: nothing was struck (there were no connections); back after');
  expect(told[1]).toContain('vain: one connection; back after');
});
