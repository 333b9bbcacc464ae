/**
 * Raft paper, sections 5.1 (terms) and 5.2 (leader election). Each test is one rule of the text,
 * played by one member against messages made by hand, or by a small group.
 */
import { describe, expect, it } from 'vitest';
import {
  answer,
  cutOff,
  groupWith,
  heal,
  MessageType,
  memberWith,
  receive,
  roleOf,
  StateType,
  sent,
  sentOf,
  TestGroup,
  termOf,
} from './paper.fixture.ts';

const ELECTION_TICKS = 10;

describe('Raft §5.1 terms', () => {
  for (const role of ['follower', 'candidate', 'leader'] as const) {
    it(`Raft §5.1 a ${role} that sees a later term adopts it and follows`, () => {
      const group = new TestGroup([1, 2, 3]);
      const [node] = group.nodes;
      if (role === 'candidate') node!.raw.campaign();
      if (role === 'leader') group.elect(1);
      receive(node!, { type: MessageType.App, from: 2, term: 7, index: 1, logTerm: 1 });
      expect([roleOf(node!), termOf(node!)]).toEqual([StateType.Follower, 7]);
      expect(node!.raw.basicStatus().lead).toBe(2);
    });
  }

  it('Raft §5.1 a request of an earlier term is refused, and changes nothing', () => {
    const node = memberWith(1, [1, 2, 3], { log: [3], term: 5 });
    receive(node, { type: MessageType.App, from: 2, term: 4, index: 1, logTerm: 1, commit: 2 });
    receive(node, { type: MessageType.Vote, from: 2, term: 4, index: 9, logTerm: 4 });
    expect(sent(node)).toEqual([]);
    expect(node.raw.basicStatus()).toMatchObject({
      lead: 0,
      hardState: { term: 5, vote: 0, commit: 1 },
    });
  });

  it('Raft §5.1 an old leader learns the term from an answer where no campaign could tell it', () => {
    const node = memberWith(1, [1, 2, 3], { term: 5 }, { checkQuorum: true });
    receive(node, { type: MessageType.Heartbeat, from: 2, term: 4 });
    expect(answer(node, MessageType.AppResp)).toMatchObject({ to: 2, term: 5 });
  });

  it('Raft §5.1 the term is durable before anything is said in it', () => {
    const node = memberWith(1, [1, 2, 3], { term: 1 }, { asyncStorageWrites: true });
    receive(node, { type: MessageType.Vote, from: 2, term: 2, index: 1, logTerm: 1 });
    expect(node.takeReady().outgoing).toEqual([]);
    expect(node.log.initialState().hardState.term).toBe(1);
    expect(node.writeOne()).toMatchObject([{ type: MessageType.VoteResp, reject: false }]);
    expect(node.log.initialState().hardState).toMatchObject({ term: 2, vote: 2 });
  });
});

