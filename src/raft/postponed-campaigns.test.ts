/**
 * Campaigns that wait until a change of the members is applied (`postponeCampaigns`). The rules: nobody stands for
 * election over a committed change that it has not applied (N-31); whom the leader has told to stand (N-26), and
 * who found out while it asked for votes, stands as soon as it may, not an election timeout later.
 */
import { describe, expect, it } from 'vitest';
import { makeMessage } from './messages.ts';
import { bytes, TestGroup, type TestNode, type TestOptions } from './raft.fixture.ts';
import {
  ConfChangeTransition,
  ConfChangeType,
  type Message,
  MessageType,
  NONE,
  StateType,
} from './types.ts';

const { App, Heartbeat, PreVote, Snap, Vote } = MessageType;
const { Follower, PreCandidate } = StateType;
const OFF: TestOptions = {
  asyncStorageWrites: true,
  preVote: true,
  checkQuorum: true,
  tellCommitInVotes: true,
};
const ON: TestOptions = { ...OFF, postponeCampaigns: true };

const ADD = { type: ConfChangeType.AddLearnerNode, nodeId: 4 };
const PROMOTE = { type: ConfChangeType.AddNode, nodeId: 2 };
const REMOVE = { type: ConfChangeType.RemoveNode, nodeId: 2 };
type Change = typeof ADD | typeof PROMOTE | typeof REMOVE;

function propose({ raw }: TestNode, change: Change): void {
  raw.proposeConfChange({
    transition: ConfChangeTransition.Auto,
    changes: [change],
    context: bytes(''),
  });
}

/** 1 leads; 2 knows that a change is committed and has not applied it. */
function behind(
  options: TestOptions,
  change: Change = ADD,
  onSend: TestGroup['onSend'] = () => {},
): TestGroup {
  const isLearner = change === PROMOTE;
  const others = isLearner ? { learners: [2] } : {};
  const group = new TestGroup(isLearner ? [1, 3] : [1, 2, 3], options, others);
  group.onSend = onSend;
  const leader = group.elect(1);
  group.stuck.add(2);
  propose(leader, change);
  group.settle();
  expect(group.node(2).applyQueue.length).toBe(1);
  return group;
}

function apply(group: TestGroup): void {
  group.stuck.clear();
  group.settle();
}

const termOf = (group: TestGroup): number => group.node(2).raw.term;
const roleOf = (group: TestGroup): StateType => group.node(2).raw.softState.state;
const leadersOf = (group: TestGroup): number[] => group.leaders.map(({ id }) => id);

