/**
 * N-33. The leader dies while the members are a joint configuration: old and new ones, with a majority of
 * each needed. Whoever leads next must leave it by itself, or the cluster stays so for ever; and until then
 * a majority of one half alone decides nothing.
 *
 * Whole nodes of ours never get there: members are added and removed one at a time, which needs no joint
 * configuration, and a peer that wants one in the log is refused at the door. The script shows that first.
 * Then it shows the rule on cores: half of the old ones is gone and nobody is elected; one comes back, and
 * the leader of the next term leaves the joint configuration, after a restart and after a transfer that
 * failed just when it should have left.
 */
import {
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  decodeConfChangeV2,
  EntryType,
  encodeConfChangeV2,
  type Message,
  MessageType,
  makeEntry,
  makeMessage,
} from '../../src/raft/index.ts';
import { CoreGroup } from './core-group.ts';
import { membersOf, Written } from './members.ts';
import { allIsWell, lead, until, write } from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';

/** In the place of 2 and 3 come 4 and 5. */
const EXCHANGE: ConfChangeV2 = {
  transition: ConfChangeTransition.JointImplicit,
  changes: [
    { type: ConfChangeType.AddNode, nodeId: 4 },
    { type: ConfChangeType.AddNode, nodeId: 5 },
    { type: ConfChangeType.RemoveNode, nodeId: 2 },
    { type: ConfChangeType.RemoveNode, nodeId: 3 },
  ],
  context: new Uint8Array(0),
};
/** Several election timeouts, in ticks. */
const ELECTIONS = 80;

async function run(stage: NastyStage): Promise<void> {
  await refused(stage);
  nextLeaderLeaves(stage);
  leavesAfterTransfer(stage);
  await allIsWell(stage);
}

/** What would make a joint configuration, put into the mouth of n2: the one forged message of all scripts. */
async function refused(stage: NastyStage): Promise<void> {
  await lead(stage, 'n1');
  const written = new Written(stage);
  const entry = makeEntry(0, 0, EntryType.ConfChangeV2, encodeConfChangeV2(EXCHANGE));
  const forged = makeMessage({ type: MessageType.Prop, to: 1, from: 2, entries: [entry] });
  let isSaid = false;
  stage.cluster.machine('n1').intercept = (message, pass, from) => {
    pass(message);
    if (isSaid || from !== 2) return;
    isSaid = true;
    pass(forged);
  };
  await until(stage, 'n2 seems to ask for it', () => isSaid);
  await write(stage, 'n1', 'x', 'behind it');
  stage.expect(written.changesBy('n1').length === 0, 'no peer gets a joint configuration in');
  stage.expect(membersOf(stage, 'n1') === 'n1 n2 n3', 'the members are who they were');
  written.end();
}

function isLeave({ entries }: Message): boolean {
  return entries.some(({ type, data }) => {
    return type === EntryType.ConfChangeV2 && decodeConfChangeV2(data).changes.length === 0;
  });
}

function elect(stage: NastyStage, group: CoreGroup, id: number): void {
  group.core(id).raw.campaign();
  group.settle();
  stage.expect(group.leader?.id === id, `core ${id} leads`);
}

/** All five have the joint configuration; the entry that would end it never leaves the leader. */
function enterJoint(stage: NastyStage): CoreGroup {
  const group = new CoreGroup([1, 2, 3, 4, 5], [1, 2, 3], stage.random.stream('joint'));
  elect(stage, group, 1);
  group.isLost = isLeave;
  group.core(1).raw.proposeConfChange(EXCHANGE);
  group.settle();
  group.tick(5);
  for (const { id, members } of group.cores) {
    const isJoint = members.votersOutgoing.length === 3 && members.voters.includes(5);
    stage.expect(isJoint, `core ${id} has the joint configuration: ${JSON.stringify(members)}`);
  }
  return group;
}

function nextLeaderLeaves(stage: NastyStage): void {
  const group = enterJoint(stage);
  group.core(1).isDown = true;
  group.core(2).isDown = true;
  group.isLost = () => false;
  stage.trouble('the leader dies in the joint configuration, and of the old three one is left');
  group.tick(ELECTIONS);
  stage.expect(group.leader === undefined, 'a majority of the new ones alone elects nobody');
  for (const id of [3, 4, 5]) group.core(id).restart();
  group.tick(ELECTIONS);
  stage.expect(group.leader === undefined, 'nor after a restart');
  group.core(2).restart();
  group.tick(ELECTIONS);
  const leader = group.leader;
  stage.expect(leader !== undefined, 'with a majority of each half somebody is elected');
  const { voters, votersOutgoing } = leader?.members ?? { voters: [], votersOutgoing: [0] };
  stage.expect(votersOutgoing.length === 0, 'the next leader leaves the joint configuration');
  stage.expect(voters.join() === '1,4,5', `for the new one: ${voters.join()}`);
  group.core(1).restart();
  group.tick(ELECTIONS);
  const { votersOutgoing: old } = group.core(1).members;
  stage.expect(old.length === 0, 'the old leader hears of it');
}

/** While it hands over, a leader takes no proposals, its own to leave included. */
function leavesAfterTransfer(stage: NastyStage): void {
  const group = new CoreGroup([1, 2, 3, 4, 5], [1, 2, 3], stage.random.stream('transfer'));
  elect(stage, group, 1);
  const leader = group.core(1);
  group.isLost = ({ type }) => type === MessageType.AppResp;
  leader.raw.proposeConfChange(EXCHANGE);
  group.settle();
  leader.raw.transferLeadership(2);
  group.settle();
  group.isLost = ({ type }) => type === MessageType.TimeoutNow;
  group.tick(2);
  const isJoint = leader.members.votersOutgoing.length > 0;
  stage.expect(isJoint, 'the leader is in the joint configuration');
  const { leadTransferee } = leader.raw.basicStatus();
  stage.expect(leadTransferee === 2, 'and hands over, so that it can not leave');
  stage.trouble('a joint configuration begins while leadership is handed over');
  group.tick(ELECTIONS);
  const status = leader.raw.basicStatus();
  stage.expect(status.leadTransferee === 0, 'the transfer failed');
  // What is applied next reminds it; it is the one in whose hands that lies.
  group.leader?.raw.propose(new Uint8Array(1));
  group.tick(2);
  const { votersOutgoing } = group.leader?.members ?? { votersOutgoing: [0] };
  stage.expect(votersOutgoing.length === 0, 'whoever leads has left the joint configuration');
}

export const JOINT: NastyScenario = {
  number: 33,
  title: 'the leader is lost in a joint configuration: the next one leaves it by itself',
  run,
};
