/**
 * N-12, N-14 and N-15: what a leader believes of a follower's answers. An acknowledgement says what was
 * compared and no more; a refusal counts only while it answers what is being asked; and whatever comes
 * late or out of order, the match never falls.
 *
 * What broke others: a follower with a stale, longer tail answered with the end of its own log, and entries
 * were called committed that it did not have; an old refusal, or an old acknowledgement, put a follower
 * back, and the commit with it.
 *
 * N-12, how far whole nodes can be brought: the first append of a term carries the leader's first entry,
 * and what conflicts is cut by it. So only a heartbeat reaches a follower whose stale tail still stands,
 * and an append that is short of the follower's log is one that comes twice.
 */
import { COMMIT_NOTICE_MS } from '../../src/limits.ts';
import { type LogIndex, MessageType, type Term } from '../../src/raft/index.ts';
import { letters } from './mail.ts';
import {
  allIsWell,
  isolate,
  matchOf,
  memberOf,
  rejoin,
  statusOf,
  until,
  untilInStep,
  untilLeads,
  untilLevel,
  write,
  writeOneByOne,
} from './moves.ts';
import { prepare } from './prepared.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

const { App, AppResp, Heartbeat } = MessageType;

/** The first acknowledgement of the node that says more than its leader can have compared. */
function watchAcknowledgements(stage: NastyStage, node: string): () => string | undefined {
  let compared = { term: 0 as Term, to: 0 as LogIndex };
  let tooFar: string | undefined;
  stage.cluster.listen((event) => {
    if (event.node !== node || (event.kind !== 'received' && event.kind !== 'sent')) return;
    const { type, term, index, entries, reject } = event.message;
    if (event.kind === 'received' && type === App) {
      const to = index + entries.length;
      compared = { term, to: term > compared.term ? to : Math.max(compared.to, to) };
    } else if (event.kind === 'sent' && type === AppResp && !reject) {
      const { commitIndex } = statusOf(stage, node);
      const isCompared = term === compared.term ? index <= compared.to : false;
      if (!isCompared && index > commitIndex) tooFar ??= `${index}, of ${compared.to} compared`;
    }
  });
  return () => tooFar;
}

export const ACKNOWLEDGED_WAS_COMPARED: NastyScenario = {
  number: 12,
  title: 'A follower with a longer tail acknowledges what was compared, not where its log ends',
  async run(stage) {
    const { cluster } = stage;
    const { mail, witness, lastIndex: shared } = await prepare(stage, 'n3');
    const tooFar = watchAcknowledgements(stage, 'n3');
    mail.drop(undefined, letters(App, 'n3'));
    const { commitIndex } = statusOf(stage, 'n3');
    const tail = await writeOneByOne(stage, 'n3', [
      'tail 1',
      'tail 2',
      'tail 3',
      'tail 4',
      'tail 5',
    ]);
    await until(stage, 'n3 has a tail', () => statusOf(stage, 'n3').lastIndex >= shared + 5);
    const end = statusOf(stage, 'n3').lastIndex;
    isolate(stage, 'n3');
    mail.onlyCandidate('n1');
    await untilLeads(stage, 'n1');
    const keys = ['new 1', 'new 2', 'new 3', 'new 4', 'new 5', 'new 6'];
    for (const key of keys) await write(stage, 'n1', key, 'done');

    const appends = mail.hold('n3', letters(App, 'n1'));
    rejoin(stage, 'n3');
    const { term } = statusOf(stage, 'n1');
    const beats = () =>
      witness.received(
        'n3',
        letters(Heartbeat, 'n1', (it) => it.term === term),
      );
    await until(stage, 'n3 hears heartbeats of n1', () => beats().length >= 3);
    const follower = statusOf(stage, 'n3');
    stage.expect(follower.lastIndex === end, 'the stale tail of n3 stands');
    stage.trouble(`n3, whose log ends at ${end} with a stale tail, answers heartbeats of n1`);
    stage.expect(matchOf(stage, 'n1', 'n3') === 0, 'n1 knows nothing of the log of n3 by that');
    stage.expect(follower.commitIndex === commitIndex, 'n3 commits nothing of its tail');
    appends.release();
    // Those that wrote the tail are told that it is gone, and write again.
    for (const { settled } of tail) await cluster.settled(settled);
    await untilLevel(stage);

    const { lastIndex } = statusOf(stage, 'n1');
    mail.drop('n2', letters(App, 'n1'));
    mail.hold('n1', letters(AppResp, 'n3'));
    const carried = (at: number) =>
      letters(App, 'n1', (it) => it.index === at && it.entries.length === 1);
    const first = mail.copy('n3', carried(lastIndex));
    await writeOneByOne(stage, 'n1', ['twice 1', 'twice 2', 'twice 3']);
    await until(stage, 'n3 has them', () => statusOf(stage, 'n3').durableIndex >= lastIndex + 3);
    witness.clear();
    stage.trouble(`the append of ${lastIndex + 1} comes to n3 again, whose log ends 2 behind it`);
    first.deliver(0);
    const answers = () => witness.sent('n3', letters(AppResp));
    await until(stage, 'n3 answers', () => answers().some((it) => it.index === lastIndex + 1), 300);
    stage.expect(tooFar() === undefined, `n3 has acknowledged ${tooFar()}`);
    await allIsWell(stage);
    stage.expect(tooFar() === undefined, `n3 has acknowledged ${tooFar()}`);
  },
};

