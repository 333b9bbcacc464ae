/**
 * N-30. Two leaders of different terms each begin a change of members from the same configuration. Were a
 * change in force as soon as it is in a log, the first could count on the member that it adds and the second
 * do without the one that it removes: two majorities that do not meet, two leaders, two histories.
 *
 * Here a change counts once it is committed by the members from before it, and so behind an entry of its
 * leader's own term. The script has both written in logs at once, tries each with the followers that would
 * do by its own count, and shows that neither gets anywhere.
 */
import { MessageType, type Term } from '../../src/raft/index.ts';
import type { Asked } from './asked.ts';
import { answered, ended } from './asks.ts';
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
import { allIsWell, lead, statusOf, until, untilLeads, write } from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

const { App, Heartbeat, PreVote } = MessageType;
const LOOK_MS = 800;
/** Several election timeouts. */
const ELECTIONS_MS = 8_000;
const BEFORE = 'n1 n2 n3 n4 +n5';

/** What the two leaders asked for, and the later one's term. */
interface Changes {
  readonly promotion: Asked<void>;
  readonly removal: Asked<boolean>;
  readonly term: Term;
}

async function run(stage: NastyStage): Promise<void> {
  await lead(stage, 'n1');
  await addLearner(stage, 'n1', 'n5');
  await untilMembers(stage, ['n2', 'n3', 'n4', 'n5'], BEFORE);
  const changes = await writeBoth(stage);
  await tryBoth(stage, changes.term);
  await settleBoth(stage, changes);
}

async function writeBoth(stage: NastyStage): Promise<Changes> {
  const { cluster } = stage;
  const mail = new Mail(stage);
  const written = new Written(stage);
  mail.onlyCandidate('n2');
  mail.drop('n4', letters(App, 'n2'));
  cluster.network.partition([
    ['n1', 'n5'],
    ['n2', 'n3', 'n4'],
  ]);
  const promotion = beginPromotion(stage, 'n1', 'n5');
  await until(
    stage,
    'n5 has the change that gives it a vote',
    () => written.changesBy('n5').length === 1,
  );
  await untilLeads(stage, 'n2');
  const { term } = statusOf(stage, 'n2');
  const removal = beginRemoval(stage, 'n2', 'n1');
  await until(
    stage,
    'n3 has the change that removes n1',
    () => written.changesBy('n3').length === 1,
  );
  const [first] = written.by('n2').filter((entry) => entry.term === term);
  const [change] = written.changesBy('n2');
  const isBehind = first !== undefined && change !== undefined && change.index > first.index;
  stage.expect(isBehind, 'the change of n2 stands behind an entry of its own term');
  await cluster.run(LOOK_MS);
  checkNothingChanged(stage, ['n2', 'n3']);
  checkNothingChanged(stage, ['n1', 'n5']);
  stage.trouble('n1 and n2 lead different terms, each with a change that the other does not have');

  mail.clear();
  return { promotion, removal, term };
}

/** Each with the followers that would be its majority, were its own change in force. */
async function tryBoth(stage: NastyStage, term: Term): Promise<void> {
  const { cluster } = stage;
  const { network } = cluster;
  network.healAll();
  network.partition([
    ['n1', 'n4', 'n5'],
    ['n2', 'n3'],
  ]);
  const witness = new Witness(stage);
  await cluster.run(ELECTIONS_MS);
  for (const name of cluster.machines.keys()) {
    const led = witness.sent(
      name,
      letters([App, Heartbeat], undefined, (it) => it.term > term),
    );
    stage.expect(led.length === 0, `no majority but that of the old four: ${name} was elected`);
  }
  const tries = witness.events.filter(({ kind, ...event }) => {
    return kind === 'sent' && 'message' in event && event.message.type === PreVote;
  });
  stage.expect(tries.length > 0, 'both halves tried');
  checkNothingChanged(stage, ['n1', 'n2', 'n3', 'n4', 'n5']);
  stage.trouble('n1, n4, n5 would be a majority by one change, n2, n3 by the other');
}

async function settleBoth(stage: NastyStage, { promotion, removal }: Changes): Promise<void> {
  stage.cluster.network.healAll();
  await ended(stage, 'the removal', removal);
  await ended(stage, 'the promotion', promotion);
  stage.expect(!promotion.isAnswered, 'the promotion of the first leader came to nothing');
  await until(stage, 'n1 is told', () => endOf(stage, 'n1') === 'MEMBER_REMOVED');
  await untilMembers(stage, ['n2', 'n3', 'n4', 'n5'], 'n2 n3 n4 +n5');
  await write(stage, 'n3', 'x', 'they go on');
  const second = beginPromotion(stage, 'n2', 'n5');
  await answered(stage, 'a promotion now', second);
  await allIsWell(stage, ['n1']);
}

function checkNothingChanged(stage: NastyStage, names: readonly string[]): void {
  for (const name of names) {
    const found = membersOf(stage, name);
    stage.expect(found === BEFORE, `no change is in force: ${name} has ${found}`);
  }
}

export const TWO_CHANGES: NastyScenario = {
  number: 30,
  title: 'two leaders, each with a change of members of its own: neither is in force',
  size: 4,
  run,
};
