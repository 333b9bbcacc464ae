/**
 * N-21. A leader asks its followers whether it still leads, for a read; their answers are late. The process
 * stands still, another node is elected and takes a write, and then it goes on: the late answers arrive
 * while a second read waits, which was asked after that write. They are proof for the first read only.
 *
 * The trouble is one of contexts: proof that is told apart by the caller's context, or by nothing, counts
 * for whatever waits. Here each round has a position of the leader's own (src/raft/read-only.ts), and a
 * second read never joins a question that is under way (src/consensus/reads.ts).
 */
import { MessageType } from '../../src/raft/index.ts';
import { answered, beginRead, ended } from './asks.ts';
import { letters, Mail } from './mail.ts';
import {
  allIsWell,
  isolate,
  lead,
  processOf,
  rejoin,
  until,
  untilOneLeads,
  write,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

const PAUSE_MS = 5_000;
/** Long enough for a wrong answer to come, shorter than the old leader goes on without hearing anybody. */
const LOOK_MS = 150;

async function run(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await lead(stage, 'n1');
  await write(stage, 'n1', 'x', 'old');
  const mail = new Mail(stage);
  const isProof = letters(MessageType.HeartbeatResp, undefined, ({ context }) => {
    return context !== undefined && context.length > 0;
  });
  const proofs = mail.hold('n1', isProof);
  const first = beginRead(stage, 'n1', 'x');
  await until(stage, 'both followers vouch for the first read', () => {
    return new Set(proofs.messages.map(({ from }) => from)).size === 2;
  });
  const count = proofs.messages.length;
  isolate(stage, 'n1');
  cluster.pause('n1', PAUSE_MS);
  const next = await untilOneLeads(stage, ['n2', 'n3'], PAUSE_MS - 500);
  await write(stage, next, 'x', 'new');
  const old = processOf(stage, 'n1');
  await until(stage, 'n1 goes on', () => !old.loop.isBlocked);

  const second = beginRead(stage, 'n1', 'x');
  await cluster.run(10);
  stage.expect(old.engine.isLeader, 'n1 believes that it leads when the second read is asked');
  for (let at = 0; at < count; at++) proofs.deliver(at);
  await answered(stage, 'the first read', first);
  stage.expect(
    first.value === 'old',
    'the first read was asked before the write, and sees its time',
  );
  await cluster.run(10);
  for (let at = 0; at < count; at++) proofs.deliver(at);
  stage.expect(old.engine.isLeader, 'n1 believes that it leads when the late proofs arrive');
  stage.trouble(`${count} proofs of the first read arrive while the second one waits`);
  await cluster.run(LOOK_MS);
  stage.expect(!second.isAnswered, `nothing vouches for the second read; it gave ${second.value}`);

  proofs.end();
  rejoin(stage, 'n1');
  await ended(stage, 'the second read', second);
  stage.expect(second.value !== 'old', 'the second read gives the new value, or an error');
  await allIsWell(stage);
}

export const OLD_PROOF: NastyScenario = {
  number: 21,
  title: 'late proof of an old read, while a new one waits: it does not count for that',
  run,
};
