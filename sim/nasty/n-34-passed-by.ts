/**
 * N-34. A snapshot takes the place of a log that holds a change of members which was never committed, and
 * brings changes that its receiver never saw. Afterwards the members are those of the snapshot: what was
 * purged never was, and nothing up to its index is applied once more.
 *
 * The receiver led before: it is the one that began the change. In the end it leads again, which it can not
 * with members that are history, and starts anew from its own snapshot.
 */
import { ended } from './asks.ts';
import {
  addLearner,
  beginPromotion,
  beginRemoval,
  membersOf,
  untilMembers,
  Written,
} from './members.ts';
import {
  allIsWell,
  isolate,
  lead,
  rejoin,
  restart,
  until,
  untilLeads,
  untilOneLeads,
  write,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';
import { compactBeyond, OFTEN, SnapshotNews, untilCaughtUp } from './snapshots.ts';

const AFTER = 'n1 n2 n3 +n5';

async function run(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await lead(stage, 'n3');
  await addLearner(stage, 'n3', 'n4');
  await untilMembers(stage, ['n1', 'n2', 'n3'], 'n1 n2 n3 +n4');
  const written = new Written(stage);
  isolate(stage, 'n3');
  const promotion = beginPromotion(stage, 'n3', 'n4');
  await until(stage, 'n3 has written a change', () => written.changesBy('n3').length === 1);
  const index = written.changesBy('n3').at(-1)?.index ?? 0;
  const leader = await untilOneLeads(stage, ['n1', 'n2']);
  const removal = beginRemoval(stage, leader, 'n4');
  await ended(stage, 'the removal of n4', removal);
  await addLearner(stage, leader, 'n5');
  await compactBeyond(stage, leader, index);

  const news = new SnapshotNews(stage, 'n3');
  const again: number[] = [];
  const forget = cluster.listen((event) => {
    if (event.kind !== 'applied' || event.node !== 'n3') return;
    if (event.index <= (news.installed.at(-1) ?? 0)) again.push(event.index);
  });
  rejoin(stage, 'n3');
  await untilCaughtUp(stage, leader, 'n3');
  stage.expect((news.installed[0] ?? 0) >= index, 'a snapshot took the place of the log of n3');
  stage.trouble(`a snapshot at ${news.installed[0]} passed a change at ${index}, never committed`);
  stage.expect(membersOf(stage, 'n3') === AFTER, `n3 has ${membersOf(stage, 'n3')}`);
  await ended(stage, 'the promotion that was purged', promotion);
  stage.expect(!promotion.isAnswered, 'nobody is told that n4 was promoted');

  await lead(stage, 'n3');
  cluster.kill(leader);
  await untilLeads(stage, 'n3');
  await write(stage, 'n3', 'x', 'by a majority of the three');
  await restart(stage, leader);
  cluster.kill('n3');
  await restart(stage, 'n3');
  stage.expect(membersOf(stage, 'n3') === AFTER, `anew n3 has ${membersOf(stage, 'n3')}`);
  forget();
  stage.expect(again.length === 0, `nothing is applied again: ${again.join()}`);
  await allIsWell(stage, ['n4']);
}

export const PASSED_BY: NastyScenario = {
  number: 34,
  title: 'a snapshot passes a change of members: it brings its own',
  cluster: { tuning: OFTEN },
  run,
};
