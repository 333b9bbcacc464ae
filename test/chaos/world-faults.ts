/**
 * Faults of what a machine gives its processes: a disk that is full, a wall clock that jumps; and several
 * faults at once.
 */
import { pause } from '../waiting.ts';
import { type Fault, type Missed, type Stage, textOf } from './fault.ts';
import { LINK_FAULTS } from './link-faults.ts';
import { PROCESS_FAULTS } from './process-faults.ts';

const HOUR_MS = 3_600_000;
const CLOCK_STEPS_MS: readonly number[] = [
  -365 * 24 * HOUR_MS,
  -HOUR_MS,
  -1_000,
  1_000,
  HOUR_MS,
  365 * 24 * HOUR_MS,
];
const STEP_EVERY_MS_MAX = 400;
const DISK_FULL = 6;

export const WORLD_FAULTS: readonly Fault[] = [
  {
    kind: 'clock-step',
    about: 'wall clocks jump, apart from each other',
    isQuick: true,
    run: clockStep,
  },
  { kind: 'disk-full', about: 'the disk of a node is full', needsSmallDisk: true, run: diskFull },
  { kind: 'storm', about: 'the network and processes at once', run: storm },
];

async function clockStep(stage: Stage): Promise<string> {
  const { cluster, seeded } = stage;
  const end = performance.now() + stage.holdMs();
  let steps = 0;
  for (; performance.now() < end; steps++) {
    cluster.setClock(seeded.pick(cluster.ids), seeded.pick(CLOCK_STEPS_MS));
    await pause(seeded.between(20, STEP_EVERY_MS_MAX));
  }
  for (const id of cluster.ids) cluster.setClock(id, 0);
  return `${steps} steps`;
}

/** The node has to end by itself with the code for a full disk; room is made before it is started again. */
async function diskFull(stage: Stage): Promise<string> {
  const { cluster, seeded } = stage;
  const disk = cluster.smallDisk;
  if (disk === undefined) throw new Error('there is no small disk');
  const id = cluster.smallDiskNode;
  const wasLeader = (await cluster.leader()) === id;
  cluster.expect(id, DISK_FULL);
  disk.fill();
  const written = await stage.ballast(() => !cluster.isRunning(id));
  const hasEnded = !cluster.isRunning(id);
  await pause(seeded.below(stage.holdMs()));
  disk.relieve();
  if (!hasEnded) {
    cluster.expectNothing(id);
    cluster.findings.push(`${id} still ran after ${written} large writes with its disk full`);
  }
  return `${id}${wasLeader ? ', which led' : ''}, ended after ${written} large writes`;
}

/** One of each. Only those that do not need the others to be well. */
const STORM_LINKS: readonly string[] = ['cut', 'cut-one-way', 'delay', 'slow', 'reset', 'flap'];
const STORM_PROCESSES: readonly string[] = [
  'kill-leader',
  'kill-majority',
  'stop-leader',
  'kill-all',
];

/** It has struck when one of the two has. */
async function storm(stage: Stage): Promise<string | Missed> {
  const { seeded } = stage;
  const links = LINK_FAULTS.filter(({ kind }) => STORM_LINKS.includes(kind));
  const processes = PROCESS_FAULTS.filter(({ kind }) => STORM_PROCESSES.includes(kind));
  const pair = [seeded.pick(processes), seeded.pick(links)];
  const done = await Promise.all(pair.map((fault) => fault.run(stage)));
  const text = done.map((one, at) => `${pair[at]?.kind} ${textOf(one)}`).join(' with ');
  return done.every((one) => typeof one !== 'string') ? { missed: text } : text;
}
