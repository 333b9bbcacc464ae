/**
 * What befalls processes and their machines: killed at any operation on the door, again and again, all
 * at once; standing still for less and for longer than an election takes; a busy event loop; a wall clock
 * that is wrong and jumps. Whoever dies is started again by the supervisor.
 *
 * A wiped machine comes back under its old name first, as happens when nobody knows that its disk was
 * replaced: it must be refused (N-32). Later an operator notices, and makes a new member of it.
 */
import { amount, anybody, type FaultKind, lasting, type Scene } from './kind.ts';
import { present, running, several, target } from './targets.ts';

/** A wall clock is wrong by up to so much: a leap, a summer, a battery that went flat. */
const SKEWS_MS: readonly number[] = [-3_600_000, -61_000, -1_000, 500, 30_000, 86_400_000];

/** The supervisor leaves it alone for so long; 0: it starts it when it likes. */
export function keepDown({ supervisor, passing }: Scene, name: string, ms: number): void {
  if (ms === 0) return;
  supervisor.hold(name, 'fault');
  passing.for(ms, () => supervisor.release(name, 'fault'));
}

/** Mostly the supervisor decides; now and then it is away for long. */
function downMs(random: Parameters<FaultKind['draw']>[0], longestMs: number): number {
  return random.chance(60) ? 0 : random.between(200, longestMs);
}

const DEATHS: readonly FaultKind[] = [
  {
    name: 'kill',
    draw: (random, { longestMs }) => ({
      who: anybody(random),
      downMs: downMs(random, longestMs),
    }),
    strike(scene, args) {
      const machine = target(scene, args['who']);
      if (machine === undefined) return false;
      keepDown(scene, machine.name, amount(args, 'downMs'));
      scene.cluster.kill(machine.name);
      return true;
    },
  },
  {
    name: 'kill-at-operation',
    draw: (random, { longestMs }) => ({
      who: anybody(random),
      operations: random.pick([1, 2, 3, 5, 8, 13, 34, 89, 233]),
      power: random.chance(40) ? 1 : 0,
      downMs: downMs(random, longestMs),
    }),
    strike(scene, args) {
      const machine = target(scene, args['who']);
      if (machine === undefined) return false;
      keepDown(scene, machine.name, amount(args, 'downMs'));
      const how = args['power'] === 1 ? 'power-cut' : 'killed';
      scene.cluster.dieAfter(machine.name, amount(args, 'operations'), how, scene.struck);
      return 'later';
    },
  },
  {
    name: 'kill-all',
    draw: (random, { longestMs }) => ({
      share: random.pick(['minority', 'majority', 'all', 'all']),
      apartMs: random.pick([0, 0, 1, 20, 300]),
      downMs: downMs(random, longestMs),
    }),
    strike(scene, args) {
      const machines = several(scene, args['share']);
      machines.forEach(({ name }, at) => {
        scene.passing.later(at * amount(args, 'apartMs'), () => {
          keepDown(scene, name, amount(args, 'downMs'));
          scene.cluster.kill(name);
        });
      });
      return machines.length > 0;
    },
  },
  {
    name: 'crash-loop',
    draw: (random, { strength }) => ({
      who: anybody(random),
      times: random.between(2, 3 + 2 * strength),
      everyMs: random.pick([5, 40, 150, 400, 1_200]),
    }),
    strike(scene, args) {
      const machine = target(scene, args['who']);
      if (machine === undefined) return false;
      const { name } = machine;
      const everyMs = amount(args, 'everyMs');
      scene.passing.repeat(
        everyMs * amount(args, 'times'),
        () => everyMs,
        () => {
          scene.cluster.kill(name);
          // Sooner than any supervisor: it is to die while it starts.
          if (!scene.supervisor.isHeld(name)) scene.supervisor.start(name);
        },
      );
      return true;
    },
  },
  {
    name: 'wipe',
    destroysData: true,
    draw: (random) => ({
      who: anybody(random),
      restarts: random.chance(70) ? 1 : 0,
      noticedMs: random.between(100, 6_000),
    }),
    strike(scene, args) {
      const { budget, cluster, supervisor, operators } = scene;
      const free = present(scene).filter(({ name }) => isFree(scene, name));
      const machine = target(scene, args['who'], free);
      if (machine === undefined || !budget.allows(machine.name)) return false;
      const { name } = machine;
      budget.spend(name);
      scene.excuse(name, 'removal');
      if (args['restarts'] !== 1) supervisor.hold(name, 'damaged');
      cluster.kill(name);
      cluster.wipe(name);
      // The supervisor knows of the death; a machine that was down already it is told of.
      if (args['restarts'] === 1) supervisor.release(name, 'damaged');
      scene.passing.for(amount(args, 'noticedMs'), () => replace(scene, name));
      return operators.view.roleOf(name) !== undefined;
    },
  },
];

