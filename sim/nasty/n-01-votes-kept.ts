/**
 * N-1 to N-3: a vote is a promise. It must outlive a change of role, be on disk before anybody hears of
 * it, and be one with its term.
 *
 * What broke others: a candidate that heard of another leader of its own term forgot whom it had voted for,
 * and voted again when that leader went; a vote that was told, then lost with the power; a term that was
 * written in one step and its vote in the next.
 */
import { type HardState, MessageType } from '../../src/raft/index.ts';
import { letters, Mail, Witness } from './mail.ts';
import {
  allIsWell,
  freeDisk,
  holdSyncs,
  isConnected,
  isUp,
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

const { App, Heartbeat, PreVote, PreVoteResp, Vote, VoteResp } = MessageType;

/**
 * n3 led, has died and is back; n1 and n2 are both about to campaign in the same term: what they still need
 * is held, and given to one of them by what this answers.
 */
async function twoWhoWillCampaign(
  stage: NastyStage,
  mail: Mail,
): Promise<(name: 'n1' | 'n2') => void> {
  await lead(stage, 'n3');
  await untilLevel(stage);
  const asks = letters([PreVote, Vote]);
  mail.drop(undefined, (it, to) => asks(it, to) && it.from > raftIdOf('n2'));
  const answers = {
    n1: mail.hold('n1', letters(PreVoteResp)),
    n2: mail.hold('n2', letters(PreVoteResp)),
  };
  stage.cluster.kill('n3');
  const grantsOf = (name: keyof typeof answers): readonly number[] =>
    answers[name].messages.flatMap(({ reject }, at) => (reject ? [] : [at]));
  const givers = (name: keyof typeof answers): number =>
    new Set(grantsOf(name).map((at) => answers[name].messages[at]?.from)).size;
  const others = Math.floor(stage.cluster.founders.length / 2);
  await until(stage, 'two nodes have the pre-votes that they need', () => {
    return givers('n1') >= others && givers('n2') >= others;
  });
  await restart(stage, 'n3');
  await until(stage, 'n1 reaches n3', () => isConnected(stage, 'n1', 'n3'));
  return (name) => {
    for (const at of grantsOf(name)) answers[name].deliver(at);
  };
}

export const VOTE_IS_KEPT: NastyScenario = {
  number: 1,
  title: 'A candidate that steps down within its term keeps its vote, and gives no other',
  async run(stage) {
    const { cluster } = stage;
    const mail = new Mail(stage);
    const witness = new Witness(stage);
    const goOn = await twoWhoWillCampaign(stage, mail);

    const request = mail.hold('n2', letters(Vote, 'n1'));
    mail.drop(undefined, letters(Vote, 'n2'));
    mail.drop('n2', letters(App, 'n1'));
    goOn('n2');
    await until(stage, 'n2 is a candidate', () => statusOf(stage, 'n2').role === 'candidate');
    goOn('n1');
    await untilLeads(stage, 'n1');
    const { term } = statusOf(stage, 'n1');
    await until(stage, 'n2, a candidate of the same term, follows n1', () => {
      const { role, leader } = statusOf(stage, 'n2');
      return role === 'follower' && leader?.nodeId === 'n1';
    });
    cluster.kill('n1');
    await until(stage, 'n2 knows no leader', () => statusOf(stage, 'n2').leader === undefined);
    stage.expect(statusOf(stage, 'n2').term === term, 'n2 is still in the term of its vote');
    stage.expect(request.messages[0]?.term === term, 'the late request is of that term');
    stage.trouble(
      `n2 voted for itself in term ${term}, stepped down in it, and is asked once more`,
    );
    request.deliver(0);
    const answers = () =>
      witness.sent(
        'n2',
        letters(VoteResp, 'n2', (it) => it.term === term),
      );
    await until(stage, 'n2 answers', () => answers().length > 0);
    stage.expect(
      answers().every(({ reject }) => reject),
      `n2 refuses its vote of term ${term}, which it gave to itself`,
    );
    await allIsWell(stage);
  },
};

export const VOTE_IS_DURABLE: NastyScenario = {
  number: 2,
  title: 'A vote leaves only once it is durable, and a candidate asks only once its own is',
  size: 5,
  async run(stage) {
    await voterLosesPower(stage);
    await allIsWell(stage);
    await candidateLosesPower(stage);
    await allIsWell(stage);
    await candidateIsOvertaken(stage);
    await allIsWell(stage);
  },
};

async function voterLosesPower(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  const mail = new Mail(stage);
  const goOn = await twoWhoWillCampaign(stage, mail);
  for (const name of ['n1', 'n2', 'n4', 'n5']) mail.drop(name, letters(Vote));

  const witness = new Witness(stage);
  holdSyncs(stage, 'n3', 800);
  goOn('n1');
  const isVoting = () => votes(witness, 'appended', 'n3', 'n1') > 0;
  await until(stage, 'n3 is about to store its vote for n1', isVoting);
  const { term } = statusOf(stage, 'n1');
  await cluster.run(300);
  stage.expect(votes(witness, 'durable', 'n3', 'n1') === 0, 'the vote is not durable yet');
  const told = () =>
    witness.sent(
      'n3',
      letters(VoteResp, 'n3', (it) => it.term === term && !it.reject),
    );
  stage.trouble('n3 loses its power after it has voted and before its disk knows');
  stage.expect(told().length === 0, 'nobody has heard of a vote that is not durable');
  cluster.cutPower('n3');
  // Else n2 would write into the connection of the dead for a while.
  cluster.network.resetAll('n2', 'n3');
  freeDisk(stage, 'n3');
  await restart(stage, 'n3');
  await until(stage, 'n2 reaches n3', () => isConnected(stage, 'n2', 'n3'));
  goOn('n2');
  const asked = () =>
    witness.received(
      'n3',
      letters(Vote, 'n2', (it) => it.term === term),
    );
  await until(stage, 'n3 is asked by a second candidate of the term', () => asked().length > 0);
  await cluster.run(200);
  const granted = new Set(told().map(({ to }) => to));
  stage.expect(granted.size <= 1, `n3 has given its vote of term ${term} to one candidate at most`);
}

/**
 * What else could come: it forgets the term and the end of its log, comes to the same term again, and is
 * elected by grants of its first try that were held up on the disks of their voters.
 */
async function candidateLosesPower(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  const mail = new Mail(stage);
  await lead(stage, 'n3');
  await untilLevel(stage);
  mail.onlyCandidate('n1');
  const witness = new Witness(stage);
  holdSyncs(stage, 'n1', 900);
  cluster.kill('n3');
  const isStanding = () => votes(witness, 'appended', 'n1', 'n1') > 0;
  await until(stage, 'n1 is about to store its vote for itself', isStanding);
  const { term } = statusOf(stage, 'n1');
  await cluster.run(300);
  stage.expect(
    votes(witness, 'durable', 'n1', 'n1') === 0,
    'the own vote of n1 is not durable yet',
  );
  stage.trouble('n1 stands for election, and its own vote is not on its disk');
  const said = witness.sent(
    'n1',
    letters([Vote, App, Heartbeat], 'n1', (it) => it.term === term),
  );
  stage.expect(said.length === 0, `n1 has asked for no vote of term ${term} yet`);
  stage.expect(statusOf(stage, 'n1').role === 'candidate', 'n1 does not lead');
  cluster.cutPower('n1');
  mail.clear();
}

/** Its disk takes so long over its own vote that another one leads the term by then: it does not ask any more. */
async function candidateIsOvertaken(stage: NastyStage): Promise<void> {
  const mail = new Mail(stage);
  const goOn = await twoWhoWillCampaign(stage, mail);
  const witness = new Witness(stage);
  holdSyncs(stage, 'n1', 900);
  goOn('n1');
  const isStanding = () => votes(witness, 'appended', 'n1', 'n1') > 0;
  await until(stage, 'n1 is about to store its vote for itself', isStanding);
  const { term } = statusOf(stage, 'n1');
  goOn('n2');
  await untilLeads(stage, 'n2');
  stage.expect(statusOf(stage, 'n2').term === term, `n2 leads term ${term}`);
  await until(stage, 'n1 follows n2', () => statusOf(stage, 'n1').leader?.nodeId === 'n2');
  stage.expect(votes(witness, 'durable', 'n1', 'n1') === 0, 'the vote of n1 is not durable yet');
  stage.trouble(`n1 stood in term ${term}; it follows n2 before its own vote is on its disk`);
  await until(stage, 'it is', () => votes(witness, 'durable', 'n1', 'n1') > 0);
  await stage.cluster.run(300);
  const asked = witness.sent('n1', letters(Vote));
  stage.expect(asked.length === 0, 'n1 asks for no vote of a term that has a leader');
  mail.clear();
}

/** Batches with that vote that were handed to the voter's storage, or are durable there. */
function votes(
  witness: Witness,
  step: 'appended' | 'durable',
  voter: string,
  candidate: string,
): number {
  const vote = raftIdOf(candidate);
  return witness.batches(step, voter).filter(({ hardState }) => hardState?.vote === vote).length;
}

/** Operations on the voter's door from the moment in which it hands its vote to the storage. */
const DEATHS = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12];

