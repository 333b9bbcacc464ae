/**
 * What befalls disks: slow for a while, stuck for seconds, full, failing; machines that lose their power,
 * alone or all at once, with what was not synced lost and torn, or in the wrong place; and bits that flip
 * while nobody looks.
 *
 * A node may rightly end of some of these, and must do so rather than go on with what it does not have
 * (N-38, N-39); the checkers are told. Lost and torn sectors are no excuse at all: every machine loses
 * its power one day, and its node comes back.
 *
 * Sectors at each other's places are another matter. Nothing that was promised is among them, but they are
 * written bytes where none were written, which a log can not tell from rot: it may refuse them, and its
 * machine is as lost as if it had been promised. So they count as what destroys data, as rot does: see
 * data-budget.ts.
 */
import type { Excuse } from '../cluster/events.ts';
import type { DiskConditions, DiskStruck } from '../world/disk-conditions.ts';
import type { Effect } from './conditions.ts';
import {
  amount,
  anybody,
  type FaultArgs,
  type FaultKind,
  lasting,
  type Scene,
  untilRisen,
  worsen,
} from './kind.ts';
import { isFree, keepDown, replace } from './process-faults.ts';
import { present, several, target } from './targets.ts';

function onDisk(
  scene: Scene,
  args: FaultArgs,
  excuse: Excuse | undefined,
  change: (disk: DiskConditions) => void,
  gauge?: keyof DiskStruck,
): boolean | 'later' {
  const one = args['who'] === 'all' ? undefined : target(scene, args['who']);
  const whom = one !== undefined ? [one] : args['who'] === 'all' ? present(scene) : [];
  if (excuse !== undefined) for (const { name } of whom) scene.excuse(name, excuse);
  const effect: Effect = (world) => {
    for (const { name } of whom) change(world.disk(name));
  };
  const count = gauge && ((): number => whom.reduce((sum, { struck }) => sum + struck[gauge], 0));
  const hasStruck = worsen(scene, amount(args, 'ms'), effect, count);
  return whom.length > 0 && hasStruck;
}

const SLOW: readonly FaultKind[] = [
  {
    name: 'slow-disk',
    draw: (random, intensity) => ({
      who: random.pick(['leader', 'follower', 'any', 'all']),
      extraMs: random.pick([1, 5, 20, 80 * intensity.strength]),
      ms: lasting(random, intensity, 3_000),
    }),
    strike: (scene, args) =>
      onDisk(
        scene,
        args,
        undefined,
        (disk) => {
          disk.extraMs = Math.max(disk.extraMs, amount(args, 'extraMs'));
        },
        'slow',
      ),
  },
  {
    name: 'stuck-sync',
    draw: (random, intensity) => ({
      who: anybody(random),
      syncMs: random.pick([300, 1_100, 2_500, 5_000]),
      ms: lasting(random, intensity, 1_000),
    }),
    strike: (scene, args) =>
      onDisk(
        scene,
        args,
        undefined,
        (disk) => {
          const typicalMs = Math.max(disk.sync.typicalMs, amount(args, 'syncMs'));
          disk.sync = { typicalMs, maxMs: Math.max(disk.sync.maxMs, typicalMs) };
        },
        'stuckSyncs',
      ),
  },
];

const FAILING: readonly FaultKind[] = [
  failing('write-errors', 'writeErrors', (disk, parts) => {
    disk.failWrites = Math.max(disk.failWrites, parts);
  }),
  failing('sync-errors', 'syncErrors', (disk, parts) => {
    disk.failSyncs = Math.max(disk.failSyncs, parts);
  }),
  readErrors(),
  failing('name-errors', 'nameErrors', (disk, parts) => {
    disk.failNames = Math.max(disk.failNames, parts);
  }),
  {
    name: 'disk-full',
    draw: (random, intensity) => ({
      who: anybody(random),
      freeBytes: random.pick([0, 100, 2_000, 20_000]),
      ms: lasting(random, intensity, 2_500),
    }),
    strike(scene, args) {
      const machine = target(scene, args['who']);
      if (machine === undefined) return false;
      scene.excuse(machine.name, 'disk-full');
      machine.disk.capacityBytes = machine.disk.usedBytes + amount(args, 'freeBytes');
      const end = (): void => {
        machine.disk.capacityBytes = Number.POSITIVE_INFINITY;
      };
      scene.passing.for(
        amount(args, 'ms'),
        untilRisen(scene, end, () => machine.struck.full),
      );
      return 'later';
    },
  },
  {
    name: 'read-only-disk',
    draw: (random, intensity) => ({ who: anybody(random), ms: lasting(random, intensity, 1_500) }),
    strike: (scene, args) =>
      onDisk(
        scene,
        args,
        'disk-failing',
        (disk) => {
          disk.isReadOnly = true;
        },
        'readOnly',
      ),
  },
];

