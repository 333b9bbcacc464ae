/**
 * N-37. While a follower gets a snapshot its leader sends it nothing else, and waits for a report. The report
 * may get lost, say that it failed, or come when another one leads; and a leader that has lost all answers
 * may offer a snapshot to a follower that has everything. In none of these may the follower stay without
 * log and without snapshot: an answer that reconnects the two logs ends the waiting, or a retry.
 */
import { MessageType } from '../../src/raft/index.ts';
import { letters, Mail } from './mail.ts';
import {
  allIsWell,
  isConnected,
  lead,
  rejoin,
  restart,
  statusOf,
  until,
  untilLeads,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';
import {
  compactBeyond,
  leaveBehind,
  OFTEN,
  onShipped,
  rejoinByShipment,
  SnapshotNews,
  untilCaughtUp,
} from './snapshots.ts';

/** Bytes of the way from n1 to n3 until it breaks: in the middle of the file. */
const BREAKS_AFTER_BYTES = 3_000;
const BREAKS = 3;
const LOST_MS = 3_000;
/** The longest rest between two tries, a reconnection and a round trip. */
const SOON_MS = 10_000;

async function run(stage: NastyStage): Promise<void> {
  await lead(stage, 'n1');
  await lostReport(stage);
  await failedTransfer(stage);
  await otherLeader(stage);
  await needless(stage);
  await allIsWell(stage);
}

async function lostReport(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await leaveBehind(stage, 'n1', 'n3');
  const mail = new Mail(stage);
  const lost = mail.drop('n1', letters(MessageType.AppResp, 'n3'));
  const news = new SnapshotNews(stage, 'n3', () => cluster.network.cut('n3', 'n1'));
  rejoin(stage, 'n3');
  await until(stage, 'n3 has installed it', () => news.installed.length > 0);
  await cluster.run(LOST_MS);
  stage.trouble('n3 has the snapshot, and nothing that it says of that reaches n1');
  news.end();
  lost.end();
  cluster.network.heal('n1', 'n3');
  await untilCaughtUp(stage, 'n1', 'n3', SOON_MS);
}

async function failedTransfer(stage: NastyStage): Promise<void> {
  const { network } = stage.cluster;
  await leaveBehind(stage, 'n1', 'n3');
  let breaks = 0;
  const forget = onShipped(stage, 'n3', () => {
    if (breaks >= BREAKS) return;
    breaks += 1;
    network.resetAfter('n1', 'n3', BREAKS_AFTER_BYTES);
  });
  rejoin(stage, 'n3');
  await until(stage, 'its transfer breaks again and again', () => breaks === BREAKS);
  stage.trouble(`the transfer of a snapshot broke ${breaks} times`);
  await untilCaughtUp(stage, 'n1', 'n3', 2 * SOON_MS);
  forget();
}

/** The leader dies as soon as the file is on its way; the next one knows nothing of it. */
async function otherLeader(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await leaveBehind(stage, 'n1', 'n3');
  const { term } = statusOf(stage, 'n1');
  await rejoinByShipment(stage, 'n3', (by) => {
    cluster.kernel.nature.after(0.5, () => cluster.kill(by));
  });
  await until(stage, 'n1 dies', () => cluster.machine('n1').process === undefined);
  await untilLeads(stage, 'n2');
  stage.trouble(`a snapshot left n1 in term ${term}, and n2 leads ${statusOf(stage, 'n2').term}`);
  await untilCaughtUp(stage, 'n2', 'n3', SOON_MS);
  await restart(stage, 'n1');
  await lead(stage, 'n1');
  await untilCaughtUp(stage, 'n1', 'n3');
}

/** n1 hears no acknowledgement, frees its log, and begins anew with what n3 had long ago. */
async function needless(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  const mail = new Mail(stage);
  const lost = mail.drop('n1', letters(MessageType.AppResp, 'n3'));
  const { lastIndex } = statusOf(stage, 'n1');
  await compactBeyond(stage, 'n1', lastIndex);
  const offered: { readonly index: number; readonly applied: number }[] = [];
  const forget = onShipped(stage, 'n3', (_by, index) => {
    offered.push({ index, applied: statusOf(stage, 'n3').appliedIndex });
  });
  cluster.network.resetAll('n1', 'n3');
  await until(stage, 'a snapshot is offered', () => offered.length > 0);
  const [{ index, applied }] = offered as [{ index: number; applied: number }];
  stage.expect(applied >= index, `n3 has applied ${applied}, and needs none at ${index}`);
  stage.trouble(`n1 offers a snapshot at ${index} to n3, which has ${applied}`);
  await cluster.run(LOST_MS);
  lost.end();
  await until(stage, 'they are connected', () => isConnected(stage, 'n1', 'n3'));
  await untilCaughtUp(stage, 'n1', 'n3', SOON_MS);
  forget();
}

export const REPORTS: NastyScenario = {
  number: 37,
  title: 'reports of a snapshot are lost, bad, late or needless: no follower is stuck',
  cluster: { tuning: OFTEN },
  run,
};
