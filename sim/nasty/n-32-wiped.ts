/**
 * N-32. A node comes back under its old id with an empty disk, or with a picture of it from before. It has
 * forgotten what it voted and what it acknowledged: its vote could elect a leader without committed entries.
 *
 * A data folder has an incarnation, and the others refuse another one by name; the node ends, and is added
 * as another member. Who joined later refuses it too, without having met the first one. An old picture of
 * the same folder has the right incarnation; what gives it away is that the leader knows more of its log
 * than it has. It must stop, and loudly: cut down in silence, what it acknowledged would be gone from it.
 * The other way round a leader never claims more than it knows: a healthy follower that lags is told of no
 * commit beyond its log.
 */
import { MessageType } from '../../src/raft/index.ts';
import { answered } from './asks.ts';
import { letters, Mail, Witness } from './mail.ts';
import { addLearner, beginPromotion, beginRemoval, endOf } from './members.ts';
import {
  allIsWell,
  excuse,
  isConnected,
  lead,
  memberOf,
  processOf,
  read,
  restart,
  statusOf,
  until,
  untilInStep,
  write,
} from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

const { App, AppResp, Heartbeat, PreVoteResp, VoteResp } = MessageType;
const ELECTIONS_MS = 6_000;
const LOOK_MS = 500;

async function run(stage: NastyStage): Promise<void> {
  await lead(stage, 'n1');
  await write(stage, 'n1', 'x', 'before');
  await lagging(stage);
  await oldPicture(stage);
  await emptyDisk(stage);
  await newcomer(stage);
  await allIsWell(stage);
}

/** Heartbeats go on while appends are lost. */
async function lagging(stage: NastyStage): Promise<void> {
  const mail = new Mail(stage);
  const lost = mail.drop('n3', letters(App));
  const witness = new Witness(stage);
  await write(stage, 'n1', 'x', 'n3 lacks this');
  await stage.cluster.run(LOOK_MS);
  const { lastIndex } = statusOf(stage, 'n3');
  stage.expect(statusOf(stage, 'n1').commitIndex > lastIndex, 'n3 lags behind what is committed');
  const beats = witness.received('n3', letters(Heartbeat));
  stage.expect(beats.length > 0, 'n3 hears its leader');
  const isModest = beats.every(({ commit }) => commit <= lastIndex);
  stage.expect(isModest, 'nobody claims that more is committed than n3 has');
  lost.end();
}

/** Its vote is all that is needed, and does not count. */
async function emptyDisk(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await write(stage, 'n1', 'x', 'acknowledged');
  cluster.kill('n3');
  cluster.kill('n1');
  cluster.wipe('n3');
  const witness = new Witness(stage);
  cluster.start('n3');
  await cluster.run(ELECTIONS_MS);
  stage.expect(!processOf(stage, 'n2').engine.isLeader, 'n2 is not elected by a node without data');
  const heard = letters([VoteResp, PreVoteResp, AppResp]);
  stage.expect(witness.received('n2', heard).length === 0, 'nothing of what it says is heard');
  stage.trouble('n3 is back with an empty disk, and n2 needs its vote');
  await restart(stage, 'n1');
  await until(stage, 'n3 ends', () => endOf(stage, 'n3') !== undefined);
  stage.expect(endOf(stage, 'n3') === 'MEMBER_WIPED', `n3 says why: ${endOf(stage, 'n3')}`);
  const seen = await read(stage, 'n2', 'x');
  stage.expect(seen === 'acknowledged', `nothing is lost: ${seen}`);

  await until(stage, 'there is a leader', () => cluster.agreedLeader !== undefined);
  const leader = cluster.agreedLeader as string;
  await answered(stage, 'the removal', beginRemoval(stage, leader, 'n3'));
}

/** n3 is another member now, and has not met n2, which loses its data; to n3 it comes first. */
async function newcomer(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  await lead(stage, 'n1');
  cluster.wipe('n3');
  cluster.network.cutBoth('n2', 'n3');
  await addLearner(stage, 'n1', 'n3');
  stage.expect(statusOf(stage, 'n3').raftId > 3, 'n3 is another member now');
  await answered(stage, 'the promotion', beginPromotion(stage, 'n1', 'n3'));
  await until(stage, 'n3 has its vote', () => memberOf(stage, 'n3', 'n3')?.role === 'voter');
  cluster.kill('n2');
  cluster.wipe('n2');
  cluster.network.heal('n2', 'n3');
  cluster.network.cutBoth('n1', 'n2');
  const witness = new Witness(stage);
  cluster.start('n2');
  await cluster.run(ELECTIONS_MS);
  stage.trouble('n2 is back with an empty disk, and meets n3 first, which has joined');
  stage.expect(!isConnected(stage, 'n3', 'n2'), 'n3 does not let it in');
  const heard = witness.received('n3', letters([VoteResp, PreVoteResp, AppResp], 'n2'));
  stage.expect(heard.length === 0, 'nothing of what it says is heard');
  cluster.network.healAll();
  await cluster.run(LOOK_MS);
  stage.expect(!isConnected(stage, 'n1', 'n2'), 'n1, which has met the first one, does not either');
  // It knows of a third founder, and waits for what that one would say.
  cluster.kill('n2');
  await until(stage, 'there is a leader', () => cluster.agreedLeader !== undefined);
  const leader = cluster.agreedLeader as string;
  await answered(stage, 'the removal', beginRemoval(stage, leader, 'n2'));
  cluster.wipe('n2');
  await addLearner(stage, leader, 'n2');
}

/** The same folder, as it was some writes ago; its leader leads on. */
async function oldPicture(stage: NastyStage): Promise<void> {
  const { cluster } = stage;
  const machine = cluster.machine('n3');
  await cluster.settled(cluster.stop('n3'));
  const picture = machine.disk.clone();
  await restart(stage, 'n3');
  for (const at of [1, 2, 3]) await write(stage, 'n1', 'x', `acknowledged ${at}`);
  await untilInStep(stage, 'n1', 'n3');
  const { term } = statusOf(stage, 'n1');
  cluster.kill('n3');
  machine.disk = picture;
  excuse(stage, 'n3', 'roll-back');
  cluster.start('n3');
  await until(stage, 'n3 ends, loudly', () => endOf(stage, 'n3') !== undefined, ELECTIONS_MS);
  stage.trouble(`n3 came back as it was before; it ended with ${endOf(stage, 'n3')}`);
  const code = endOf(stage, 'n3');
  stage.expect(code === 'DATA_ROLLED_BACK', `it says that its folder is an old one: ${code}`);
  const status = statusOf(stage, 'n1');
  stage.expect(status.role === 'leader' && status.term === term, 'n1 leads on');
  await cluster.settled(cluster.stop('n1'));
  await restart(stage, 'n1');
  await until(stage, 'there is a leader', () => cluster.agreedLeader !== undefined);
  cluster.start('n3');
  await until(stage, 'n3 ends again', () => endOf(stage, 'n3') !== undefined, ELECTIONS_MS);
  const again = endOf(stage, 'n3');
  stage.expect(again === 'DATA_ROLLED_BACK', `another leader does not let it in, either: ${again}`);
  await lead(stage, 'n1');
}

export const WIPED: NastyScenario = {
  number: 32,
  title: 'a node comes back with an empty disk, or an old one: it has no say, and ends',
  run,
};
