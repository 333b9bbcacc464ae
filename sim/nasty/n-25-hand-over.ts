/**
 * N-25 and N-26. Leadership is handed over, and the word that makes the heir stand at once (TimeoutNow)
 * comes late, or the heir is far behind and clients go on writing.
 *
 * N-25: the old leader gave up and serves again when the word arrives. Whoever has got the word may be
 * elected inside everybody's lease, so an old leader that answered reads from a lease would be a second
 * reader. Here each read asks a majority, and a word of an earlier term moves nobody. Nor does one that was
 * for an heir who had died: it does not wait for whoever runs there next, long after the operator was told
 * that nothing came of it.
 *
 * N-26: while it hands over, a leader takes no proposals, or the heir never catches up; the word goes only
 * to one that has everything; it does not ask for pre-votes, which would be refused inside the lease; and
 * what does not come about ends within an election timeout, with the old leader serving again. Who finds out
 * while it asks for votes that the members are others now asks again once it has applied that.
 */
import { MessageType } from '../../src/raft/index.ts';
import type { Asked } from './asked.ts';
import { answered, begin, beginCommand, beginRead, ended } from './asks.ts';
import { letters, Mail, Witness } from './mail.ts';
import { membersOf } from './members.ts';
import {
  allIsWell,
  isConnected,
  isUp,
  lead,
  matchOf,
  memberOf,
  processOf,
  raftIdOf,
  read,
  restart,
  statusOf,
  until,
  untilLeads,
  utf8,
  write,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

const LOOK_MS = 150;
/** Ten ticks of 100 ms. */
const ELECTION_MS = 1_000;
const TICK_MS = 100;

function beginTransfer(stage: NastyStage, to: string, timeoutMs: number, from = 'n1'): Asked<void> {
  return begin(stage, from, ({ engine }) => engine.transferLeadership(to, { timeoutMs }));
}

async function lateWord(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await lead(stage, 'n1');
  await write(stage, 'n1', 'x', 'first');
  const mail = new Mail(stage);
  const words = mail.hold('n2', letters(MessageType.TimeoutNow, 'n1'));
  const transfer = beginTransfer(stage, 'n2', 3 * ELECTION_MS);
  await until(stage, 'the word is on its way', () => words.messages.length === 1);
  const during = await read(stage, 'n1', 'x');
  stage.expect(during === 'first', `a read during the transfer sees ${during}`);
  await ended(stage, 'the transfer', transfer);
  stage.expect(transfer.code === 'TRANSFER_TIMED_OUT', `it failed with ${transfer.code}`);
  await write(stage, 'n1', 'x', 'second');

  const news = mail.hold('n1', () => true);
  words.deliver(0);
  await untilLeads(stage, 'n2', ELECTION_MS);
  const old = processOf(stage, 'n1').engine;
  await write(stage, 'n2', 'x', 'third');
  stage.expect(old.isLeader, 'n1 has not heard of it and believes that it leads');
  stage.trouble(
    'the word came late: n2 leads inside the lease of n1, which believes that it leads',
  );
  const asked = beginRead(stage, 'n1', 'x');
  await cluster.run(LOOK_MS);
  stage.expect(!asked.isAnswered, `no second reader: n1 answers nothing, not ${asked.value}`);
  news.release();
  const value = await answered(stage, 'the read of n1', asked);
  stage.expect(value === 'third', `it sees what n2 has taken, not ${value}`);

  await lead(stage, 'n3');
  const { term } = statusOf(stage, 'n3');
  words.deliver(0);
  await cluster.run(ELECTION_MS);
  const after = statusOf(stage, 'n3');
  const isCalm = after.role === 'leader' && after.term === term;
  stage.expect(
    isCalm,
    `the word of an old term moves nobody; n3 is ${after.role} of ${after.term}`,
  );
  mail.clear();
  await deadHeir(stage);
  await allIsWell(stage);
}

/** n3 leads, and hands over to n2, which dies before the word reaches it. */
async function deadHeir(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  const { term } = statusOf(stage, 'n3');
  const witness = new Witness(stage);
  const words = (): number => witness.sent('n3', letters(MessageType.TimeoutNow)).length;
  const transfer = beginTransfer(stage, 'n2', 3 * ELECTION_MS, 'n3');
  await until(stage, 'the word is on its way', () => words() === 1);
  cluster.kill('n2');
  stage.trouble('the word was for an heir that has died, and that is started again later');
  await ended(stage, 'the transfer to the dead', transfer);
  stage.expect(transfer.code === 'TRANSFER_TIMED_OUT', `it failed with ${transfer.code}`);
  await until(stage, 'n3 sees that it is gone', () => !isConnected(stage, 'n3', 'n2'));
  const again = beginTransfer(stage, 'n2', 3 * ELECTION_MS, 'n3');
  await cluster.run(TICK_MS);
  stage.expect(again.code === 'TRANSFER_TIMED_OUT', `one to the dead ends at once: ${again.code}`);
  stage.expect(words() === 1, 'no word for one who is not there');
  await restart(stage, 'n2');
  await until(stage, 'n3 reaches it again', () => isConnected(stage, 'n3', 'n2'));
  await cluster.run(ELECTION_MS);
  const { role, term: later } = statusOf(stage, 'n3');
  const isCalm = role === 'leader' && later === term;
  stage.expect(isCalm, `the word died with its heir; n3 is ${role} of ${later}, and led ${term}`);
}

export const LATE_WORD: NastyScenario = {
  number: 25,
  title: 'leadership is handed over and the word comes late: no second reader',
  run: lateWord,
};

// ---- N-26 -----------------------------------------------------------------------------------------

const WRITERS: readonly string[] = ['n1', 'n2', 'n3'];

/** Clients that write one after the other until they are told to stop. */
class Load {
  isOver = false;
  readonly asked: Asked<unknown>[] = [];
  readonly #stage: NastyStage;

  constructor(stage: NastyStage) {
    this.#stage = stage;
    for (const node of WRITERS) this.#next(node, 0);
  }

  get answers(): number {
    return this.asked.filter(({ isAnswered }) => isAnswered).length;
  }

  #next(node: string, at: number): void {
    if (this.isOver) return;
    const key = utf8(`load/${node}/${at}`);
    const asked = beginCommand(this.#stage, node, { kind: 'put', key, value: utf8('v') });
    this.asked.push(asked);
    void asked.settled.then(() => this.#next(node, at + 1));
  }

  /** Each is answered, and well: waiting for a leader is no reason to fail. */
  async end(): Promise<void> {
    this.isOver = true;
    for (const asked of this.asked) await answered(this.#stage, 'a write under load', asked);
  }
}

async function underLoad(stage: NastyStage): Promise<void> {
  await lead(stage, 'n1');
  const witness = new Witness(stage);
  const mail = new Mail(stage);
  const load = new Load(stage);
  const lost = mail.drop('n2', letters(MessageType.App, 'n1'));
  await until(stage, 'n2 falls behind', () => load.answers >= 10);
  await failingTransfer(stage, witness, load);
  lost.end();
  await succeedingTransfer(stage, witness);
  const { answers } = load;
  await until(stage, 'the load goes on', () => load.answers > answers + 10);
  await load.end();
  await toOneUnaware(stage);
  await allIsWell(stage, ['n4']);
}

/** The heir does not get what it lacks. */
async function failingTransfer(stage: NastyStage, witness: Witness, load: Load): Promise<void> {
  const { cluster } = stage;
  const transfer = beginTransfer(stage, 'n2', 3 * ELECTION_MS);
  const isWord = letters(MessageType.TimeoutNow);
  const wordsBefore = witness.sent('n1', isWord).length;
  await cluster.run(TICK_MS / 2);
  const beganMs = cluster.nowMs;
  const { lastIndex } = statusOf(stage, 'n1');
  const { answers } = load;
  await cluster.run(ELECTION_MS - 2 * TICK_MS);
  const during = statusOf(stage, 'n1');
  stage.expect(during.lastIndex === lastIndex, 'no proposal is taken while it is handed over');
  stage.expect(during.role === 'leader', 'n1 leads all the while');
  stage.expect(load.answers <= answers + WRITERS.length, 'what was not taken is not answered');
  stage.expect(load.asked.length > load.answers, 'clients wait');
  stage.trouble(`n1 hands over to n2, which lacks entries, and ${WRITERS.length} clients wait`);
  await until(
    stage,
    'the old leader serves again within an election timeout',
    () => statusOf(stage, 'n1').lastIndex > lastIndex && load.answers > answers,
    beganMs + ELECTION_MS + 2 * TICK_MS - cluster.nowMs,
  );
  const words = witness.sent('n1', isWord).length - wordsBefore;
  stage.expect(words === 0, 'the word never went to one that lacks entries');
  await cluster.run(TICK_MS);
  const { code } = transfer;
  stage.expect(code === 'TRANSFER_TIMED_OUT', `who asked for it is told by then: ${code}`);
}

async function succeedingTransfer(stage: NastyStage, witness: Witness): Promise<void> {
  const { cluster } = stage;
  const { term } = statusOf(stage, 'n1');
  let missing: number | undefined;
  const forget = cluster.listen((event) => {
    if (event.kind !== 'sent' || event.message.type !== MessageType.TimeoutNow) return;
    missing = statusOf(stage, 'n1').lastIndex - statusOf(stage, 'n2').durableIndex;
  });
  witness.clear();
  const transfer = beginTransfer(stage, 'n2', 10 * ELECTION_MS);
  await answered(stage, 'the second transfer', transfer);
  forget();
  stage.expect(missing === 0, `the word goes to one that has everything; it lacked ${missing}`);
  await untilLeads(stage, 'n2', ELECTION_MS);
  const asked = witness.sent('n2', letters(MessageType.PreVote));
  stage.expect(asked.length === 0, 'who was given the word does not ask whether it may stand');
  const votes = witness.sent(
    'n2',
    letters(MessageType.Vote, 'n2', ({ to }) => to !== raftIdOf('n2')),
  );
  stage.expect(
    votes.every((vote) => vote.term === term + 1),
    'it stands once',
  );
}

/** n4 got its vote a moment ago. That this has settled is in its log; it hears from voters that it is committed. */
async function toOneUnaware(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await lead(stage, 'n1');
  const machine = cluster.addMachine('n4');
  const added = begin(stage, 'n1', ({ engine }) => engine.addNode('n4', machine.address));
  machine.join = await answered(stage, 'n1 adds n4', added);
  cluster.start('n4');
  const isVoter = (): boolean => membersOf(stage, 'n4') === 'n1 n2 n3 n4';
  await until(stage, 'n4 knows that it votes', () => isUp(stage, 'n4') && isVoter());
  const settled = statusOf(stage, 'n1').lastIndex + 1;
  stage.expect(memberOf(stage, 'n1', 'n4')?.arriving === true, 'it has not settled yet');
  const mail = new Mail(stage);
  const isNews = letters([MessageType.App, MessageType.Heartbeat], 'n1', ({ commit }) => {
    return commit >= settled;
  });
  const news = mail.drop('n4', isNews);
  await until(stage, 'n4 has in its log that it settles', () => {
    return matchOf(stage, 'n1', 'n4') === settled && statusOf(stage, 'n1').appliedIndex === settled;
  });
  const { term } = statusOf(stage, 'n1');
  stage.trouble('n1 hands over to n4, which does not know that a change in its log is committed');
  const beganMs = cluster.nowMs;
  await answered(stage, 'the third transfer', beginTransfer(stage, 'n4', ELECTION_MS));
  await untilLeads(stage, 'n4', ELECTION_MS);
  stage.expect(cluster.nowMs - beganMs < ELECTION_MS / 4, 'nobody waits for an election timeout');
  stage.expect(statusOf(stage, 'n4').term === term + 2, 'it has asked twice');
  news.end();
}

export const UNDER_LOAD: NastyScenario = {
  number: 26,
  title: 'leadership is handed over under load: to one that has everything, or not at all',
  run: underLoad,
};