describe('a member that the leader hands over to', () => {
  it('N-26 N-31 stands once it has applied the change of the members', () => {
    const group = behind(ON);
    const term = termOf(group);
    group.node(1).raw.transferLeadership(2);
    group.settle();
    group.tick();
    expect([leadersOf(group), termOf(group)]).toEqual([[1], term]);
    apply(group);
    expect([leadersOf(group), termOf(group)]).toEqual([[2], term + 1]);
  });

  it('N-26 N-31 stands, too, when it is that change which gives it a vote', () => {
    const group = behind(ON, PROMOTE);
    group.node(1).raw.transferLeadership(2);
    group.settle();
    expect(leadersOf(group)).toEqual([1]);
    apply(group);
    expect(leadersOf(group)).toEqual([2]);
  });

  it('does not stand at all where that is not asked for', () => {
    const group = behind(OFF);
    group.node(1).raw.transferLeadership(2);
    group.settle();
    apply(group);
    expect(leadersOf(group)).toEqual([1]);
  });

  it('stands, whatever old mail says, and also where it had lost sight of the leader', () => {
    const appends: Message[] = [];
    const group = behind(ON, ADD, (messages) => {
      appends.push(
        ...messages.filter(
          ({ to, type, entries }) => to === 2 && type === App && entries.length > 0,
        ),
      );
    });
    group.node(2).raw.forgetLeader();
    group.node(1).raw.transferLeadership(2);
    group.settle();
    group.node(2).raw.step(appends.at(-1) as Message);
    group.tick();
    apply(group);
    expect(leadersOf(group)).toEqual([2]);
  });

  /** Given the word, and not able to stand yet. */
  function wished(options: TestOptions): TestGroup {
    const group = behind(options);
    group.node(1).raw.transferLeadership(2);
    group.settle();
    return group;
  }

  function expectUndisturbed(group: TestGroup, leader: number): void {
    const { term } = group.node(leader).raw;
    apply(group);
    expect([leadersOf(group), group.node(leader).raw.term]).toEqual([[leader], term]);
    expect(roleOf(group)).toBe(Follower);
  }

  it('N-26 does not stand any more after an election timeout, when the leader serves again', () => {
    const group = wished(ON);
    group.tick(9);
    expect(group.node(1).raw.basicStatus().leadTransferee).toBe(2);
    group.tick();
    expect(group.node(1).raw.basicStatus().leadTransferee).toBe(0);
    expectUndisturbed(group, 1);
  });

  it('does not stand any more when the log of the leader goes on', () => {
    const group = wished(ON);
    // It gives up by itself: its time is over before the heir's.
    for (let i = 0; i < 10; i++) group.node(1).raw.tick();
    group.node(1).raw.propose(bytes('goes on'));
    group.settle();
    expectUndisturbed(group, 1);
  });

  it('does not stand any more when it gets a snapshot of what it lacks', () => {
    const group = wished(ON);
    for (let i = 0; i < 10; i++) group.node(1).raw.tick();
    group.isLost = ({ to, type }) => to === 2 && type === App;
    group.node(1).raw.propose(bytes('goes on'));
    group.settle();
    group.node(1).compact();
    let snapshots = 0;
    group.onSend = (messages) => {
      snapshots += messages.filter(({ to, type }) => to === 2 && type === Snap).length;
    };
    group.node(1).raw.reportUnreachable(2);
    group.isLost = () => false;
    for (let i = 0; i < 3; i++) group.node(1).raw.tick();
    group.settle();
    expect(snapshots).toBeGreaterThan(0);
    // What it had to apply is in there.
    group.node(2).applyQueue = [];
    expectUndisturbed(group, 1);
  });

  it('does not stand any more when another one leads', () => {
    const group = wished(ON);
    for (let i = 0; i < 10; i++) group.node(1).raw.tick();
    group.isLost = ({ to }) => to === 2;
    group.node(1).raw.transferLeadership(3);
    group.settle();
    expect(leadersOf(group)).toEqual([3]);
    // It hears of the new leader, and gets nothing of its log.
    group.isLost = ({ to, entries }) => to === 2 && entries.length > 0;
    group.node(3).raw.tick();
    group.settle();
    expectUndisturbed(group, 3);
  });

  it('does not stand any more in a later term', () => {
    const group = wished(ON);
    const { raw } = group.node(2);
    const context = Buffer.from('CampaignTransfer');
    // Of one with a log that lacks everything, so it is refused.
    raw.step(makeMessage({ type: Vote, from: 3, to: 2, term: raw.term + 1, context }));
    const { term } = raw;
    apply(group);
    expect([raw.term, roleOf(group)]).toEqual([term, Follower]);
  });

  /** 2 has the change and does not know that it is committed; who is asked for a vote does. */
  function unaware(
    options: TestOptions,
    stuck: readonly number[] = [],
  ): { group: TestGroup; requests: Message[] } {
    const group = new TestGroup([1, 2, 3], options);
    const leader = group.elect(1);
    const news = leader.raw.lastIndex + 1;
    const tells = ({ type }: Message): boolean => type === App || type === Heartbeat;
    group.isLost = (message) => message.to === 2 && tells(message) && message.commit >= news;
    propose(leader, ADD);
    group.settle();
    expect(group.node(2).raw.basicStatus().hardState.commit).toBe(news - 1);
    for (const id of stuck) group.stuck.add(id);
    const requests: Message[] = [];
    group.onSend = (messages) => requests.push(...messages.filter(({ type }) => type === Vote));
    leader.raw.transferLeadership(2);
    group.settle();
    return { group, requests };
  }

  it('N-26 N-31 asks again when the first answer tells it of a change', () => {
    const { group, requests } = unaware(ON);
    expect(leadersOf(group)).toEqual([2]);
    const terms = requests.map(({ term }) => term);
    const first = requests[0]?.term as number;
    expect(terms).toEqual([first, first, first + 1, first + 1]);
    // By the leader's wish each time: the others need not have lost sight of it.
    const marks = requests.map(({ context }) => Buffer.from(context ?? []).toString());
    expect(new Set(marks)).toEqual(new Set(['CampaignTransfer']));
  });

  it('is the heir also while it waits', () => {
    const { group } = unaware(ON, [2]);
    const { raw } = group.node(2);
    expect([roleOf(group), raw.softState.lead, raw.heir]).toEqual([Follower, NONE, 2]);
    for (let i = 0; i < 9; i++) raw.tick();
    expect(raw.heir).toBe(2);
    raw.tick();
    expect(raw.heir).toBe(NONE);
  });

  it('leads nobody after that where it is not asked for', () => {
    const { group } = unaware(OFF);
    expect(leadersOf(group)).toEqual([]);
    expect(roleOf(group)).toBe(Follower);
  });
});

describe('a member that has heard no leader for an election timeout', () => {
  /** Its time is over before it has applied the change. */
  function cutOff(options: TestOptions, change: Change = ADD): TestGroup {
    const group = behind(options, change);
    group.isLost = ({ from, to }) => from === 2 || to === 2;
    group.tick(10);
    expect(roleOf(group)).toBe(Follower);
    return group;
  }

  it('N-31 asks once it has applied the change of the members', () => {
    const asked: Message[] = [];
    const group = cutOff(ON);
    group.onSend = (messages) => asked.push(...messages);
    apply(group);
    expect(roleOf(group)).toBe(PreCandidate);
    expect(asked.map(({ type, to }) => [type, to])).toContainEqual([PreVote, 3]);
    // Only once for one timeout.
    const count = asked.length;
    group.settle();
    expect(asked.length).toBe(count);
  });

  it('does not where that is not asked for', () => {
    const group = cutOff(OFF);
    apply(group);
    expect(roleOf(group)).toBe(Follower);
  });

  it('does not when it has heard the leader meanwhile', () => {
    const group = cutOff(ON);
    group.isLost = () => false;
    group.tick();
    group.isLost = ({ from, to }) => from === 2 || to === 2;
    apply(group);
    expect(roleOf(group)).toBe(Follower);
  });

  it('does not when the change has removed it', () => {
    const group = cutOff(ON, REMOVE);
    apply(group);
    expect(group.node(2).confState.voters).toEqual([1, 3]);
    expect(roleOf(group)).toBe(Follower);
  });

  it('does not when it has voted for another one meanwhile', () => {
    const group = behind(ON);
    const { raw } = group.node(2);
    group.isLost = () => true;
    raw.forgetLeader();
    const asks = { type: Vote, from: 3, to: 2, term: raw.term + 1 };
    // A log that lacks everything: the term is taken over, the vote kept.
    raw.step(makeMessage(asks));
    for (let i = 0; i < 10; i++) raw.tick();
    raw.step(makeMessage({ ...asks, from: 1, index: raw.lastIndex, logTerm: asks.term }));
    expect(raw.basicStatus().hardState).toMatchObject({ term: asks.term, vote: 1 });
    apply(group);
    expect(roleOf(group)).toBe(Follower);
  });
});
