/**
 * Raft paper, section 6, and Ongaro's thesis, chapter 4: membership changes. One voter at a time, or
 * any number through a joint configuration; a change takes effect when it is applied.
 */
import { describe, expect, it } from 'vitest';
import { ConfChangeTransition, ConfChangeType, type ConfChangeV2, EntryType } from '../types.ts';
import {
  bytes,
  commitOf,
  cutOff,
  groupWith,
  heal,
  MessageType,
  progressOf,
  receive,
  roleOf,
  StateType,
  sent,
  sentOf,
  TestGroup,
  type TestNode,
  termOf,
} from './paper.fixture.ts';

const { AddNode, RemoveNode, AddLearnerNode } = ConfChangeType;
const { Auto, JointImplicit, JointExplicit } = ConfChangeTransition;

type Change = [type: ConfChangeType, nodeId: number];

function change(changes: Change[], transition: ConfChangeTransition = Auto): ConfChangeV2 {
  return {
    transition,
    changes: changes.map(([type, nodeId]) => ({ type, nodeId })),
    context: bytes(''),
  };
}

function propose(node: TestNode, changes: Change[], transition?: ConfChangeTransition): void {
  node.raw.proposeConfChange(change(changes, transition));
}

describe('thesis §4.1 and §4.2 single-server changes', () => {
  it('thesis §4.1 more than one voter at once is only done through a joint configuration', () => {
    const group = new TestGroup([1], {}, { strangers: [2, 3] });
    const leader = group.elect(1);
    propose(leader, [
      [AddNode, 2],
      [AddNode, 3],
    ]);
    let wasJoint = false;
    group.isLost = () => {
      wasJoint ||= leader.confState.votersOutgoing.length > 0;
      return false;
    };
    group.settle();
    for (let i = 0; i < 3; i++) group.tick(1);
    expect(wasJoint).toBe(true);
    expect(leader.confState).toMatchObject({ voters: [1, 2, 3], votersOutgoing: [] });
  });

  it('thesis §4.1 no second change is let in before the first is applied', () => {
    const group = new TestGroup([1, 2, 3], { asyncStorageWrites: true }, { strangers: [4, 5] });
    const leader = group.elect(1);
    propose(leader, [[AddNode, 4]]);
    propose(leader, [[AddNode, 5]]);
    group.settle();
    group.tick(2);
    expect(leader.confState.voters).toEqual([1, 2, 3, 4]);
    // The second has its place in the log, as an entry that does nothing.
    const types = leader.applied.map(({ type }) => type).slice(-2);
    expect(types).toEqual([EntryType.ConfChangeV2, EntryType.Normal]);
    propose(leader, [[AddNode, 5]]);
    group.settle();
    group.tick(2);
    expect(leader.confState.voters).toEqual([1, 2, 3, 4, 5]);
  });

  it('thesis §4.1 a leader whose log ends in an unapplied change lets no other in', () => {
    const group = new TestGroup([1, 2, 3, 4], {}, { strangers: [5] });
    group.elect(1);
    cutOff(group, 3, 4);
    propose(group.node(1), [[AddNode, 5]]);
    group.settle();
    const second = group.node(2);
    expect(second.raw.lastIndex).toBe(3);
    group.isLost = ({ from, to, type }) =>
      from === 1 || to === 1 || (type === MessageType.AppResp && to === 2);
    group.elect(2);
    expect(second.isLeader).toBe(true);
    propose(second, [[RemoveNode, 1]]);
    group.settle();
    expect(second.log.entries(5, 6, 1)).toMatchObject([
      { type: EntryType.Normal, data: bytes('') },
    ]);
    // Once it has committed in its own term, and so applied the old change, the proposal is taken.
    cutOff(group, 1);
    for (let i = 0; i < 2; i++) {
      second.raw.tick();
      group.settle();
    }
    propose(second, [[RemoveNode, 1]]);
    group.settle();
    expect(second.confState.voters).toEqual([2, 3, 4, 5]);
  });

  it('thesis §4.1 a change takes no effect before its leader has committed in its own term', () => {
    // The bug of 2015: two leaders in a row begin a change each from the same configuration, and end
    // in two majorities that do not overlap. Here a change that is not committed decides nothing, and
    // committing it commits the empty entry before it.
    const group = new TestGroup([1, 2, 3, 4], {}, { strangers: [5] });
    group.elect(1);
    cutOff(group, 2, 3, 4);
    propose(group.node(1), [[AddNode, 5]]);
    group.settle();
    const second = group.node(2);
    group.isLost = ({ from, to, type }) =>
      from === 1 || to === 1 || (type === MessageType.AppResp && to === 2);
    group.elect(2);
    propose(second, [[RemoveNode, 1]]);
    group.settle();
    expect([second.isLeader, second.confState.voters]).toEqual([true, [1, 2, 3, 4]]);
    // The first leader comes back with its own change. 3 and 4 hold what the second one wrote.
    group.node(1).restart();
    cutOff(group, 2);
    for (let i = 0; i < 3; i++) group.elect(1);
    expect(group.node(1).isLeader).toBe(false);
    heal(group);
    for (let i = 0; i < 3; i++) group.elect(3);
    expect(group.node(3).isLeader).toBe(true);
    // Neither change took effect anywhere, and everybody decides by the same members.
    for (const id of [1, 2, 3, 4]) expect(group.node(id).confState.voters).toEqual([1, 2, 3, 4]);
    propose(group.node(3), [[RemoveNode, 1]]);
    group.settle();
    for (const id of [2, 3, 4]) expect(group.node(id).confState.voters).toEqual([2, 3, 4]);
  });

  it('thesis §4.2.1 a new server is no voter while it catches up', () => {
    const group = new TestGroup([1, 2, 3], {}, { strangers: [4] });
    const leader = group.elect(1);
    for (let i = 0; i < 20; i++) leader.raw.propose(bytes(`v${i}`));
    group.settle();
    propose(leader, [[AddLearnerNode, 4]]);
    cutOff(group, 4);
    group.settle();
    // Its silence costs nobody anything: two of three voters commit.
    cutOff(group, 3, 4);
    leader.raw.propose(bytes('x'));
    group.settle();
    expect(leader.texts.at(-1)).toBe('x');
    heal(group);
    for (let i = 0; i < 3; i++) {
      leader.raw.tick();
      group.settle();
    }
    expect(progressOf(leader, 4)).toMatchObject({ isLearner: true, match: leader.raw.lastIndex });
    propose(leader, [[AddNode, 4]]);
    group.settle();
    expect(leader.confState).toMatchObject({ voters: [1, 2, 3, 4], learners: [] });
  });

  it('thesis §4.2.1 a learner does not campaign, and its word does not count', () => {
    const group = new TestGroup([1, 2, 3], {}, { learners: [4] });
    const learner = group.node(4);
    for (let i = 0; i < 40; i++) learner.raw.tick();
    learner.raw.campaign();
    expect([roleOf(learner), termOf(learner)]).toEqual([StateType.Follower, 0]);
    const leader = group.elect(1);
    cutOff(group, 2, 3);
    leader.raw.propose(bytes('x'));
    group.settle();
    expect(progressOf(leader, 4).match).toBe(3);
    expect(commitOf(leader)).toBe(2);
  });

  it('thesis §4.2.1 a learner that is asked votes: it may be a voter and not know it yet', () => {
    const group = new TestGroup([1, 2], {}, { learners: [3] });
    const learner = group.node(3);
    receive(learner, { type: MessageType.Vote, from: 1, term: 2, index: 1, logTerm: 1 });
    expect(sentOf(learner, MessageType.VoteResp)).toMatchObject([{ to: 1, reject: false }]);
  });

  it('thesis §4.2.2 a leader that is removed manages the group until the change is committed', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    propose(leader, [[RemoveNode, 1]]);
    sent(leader);
    // Not applied yet, so its own copy still counts: two of three.
    receive(leader, { type: MessageType.AppResp, from: 2, term: 1, index: 3 });
    expect(commitOf(leader)).toBe(3);
    sent(leader);
    expect(leader.confState.voters).toEqual([2, 3]);
    expect(leader.isLeader).toBe(true);
    expect(() => leader.raw.propose(bytes('x'))).toThrow('raft proposal dropped');
  });

  it('thesis §4.2.2 a removed leader steps down at once where that is configured', () => {
    const group = new TestGroup([1, 2, 3], { stepDownOnRemoval: true });
    const leader = group.elect(1);
    propose(leader, [[RemoveNode, 1]]);
    group.settle();
    expect(roleOf(leader)).toBe(StateType.Follower);
    leader.raw.campaign();
    expect(roleOf(leader)).toBe(StateType.Follower);
    group.elect(2).raw.propose(bytes('x'));
    group.settle();
    expect(group.node(3).texts).toEqual(['x']);
  });

  it('thesis §4.2.2 a leader that becomes a learner steps down too', () => {
    const group = new TestGroup([1, 2, 3], { stepDownOnRemoval: true });
    const leader = group.elect(1);
    propose(leader, [[AddLearnerNode, 1]]);
    group.settle();
    group.tick(1);
    expect(roleOf(leader)).toBe(StateType.Follower);
    expect(leader.confState).toMatchObject({ voters: [2, 3], learners: [1] });
  });

  it('Raft §6 a removed server does not disturb those that hear from a leader', () => {
    const group = new TestGroup([1, 2, 3], { checkQuorum: true });
    const leader = group.elect(1);
    // It never learns that it is out.
    cutOff(group, 3);
    propose(leader, [[RemoveNode, 3]]);
    group.settle();
    group.isLost = ({ to }) => to === 3;
    const removed = group.node(3);
    for (let i = 0; i < 60; i++) {
      removed.raw.tick();
      if (i % 5 === 0) leader.raw.tick();
      group.settle();
    }
    expect(termOf(removed)).toBeGreaterThan(3);
    expect([leader.isLeader, termOf(leader), termOf(group.node(2))]).toEqual([true, 1, 1]);
  });

  it('thesis §4.2.3 a vote request inside the minimum timeout is ignored, but for a transfer', () => {
    const group = new TestGroup([1, 2, 3], { checkQuorum: true });
    group.elect(1);
    const voter = group.node(2);
    const ask = { type: MessageType.Vote, from: 3, term: 2, index: 9, logTerm: 1 } as const;
    receive(voter, ask);
    expect([termOf(voter), sent(voter)]).toEqual([1, []]);
    receive(voter, { ...ask, context: bytes('CampaignTransfer') });
    expect(sentOf(voter, MessageType.VoteResp)).toMatchObject([{ to: 3, term: 2, reject: false }]);
  });
});

