/**
 * N-35. A peer's snapshot is installed while the node's own, of an older index, is still being written; and
 * two are installed in a row. When the older one is done at last it must not take the place of the newer:
 * the log behind it is gone. The newest snapshot never goes back, over a restart either.
 *
 * The sync of the node's own snapshot hangs; everything else on its disk is quick again at once.
 */
import {
  allIsWell,
  freeDisk,
  holdSyncs,
  isUp,
  lead,
  rejoin,
  restart,
  statusOf,
  until,
  untilLeads,
  write,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';
import {
  compactBeyond,
  cutLoose,
  leaveBehind,
  OFTEN,
  SnapshotNews,
  untilCaughtUp,
} from './snapshots.ts';

const STUCK_MS = 8_000;
/** Until all of a small snapshot but its sync is done. */
const WRITTEN_MS = 30;

async function run(stage: NastyStage): Promise<void> {
  await lead(stage, 'n1');
  const forget = watchIndex(stage);
  await slowOwn(stage);
  await twoInARow(stage);
  forget();
  await allIsWell(stage);
}

/** The index of the newest snapshot, in each life of n3, never goes back. */
function watchIndex(stage: NastyStage): () => void {
  let newest = 0;
  let back = '';
  const look = (): void => {
    if (!isUp(stage, 'n3')) return;
    const { snapshotIndex } = statusOf(stage, 'n3');
    if (snapshotIndex < newest && back === '') back = `from ${newest} to ${snapshotIndex}`;
    newest = Math.max(newest, snapshotIndex);
  };
  const forget = stage.cluster.listen(look);
  return () => {
    forget();
    look();
    stage.expect(back === '', `the newest snapshot of n3 went back ${back}`);
  };
}

function isWriting(stage: NastyStage): boolean {
  return stage.cluster
    .machine('n3')
    .disk.paths()
    .some((path) => path.endsWith('.tmp'));
}

async function slowOwn(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  const dueAt = (OFTEN.snapshotIntervalEntries ?? 0) + statusOf(stage, 'n3').snapshotIndex;
  const forget = cluster.listen((event) => {
    if (event.kind !== 'applied' || event.node !== 'n3' || event.index < dueAt) return;
    forget();
    cutLoose(stage, 'n3');
    holdSyncs(stage, 'n3', STUCK_MS);
  });
  const isCutOff = (): boolean => cluster.network.link('n1', 'n3').isCut;
  const hasAll = (): boolean => {
    return statusOf(stage, 'n3').appliedIndex >= statusOf(stage, 'n1').appliedIndex;
  };
  for (let at = 0; !isCutOff() && at < 60; at++) {
    await write(stage, 'n1', `early ${at}`, 'v');
    // Or n3 hears of the commit together with the next entry, whose sync would hang as well.
    await until(stage, 'n3 applies it', () => isCutOff() || hasAll());
  }
  await until(stage, 'n3 writes a snapshot', () => isWriting(stage));
  await cluster.run(WRITTEN_MS);
  freeDisk(stage, 'n3');
  const news = new SnapshotNews(stage, 'n3');
  await compactBeyond(stage, 'n1', statusOf(stage, 'n3').lastIndex);
  rejoin(stage, 'n3');
  await until(stage, 'n3 installs a snapshot', () => news.installed.length > 0, STUCK_MS);
  stage.expect(isWriting(stage) && news.saved.length === 0, 'its own is still being written');
  const installed = news.installed[0] ?? 0;
  stage.expect(installed > dueAt, 'the one that was installed is newer');
  stage.trouble(`the snapshot at ${installed} is installed while that at ${dueAt} is written`);
  await until(stage, 'its own comes to an end', () => !isWriting(stage), 2 * STUCK_MS);
  await cluster.run(WRITTEN_MS);
  const { snapshotIndex } = statusOf(stage, 'n3');
  stage.expect(snapshotIndex >= installed, `the newest is that at ${installed}: ${snapshotIndex}`);
  stage.expect(!news.saved.includes(dueAt), 'nobody is told that the older one is in force');
  news.end();
  await untilCaughtUp(stage, 'n1', 'n3');
  cluster.kill('n3');
  await restart(stage, 'n3');
  const anew = statusOf(stage, 'n3').snapshotIndex;
  stage.expect(anew >= installed, `anew, too: ${anew}`);
  await untilCaughtUp(stage, 'n1', 'n3');
}

async function twoInARow(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await leaveBehind(stage, 'n1', 'n3');
  const news = new SnapshotNews(stage, 'n3', () => {
    if (news.installed.length === 1) cutLoose(stage, 'n3');
  });
  rejoin(stage, 'n3');
  await until(stage, 'the first is installed', () => news.installed.length === 1);
  // n1 keeps its log for whom it has sent a snapshot; another leader does not.
  void cluster.ask('n1', ({ engine }) => engine.transferLeadership('n2')).catch(() => undefined);
  await untilLeads(stage, 'n2');
  await compactBeyond(stage, 'n2', statusOf(stage, 'n3').lastIndex);
  rejoin(stage, 'n3');
  await until(stage, 'the second is installed', () => news.installed.length === 2);
  const [first = 0, second = 0] = news.installed;
  stage.expect(second > first, `the second is newer: ${first}, then ${second}`);
  stage.trouble(`snapshots at ${first} and ${second} are installed in a row`);
  cluster.cutPower('n3');
  await restart(stage, 'n3');
  const { snapshotIndex } = statusOf(stage, 'n3');
  stage.expect(snapshotIndex >= second, `after a power cut it is there: ${snapshotIndex}`);
  news.end();
  await untilCaughtUp(stage, 'n2', 'n3');
}

export const INSTALLS: NastyScenario = {
  number: 35,
  title: 'a snapshot is installed while an older one is written, and two in a row: never back',
  cluster: { tuning: OFTEN },
  run,
};
