/**
 * Faults that go after somebody: they wait for what comes of the first blow, and strike again there.
 *
 * Blows that fall where they were planned seldom meet a leader in its first moments, or a process that has
 * just found on its disk what the one before it had not synced. Both are what protocols go wrong at: terms
 * in which nearly nothing was done (N-11), and bytes that are there without being durable (N-19).
 */
import { amount, anybody, type FaultArgs, type FaultKind, type Scene, worsen } from './kind.ts';
import { keepDown } from './process-faults.ts';
import { isUp } from './restart.ts';
import { leaderOf, present, target } from './targets.ts';

/** How often it is looked whether it is time. */
const LOOK_MS = 5;

/** After its election: at once, while its first entry is under way, when it has done a little. */
const HUNT_AFTER_MS: readonly number[] = [0, 0, 2, 10, 50];

/** Whoever leads is struck, and whoever is elected after it: terms in which little or nothing is done. */
const HUNT: FaultKind = {
  name: 'leader-hunt',
  draw: (random, { strength, longestMs }) => ({
    how: random.pick(['kill', 'power-cut', 'pause', 'isolate', 'isolate']),
    leaders: random.between(2, 3 + strength),
    afterMs: random.pick(HUNT_AFTER_MS),
    // For two election timeouts or so.
    awayMs: random.between(500, Math.max(3_000, longestMs)),
  }),
  strike(scene, args) {
    const { cluster, passing } = scene;
    let left = amount(args, 'leaders');
    let last: string | undefined;
    const look = (): void => {
      const leader = leaderOf(cluster);
      if (leader !== undefined && leader !== last) {
        last = leader;
        left -= 1;
        passing.later(amount(args, 'afterMs'), () => fell(scene, leader, args));
      }
      if (left > 0) passing.later(LOOK_MS, look);
    };
    look();
    return 'later';
  },
};

function fell(scene: Scene, name: string, args: FaultArgs): void {
  const { cluster } = scene;
  if (cluster.machine(name).process === undefined) return;
  scene.struck();
  const awayMs = amount(args, 'awayMs');
  const how = args['how'];
  if (how === 'pause') cluster.pause(name, awayMs);
  else if (how === 'isolate') cutOff(scene, awayMs, name);
  else {
    keepDown(scene, name, awayMs);
    if (how === 'kill') cluster.kill(name);
    else cluster.cutPower(name);
  }
}

/** From the other nodes; its clients it may have. */
function cutOff(scene: Scene, ms: number, name: string): void {
  const others = present(scene).filter((machine) => machine.name !== name);
  worsen(scene, ms, (world) => {
    for (const other of others) {
      world.link(name, other.name).isCut = true;
      world.link(other.name, name).isCut = true;
    }
  });
}

/** Started again by then, or left alone. */
const REBORN_WITHIN_MS = 3_000;
const REBORN_AFTER_MS: readonly number[] = [0, 0, 5, 20, 60];

/**
 * A process dies at one of its next operations, so perhaps between a write and its sync; when the next one
 * has begun on what it found there, the power fails.
 */
const KILL_THEN_POWER: FaultKind = {
  name: 'kill-then-power-cut',
  draw: (random) => ({
    who: anybody(random),
    operations: random.between(1, 6),
    afterMs: random.pick(REBORN_AFTER_MS),
  }),
  strike(scene, args) {
    const { cluster, passing, supervisor } = scene;
    const machine = target(scene, args['who']);
    if (machine?.process === undefined) return false;
    const { name, process: first } = machine;
    let looks = REBORN_WITHIN_MS / LOOK_MS;
    const look = (): void => {
      looks -= 1;
      if (machine.process === undefined && !supervisor.isHeld(name)) supervisor.start(name);
      if (machine.process !== first && isUp(machine)) {
        passing.later(amount(args, 'afterMs'), () => cluster.cutPower(name));
      } else if (looks > 0) passing.later(LOOK_MS, look);
    };
    cluster.dieAfter(name, amount(args, 'operations'), 'killed', scene.struck);
    look();
    return 'later';
  },
};

export const PURSUITS: readonly FaultKind[] = [HUNT, KILL_THEN_POWER];
