/**
 * N-16 and N-17: where do two logs meet? A leader that has to find out must not ask once for every entry,
 * and the question about the entry right behind a snapshot must not be refused for ever.
 *
 * N-16: two nodes lead in turns, three times each, and nothing of theirs reaches anybody: their tails differ
 * in every term. The refusal says of which term the follower's entry is, so that a probe skips a whole term.
 * N-17: after a snapshot the follower's log has no entry at the snapshot's index; the term to compare with is
 * the snapshot's own.
 */
import { MessageType } from '../../src/raft/index.ts';
import { letters, Mail, Witness } from './mail.ts';
import {
  allIsWell,
  isUp,
  lead,
  restart,
  statusOf,
  until,
  untilInStep,
  untilLeads,
  untilLevel,
  write,
  writeOneByOne,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

const { App, AppResp } = MessageType;

const TERMS = 3;
const KEYS: readonly string[] = Array.from({ length: 10 }, (_, at) => `entry ${at}`);
/** For each term of the tail one question, and a few to begin and to end with. */
const REFUSALS_MAX = TERMS + 3;

export const DIVERGENT_TAIL: NastyScenario = {
  number: 16,
  title: 'A long divergent tail costs a question a term, not one an entry',
  async run(stage) {
    const { cluster } = stage;
    const mail = new Mail(stage);
    await lead(stage, 'n1');
    await untilLevel(stage);
    const { lastIndex } = statusOf(stage, 'n2');
    for (let round = 0; round < TERMS; round++) {
      await leadAlone(stage, mail, 'n3', 'n1');
      await leadAlone(stage, mail, 'n1', 'n3');
    }
    const tail = statusOf(stage, 'n1').lastIndex - lastIndex;
    stage.expect(tail >= TERMS * KEYS.length, 'n1 has a long tail');
    const witness = new Witness(stage);
    mail.clear();
    await untilInStep(stage, 'n1', 'n2');
    await restart(stage, 'n3');
    stage.expect(statusOf(stage, 'n3').lastIndex - lastIndex >= tail - TERMS, 'n3 has one, too');
    await untilInStep(stage, 'n1', 'n3');
    const refused = witness.sent(
      'n3',
      letters(AppResp, 'n3', (it) => it.reject && it.index > 0),
    );
    stage.expect(refused.length >= TERMS - 1, `the tails differ in each term: ${refused.length}`);
    stage.trouble(`${tail} entries of n3 in ${TERMS} terms are none of the leader's`);
    const most = `${refused.length} refusals, at most ${REFUSALS_MAX}`;
    stage.expect(refused.length <= REFUSALS_MAX, `n1 finds out where the logs meet by ${most}`);
    stage.expect(cluster.agreedLeader === 'n1', 'n1 leads');
    await allIsWell(stage);
  },
};

/** The node is elected by n2 and writes entries that stay with it. */
async function leadAlone(
  stage: NastyStage,
  mail: Mail,
  name: string,
  other: string,
): Promise<void> {
  mail.clear();
  mail.onlyCandidate(name);
  // Also those that the other one has sent already.
  mail.drop(undefined, letters(App));
  stage.cluster.kill(other);
  if (!isUp(stage, name)) await restart(stage, name);
  await untilLeads(stage, name);
  const { lastIndex } = statusOf(stage, name);
  await writeOneByOne(stage, name, KEYS);
  await until(stage, `${name} has written`, () => {
    return statusOf(stage, name).durableIndex >= lastIndex + KEYS.length;
  });
}

const SNAPSHOT_EVERY = 10;

export const RIGHT_BEHIND_THE_SNAPSHOT: NastyScenario = {
  number: 17,
  title:
    'The entry before the append is the snapshot itself: its term is compared, nothing refused',
  cluster: { tuning: { snapshotIntervalEntries: SNAPSHOT_EVERY, snapshotCatchUpEntries: 1 } },
  async run(stage) {
    await lead(stage, 'n1');
    await goOnBehindSnapshot(stage, 'stays up');
    await goOnBehindSnapshot(stage, 'is killed as soon as it is installed');
    await allIsWell(stage);
  },
};

async function goOnBehindSnapshot(
  stage: NastyStage,
  how: 'stays up' | 'is killed as soon as it is installed',
): Promise<void> {
  const { cluster } = stage;
  const witness = new Witness(stage);
  cluster.kill('n3');
  const { lastIndex } = statusOf(stage, 'n1');
  for (let at = 0; at < 3 * SNAPSHOT_EVERY; at++) await write(stage, 'n1', `key ${at}`, 'done');
  await until(
    stage,
    'n1 has freed its log',
    () => statusOf(stage, 'n1').firstIndex > lastIndex + 1,
  );
  let installed: { index: number; term: number } | undefined;
  const forget = cluster.listen((event) => {
    if (event.kind !== 'snapshot-installed' || event.node !== 'n3') return;
    installed ??= event.snapshot.metadata;
    if (how !== 'stays up') cluster.kill('n3');
  });
  cluster.start('n3');
  await until(stage, 'n3 gets a snapshot', () => installed !== undefined);
  forget();
  if (how !== 'stays up') await restart(stage, 'n3');
  const { index, term } = installed ?? { index: 0, term: 0 };
  await write(stage, 'n1', 'behind the snapshot', how);
  const asked = () =>
    witness.received(
      'n3',
      letters(App, 'n1', (it) => it.index === index && it.logTerm === term),
    );
  await until(stage, 'n3 is asked about the entry that the snapshot ends with', () => {
    return asked().some(({ entries }) => entries.length > 0);
  });
  stage.trouble(`the entry before the append is ${index}, the snapshot itself; n3 ${how}`);
  await untilInStep(stage, 'n1', 'n3');
  const refused = witness.sent(
    'n3',
    letters(AppResp, 'n3', (it) => it.reject && it.index === index),
  );
  stage.expect(refused.length === 0, `n3 refuses nothing that begins right behind ${index}`);
  // Until n1 no longer keeps its log for n3.
  await cluster.run(500);
}
