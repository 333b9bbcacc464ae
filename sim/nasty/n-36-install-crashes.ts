/**
 * N-36. A node dies while it takes over a snapshot: with the file and without its name, with the name and
 * without the mark in the log that makes it count, with the mark and old segments beside it. The log that
 * ended long before goes on right behind the snapshot; in between there is a gap that only the right order
 * of syncs bridges.
 *
 * It dies at the first, second, third ... operation on its door from the moment in which the snapshot leaves
 * the leader, by a kill and by a power cut. Each time it must start from whichever pair of snapshot and log
 * is whole, and catch up.
 */
import { allIsWell, lead, processOf, rejoin, restart, statusOf, until } from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';
import { leaveBehind, OFTEN, onShipped, SnapshotNews, untilCaughtUp } from './snapshots.ts';

/** An install takes about fifty operations, disk and network; behind that the log follows. */
const ROUNDS = 26;
const STEP = 4;
/** Of the deaths so many must lie before the end of the install, and so many behind it. */
const DEATHS_MIN = 3;

async function run(stage: NastyStage): Promise<void> {
  await lead(stage, 'n1');
  const deaths = { before: 0, behind: 0 };
  for (let at = 0; at < ROUNDS; at++) {
    const how = at % 2 === 0 ? 'power-cut' : 'killed';
    const isInstalled = await dieInstalling(stage, 1 + at * STEP, how);
    if (isInstalled === undefined) continue;
    deaths[isInstalled ? 'behind' : 'before'] += 1;
  }
  const { before, behind } = deaths;
  stage.expect(before >= DEATHS_MIN, `only ${before} deaths came before the install was done`);
  stage.expect(behind >= DEATHS_MIN, `only ${behind} deaths came after the install was done`);
  stage.trouble(
    `n3 died ${before} times while it took over a snapshot, ${behind} times after that`,
  );
  await allIsWell(stage);
}

/** Whether the snapshot was installed when it died; `undefined`: it did not die. */
async function dieInstalling(
  stage: NastyStage,
  operations: number,
  how: 'killed' | 'power-cut',
): Promise<boolean | undefined> {
  const { cluster } = stage;
  const machine = cluster.machine('n3');
  await leaveBehind(stage, 'n1', 'n3');
  const { lastIndex } = statusOf(stage, 'n3');
  const news = new SnapshotNews(stage, 'n3');
  let isShipped = false;
  const forget = onShipped(stage, 'n3', () => {
    if (isShipped) return;
    isShipped = true;
    cluster.dieAfter('n3', operations, how);
  });
  rejoin(stage, 'n3');
  await until(stage, 'a snapshot leaves for n3', () => isShipped);
  forget();
  await until(stage, 'n3 dies or has caught up', () => {
    return machine.process === undefined || hasCaughtUp(stage);
  });
  const isDead = machine.process === undefined;
  const isInstalled = news.installed.length > 0;
  news.end();
  if (!isDead) cluster.kill('n3');
  await restart(stage, 'n3');
  const { commitIndex, lastIndex: found, snapshotIndex } = statusOf(stage, 'n3');
  stage.expect(commitIndex <= found, `commit ${commitIndex} lies in the log, to ${found}`);
  if (isInstalled) stage.expect(snapshotIndex > lastIndex, 'what was installed is there');
  await untilCaughtUp(stage, 'n1', 'n3');
  return isDead ? isInstalled : undefined;
}

function hasCaughtUp(stage: NastyStage): boolean {
  const { appliedIndex } = processOf(stage, 'n3').engine.status();
  return appliedIndex === statusOf(stage, 'n1').lastIndex;
}

export const INSTALL_CRASHES: NastyScenario = {
  number: 36,
  title: 'a node dies at each step of installing a snapshot: its log goes on right behind it',
  cluster: { tuning: OFTEN },
  run,
};