function failing(
  name: string,
  gauge: keyof DiskStruck,
  change: (disk: DiskConditions, parts: number) => void,
): FaultKind {
  return {
    name,
    draw: (random, intensity) => ({
      who: anybody(random),
      // Of 10,000: the first one that comes, or one after a while.
      parts: random.pick([10_000, 2_000, 300]),
      ms: lasting(random, intensity, 800),
    }),
    strike: (scene, args) =>
      onDisk(scene, args, 'disk-failing', (disk) => change(disk, amount(args, 'parts')), gauge),
  };
}

/** A node that runs hardly reads: mostly it is killed, and meets them when it starts. */
function readErrors(): FaultKind {
  const kind = failing('read-errors', 'readErrors', (disk, parts) => {
    disk.failReads = Math.max(disk.failReads, parts);
  });
  return {
    ...kind,
    draw: (random, intensity) => ({
      ...kind.draw(random, intensity),
      restarts: random.chance(70) ? 1 : 0,
    }),
    strike(scene, args) {
      const name = target(scene, args['who'])?.name;
      if (name === undefined) return false;
      const hasStruck = kind.strike(scene, { ...args, who: name });
      if (args['restarts'] === 1) scene.cluster.kill(name);
      return hasStruck;
    },
  };
}

const POWER: readonly FaultKind[] = [
  {
    name: 'power-cut',
    draw: (random, intensity) => ({
      who: anybody(random),
      ...drawnCut(random, intensity.longestMs),
    }),
    strike(scene, args) {
      const machine = target(scene, args['who'], present(scene));
      if (machine === undefined) return false;
      cutPower(scene, machine.name, args);
      return true;
    },
  },
  {
    name: 'power-cut-several',
    draw: (random, intensity) => ({
      share: random.pick(['minority', 'majority', 'all', 'all']),
      apartMs: random.pick([0, 0, 1, 30]),
      ...drawnCut(random, intensity.longestMs),
    }),
    strike(scene, args) {
      const machines = several(scene, args['share'], present(scene));
      machines.forEach(({ name }, at) => {
        scene.passing.later(at * amount(args, 'apartMs'), () => cutPower(scene, name, args));
      });
      return machines.length > 0;
    },
  },
];

function drawnCut(random: Parameters<FaultKind['draw']>[0], longestMs: number): FaultArgs {
  return {
    sectorBytes: random.pick([512, 4_096]),
    downMs: random.chance(50) ? 0 : random.between(100, longestMs),
  };
}

function cutPower(scene: Scene, name: string, args: FaultArgs): void {
  keepDown(scene, name, amount(args, 'downMs'));
  const isDown = scene.cluster.machine(name).process === undefined;
  const misplaces = args['misplaces'] === 1;
  scene.supervisor.cutPower(name, { sectorBytes: amount(args, 'sectorBytes'), misplaces });
  // Its process died before, so nobody may be about to start it.
  if (isDown) scene.supervisor.startLater(name);
}

const DESTRUCTION: readonly FaultKind[] = [
  {
    name: 'misplaced-sectors',
    destroysData: true,
    draw: (random, intensity) => ({
      who: anybody(random),
      ...drawnCut(random, intensity.longestMs),
      misplaces: 1,
      noticedMs: random.between(200, 6_000),
    }),
    strike(scene, args) {
      const name = destroyed(scene, args, 'misplaced-sectors');
      if (name === undefined) return false;
      cutPower(scene, name, args);
      scene.passing.for(amount(args, 'noticedMs'), () => replace(scene, name));
      return true;
    },
  },
  {
    name: 'bit-rot',
    destroysData: true,
    draw: (random) => ({
      who: anybody(random),
      bits: random.pick([1, 1, 1, 3, 20]),
      // It reads what it has when it starts; else it may never notice.
      restarts: random.chance(70) ? 1 : 0,
      noticedMs: random.between(200, 6_000),
    }),
    strike(scene, args) {
      const name = destroyed(scene, args, 'disk-rot');
      if (name === undefined) return false;
      const { cluster, random } = scene;
      const { disk } = cluster.machine(name);
      const first = disk.rot(random);
      if (first === undefined) return false;
      for (let bit = 1; bit < amount(args, 'bits'); bit++) disk.rot(random);
      cluster.say('****', `${name}: a bit of ${first.path} at ${first.offset} is another one now`);
      if (args['restarts'] === 1) cluster.kill(name);
      scene.passing.for(amount(args, 'noticedMs'), () => replace(scene, name));
      return true;
    },
  },
];

/** Whose data is destroyed now, with leave of the budget; undefined: nobody's may be. */
function destroyed(scene: Scene, args: FaultArgs, excuse: Excuse): string | undefined {
  const free = present(scene).filter(({ name }) => isFree(scene, name));
  const name = target(scene, args['who'], free)?.name;
  if (name === undefined || !scene.budget.allows(name)) return undefined;
  scene.budget.spend(name);
  scene.excuse(name, excuse);
  return name;
}

export const DISK_FAULTS: readonly FaultKind[] = [...SLOW, ...FAILING, ...POWER, ...DESTRUCTION];
