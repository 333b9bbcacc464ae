/**
 * N-31. A change of members counts once it is applied, and nodes apply it at different moments. So a leader
 * may die between; a member may be asked for a vote that it does not know it has; a second change may be
 * asked for while nobody knows the first; and a node may know that a change is committed, and not which.
 *
 * - Whoever is asked for its vote gives it, whatever it believes to be: else nobody may be electable.
 * - No second change is let in before the first is applied where it is decided.
 * - A new voter is counted on once a majority has it on disk that it votes: two of three, the third wiped, would
 *   else take themselves for one of two voters and a learner when the power is back.
 * - Nobody stands for election over a change that is committed and not applied: it would count the votes of
 *   members that are history.
 */
import { MessageType } from '../../src/raft/index.ts';
import { answered } from './asks.ts';
import { letters, Mail, Witness } from './mail.ts';
import {
  addLearner,
  beginPromotion,
  beginRemoval,
  endOf,
  membersOf,
  untilMembers,
  Written,
} from './members.ts';
import {
  allIsWell,
  freeDisk,
  holdSyncs,
  isolate,
  lead,
  matchOf,
  memberOf,
  rejoin,
  restart,
  statusOf,
  until,
  untilOneLeads,
  write,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

const { App, AppResp, Heartbeat, PreVote, Vote, VoteResp } = MessageType;
const ELECTION_MS = 2_000;
const LOOK_MS = 1_000;

async function run(stage: NastyStage): Promise<void> {
  await lead(stage, 'n1');
  await addLearner(stage, 'n1', 'n4');
  await addLearner(stage, 'n1', 'n5');
  await votesUnaware(stage);
  await secondChange(stage);
  await standsForNothing(stage);
  await allIsWell(stage, ['n4']);
  await notCountedOn(stage);
  await allIsWell(stage, ['n1', 'n3', 'n4', 'n5', 'n6']);
}

/** n4 is made a voter, does not know it, and is needed. */
async function votesUnaware(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  const mail = new Mail(stage);
  const index = statusOf(stage, 'n1').lastIndex + 1;
  mail.drop(
    'n4',
    letters([App, Heartbeat], 'n1', ({ commit }) => commit >= index),
  );
  await answered(stage, 'the promotion', beginPromotion(stage, 'n1', 'n4'));
  await until(stage, 'the others know it, and n4 has the entry', () => {
    const isKnown = ['n2', 'n3'].every((name) => membersOf(stage, name) === 'n1 n2 n3 n4 +n5');
    return isKnown && matchOf(stage, 'n1', 'n4') >= index;
  });
  let believed = '';
  const forget = cluster.listen((event) => {
    if (event.kind !== 'received' || event.node !== 'n4') return;
    if (event.message.type === Vote) believed = membersOf(stage, 'n4');
  });
  const witness = new Witness(stage);
  cluster.kill('n1');
  // By the vote of n4: without it nobody has three of four.
  await untilOneLeads(stage, ['n2', 'n3'], 10_000);
  forget();
  stage.expect(believed === 'n1 n2 n3 +n4 +n5', `when it was asked n4 believed in ${believed}`);
  const granted = witness.sent(
    'n4',
    letters(VoteResp, undefined, ({ reject }) => !reject),
  );
  stage.expect(granted.length > 0, 'n4 gave its vote');
  stage.trouble(
    'n4 was asked for a vote that it did not know it has, and three of four were needed',
  );
  mail.clear();
  await restart(stage, 'n1');
  await lead(stage, 'n1');
}

/** n4 is removed, which nobody has applied, and n5 is to be promoted. */
async function secondChange(stage: NastyStage): Promise<void> {
  const mail = new Mail(stage);
  await untilMembers(stage, ['n1', 'n2', 'n3', 'n4', 'n5'], 'n1 n2 n3 n4 +n5');
  const written = new Written(stage);
  const held = mail.hold('n1', letters(AppResp));
  const removal = beginRemoval(stage, 'n1', 'n4');
  const changes = (): number => written.changesBy('n1').length;
  await until(stage, 'n1 has written the removal', () => changes() === 1);
  const promotion = beginPromotion(stage, 'n1', 'n5');
  const tries = written.by('n1').length;
  await stage.cluster.run(LOOK_MS);
  stage.expect(written.by('n1').length > tries, 'the second change was tried');
  stage.expect(changes() === 1, `one change at a time: ${changes()} are in the log`);
  stage.expect(!removal.isSettled && !promotion.isSettled, 'nobody was told anything');
  stage.trouble('a second change was asked for while the first was in the log and not applied');
  held.release();
  await answered(stage, 'the removal', removal);
  await answered(stage, 'the promotion, in its turn', promotion);
  stage.expect(membersOf(stage, 'n1') === 'n1 n2 n3 n5', 'both were made');
  written.end();
  await until(stage, 'n4 is told', () => endOf(stage, 'n4') === 'MEMBER_REMOVED');
}

/** n3 knows that a change is committed which its disk does not have, and hears of no leader any more. */
async function standsForNothing(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await addLearner(stage, 'n1', 'n6');
  await until(stage, 'n3 has all', () => {
    return statusOf(stage, 'n3').appliedIndex === statusOf(stage, 'n1').lastIndex;
  });
  holdSyncs(stage, 'n3', 3 * ELECTION_MS);
  const index = statusOf(stage, 'n1').lastIndex + 1;
  const promotion = beginPromotion(stage, 'n1', 'n6');
  await answered(stage, 'the promotion', promotion);
  // With the one that settles it.
  const settled = index + 1;
  await write(stage, 'n2', 'behind', 'it');
  await until(stage, 'n3 knows that they are committed', () => {
    return statusOf(stage, 'n3').commitIndex >= settled;
  });
  isolate(stage, 'n3');
  const witness = new Witness(stage);
  const stood = (): number => witness.sent('n3', letters([PreVote, Vote])).length;
  const isApplied = (): boolean => statusOf(stage, 'n3').appliedIndex >= index;
  stage.expect(!isApplied(), 'n3 has not applied it');
  await cluster.run(2 * ELECTION_MS);
  stage.expect(!isApplied(), 'its disk is still stuck');
  stage.expect(stood() === 0, `n3 stands for nothing: it asked for ${stood()} votes`);
  stage.trouble('n3 heard nobody for two election timeouts, over a change that it had not applied');
  await until(stage, 'n3 applies both', () => statusOf(stage, 'n3').appliedIndex >= settled);
  await until(stage, 'and then it asks for votes', () => stood() > 0, 2 * ELECTION_MS);
  freeDisk(stage, 'n3');
  rejoin(stage, 'n3');
}

/** n7 becomes the third voter; then n1 loses its data, and the others what was not on their disks. */
async function notCountedOn(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await lead(stage, 'n1');
  for (const name of ['n3', 'n5', 'n6']) {
    await answered(stage, `the removal of ${name}`, beginRemoval(stage, 'n1', name));
  }
  await addLearner(stage, 'n1', 'n7');
  // And n1 has heard of it: else one message might bring it both changes.
  await until(stage, 'n7 has all', () => {
    return statusOf(stage, 'n7').appliedIndex === statusOf(stage, 'n1').lastIndex;
  });
  await cluster.run(LOOK_MS);
  const index = statusOf(stage, 'n1').lastIndex + 1;
  const mail = new Mail(stage);
  for (const name of ['n2', 'n7']) {
    mail.drop(
      name,
      letters(App, 'n1', (it) => it.index >= index),
    );
  }
  const promotion = beginPromotion(stage, 'n1', 'n7');
  await untilMembers(stage, ['n1'], 'n1 n2 n7');
  await cluster.run(LOOK_MS);
  stage.expect(!promotion.isSettled, 'nobody was told that n7 may be counted on');
  const isArriving = (): boolean => memberOf(stage, 'n1', 'n7')?.arriving === true;
  stage.expect(isArriving(), 'n1 says so');
  mail.clear();
  await answered(stage, 'the promotion', promotion);
  stage.expect(!isArriving(), 'n7 may be counted on');
  for (const name of ['n1', 'n2', 'n7']) cluster.cutPower(name);
  cluster.wipe('n1');
  stage.trouble('n1 was wiped, and the others have only what was on their disks');
  for (const name of ['n2', 'n7']) await restart(stage, name);
  await untilOneLeads(stage, ['n2', 'n7']);
}

export const UNAPPLIED: NastyScenario = {
  number: 31,
  title: 'a change that not all have applied: they vote, wait for it, and do not stand over it',
  run,
};