describe('thesis §4.3 joint consensus', () => {
  /** From {1,2,3} to {1,4,5}, held in the joint configuration. */
  function joint(): { group: TestGroup; leader: TestNode } {
    const group = new TestGroup([1, 2, 3], {}, { strangers: [4, 5] });
    const leader = group.elect(1);
    propose(
      leader,
      [
        [RemoveNode, 2],
        [RemoveNode, 3],
        [AddNode, 4],
        [AddNode, 5],
      ],
      JointExplicit,
    );
    group.settle();
    for (let i = 0; i < 3; i++) {
      leader.raw.tick();
      group.settle();
    }
    expect(leader.confState).toMatchObject({ voters: [1, 4, 5], votersOutgoing: [1, 2, 3] });
    return { group, leader };
  }

  it.each([
    ['both', [2, 4], true],
    ['the new one only', [4, 5], false],
    ['the old one only', [2, 3], false],
  ])('thesis §4.3 while joint an entry needs a majority of both halves: %s', (_, alive, isDone) => {
    const { group, leader } = joint();
    group.isLost = ({ from, to }) => [from, to].some((id) => id !== 1 && !alive.includes(id));
    const before = commitOf(leader);
    leader.raw.propose(bytes('x'));
    group.settle();
    expect(commitOf(leader) > before).toBe(isDone);
  });

  it.each([
    ['both', [2, 4], true],
    ['the new one only', [4, 5], false],
    ['the old one only', [2, 3], false],
  ])(
    'thesis §4.3 while joint an election needs a majority of both halves: %s',
    (_, alive, isWon) => {
      const { group, leader } = joint();
      leader.restart();
      group.isLost = ({ from, to }) => [from, to].some((id) => id !== 1 && !alive.includes(id));
      group.elect(1);
      expect(leader.isLeader).toBe(isWon);
    },
  );

  it('thesis §4.3 the leader leaves the joint configuration by itself, or when told to', () => {
    const { group, leader } = joint();
    group.tick(2);
    expect(leader.confState.votersOutgoing).toEqual([1, 2, 3]);
    propose(leader, []);
    group.settle();
    expect(leader.confState).toMatchObject({ voters: [1, 4, 5], votersOutgoing: [] });

    const other = new TestGroup([1, 2, 3]);
    const auto = other.elect(1);
    propose(auto, [[RemoveNode, 3]], JointImplicit);
    other.settle();
    other.tick(1);
    expect(auto.confState).toMatchObject({ voters: [1, 2], votersOutgoing: [] });
  });

  it('thesis §4.3 a voter that is demoted on the way votes until the old half is left', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    propose(leader, [[AddLearnerNode, 3]], JointExplicit);
    group.settle();
    expect(leader.confState).toMatchObject({ voters: [1, 2], learners: [], learnersNext: [3] });
    expect(progressOf(leader, 3).isLearner).toBe(false);
    propose(leader, []);
    group.settle();
    expect(leader.confState).toMatchObject({ voters: [1, 2], learners: [3], learnersNext: [] });
    expect(progressOf(leader, 3).isLearner).toBe(true);
  });

  it('thesis §4.3 no further change is let in while joint', () => {
    const { group, leader } = joint();
    propose(leader, [[AddNode, 2]]);
    group.settle();
    expect(leader.confState).toMatchObject({ voters: [1, 4, 5], votersOutgoing: [1, 2, 3] });
  });

  it('thesis §4.3 a group that restarts while joint is joint again, from its snapshot', () => {
    const { group, leader } = joint();
    leader.compact();
    leader.restart();
    expect(leader.raw.basicStatus().config).toMatchObject({
      voters: [1, 4, 5],
      votersOutgoing: [1, 2, 3],
    });
    group.elect(1);
    propose(leader, []);
    group.settle();
    expect(leader.confState.votersOutgoing).toEqual([]);
  });
});

it('Raft §6 a single voter that adds a second one needs it from then on', () => {
  const group = new TestGroup([1], {}, { strangers: [2] });
  const leader = group.elect(1);
  propose(leader, [[AddNode, 2]]);
  cutOff(group, 2);
  group.settle();
  leader.raw.propose(bytes('x'));
  group.settle();
  expect(leader.texts).toEqual([]);
  heal(group);
  leader.raw.tick();
  group.settle();
  leader.raw.tick();
  group.settle();
  expect(leader.texts).toEqual(['x']);
});

it('Raft §6 members that count differently never elect two leaders in a term', () => {
  // 1 and 2 know of the change to five members, 3 does not: whoever wins needs a majority of what it
  // knows, and one member votes once.
  const five = [1, 2, 3, 4, 5];
  const group = groupWith([{}, {}, {}, {}, {}]);
  group.elect(1);
  const terms = new Map<number, number>();
  for (const id of five) {
    cutOff(group, five[(id + 2) % 5]!);
    group.elect(id);
    for (const leader of group.leaders) {
      const term = termOf(leader);
      expect(terms.get(term) ?? leader.id).toBe(leader.id);
      terms.set(term, leader.id);
    }
  }
  expect(terms.size).toBeGreaterThan(1);
});
