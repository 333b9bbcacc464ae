/**
 * N-22. A new leader has an entry that its predecessor committed and answered, and does not know that it
 * is committed. Its own commit index would give a read the state from before: so its reads wait until an
 * entry of its own term is committed, which commits all before it.
 *
 * The news of the commit is lost on its way to both followers, the old leader dies, and the answers to
 * the new leader's own first entry are held. It hears its followers all the while: it leads beyond doubt.
 */
import { MessageType } from '../../src/raft/index.ts';
import { answered, beginRead } from './asks.ts';
import { letters, Mail } from './mail.ts';
import {
  allIsWell,
  isUp,
  lead,
  matchOf,
  processOf,
  statusOf,
  until,
  untilOneLeads,
  write,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

const LOOK_MS = 700;

async function run(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await lead(stage, 'n1');
  await write(stage, 'n1', 'x', 'old');
  const mail = new Mail(stage);
  const { lastIndex, term } = statusOf(stage, 'n1');
  const index = lastIndex + 1;
  await until(stage, 'all have all', () => {
    return ['n2', 'n3'].every((name) => statusOf(stage, name).commitIndex === lastIndex);
  });
  const isNews = letters([MessageType.App, MessageType.Heartbeat], 'n1', ({ commit }) => {
    return commit >= index;
  });
  mail.drop(undefined, isNews);
  await write(stage, 'n1', 'x', 'new');
  await until(stage, 'both followers have the entry', () => {
    return ['n2', 'n3'].every((name) => matchOf(stage, 'n1', name) >= index);
  });
  const isAnswer = letters(MessageType.AppResp, undefined, (message) => message.term > term);
  const answers = mail.hold(undefined, isAnswer);
  cluster.kill('n1');

  const leader = await untilOneLeads(stage, ['n2', 'n3']);
  const reads = [leader, leader === 'n2' ? 'n3' : 'n2'].map((name) => beginRead(stage, name, 'x'));
  await until(stage, 'its first entry is acknowledged', () => answers.messages.length > 0);
  const { commitIndex } = statusOf(stage, leader);
  stage.expect(commitIndex < index, `${leader} knows only that ${commitIndex} is committed`);
  stage.trouble(`${leader} leads, and does not know that entry ${index} is committed and answered`);
  await cluster.run(LOOK_MS);
  stage.expect(processOf(stage, leader).engine.isLeader, `${leader} leads all the while`);
  for (const { isAnswered, value } of reads) {
    stage.expect(!isAnswered, `reads wait for the first commit of the term; one gave ${value}`);
  }

  answers.release();
  for (const asked of reads) {
    const value = await answered(stage, 'a read that waited', asked);
    stage.expect(value === 'new', `a read sees what was acknowledged before it, not ${value}`);
  }
  stage.expect(!isUp(stage, 'n1'), 'nobody needed n1 for that');
  await allIsWell(stage);
}

export const FIRST_COMMIT: NastyScenario = {
  number: 22,
  title: 'a leader that does not know what is committed: its reads wait for the first of its term',
  run,
};
