/**
 * What operators do, at odd moments: members added, removed (the leader, a dead one, one that is cut off),
 * replaced; leadership handed over, also to one that can not be reached; restarts in good order, one
 * node after the other, with other tuning; a restart while a snapshot is on its way.
 *
 * Of formats on disk and wire there is version 1 only, so a rolling restart changes what a node of
 * another release might do otherwise: how large segments and messages are, how often snapshots are
 * taken and how much log is kept behind them, whether it asks before it stands for election. Nodes with
 * different tuning live side by side while it goes on.
 */
import type { RaftNodeConfig } from '../../src/consensus/index.ts';
import type { SimMachine } from '../cluster/sim-machine.ts';
import type { SeededRandom } from '../world/seeded-random.ts';
import {
  amount,
  anybody,
  type FaultArgs,
  type FaultKind,
  lasting,
  type Scene,
  worsen,
} from './kind.ts';
import { isFree } from './process-faults.ts';
import { gracefully, isUp } from './restart.ts';
import { leaderOf, present, running, target } from './targets.ts';

/** More machines only make a run slower. */
const MACHINES_MAX = 8;
const VOTERS_MAX = 6;

/** A machine for a new member: a new one, or one that has left. `undefined`: there are enough. */
function newcomer(scene: Scene): string | undefined {
  const { cluster, operators, supervisor } = scene;
  const voters = operators.voters().length + operators.pending;
  if (voters >= VOTERS_MAX) return undefined;
  if (cluster.machines.size < MACHINES_MAX) {
    const name = `n${cluster.machines.size + 1}`;
    cluster.addMachine(name);
    supervisor.hold(name, 'operator');
    return name;
  }
  const [name] = [...operators.left].filter((it) => operators.wishFor(it) === undefined);
  return name === undefined ? undefined : emptied(scene, name);
}

/** A machine that has left may come back as another member, with an empty disk. */
export function emptied({ cluster, supervisor }: Scene, name: string): string {
  supervisor.hold(name, 'operator');
  cluster.kill(name);
  cluster.wipe(name);
  return name;
}

/** One voter less, if that is allowed now and at least `atLeast` are left. */
function takeOut(scene: Scene, name: string, atLeast: number): boolean {
  const { operators, budget } = scene;
  const { isShrinking } = operators;
  const isVoter = operators.voters().includes(name);
  if (isVoter && (isShrinking || !budget.allowsShrinking)) return false;
  if (isVoter && operators.voters().length <= atLeast) return false;
  scene.excuse(name, 'removal');
  operators.order(name, 'gone');
  return true;
}

function free(scene: Scene): SimMachine[] {
  return present(scene).filter(({ name }) => isFree(scene, name));
}

const MEMBERS: readonly FaultKind[] = [
  {
    name: 'add-member',
    draw: () => ({}),
    strike(scene) {
      const name = newcomer(scene);
      if (name === undefined) return false;
      scene.operators.order(name, 'voter');
      return true;
    },
  },
  {
    name: 'add-learner',
    draw: (random) => ({ promotedMs: random.between(500, 6_000) }),
    strike(scene, args) {
      const name = newcomer(scene);
      if (name === undefined) return false;
      scene.operators.order(name, 'learner');
      scene.passing.for(amount(args, 'promotedMs'), () => scene.operators.order(name, 'voter'));
      return true;
    },
  },
  {
    name: 'remove-member',
    draw: (random, intensity) => ({
      who: anybody(random),
      // In what state it is when it is removed.
      state: random.pick(['well', 'well', 'dead', 'cut-off']),
      atLeast: random.pick([1, 2, 2, 3]),
      ms: lasting(random, intensity, 3_000),
    }),
    strike(scene, args) {
      const machine = target(scene, args['who'], free(scene));
      if (machine === undefined) return false;
      const { name } = machine;
      if (!takeOut(scene, name, amount(args, 'atLeast'))) return false;
      if (args['state'] === 'dead') scene.cluster.kill(name);
      if (args['state'] === 'cut-off') cutOff(scene, name, amount(args, 'ms'));
      return true;
    },
  },
  {
    name: 'replace-member',
    draw: (random) => ({ who: anybody(random) }),
    strike(scene, args) {
      const { budget, operators } = scene;
      const name = target(scene, args['who'], free(scene))?.name;
      if (name === undefined || !budget.allowsShrinking || operators.isShrinking) return false;
      if (operators.voters().length < 2) return false;
      scene.excuse(name, 'removal');
      operators.order(name, operators.view.roleOf(name) ?? 'voter', 'given-up');
      return true;
    },
  },
  {
    name: 'resize',
    draw: (random) => ({ to: random.pick([1, 2, 3, 4, 5]) }),
    strike(scene, args) {
      const to = amount(args, 'to');
      const { operators } = scene;
      if (operators.pending > 0) return false;
      const isShrinking = operators.voters().length > to;
      if (isShrinking && !scene.budget.allowsShrinking) return false;
      scene.begin(() => (isShrinking ? shrink(scene, to) : grow(scene, to)));
      return operators.voters().length !== to;
    },
  },
];

