/**
 * What a leader that was elected a moment ago sends first (`lateFirstAppends`), and whom voters of a hand-over
 * name as the heir. Goal: what waited during the election needs no round of its own.
 */
import { describe, expect, it } from 'vitest';
import { bytes, TestGroup, type TestNode, text } from './raft.fixture.ts';
import { type Message, MessageType, NONE, StateType } from './types.ts';

/** 1 has just been elected; nothing has left it since. */
function elected(lateFirstAppends: boolean): TestNode {
  const group = new TestGroup([1, 2, 3], { lateFirstAppends });
  const one = group.node(1);
  group.isLost = ({ type }) => type === MessageType.VoteResp;
  one.raw.campaign();
  group.settle();
  one.raw.step({ ...vote(one.raw.term), from: 2 });
  expect(one.isLeader).toBe(true);
  return one;
}

function vote(term: number): Message {
  return {
    type: MessageType.VoteResp,
    to: 1,
    from: 2,
    term,
    logTerm: 0,
    index: 0,
    entries: [],
    commit: 0,
    vote: 0,
    snapshot: undefined,
    reject: false,
    rejectHint: 0,
    context: undefined,
  };
}

function appendsOf({ outgoing }: { outgoing: readonly Message[] }): string[][] {
  const appends = outgoing.filter(({ type }) => type === MessageType.App);
  return appends.map(({ entries }) => entries.map(({ data }) => text(data)));
}

describe('the first appends of a leader', () => {
  it('hold its empty entry alone, and what follows waits for their answers', () => {
    const one = elected(false);
    one.raw.propose(bytes('a'));
    expect(appendsOf(one.takeReady())).toEqual([[''], ['']]);
    one.raw.propose(bytes('b'));
    expect(appendsOf(one.takeReady())).toEqual([]);
  });

  it('made late, take along what was proposed since the election', () => {
    const one = elected(true);
    one.raw.propose(bytes('a'));
    one.raw.propose(bytes('b'));
    const both = ['', 'a', 'b'];
    expect(appendsOf(one.takeReady())).toEqual([both, both]);
    one.raw.propose(bytes('c'));
    expect(appendsOf(one.takeReady())).toEqual([]);
  });

  it('made late, leave without a proposal as well', () => {
    expect(appendsOf(elected(true).takeReady())).toEqual([[''], ['']]);
  });

  it('made late, are not made by one that leads no more', () => {
    const one = elected(true);
    one.raw.step({ ...vote(one.raw.term + 1), type: MessageType.Heartbeat });
    expect(one.raw.softState).toEqual({ lead: 2, state: StateType.Follower });
    expect(appendsOf(one.takeReady())).toEqual([]);
  });
});

describe('the heir', () => {
  it('is who was voted for at the wish of the leader, until somebody stands again', () => {
    const group = new TestGroup([1, 2, 3], { checkQuorum: true, preVote: true });
    const [one, , three] = [group.elect(1), group.node(2), group.node(3)];
    const named: number[][] = [];
    group.isLost = ({ type }) => {
      if (type !== MessageType.VoteResp) return false;
      named.push([one.raw.heir, three.raw.heir]);
      return true;
    };
    one.raw.transferLeadership(2);
    group.settle();
    expect(named.at(-1)).toEqual([2, 2]);
    expect(one.raw.softState).toEqual({ lead: NONE, state: StateType.Follower });

    group.isLost = () => false;
    group.elect(3);
    expect(group.nodes.map(({ raw }) => raw.heir)).toEqual([NONE, NONE, NONE]);
  });

  it('is nobody once it leads, also when it is forgotten then', () => {
    const group = new TestGroup([1, 2, 3], {});
    group.elect(1).raw.transferLeadership(2);
    group.settle();
    expect(group.leaders.map(({ id }) => id)).toEqual([2]);
    const [one, , three] = group.nodes.map(({ raw }) => raw);
    three?.forgetLeader();
    expect([one?.heir, three?.heir, three?.softState.lead]).toEqual([NONE, NONE, NONE]);
  });

  it('is nobody who stands by itself', () => {
    const group = new TestGroup([1, 2, 3], {});
    group.elect(1);
    group.elect(2);
    expect(group.nodes.map(({ raw }) => raw.heir)).toEqual([NONE, NONE, NONE]);
  });
});
