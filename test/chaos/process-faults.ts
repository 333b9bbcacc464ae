/**
 * Faults of processes: kill -9 of one, of a majority, of all, power that goes, processes that stand still,
 * and what operators do meanwhile: restarts in order, handing leadership over, replacing a member. The
 * caller starts what is down and lets go on what stands still.
 */
import { runCommand } from '../acceptance/daemon-process.ts';
import { pause, until } from '../waiting.ts';
import type { Fault, Missed, Stage } from './fault.ts';

const COMMAND_MS = 30_000;
const VOTE_MS = 30_000;
/** A removed node is told so, or asks, within that time. */
const REMOVED_MS = 30_000;
const DOWN_MS_MAX = 1_500;
const REMOVED = 9;
const POWER_LOSS = 'power-loss';
/** A sync does nothing there, and says that it did. */
const LYING_DISK = 'power-loss-no-sync';

export const PROCESS_FAULTS: readonly Fault[] = [
  { kind: 'kill-leader', about: 'kill -9 of the leader', isQuick: true, run: killLeader },
  { kind: 'kill-follower', about: 'kill -9 of a follower', run: killFollower },
  { kind: 'kill-majority', about: 'kill -9 of a majority at once', run: killMajority },
  { kind: 'kill-all', about: 'kill -9 of all at once', isQuick: true, run: killAll },
  {
    kind: 'power-loss',
    about: 'all lose what was not synced, at once',
    run: (stage) => powerLoss(stage),
  },
  {
    kind: 'stop-leader',
    about: 'SIGSTOP of the leader, then SIGCONT',
    isQuick: true,
    run: stopLeader,
  },
  { kind: 'stop-follower', about: 'SIGSTOP of a follower, then SIGCONT', run: stopFollower },
  { kind: 'rolling-restart', about: 'each is stopped in good order and started', run: rolling },
  { kind: 'transfer', about: 'leadership is handed over, again and again', run: transfer },
  { kind: 'replace-member', about: 'one is removed, wiped, and joins anew', run: replaceMember },
];

/** What no cluster survives: to show that the judge would notice. */
export const LOST_SYNCS: Fault = {
  kind: 'lost-syncs',
  about: 'all lose what they had acknowledged, at once',
  run: (stage) => powerLoss(stage, LYING_DISK),
};

async function killLeader(stage: Stage): Promise<string | Missed> {
  const leader = await stage.cluster.leader();
  return await kill(stage, [leader], stage.holdMs());
}

async function killFollower(stage: Stage): Promise<string | Missed> {
  const follower = await stage.cluster.follower();
  return await kill(stage, [follower], stage.holdMs());
}

async function killMajority(stage: Stage): Promise<string | Missed> {
  const { cluster, seeded } = stage;
  const majority = seeded.shuffled(cluster.ids).slice(0, cluster.majority);
  return await kill(stage, majority, DOWN_MS_MAX);
}

async function killAll(stage: Stage): Promise<string | Missed> {
  return await kill(stage, stage.cluster.ids, DOWN_MS_MAX);
}

async function kill(
  { cluster, seeded }: Stage,
  ids: readonly string[],
  downMsMax: number,
): Promise<string | Missed> {
  const killed = await cluster.kill(...ids);
  if (killed.length === 0) return { missed: `${ids.join(' ')} did not run` };
  await pause(seeded.below(downMsMax));
  return killed.join(' ');
}

/** First each is moved to a disk that keeps in memory what was not synced. */
async function powerLoss(stage: Stage, disk: string = POWER_LOSS): Promise<string | Missed> {
  const { cluster } = stage;
  for (const id of cluster.ids) {
    await cluster.stop(id);
    await cluster.start(id, ['--testing-disk', disk]);
    await cluster.ready(id);
  }
  await pause(stage.holdMs());
  return await killAll(stage);
}

async function stopLeader(stage: Stage): Promise<string | Missed> {
  return await standStill(stage, await stage.cluster.leader());
}

async function stopFollower(stage: Stage): Promise<string | Missed> {
  return await standStill(stage, await stage.cluster.follower());
}

async function standStill(stage: Stage, id: string): Promise<string | Missed> {
  if (!stage.cluster.isRunning(id)) return { missed: `${id} did not run` };
  const forMs = stage.holdMs();
  stage.cluster.signal(id, 'SIGSTOP');
  await pause(forMs);
  stage.cluster.signal(id, 'SIGCONT');
  return `${id} for ${forMs} ms`;
}

async function rolling({ cluster, seeded }: Stage): Promise<string> {
  const order = seeded.shuffled(cluster.ids);
  for (const id of order) {
    await cluster.stop(id);
    await cluster.start(id);
    await cluster.ready(id);
  }
  return order.join(' ');
}

async function transfer(stage: Stage): Promise<string | Missed> {
  const { cluster, seeded } = stage;
  const end = performance.now() + stage.holdMs();
  let done = 0;
  let refused = 0;
  while (performance.now() < end) {
    const { code } = await command(stage, 'transfer', seeded.pick(cluster.ids));
    if (code === 0) done++;
    else refused++;
  }
  return done === 0 ? { missed: `${refused} refused` } : `${done} done, ${refused} not`;
}

/** As in the guide: removed first, then emptied, then joined anew under its old name. */
async function replaceMember(stage: Stage): Promise<string> {
  const { cluster, seeded } = stage;
  const id = seeded.pick(cluster.ids);
  const wasLeader = (await cluster.leader()) === id;
  cluster.expect(id, REMOVED);
  const removed = await command(stage, 'remove', id);
  if (removed.code !== 0) throw new Error(`members remove ${id}: ${removed.stderr}`);
  await cluster.end(id, REMOVED_MS);
  await pause(seeded.below(stage.holdMs()));
  cluster.wipe(id);
  const doors = cluster.cluster.nodes.filter((node) => node.id !== id);
  await cluster.start(
    id,
    doors.flatMap(({ clients }) => ['--join', clients]),
  );
  await cluster.ready(id);
  await until(`the vote of ${id}`, VOTE_MS, async () => {
    const seen = await cluster.cluster.report(await cluster.leader());
    return seen?.members.some(({ nodeId, role }) => nodeId === id && role === 'voter');
  });
  return wasLeader ? `${id}, which led` : id;
}

async function command({ cluster }: Stage, ...args: readonly string[]) {
  const nodes = cluster.cluster.clientAddresses.join(',');
  return await runCommand(['members', ...args, '--nodes', nodes], { timeoutMs: COMMAND_MS });
}