/** One after the other, as an operator would; given up when all is healed. */
async function shrink(scene: Scene, to: number): Promise<void> {
  const { operators, random } = scene;
  while (operators.voters().length > to && !operators.isHealing) {
    const names = free(scene).map(({ name }) => name);
    if (names.length > 0 && !operators.isShrinking) takeOut(scene, random.pick(names), to);
    await operators.sleep(random.between(100, 1_000));
  }
}

async function grow(scene: Scene, to: number): Promise<void> {
  const { operators, random } = scene;
  for (let left = to - operators.voters().length; left > 0 && !operators.isHealing; left--) {
    const name = newcomer(scene);
    if (name === undefined) return;
    operators.order(name, 'voter');
    await operators.sleep(random.between(0, 3_000));
  }
}

function cutOff(scene: Scene, name: string, ms: number): void {
  const others = present(scene).filter((machine) => machine.name !== name);
  worsen(scene, ms, (world) => {
    for (const other of others) {
      world.link(name, other.name).isCut = true;
      world.link(other.name, name).isCut = true;
    }
  });
}

const LEADERSHIP: readonly FaultKind[] = [
  {
    name: 'transfer',
    draw: (random) => ({ times: random.pick([1, 1, 1, 2, 5]), apartMs: random.between(0, 800) }),
    strike(scene, args) {
      const times = amount(args, 'times');
      scene.passing.repeat(
        Math.max(1, amount(args, 'apartMs')) * times,
        () => Math.max(1, amount(args, 'apartMs')),
        () => {
          const heir = target(scene, 'follower', free(scene))?.name;
          const leader = leaderOf(scene.cluster);
          if (heir === undefined || leader === undefined || heir === leader) return;
          transferTo(scene, heir);
          scene.struck();
        },
      );
      return 'later';
    },
  },
  {
    name: 'transfer-to-cut-off',
    draw: (random, intensity) => ({
      ms: lasting(random, intensity, 2_000),
      // The one who gets the word, but can tell nobody; or who does not get it.
      how: random.pick(['both', 'out']),
    }),
    strike(scene, args) {
      const heir = target(scene, 'follower', free(scene))?.name;
      const leader = leaderOf(scene.cluster);
      if (heir === undefined || leader === undefined || heir === leader) return false;
      const others = present(scene).filter(({ name }) => name !== heir);
      worsen(scene, amount(args, 'ms'), (world) => {
        for (const { name } of others) {
          world.link(heir, name).isCut = true;
          if (args['how'] === 'both') world.link(name, heir).isCut = true;
        }
      });
      transferTo(scene, heir);
      return true;
    },
  },
];

function transferTo(scene: Scene, heir: string): void {
  scene.begin(async () => {
    await scene.operators.ask((process) =>
      process.engine.transferLeadership(heir, { timeoutMs: 3_000 }),
    );
  });
}