describe('Raft §5.2 leader election', () => {
  it('Raft §5.2 a member starts as follower, whatever it was before', () => {
    const group = new TestGroup([1, 2, 3]);
    group.elect(1);
    group.node(1).restart();
    expect(roleOf(group.node(1))).toBe(StateType.Follower);
  });

  it('Raft §5.2 heartbeats keep a follower from campaigning', () => {
    const node = memberWith(1, [1, 2, 3], { term: 2 });
    for (let i = 0; i < 5 * ELECTION_TICKS; i++) {
      node.raw.tick();
      if (i % (ELECTION_TICKS - 1) === 0) {
        receive(node, { type: MessageType.Heartbeat, from: 2, term: 2 });
      }
    }
    expect(roleOf(node)).toBe(StateType.Follower);
    for (let i = 0; i < ELECTION_TICKS; i++) node.raw.tick();
    expect(roleOf(node)).toBe(StateType.Candidate);
  });

  it('Raft §5.2 a candidate raises its term, votes for itself, and asks all others', () => {
    const node = memberWith(2, [1, 2, 3, 4], { log: [1, 2], term: 4 });
    node.raw.campaign();
    const asked = sentOf(node, MessageType.Vote);
    expect(asked.map(({ to, term }) => [to, term])).toEqual([
      [1, 5],
      [3, 5],
      [4, 5],
    ]);
    expect(node.log.initialState().hardState).toMatchObject({ term: 5, vote: 2 });
  });

  it.each([
    [1, []],
    [3, [2]],
    [5, [2, 3]],
    [4, [2, 3]],
  ])(
    'Raft §5.2 of %i members a candidate leads once a majority has voted for it',
    (size, grants) => {
      const voters = Array.from({ length: size }, (_, at) => at + 1);
      const node = memberWith(1, voters, {});
      node.raw.campaign();
      for (const from of grants) {
        sent(node);
        expect(roleOf(node)).toBe(StateType.Candidate);
        receive(node, { type: MessageType.VoteResp, from, term: 2 });
      }
      sent(node);
      expect(roleOf(node)).toBe(StateType.Leader);
    },
  );

  it('Raft §5.2 a candidate refused by a majority gives up for this term', () => {
    const node = memberWith(1, [1, 2, 3], {});
    node.raw.campaign();
    sent(node);
    for (const from of [2, 3]) {
      receive(node, { type: MessageType.VoteResp, from, term: 2, reject: true });
    }
    expect([roleOf(node), termOf(node)]).toEqual([StateType.Follower, 2]);
    expect(node.raw.basicStatus().hardState.vote).toBe(1);
  });

  it('Raft §5.2 each member votes for one candidate a term, the first that asks', () => {
    const node = memberWith(1, [1, 2, 3], {});
    const ask = { type: MessageType.Vote, term: 2, index: 1, logTerm: 1 } as const;
    receive(node, { ...ask, from: 2 });
    expect(answer(node, MessageType.VoteResp)).toMatchObject({ to: 2, reject: false });
    receive(node, { ...ask, from: 3 });
    expect(answer(node, MessageType.VoteResp)).toMatchObject({ to: 3, reject: true });
    receive(node, { ...ask, from: 3, term: 3 });
    expect(answer(node, MessageType.VoteResp)).toMatchObject({ to: 3, reject: false });
  });

  it('Raft §5.2 a vote given before a crash binds after it', () => {
    const node = memberWith(1, [1, 2, 3], {});
    const ask = { type: MessageType.Vote, term: 2, index: 1, logTerm: 1 } as const;
    receive(node, { ...ask, from: 2 });
    sent(node);
    node.restart();
    receive(node, { ...ask, from: 3 });
    expect(answer(node, MessageType.VoteResp)).toMatchObject({ to: 3, reject: true });
    receive(node, { ...ask, from: 2 });
    expect(answer(node, MessageType.VoteResp)).toMatchObject({ to: 2, reject: false });
  });

  it('Raft §5.2 a candidate that hears of a leader of its term follows it', () => {
    for (const type of [MessageType.App, MessageType.Heartbeat, MessageType.Snap]) {
      const node = memberWith(1, [1, 2, 3], {});
      node.raw.campaign();
      receive(node, { type, from: 3, term: 2, index: 1, logTerm: 1 });
      expect([roleOf(node), termOf(node), node.raw.basicStatus().lead]).toEqual([
        StateType.Follower,
        2,
        3,
      ]);
    }
  });

  it('Raft §5.2 a candidate does not follow a leader of an earlier term', () => {
    const node = memberWith(1, [1, 2, 3], {});
    node.raw.campaign();
    receive(node, { type: MessageType.App, from: 3, term: 1, index: 1, logTerm: 1 });
    expect([roleOf(node), termOf(node)]).toEqual([StateType.Candidate, 2]);
  });

  it('Raft §5.2 a split vote ends in a new term after another timeout', () => {
    const group = new TestGroup([1, 2, 3, 4]);
    group.node(1).raw.campaign();
    group.node(2).raw.campaign();
    // Each has its own vote and one more: nobody has three of four.
    group.isLost = ({ from, to }) => (from === 1 && to === 4) || (from === 2 && to === 3);
    group.settle();
    expect(group.leaders).toEqual([]);
    heal(group);
    for (let i = 0; i < 2 * ELECTION_TICKS && group.leaders.length === 0; i++) {
      group.node(1).raw.tick();
      group.settle();
    }
    expect(group.leaders.map(({ id }) => id)).toEqual([1]);
    expect(termOf(group.node(1))).toBe(2);
  });

  it('Raft §5.2 timeouts are drawn anew in every election, between one and two timeouts', () => {
    const drawn = [0, 7, 3, 9];
    const node = memberWith(1, [1, 2, 3], {}, { random: () => drawn.shift() ?? 0 });
    const waited: number[] = [];
    for (let term = 2; term < 5; term++) {
      let ticks = 0;
      for (; termOf(node) < term; ticks++) node.raw.tick();
      waited.push(ticks);
    }
    expect(waited).toEqual([10, 17, 13]);
  });

  it('Raft §5.2 a new leader announces itself to everybody at once', () => {
    const group = new TestGroup([1, 2, 3]);
    const announced: number[] = [];
    group.isLost = ({ type, to }) => {
      if (type === MessageType.App) announced.push(to);
      return false;
    };
    group.elect(1);
    expect(announced.slice(0, 2)).toEqual([2, 3]);
    expect(group.nodes.map(({ raw }) => raw.basicStatus().lead)).toEqual([1, 1, 1]);
  });

  it('Raft §5.2 a leader sends heartbeats in each interval', () => {
    const group = new TestGroup([1, 2, 3], { heartbeatTick: 3 });
    const leader = group.elect(1);
    const beats = (): number => sentOf(leader, MessageType.Heartbeat).length;
    const counts = Array.from({ length: 6 }, () => {
      leader.raw.tick();
      return beats();
    });
    expect(counts).toEqual([0, 0, 2, 0, 0, 2]);
  });

  it('Raft §5.2 a minority elects nobody, and the majority goes on', () => {
    const group = groupWith([{}, {}, {}, {}, {}]);
    cutOff(group, 4, 5);
    group.elect(1);
    for (const id of [4, 5]) group.elect(id);
    expect(group.leaders.map(({ id }) => id)).toEqual([1]);
  });
});