export const LATE_REFUSAL: NastyScenario = {
  number: 14,
  title: 'A refusal that comes late puts nobody back',
  async run(stage) {
    const { cluster } = stage;
    const { mail, witness } = await prepare(stage, 'n1');
    const refusals = mail.copy(
      'n1',
      letters(AppResp, 'n3', (it) => it.reject),
    );
    const lost = mail.drop(
      'n3',
      letters(App, 'n1', (it) => it.entries.length > 0),
    );
    await write(stage, 'n1', 'lost on the way', 'done');
    await until(stage, 'an append is lost', () => lost.messages.length > 0);
    lost.end();
    await write(stage, 'n1', 'refused', 'done');
    await until(stage, 'n3 refuses what comes behind', () => refusals.messages.length > 0);
    await write(stage, 'n1', 'after', 'done');
    await untilInStep(stage, 'n1', 'n3');

    // What is left to be told of the last commit has been told then.
    await cluster.run(2 * COMMIT_NOTICE_MS);
    const match = matchOf(stage, 'n1', 'n3');
    const refused = refusals.messages[0]?.index ?? 0;
    stage.expect(refused > 0 && refused <= match, 'n3 has long since got what it refused');
    const toThree = () =>
      witness.sent(
        'n1',
        letters(App, 'n1', (it) => it.to === 3),
      );
    witness.clear();
    stage.trouble(`the refusal of ${refused} comes again, when n3 is known to have ${match}`);
    refusals.deliver(0);
    await cluster.run(5);
    const member = memberOf(stage, 'n1', 'n3');
    stage.expect(toThree().length === 0, 'n1 sends nothing because of it');
    stage.expect(member?.progress === 'replicate', `n1 streams to n3 still: ${member?.progress}`);
    stage.expect(member?.matchIndex === match, 'the match is what it was');

    // The same while n1 asks n3 where their logs meet.
    mail.hold(
      'n1',
      letters(AppResp, 'n3', (it) => !it.reject),
    );
    cluster.network.resetAll('n1', 'n3');
    await until(stage, 'n1 probes n3', () => memberOf(stage, 'n1', 'n3')?.progress === 'probe');
    witness.clear();
    await write(stage, 'n1', 'while probing', 'done');
    stage.trouble(`the refusal of ${refused} comes a third time, while n1 probes n3`);
    refusals.deliver(0);
    await cluster.run(500);
    stage.expect(toThree().length > 0, 'n1 has asked n3');
    stage.expect(
      toThree().every(({ index }) => index >= match),
      `n1 asks for nothing below ${match}`,
    );
    stage.expect(matchOf(stage, 'n1', 'n3') === match, 'the match is what it was');
    await allIsWell(stage);
  },
};

export const ACKNOWLEDGED_OUT_OF_ORDER: NastyScenario = {
  number: 15,
  title: 'Acknowledgements that overtake one another never lower the match',
  async run(stage) {
    const { cluster } = stage;
    const { mail, witness, lastIndex } = await prepare(stage, 'n1');
    mail.drop('n2', letters(App, 'n1'));
    const answers = mail.hold(
      'n1',
      letters(AppResp, 'n3', (it) => it.index > lastIndex),
    );
    const writes = await writeOneByOne(stage, 'n1', ['first', 'second', 'third']);
    const placeOf = (index: LogIndex): number =>
      answers.messages.findIndex((it) => it.index === index && !it.reject);
    const wanted = [lastIndex + 3, lastIndex + 1, lastIndex + 2, lastIndex + 1];
    await until(stage, 'three answers of n3 are held', () =>
      wanted.every((it) => placeOf(it) >= 0),
    );

    stage.expect(matchOf(stage, 'n1', 'n3') === lastIndex, 'n1 has heard nothing yet');
    stage.trouble(`answers of n3 arrive in the order ${wanted.join(', ')}`);
    for (const index of wanted) {
      answers.deliver(placeOf(index));
      await cluster.run(3);
      const match = matchOf(stage, 'n1', 'n3');
      stage.expect(match === lastIndex + 3, `after the answer ${index} the match is ${match}`);
    }
    for (const { settled } of writes) await cluster.settled(settled);
    stage.expect(
      writes.every(({ isAnswered }) => isAnswered),
      'all three are written: two of three have them',
    );
    answers.end();
    witness.clear();
    await write(stage, 'n1', 'after', 'done');
    const sent = witness.sent(
      'n1',
      letters(App, 'n1', (it) => it.to === 3),
    );
    stage.expect(
      sent.every((it) => it.index >= lastIndex + 3),
      'next stays above the match',
    );
    await allIsWell(stage);
  },
};
