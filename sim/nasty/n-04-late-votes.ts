/**
 * N-4 and N-10: votes that are repeated, late, or of a pre-vote; and elections on a network that is
 * slower than the election timeout.
 *
 * What broke others: votes counted by message and not by voter; grants of the term before, or of a
 * pre-vote, that made a leader without a majority; a request that was refused when it was repeated; and
 * timeouts that were drawn once, so that the same nodes collided in every round.
 */
import { MessageType } from '../../src/raft/index.ts';
import { letters, Mail, Witness } from './mail.ts';
import {
  allIsWell,
  lead,
  raftIdOf,
  restart,
  statusOf,
  until,
  untilLeads,
  untilLevel,
  untilWhole,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

const { PreVoteResp, Vote, VoteResp } = MessageType;

export const VOTES_COUNT_ONCE: NastyScenario = {
  number: 4,
  title: 'A repeated request is granted again; repeated, late and pre-votes make no leader',
  size: 5,
  async run(stage) {
    const { cluster } = stage;
    const mail = new Mail(stage);
    await lead(stage, 'n1');
    await untilLevel(stage);
    mail.onlyCandidate('n2');
    const grants = mail.hold('n2', letters(VoteResp));
    const latePreVote = mail.hold('n2', letters(PreVoteResp, 'n5'));
    const request = mail.copy('n3', letters(Vote, 'n2'));
    cluster.cutPower('n1');

    const placesOf = (term: number, name: string): number[] =>
      grants.messages.flatMap(({ term: own, from, reject }, at) =>
        own === term && from === raftIdOf(name) && !reject ? [at] : [],
      );
    const hasAllVotes = (): boolean => {
      const { term, role } = statusOf(stage, 'n2');
      const isWhole = ['n3', 'n4', 'n5'].every((name) => placesOf(term, name).length > 0);
      return role === 'candidate' && isWhole && latePreVote.messages.length > 0;
    };
    await until(stage, 'all have voted, and no answer has come', hasAllVotes);
    const { term } = statusOf(stage, 'n2');
    const isCandidate = (): boolean => statusOf(stage, 'n2').role === 'candidate';

    request.deliver(request.messages.findIndex((message) => message.term === term));
    await until(
      stage,
      'n3 votes again for who asks again',
      () => placesOf(term, 'n3').length === 2,
      500,
    );
    const [first = -1, second = -1] = placesOf(term, 'n3');
    for (const at of [first, second, first]) grants.deliver(at);
    latePreVote.deliver(latePreVote.messages.findIndex((it) => it.term === term && !it.reject));
    await cluster.run(50);
    stage.trouble(`n2 has three grants of n3 in term ${term}, and a pre-vote of n5 that came late`);
    stage.expect(isCandidate(), 'n2, with two votes of five, is a candidate still');

    await until(stage, 'n2 campaigns in a later term', () => {
      return statusOf(stage, 'n2').term > term && isCandidate();
    });
    for (const name of ['n4', 'n5']) grants.deliver(placesOf(term, name)[0] ?? -1);
    await cluster.run(50);
    stage.trouble(`two grants of term ${term} arrive in term ${statusOf(stage, 'n2').term}`);
    stage.expect(isCandidate(), 'n2, with votes of the term before, is a candidate still');
    grants.release();
    await untilLeads(stage, 'n2');
    await allIsWell(stage);
  },
};

export const SLOW_VOTES: NastyScenario = {
  number: 10,
  title: 'Votes later than the election timeout: somebody leads all the same, and stays',
  size: 5,
  async run(stage) {
    await lead(stage, 'n1');
    const asks = new Mail(stage);
    for (const name of ['n4', 'n5']) asks.delay(name, letters(Vote), 1_500);
    await electAndStay(stage, 'requests to two of five arrive 1.5 s late');
    asks.clear();
    await restart(stage, 'n1');
    await untilWhole(stage);
    await lead(stage, 'n1');
    const answers = new Mail(stage);
    for (const name of ['n3', 'n4', 'n5']) answers.delay(undefined, letters(VoteResp, name), 1_200);
    await electAndStay(stage, 'the answers of three of five arrive 1.2 s late');
    await allIsWell(stage);
  },
};

/** Terms that an election on such a network may cost. With luck two; without end is what must not be. */
const TERMS_MAX = 25;
const ELECTED_WITHIN_MS = 60_000;
const STAYS_MS = 10_000;

async function electAndStay(stage: NastyStage, trouble: string): Promise<void> {
  const { cluster } = stage;
  const { term: before } = statusOf(stage, 'n1');
  const witness = new Witness(stage);
  cluster.cutPower('n1');
  const isElected = (): boolean => cluster.agreedLeader !== undefined;
  await until(stage, `somebody leads although ${trouble}`, isElected, ELECTED_WITHIN_MS);
  const asked = witness.events.filter((it) => it.kind === 'sent' && it.message.type === Vote);
  stage.expect(asked.length >= 4, 'votes were asked for');
  stage.trouble(trouble);
  const leader = cluster.agreedLeader ?? '';
  const { term } = statusOf(stage, leader);
  stage.expect(term - before <= TERMS_MAX, `an election took ${term - before} terms`);
  await cluster.run(STAYS_MS);
  stage.expect(cluster.agreedLeader === leader, `${leader} leads still`);
  stage.expect(statusOf(stage, leader).term === term, `the term is ${term} still`);
}
