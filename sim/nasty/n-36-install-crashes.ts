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
import { MessageType } from '../../src/raft/index.ts';
import { letters, Witness } from './mail.ts';
import {
  allIsWell,
  freeDisk,
  holdSyncs,
  lead,
  rejoin,
  restart,
  statusOf,
  until,
  write,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';
import {
  leaveBehind,
  OFTEN,
  onShipped,
  rejoinByShipment,
  SnapshotNews,
  untilCaughtUp,
} from './snapshots.ts';

/** An install takes about fifty operations, disk and network; behind that the log follows. */
const ROUNDS = 26;
const STEP = 4;
/** Each sync of an install that is to take long. */
const STUCK_MS = 300;
const WRITE_EVERY_MS = 50;
const WRITES_MAX = 200;
/** Of the deaths so many must lie before the end of the install, and so many behind it. */
const DEATHS_MIN = 3;

async function run(stage: NastyStage): Promise<void> {
  await lead(stage, 'n1');
  await behindSlowInstall(stage);
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

/** Installing takes long, and the log that goes on behind it arrives meanwhile: it must wait for its turn. */
async function behindSlowInstall(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await leaveBehind(stage, 'n1', 'n3');
  const early: number[] = [];
  const forget = onShipped(stage, 'n3', () => holdSyncs(stage, 'n3', STUCK_MS));
  const news = new SnapshotNews(stage, 'n3');
  const stop = cluster.listen((event) => {
    if (event.kind !== 'appended' || event.node !== 'n3' || news.installed.length > 0) return;
    for (const entry of event.batch.entries) early.push(entry.index);
  });
  const witness = new Witness(stage);
  rejoin(stage, 'n3');
  for (let at = 0; at < WRITES_MAX && news.installed.length === 0; at++) {
    await write(stage, 'n1', `meanwhile ${at}`, 'v');
    await cluster.run(WRITE_EVERY_MS);
  }
  await until(stage, 'it is installed', () => news.installed.length > 0);
  const [index = 0] = news.installed;
  const isBehind = letters(
    MessageType.App,
    'n1',
    ({ entries }) => (entries[0]?.index ?? 0) > index,
  );
  const arrived = witness.events.findIndex((event) => {
    return event.kind === 'received' && event.node === 'n3' && isBehind(event.message, 'n3');
  });
  const installed = witness.events.findIndex((event) => {
    return event.kind === 'snapshot-installed' && event.node === 'n3';
  });
  stage.expect(arrived >= 0 && arrived < installed, 'entries came while it was being installed');
  stage.trouble(`entries behind ${index} came to n3 while the snapshot at ${index} was installed`);
  const isInOrder = early.every((it) => it < index);
  stage.expect(isInOrder, `nothing is stored before what it follows on: ${early.join()}`);
  stop();
  forget();
  news.end();
  freeDisk(stage, 'n3');
  await untilCaughtUp(stage, 'n1', 'n3');
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
  await rejoinByShipment(stage, 'n3', () => cluster.dieAfter('n3', operations, how));
  await until(stage, 'n3 dies or has caught up', () => {
    if (machine.process === undefined) return true;
    return statusOf(stage, 'n3').appliedIndex === statusOf(stage, 'n1').lastIndex;
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

export const INSTALL_CRASHES: NastyScenario = {
  number: 36,
  title: 'a node dies at each step of installing a snapshot: its log goes on right behind it',
  cluster: { tuning: OFTEN },
  run,
};
