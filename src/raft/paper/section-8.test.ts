/**
 * Raft paper, section 8, and the thesis, sections 6.4 and 6.4.1: what of client interaction is the
 * core's part. It lets nobody read something old; that a command takes effect once although it was
 * sent twice is the sessions' part, above the core.
 */
import { describe, expect, it } from 'vitest';
import {
  bytes,
  cutOff,
  groupWith,
  heal,
  MessageType,
  receive,
  roleOf,
  StateType,
  sent,
  sentOf,
  TestGroup,
  type TestNode,
} from './paper.fixture.ts';

function answered(node: TestNode): [context: string, index: number][] {
  return node.readStates.map(({ context, index }) => [new TextDecoder().decode(context), index]);
}

describe('Raft §8 client interaction', () => {
  it('Raft §8 whoever is asked passes a command on to the leader that it knows', () => {
    const group = new TestGroup([1, 2, 3]);
    group.elect(1);
    group.node(3).raw.propose(bytes('x'));
    expect(sentOf(group.node(3), MessageType.Prop)).toMatchObject([{ to: 1, from: 3 }]);
  });

  it('Raft §8 a command is refused, not kept, while nobody leads', () => {
    const group = new TestGroup([1, 2, 3]);
    expect(() => group.node(1).raw.propose(bytes('x'))).toThrow('raft proposal dropped');
    group.node(1).raw.campaign();
    expect(() => group.node(1).raw.propose(bytes('x'))).toThrow('raft proposal dropped');
    group.settle();
    expect(group.node(2).texts).toEqual([]);
  });

  it('Raft §8 a leader commits an empty entry first, to find out what is committed', () => {
    const group = groupWith([{ log: [1, 1], term: 1 }, { log: [1, 1], term: 1 }, {}]);
    const leader = group.elect(1);
    expect(leader.applied.map(({ term, data }) => [term, data.length > 0])).toEqual([
      [1, true],
      [1, true],
      [2, false],
    ]);
  });

  it('Raft §8 a leader makes sure that it still leads before it answers a read', () => {
    const group = new TestGroup([1, 2, 3]);
    const old = group.elect(1);
    cutOff(group, 1);
    group.elect(2).raw.propose(bytes('newer'));
    group.settle();
    // It believes to lead, and has an old value.
    expect(old.isLeader).toBe(true);
    old.raw.readIndex(bytes('r'));
    old.raw.tick();
    group.settle();
    expect(answered(old)).toEqual([]);
    heal(group);
    old.raw.tick();
    group.settle();
    group.node(2).raw.tick();
    group.settle();
    expect(roleOf(old)).toBe(StateType.Follower);
    expect(answered(old)).toEqual([]);
  });
});

describe('thesis §6.4 processing read-only queries', () => {
  it('thesis §6.4 step 1: a read waits until an entry of the term is committed', () => {
    const group = groupWith([{ term: 3 }, { term: 3 }, { term: 3 }]);
    group.isLost = ({ type }) => type === MessageType.AppResp;
    const leader = group.elect(1);
    leader.raw.readIndex(bytes('r'));
    group.settle();
    expect(answered(leader)).toEqual([]);
    heal(group);
    leader.raw.tick();
    group.settle();
    expect(answered(leader)).toEqual([['r', 2]]);
  });

  it('thesis §6.4 step 2: the read index is the commit index at the time of the question', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    leader.raw.readIndex(bytes('early'));
    const beats = sentOf(leader, MessageType.Heartbeat);
    leader.raw.propose(bytes('x'));
    group.settle();
    group.wire.push(...beats);
    group.settle();
    leader.raw.readIndex(bytes('late'));
    group.settle();
    expect(answered(leader)).toEqual([
      ['early', 2],
      ['late', 3],
    ]);
  });

  it('thesis §6.4 step 3: a majority must answer a heartbeat that was sent after the question', () => {
    const group = new TestGroup([1, 2, 3, 4, 5]);
    const leader = group.elect(1);
    leader.raw.tick();
    const before = sentOf(leader, MessageType.Heartbeat);
    leader.raw.readIndex(bytes('r'));
    const after = sentOf(leader, MessageType.Heartbeat);
    // Answers to what was sent before the question prove nothing.
    group.wire.push(...before);
    group.settle();
    expect(answered(leader)).toEqual([]);
    group.wire.push(after[0]!);
    group.settle();
    expect(answered(leader)).toEqual([]);
    group.wire.push(after[1]!);
    group.settle();
    expect(answered(leader)).toEqual([['r', 2]]);
  });

  it('thesis §6.4 one round serves all reads that wait', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    for (const context of ['a', 'b', 'c']) leader.raw.readIndex(bytes(context));
    const beats = sentOf(leader, MessageType.Heartbeat);
    group.wire.push(beats.findLast(({ to }) => to === 2)!);
    group.settle();
    expect(answered(leader).map(([context]) => context)).toEqual(['a', 'b', 'c']);
  });

  it('thesis §6.4 a follower asks the leader and serves the read itself', () => {
    const group = new TestGroup([1, 2, 3]);
    group.elect(1).raw.propose(bytes('x'));
    group.settle();
    group.node(3).raw.readIndex(bytes('r'));
    group.settle();
    expect(answered(group.node(3))).toEqual([['r', 3]]);
    expect(group.node(3).texts).toEqual(['x']);
  });

  it('thesis §6.4 learners do not vouch for a leader', () => {
    const group = new TestGroup([1, 2, 3], {}, { learners: [4, 5] });
    const leader = group.elect(1);
    leader.raw.readIndex(bytes('r'));
    const beats = sentOf(leader, MessageType.Heartbeat);
    group.wire.push(...beats.filter(({ to }) => to > 3));
    group.settle();
    expect(answered(leader)).toEqual([]);
  });
});

describe('thesis §6.4.1 reading under a lease', () => {
  const lease = { readOnlyOption: 'lease-based', checkQuorum: true } as const;

  it('thesis §6.4.1 a leader that hears a majority answers without asking', () => {
    const group = new TestGroup([1, 2, 3], lease);
    const leader = group.elect(1);
    leader.raw.readIndex(bytes('r'));
    expect(sent(leader)).toEqual([]);
    expect(answered(leader)).toEqual([['r', 2]]);
  });

  it('thesis §6.4.1 followers elect nobody while the lease lasts', () => {
    const group = new TestGroup([1, 2, 3], { ...lease, random: () => 5 });
    group.elect(1);
    for (let i = 0; i < 9; i++) group.node(2).raw.tick();
    receive(group.node(2), { type: MessageType.Vote, from: 3, term: 2, index: 9, logTerm: 1 });
    expect(sent(group.node(2))).toEqual([]);
    group.node(2).raw.forgetLeader();
    expect(group.node(2).raw.basicStatus().lead).toBe(1);
    group.node(2).raw.tick();
    receive(group.node(2), { type: MessageType.Vote, from: 3, term: 2, index: 9, logTerm: 1 });
    expect(sentOf(group.node(2), MessageType.VoteResp)).toMatchObject([{ reject: false }]);
  });

  it('thesis §6.4.1 a leader gives its lease up when a majority was silent for an election timeout', () => {
    const group = new TestGroup([1, 2, 3], lease);
    const leader = group.elect(1);
    cutOff(group, 1);
    for (let i = 0; i < 20; i++) leader.raw.tick();
    expect(leader.isLeader).toBe(false);
    leader.raw.readIndex(bytes('r'));
    expect(answered(leader)).toEqual([]);
  });
});