/** Nobody works on it, and it is a member. */
export function isFree({ operators }: Scene, name: string): boolean {
  return operators.wishFor(name) === undefined && operators.view.roleOf(name) !== undefined;
}

/** An operator has noticed that its data is lost, and makes a new member of it. */
export function replace({ operators, excuse }: Scene, name: string): void {
  if (operators.wishFor(name) !== undefined) return;
  excuse(name, 'removal');
  operators.order(name, operators.view.roleOf(name) ?? 'voter', 'lost');
}

const TIME: readonly FaultKind[] = [
  {
    name: 'pause',
    draw: (random, { strength }) => ({
      who: anybody(random),
      // An election takes one to two seconds.
      ms: random.pick([30, 300, 900, 1_100, 1_700, 2_500, 4_000 * strength]),
    }),
    strike(scene, args) {
      const machine = target(scene, args['who']);
      if (machine === undefined) return false;
      scene.cluster.pause(machine.name, amount(args, 'ms'));
      return true;
    },
  },
  {
    name: 'pause-several',
    draw: (random, { strength }) => ({
      share: random.pick(['minority', 'majority', 'all']),
      ms: random.pick([300, 1_100, 1_700, 2_500 * strength]),
    }),
    strike(scene, args) {
      const machines = several(scene, args['share']);
      for (const { name } of machines) scene.cluster.pause(name, amount(args, 'ms'));
      return machines.length > 0;
    },
  },
  {
    name: 'slow-loop',
    draw: (random, intensity) => ({
      who: random.pick(['leader', 'follower', 'all']),
      blockMs: random.between(5, 120 * intensity.strength),
      everyMs: random.between(10, 300),
      ms: lasting(random, intensity, 3_000),
    }),
    strike(scene, args) {
      const one = args['who'] === 'all' ? undefined : target(scene, args['who']);
      const whom = one === undefined ? running(scene) : [one];
      const [blockMs, everyMs] = [amount(args, 'blockMs'), amount(args, 'everyMs')];
      scene.passing.repeat(
        amount(args, 'ms'),
        () => scene.random.between(1, everyMs) + blockMs,
        () => {
          for (const { process } of whom) process?.loop.block(scene.random.between(1, blockMs));
        },
      );
      return whom.length > 0;
    },
  },
  {
    name: 'wrong-clock',
    draw: (random, intensity) => ({
      who: anybody(random),
      skewMs: random.pick(SKEWS_MS),
      ms: lasting(random, intensity, 5_000),
    }),
    strike(scene, args) {
      const machine = target(scene, args['who'], present(scene));
      if (machine === undefined) return false;
      const { cluster } = scene;
      cluster.skewWallClock(machine.name, amount(args, 'skewMs'));
      scene.passing.for(amount(args, 'ms'), () => cluster.skewWallClock(machine.name, 0));
      return true;
    },
  },
  {
    name: 'jumping-clocks',
    draw: (random, intensity) => ({
      times: random.between(2, 4 * intensity.strength),
      everyMs: random.between(50, 1_000),
    }),
    strike(scene, args) {
      const { cluster, random, passing } = scene;
      const everyMs = amount(args, 'everyMs');
      const ms = everyMs * amount(args, 'times');
      passing.repeat(
        ms,
        () => everyMs,
        () => cluster.skewWallClock(random.pick(present(scene)).name, random.pick(SKEWS_MS)),
      );
      passing.for(ms, () => {
        for (const name of cluster.machines.keys()) cluster.skewWallClock(name, 0);
      });
      return true;
    },
  },
];

export const PROCESS_FAULTS: readonly FaultKind[] = [...DEATHS, ...TIME];