const RESTARTS: readonly FaultKind[] = [
  {
    name: 'restart',
    draw: (random, { longestMs }) => ({
      who: anybody(random),
      downMs: random.chance(70) ? random.between(0, 300) : random.between(300, longestMs),
    }),
    strike(scene, args) {
      const machine = target(scene, args['who'], free(scene).filter(isUp));
      if (machine === undefined) return false;
      scene.begin(() => gracefully(scene, machine, amount(args, 'downMs')));
      return true;
    },
  },
  {
    name: 'rolling-restart',
    draw: (random) => ({ apartMs: random.between(0, 1_500) }),
    strike: (scene, args) => roll(scene, args, () => undefined),
  },
  {
    name: 'rolling-retune',
    draw: (random) => ({
      apartMs: random.between(0, 2_500),
      hasPreVote: random.chance(85) ? 1 : 0,
    }),
    strike(scene, args) {
      const { random } = scene;
      return roll(scene, args, (machine) => {
        machine.tuning = { ...machine.tuning, ...drawnTuning(random, args['hasPreVote'] === 1) };
        machine.storage = {
          ...machine.storage,
          segmentBytes: random.pick([4_096, 16_384, 65_536]),
          snapshotsKept: random.pick([1, 2, 3]),
        };
      });
    },
  },
  {
    name: 'restart-in-snapshot',
    draw: (random) => ({
      heldMs: random.between(1_000, 6_000),
      who: random.pick(['sender', 'receiver', 'receiver']),
      afterMs: random.pick([0, 0, 1, 3, 10, 50]),
      power: random.chance(40) ? 1 : 0,
    }),
    strike(scene, args) {
      const laggard = target(scene, 'follower', running(scene));
      if (laggard === undefined) return false;
      const { name } = laggard;
      scene.supervisor.hold(name, 'fault');
      scene.cluster.kill(name);
      const forget = killInSnapshot(scene, name, args);
      scene.passing.for(amount(args, 'heldMs') + SNAPSHOT_MS_MAX, forget);
      scene.passing.for(amount(args, 'heldMs'), () => scene.supervisor.release(name, 'fault'));
      return 'later';
    },
  },
];

/** A laggard that has not needed a snapshot by then has caught up by the log. */
const SNAPSHOT_MS_MAX = 4_000;

/** When the next snapshot goes to that machine, whoever sends or receives it dies on the way. */
function killInSnapshot(scene: Scene, name: string, args: FaultArgs): () => void {
  const { cluster, supervisor, passing } = scene;
  const forget = cluster.listen((event) => {
    if (event.kind !== 'sent' || event.message.snapshot === undefined) return;
    const receiver = cluster.machine(name).process;
    if (receiver?.isStarted !== true) return;
    if (receiver.engine.status().raftId !== event.message.to) return;
    forget();
    const dies = args['who'] === 'sender' ? event.node : name;
    passing.later(amount(args, 'afterMs'), () => {
      if (cluster.machine(dies).process === undefined) return;
      if (args['power'] === 1) supervisor.cutPower(dies);
      else cluster.kill(dies);
      scene.struck();
    });
  });
  return forget;
}

function roll(scene: Scene, args: FaultArgs, change: (machine: SimMachine) => void): boolean {
  const { operators, random } = scene;
  const machines = random.shuffled(free(scene));
  scene.begin(async () => {
    for (const machine of machines) {
      if (operators.left.has(machine.name)) continue;
      await gracefully(scene, machine, 0, change);
      // When all is healed the rest follows at once.
      if (!operators.isHealing) await operators.sleep(amount(args, 'apartMs'));
    }
  });
  return machines.length > 0;
}

function drawnTuning(random: SeededRandom, preVote: boolean): Partial<RaftNodeConfig> {
  const maxBytesPerMessage = random.pick([512, 8_192, 1_048_576]);
  return {
    preVote,
    snapshotIntervalEntries: random.pick([20, 60, 200, 1_000]),
    snapshotCatchUpEntries: random.pick([5, 30, 100]),
    maxBytesPerMessage,
    maxInflightMessages: random.pick([1, 4, 256]),
    maxInflightBytes: maxBytesPerMessage * random.pick([1, 4, 16]),
  };
}

export const OPERATOR_DEEDS: readonly FaultKind[] = [...MEMBERS, ...LEADERSHIP, ...RESTARTS];
