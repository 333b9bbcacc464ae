/**
 * N-5 and N-6: members that were removed. One that does not know it campaigns on with ever higher terms;
 * one that led must neither go on leading nor be waited for.
 *
 * The rule for the first: within an election timeout of hearing from a leader nobody listens to who asks
 * for votes. The removed node runs without pre-vote here, or its terms would not even rise. Once its
 * removal is known, the transport refuses it by name: the scenario shows both walls, one behind the other.
 * Not before, though, the others can do without it for certain: who forgot by a power cut that the removal
 * was committed needs it once more, and is told by it what is committed where it can give no vote.
 */
import { MessageType } from '../../src/raft/index.ts';
import { ended } from './asks.ts';
import { cutAndRestart, removeUnwritten } from './forgotten-removal.ts';
import { letters, Mail, Witness } from './mail.ts';
import { beginRemoval, endOf } from './members.ts';
import {
  allIsWell,
  beginWrite,
  isUp,
  lead,
  processOf,
  restart,
  statusOf,
  until,
  untilLeads,
  untilOneLeads,
  write,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

const { App, Heartbeat, PreVote, Vote } = MessageType;

/** How often the removed one is to have campaigned before anybody judges. */
const CAMPAIGNS = 4;
const QUIET_MS = 10_000;
/** The shortest election timeout with the default ticks. */
const ELECTION_MS = 1_000;
const SEEN_OFF_WITHIN_MS = 20_000;

async function untilTurnedAway(stage: NastyStage, name: string): Promise<void> {
  const { cluster } = stage;
  await until(stage, `${name} ends`, () => cluster.machine(name).process === undefined);
  const code = endOf(stage, name);
  stage.expect(code === 'MEMBER_REMOVED', `${name} ends because it was removed, not: ${code}`);
}

export const REMOVED_CAMPAIGNS_ON: NastyScenario = {
  number: 5,
  title: 'A removed server campaigns with ever higher terms: nobody listens, the leader stays',
  async run(stage) {
    const { cluster } = stage;
    const machine = cluster.machine('n3');
    machine.tuning = { ...machine.tuning, preVote: false };
    await lead(stage, 'n1');
    cluster.kill('n3');
    await restart(stage, 'n3');
    await until(stage, 'the cluster is whole', () => cluster.agreedLeader === 'n1');
    const { term } = statusOf(stage, 'n1');
    const isUndisturbed = (): boolean =>
      processOf(stage, 'n1').engine.isLeader && statusOf(stage, 'n1').term === term;

    const mail = new Mail(stage);
    const witness = new Witness(stage);
    mail.drop('n3', letters([App, Heartbeat]));
    const asked = (name: string) =>
      witness.received(
        name,
        letters(Vote, 'n3', (it) => it.term >= term + CAMPAIGNS),
      );
    await until(stage, 'n3 campaigns again and again', () => {
      return asked('n1').length > 0 && asked('n2').length > 0;
    });
    stage.trouble(`n3 asks for votes in terms up to ${asked('n1').at(-1)?.term}, ${term} is led`);
    stage.expect(isUndisturbed(), 'n1 leads in its term still');
    await write(stage, 'n2', 'while n3 campaigns', 'done');

    await ended(stage, 'the removal of n3', beginRemoval(stage, 'n1', 'n3'));
    const isOut = (): boolean =>
      statusOf(stage, 'n1').members.every(({ nodeId }) => nodeId !== 'n3');
    await until(stage, 'n3 is no member', isOut);
    await untilTurnedAway(stage, 'n3');
    stage.trouble('n3 begins anew and does not know that it was removed');
    cluster.start('n3');
    await untilTurnedAway(stage, 'n3');
    await cluster.run(QUIET_MS);
    stage.expect(isUndisturbed(), 'n1 leads in its term to the end');
    await neededStill(stage);
    await allIsWell(stage, ['n2', 'n3']);
  },
};

/** n1 is left alone, and the power takes from it that it is. */
async function neededStill(stage: NastyStage): Promise<void> {
  const removal = await removeUnwritten(stage, 'n2', ['n1'], async () => {
    const { durableIndex } = statusOf(stage, 'n2');
    beginWrite(stage, 'n1', 'a write', 'that only n2 keeps');
    await until(stage, 'n2 has it', () => statusOf(stage, 'n2').durableIndex > durableIndex);
  });
  await stage.cluster.run(ELECTION_MS);
  stage.expect(!removal.isSettled, 'nobody was told that n2 may be switched off');
  await cutAndRestart(stage, ['n1']);
  const [own, other] = ['n1', 'n2'].map((name) => statusOf(stage, name).lastIndex);
  stage.expect((own as number) < (other as number), `n1 ends at ${own}, n2 at ${other}`);
  stage.trouble('n1 needs n2, which was removed, has the longer log, and may not stand itself');
  await untilLeads(stage, 'n1', SEEN_OFF_WITHIN_MS);
  await untilTurnedAway(stage, 'n2');
}

export const REMOVED_LEADER: NastyScenario = {
  number: 6,
  title: 'A leader that was removed campaigns no more, and the others do not wait for it',
  async run(stage) {
    const { cluster } = stage;
    const witness = new Witness(stage);
    await lead(stage, 'n1');
    await write(stage, 'n1', 'before', 'done');
    witness.clear();
    const isOut = (): boolean =>
      isUp(stage, 'n1') && statusOf(stage, 'n1').members.every(({ nodeId }) => nodeId !== 'n1');
    const removal = beginRemoval(stage, 'n2', 'n1');
    await until(stage, 'n1 has applied its removal', isOut);
    const appliedMs = cluster.nowMs;
    stage.trouble('n1, which leads and runs, has applied its own removal');
    const successor = await untilOneLeads(stage, ['n2', 'n3']);
    const gapMs = cluster.nowMs - appliedMs;
    stage.expect(gapMs < ELECTION_MS, `no election timeout is waited for: ${gapMs} ms`);
    await ended(stage, 'the removal of n1', removal);
    await untilTurnedAway(stage, 'n1');
    cluster.start('n1');
    await untilTurnedAway(stage, 'n1');
    await untilLeads(stage, successor);
    await cluster.run(QUIET_MS);
    const campaigns = witness.sent('n1', letters([Vote, PreVote]));
    stage.expect(campaigns.length === 0, 'n1 has asked nobody for a vote');
    await allIsWell(stage, ['n1']);
  },
};