export const TERM_AND_VOTE_ARE_ONE: NastyScenario = {
  number: 3,
  title: 'Term and vote are one record: a crash finds the old pair or the new one',
  async run(stage) {
    const found = { old: 0, new: 0 };
    for (const operations of DEATHS) found[await dieWhileVoting(stage, operations)] += 1;
    stage.expect(found.old > 0, 'some crashes came before the vote was on the disk');
    stage.expect(found.new > 0, 'some crashes came after it');
    await allIsWell(stage);
  },
};

async function dieWhileVoting(stage: NastyStage, operations: number): Promise<'old' | 'new'> {
  const { cluster } = stage;
  await untilWhole(stage);
  await lead(stage, 'n1');
  await untilLevel(stage);
  const before = { term: statusOf(stage, 'n1').term, vote: raftIdOf('n1') };
  const mail = new Mail(stage);
  mail.onlyCandidate('n2');
  let given: HardState | undefined;
  let opened: HardState | undefined;
  const forget = cluster.listen((event) => {
    if (event.node !== 'n3') return;
    if (event.kind === 'opened') opened = event.storage.initialState().hardState;
    if (event.kind !== 'appended' || given !== undefined) return;
    const state = event.batch.hardState;
    if (state === undefined || state.vote !== raftIdOf('n2')) return;
    given = state;
    cluster.dieAfter('n3', operations, 'power-cut');
  });
  cluster.kill('n1');
  await until(
    stage,
    'n3 votes and loses its power',
    () => cluster.machine('n3').process === undefined,
  );
  stage.trouble(`n3 loses its power ${operations} operations after it gave its vote to its disk`);
  await restart(stage, 'n3');
  forget();
  mail.clear();
  const isOld = opened?.term === before.term;
  const isNew = opened !== undefined && opened.term === given?.term && opened.vote === given.vote;
  const pair = `term ${opened?.term} with vote ${opened?.vote}`;
  stage.expect(isOld || isNew, `n3 finds the pair before or the one after; it has ${pair}`);
  if (!isUp(stage, 'n1')) await restart(stage, 'n1');
  return isOld ? 'old' : 'new';
}
