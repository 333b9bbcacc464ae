/**
 * N-27. What a follower passes on to the leader arrives when that one leads no more, and it knows who does:
 * passed on from node to node, a request could go round for ever, be taken twice, or end a node that did not
 * expect it.
 *
 * Here nobody passes on what is not its own. A proposal goes back with "not proposed", and its owner asks
 * the new leader; a read's question in another's name is refused at the door, and asked again.
 *
 * A write and a read leave a node on a slow link; leadership moves twice, each time before they arrive. Then
 * a leader dies with its answer, and nobody leads any more: whoever asked must not be told that nothing was
 * proposed, for it was, and is done once there is a leader again. Last, an answer finds another life than the
 * one that had asked: it is nobody's, and no answer to what this life asks.
 */
import { FrameKind } from '../../src/consensus/forwarding.ts';
import { MessageType } from '../../src/raft/index.ts';
import type { KvResult } from '../../src/state/index.ts';
import type { Asked } from './asked.ts';
import { answered, beginCommand, beginRead, ended, increment, openSession } from './asks.ts';
import { letters, Mail, Witness } from './mail.ts';
import {
  allIsWell,
  lead,
  processOf,
  raftIdOf,
  read,
  restart,
  statusOf,
  until,
  untilInStep,
  untilLeads,
  utf8,
  write,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

const ON_THE_WAY_MS = 900;
/** Time enough to find out that the leader is gone. */
const PATIENCE_MS = 5_000;
const COUNT_UP = { kind: 'increment', key: utf8('count'), by: 1n } as const;

interface SentFrame {
  readonly by: string;
  readonly to: number;
  readonly kind: number;
}

/** What the nodes say to each other beside raft's messages, from now on. */
function watchFrames(stage: NastyStage, names: readonly string[]): readonly SentFrame[] {
  const frames: SentFrame[] = [];
  for (const by of names) {
    const { transport } = processOf(stage, by);
    if (transport === undefined) throw new Error(`${by} has no wire`);
    const send = transport.sendFrame.bind(transport);
    transport.sendFrame = (to, kind, payload) => {
      frames.push({ by, to, kind });
      return send(to, kind, payload);
    };
  }
  return frames;
}

async function run(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await lead(stage, 'n1');
  await write(stage, 'n3', 'x', 'value');
  const frames = watchFrames(stage, ['n1', 'n2', 'n3']);
  const sent = (by: string, to: string, kind: number): number => {
    return frames.filter((it) => it.by === by && it.to === raftIdOf(to) && it.kind === kind).length;
  };
  const hops: readonly (readonly [string, string])[] = [
    ['n1', 'n2'],
    ['n2', 'n1'],
  ];
  cluster.network.delay('n3', 'n1', ON_THE_WAY_MS);
  const asked = beginCommand(stage, 'n3', COUNT_UP);
  for (const [from, to] of hops) {
    await until(stage, `n3 passes it on to ${from}`, () => {
      return sent('n3', from, FrameKind.Proposals) === 1;
    });
    await handOver(stage, from, to);
    cluster.network.delay('n3', to, to === 'n1' ? 0 : ON_THE_WAY_MS);
    await until(stage, `${from}, which leads no more, sends it back`, () => {
      return sent(from, 'n3', FrameKind.Answers) === 1;
    });
    stage.expect(!processOf(stage, from).engine.isLeader, `${from} leads no more`);
    stage.expect(!asked.isSettled, 'nobody has answered it meanwhile');
    stage.trouble(`what n3 passed on reached ${from} when ${to} led`);
    if (from === 'n2') break;
  }
  await answered(stage, 'the write', asked);
  const passed = frames.filter(({ kind }) => kind === FrameKind.Proposals);
  stage.expect(
    passed.every(({ by }) => by === 'n3'),
    'nobody passes on what is not its own',
  );
  stage.expect(passed.length === 3, `asked of three leaders, it left n3 ${passed.length} times`);
  const count = await increment(stage, 'n1', 'count');
  stage.expect(count === 2n, `it was taken once: the counter stood at ${count - 1n}`);
  await questions(stage);
  await unanswered(stage);
  await earlierLife(stage);
  await allIsWell(stage);
}

/** At once: a slow link must not keep the heir from winning. */
async function handOver(stage: NastyStage, from: string, to: string): Promise<void> {
  const { engine } = processOf(stage, from);
  void stage.cluster.ask(from, () => engine.transferLeadership(to)).catch(() => undefined);
  await untilLeads(stage, to, ON_THE_WAY_MS / 2);
  // It tells the others; n3 must know before what it sent comes back.
  await until(stage, `n3 follows ${to}`, () => processOf(stage, 'n3').engine.leader?.nodeId === to);
}

/** The question of a read, which raft would pass on in the asker's name. */
async function questions(stage: NastyStage): Promise<void> {
  stage.cluster.network.healAll();
  await lead(stage, 'n1');
  const mail = new Mail(stage);
  const witness = new Witness(stage);
  const held = mail.hold('n1', letters(MessageType.ReadIndex, 'n3'));
  const asked = beginRead(stage, 'n3', 'x');
  await until(stage, 'n3 asks n1', () => held.messages.length > 0);
  await handOver(stage, 'n1', 'n2');
  held.release();
  const value = await answered(stage, 'the read', asked);
  stage.expect(value === 'value', `the read is answered by way of the new leader, with ${value}`);
  const questionsOf = (name: string): number => {
    return witness.sent(name, letters(MessageType.ReadIndex)).length;
  };
  stage.expect(witness.received('n1', letters(MessageType.ReadIndex)).length > 0, 'n1 got it late');
  stage.trouble(
    `n1 got the question of n3 when it led no more, and passed on ${questionsOf('n1')}`,
  );
  const all = questionsOf('n1') + questionsOf('n2') + questionsOf('n3');
  stage.expect(all <= 6, `questions do not go in circles: ${all} were sent`);
  await stage.cluster.run(2_000);
  const later = questionsOf('n1') + questionsOf('n2') + questionsOf('n3');
  stage.expect(later === all, `and none is under way any more: ${later - all} were sent since`);
}

/** n1 writes what n3 passed on, and dies before it answers; nobody can lead until the deadline. */
async function unanswered(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await lead(stage, 'n1');
  const request = { session: await openSession(stage, 'n3'), sequence: 1 };
  const end = statusOf(stage, 'n1').lastIndex;
  await untilInStep(stage, 'n1', 'n2');
  const mail = new Mail(stage);
  mail.drop('n1', letters(MessageType.AppResp));
  cluster.network.cutBoth('n2', 'n3');
  const options = { timeoutMs: PATIENCE_MS, request };
  const asked = beginCommand(stage, 'n3', COUNT_UP, options);
  await until(stage, 'n2 has it on its disk', () => statusOf(stage, 'n2').durableIndex > end);
  cluster.kill('n1');
  await ended(stage, 'the write', asked);
  stage.expect(statusOf(stage, 'n3').leader === undefined, 'n3 knows that nobody leads');
  stage.trouble('the leader died with its answer, and the deadline passed without another one');
  stage.expect(asked.code === 'OUTCOME_UNKNOWN', `n3 can not know what came of it: ${asked.code}`);
  mail.clear();
  cluster.network.healAll();
  await restart(stage, 'n1');
  const seen = await read(stage, 'n3', 'count');
  stage.expect(seen === '3', `it was done after all: the counter stands at ${seen}`);
  const count = await increment(stage, 'n2', 'count', request);
  stage.expect(count === 3n, `and is done once when it is asked again: ${count}`);
}

/** n1 answers what n3 asked in its life before, when n3 asks for something else, as its first again. */
async function earlierLife(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  const begin = (by: bigint): Asked<KvResult> =>
    beginCommand(stage, 'n3', { kind: 'increment', key: utf8('total'), by });
  cluster.kill('n3');
  await restart(stage, 'n3');
  await lead(stage, 'n1');
  const end = statusOf(stage, 'n1').lastIndex;
  const held = new Mail(stage).hold('n1', letters(MessageType.AppResp));
  const first = begin(1n);
  await until(stage, 'n1 has it', () => statusOf(stage, 'n1').lastIndex > end);
  cluster.kill('n3');
  await ended(stage, 'the write of the first life', first);
  await restart(stage, 'n3');
  await until(stage, 'n3 follows n1', () => statusOf(stage, 'n3').leader?.nodeId === 'n1');
  const second = begin(10n);
  await until(stage, 'n1 has that, too', () => statusOf(stage, 'n1').lastIndex > end + 1);
  stage.trouble('an answer to what n3 asked comes into its next life');
  held.release();
  const result = await answered(stage, 'the write of the second life', second);
  const total = result.kind === 'increment' ? result.value : undefined;
  stage.expect(total === 11n, `1 and 10 were added, one after the other, and n3 is told ${total}`);
}

export const CIRCLES: NastyScenario = {
  number: 27,
  title: 'a forwarded request meets a new leader, twice: it does not go in circles',
  run,
};
