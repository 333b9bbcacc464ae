/**
 * N-7 to N-9: pre-vote and the leader's lease keep out who must not lead. They must not keep out everybody.
 *
 * What broke others: the node with the longest log had the lowest term, its questions were ignored as old,
 * and the others could not win; a node that asked for pre-votes still held its leader's lease and refused
 * the one who could have won; one link that worked in one direction only held elections for hours.
 */
import { MessageType } from '../../src/raft/index.ts';
import { letters, Mail, Witness } from './mail.ts';
import {
  allIsWell,
  isolate,
  lead,
  processOf,
  rejoin,
  restart,
  statusOf,
  until,
  untilLeads,
  untilLevel,
  untilOneLeads,
  untilWhole,
  write,
  writeOneByOne,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

const { App, AppResp, Heartbeat, HeartbeatResp, PreVote, PreVoteResp, Vote } = MessageType;

/** Several election timeouts: nobody may need more when a majority hears one another. */
const ELECTED_WITHIN_MS = 15_000;

export const PRE_VOTE_DEADLOCK: NastyScenario = {
  number: 7,
  title: 'The longest log has the lowest term: it wins all the same, with pre-vote and without',
  async run(stage) {
    await longestLogLowestTerm(stage);
    await allIsWell(stage);
    stage.cluster.kill('n2');
    const machine = stage.cluster.machine('n2');
    machine.tuning = { ...machine.tuning, preVote: false };
    await restart(stage, 'n2');
    await untilWhole(stage);
    await longestLogLowestTerm(stage);
    await allIsWell(stage);
  },
};

async function longestLogLowestTerm(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await lead(stage, 'n1');
  await untilLevel(stage);
  const mail = new Mail(stage);
  mail.drop(undefined, letters(App, 'n1'));
  const { lastIndex } = statusOf(stage, 'n1');
  await writeOneByOne(stage, 'n1', ['only at n1: first', 'only at n1: second']);
  await until(stage, 'n1 has the longest log', () => {
    return statusOf(stage, 'n1').lastIndex >= lastIndex + 2;
  });
  isolate(stage, 'n1');
  mail.onlyCandidate('n2');
  mail.drop('n3', letters(Vote, 'n2'));
  // So far ahead that even the term that n1 would campaign for is an old one.
  const isAhead = (): boolean => statusOf(stage, 'n2').term > statusOf(stage, 'n1').term + 1;
  await until(stage, 'n2 is in a later term', isAhead);
  cluster.cutPower('n3');
  const [one, two] = [statusOf(stage, 'n1'), statusOf(stage, 'n2')];
  const isNasty = one.term < two.term && one.lastIndex > two.lastIndex;
  stage.expect(isNasty, 'the longest log and the highest term are at different nodes');
  stage.trouble(
    `n1 ends at ${one.lastIndex} in term ${one.term}, n2 at ${two.lastIndex} in term ${two.term}, ` +
      'and neither leads without the other',
  );
  mail.clear();
  rejoin(stage, 'n1');
  await untilLeads(stage, 'n1', ELECTED_WITHIN_MS);
  await write(stage, 'n2', 'after', 'done');
}

export const PRE_VOTE_AND_LEASE: NastyScenario = {
  number: 8,
  title: 'Who asks for pre-votes holds no lease any more: the one that can win gets its answer',
  async run(stage) {
    const { cluster } = stage;
    const mail = new Mail(stage);
    const witness = new Witness(stage);
    await lead(stage, 'n1');
    await untilLevel(stage);
    mail.drop('n2', letters(App));
    await write(stage, 'n1', 'not at n2', 'done');
    const asked = mail.hold('n2', letters(PreVote, 'n3'));
    cluster.cutPower('n1');
    await until(stage, 'n3 asks n2', () => asked.messages.length > 0);
    witness.clear();
    const isAsking = (): boolean => witness.sent('n2', letters(PreVote)).length > 0;
    await until(stage, 'n2 asks, too', isAsking);
    const { role, lastIndex } = statusOf(stage, 'n2');
    stage.expect(role === 'pre-candidate', `n2 is a pre-candidate, not a ${role}`);
    stage.expect(lastIndex < statusOf(stage, 'n3').lastIndex, 'only n3 can win');
    stage.trouble('n2 asks for pre-votes that it can not get, and is asked by n3 at that moment');
    asked.end();
    asked.deliver(-1);
    const answers = () => witness.sent('n2', letters(PreVoteResp));
    await until(stage, 'n2 answers at once', () => answers().length > 0, 200);
    stage.expect(answers()[0]?.reject === false, 'n2 wishes n3 to win');
    await untilLeads(stage, 'n3', 1_000);
    await allIsWell(stage);
  },
};

export const ONE_WAY_LINKS: NastyScenario = {
  number: 9,
  title: 'Links that carry one way only: writes go on, and a leader that hears nobody steps down',
  async run(stage) {
    await oneDoesNotHearTheLeader(stage);
    await leaderHearsNobody(stage);
    await allIsWell(stage);
  },
};

const WRITES = 20;

async function oneDoesNotHearTheLeader(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await lead(stage, 'n1');
  await untilLevel(stage);
  const { term } = statusOf(stage, 'n1');
  const witness = new Witness(stage);
  cluster.network.cut('n1', 'n3');
  // Before anything is written n3 has all that the others have: only their lease speaks against it.
  const campaigns = () => witness.received('n2', letters(PreVote, 'n3'));
  await until(stage, 'n3 asks n2 for its vote', () => campaigns().length >= 3);
  const isUndisturbed = (): boolean =>
    processOf(stage, 'n1').engine.isLeader && statusOf(stage, 'n1').term === term;
  stage.expect(isUndisturbed(), 'n1 leads in its term, although n3 lacks nothing but its lease');
  stage.expect(campaigns()[0]?.index === statusOf(stage, 'n1').lastIndex, 'n3 lacks nothing');
  for (let at = 0; at < WRITES; at++) {
    await write(stage, at % 2 === 0 ? 'n1' : 'n2', `one way ${at}`, 'done');
    await cluster.run(1_000);
  }
  const asked = campaigns().length;
  stage.trouble(`n3 does not hear n1 and asks n2 for its vote, ${asked} times`);
  stage.expect(isUndisturbed(), 'n1 leads in its term still');
  cluster.network.healAll();
  await until(stage, 'the cluster is whole', () => cluster.agreedLeader === 'n1');
}

/** Election timeouts of 1 s: a leader looks once in each, and may have heard something just before. */
const STEPS_DOWN_WITHIN_MS = 3_000;

async function leaderHearsNobody(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  const { term } = statusOf(stage, 'n1');
  const witness = new Witness(stage);
  const cutMs = cluster.nowMs;
  for (const name of ['n2', 'n3']) cluster.network.cut(name, 'n1');
  await cluster.run(100);
  witness.clear();
  const hears = (name: string): boolean =>
    witness.received(
      name,
      letters(Heartbeat, 'n1', (it) => it.term === term),
    ).length > 0;
  await until(stage, 'n2 and n3 hear n1', () => hears('n2') && hears('n3'), 500);
  const heard = witness.received('n1', letters([AppResp, HeartbeatResp]));
  stage.expect(heard.length === 0, 'n1 hears nobody');
  stage.trouble('n1 leads, is heard, and hears nobody');
  const stepsDown = (): boolean => !processOf(stage, 'n1').engine.isLeader;
  await until(stage, 'n1 steps down', stepsDown, cutMs + STEPS_DOWN_WITHIN_MS - cluster.nowMs);
  await untilOneLeads(stage, ['n2', 'n3'], ELECTED_WITHIN_MS);
  await write(stage, 'n2', 'without n1', 'done');
}
