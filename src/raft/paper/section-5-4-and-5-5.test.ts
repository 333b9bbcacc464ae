/**
 * Raft paper, sections 5.4 (who may be elected, what may be committed) and 5.5 (crashes of followers
 * and candidates), and 5.6 as far as a core without a clock knows it.
 */
import { describe, expect, it } from 'vitest';
import {
  answer,
  bytes,
  commitOf,
  cutOff,
  entriesOf,
  groupWith,
  heal,
  MessageType,
  memberWith,
  progressOf,
  receive,
  roleOf,
  StateType,
  sent,
  sentOf,
  storedTerms,
  TestGroup,
  termOf,
} from './paper.fixture.ts';

describe('Raft §5.4.1 election restriction', () => {
  // The voter's log ends at index 3 in term 2.
  it.each([
    ['a later last term wins, however short the log', 2, 3, false],
    ['the same last term and the same length', 3, 2, false],
    ['the same last term and a longer log', 4, 2, false],
    ['the same last term and a shorter log', 2, 2, true],
    ['an earlier last term, however long the log', 99, 1, true],
  ])('Raft §5.4.1 votes by the last entry: %s', (_, index, logTerm, reject) => {
    const voter = memberWith(1, [1, 2, 3], { log: [1, 2], term: 3 });
    receive(voter, { type: MessageType.Vote, from: 2, term: 4, index, logTerm });
    expect(answer(voter, MessageType.VoteResp)).toMatchObject({ reject, term: 4 });
  });

  it('Raft §5.4.1 a vote request carries index and term of the last entry', () => {
    const node = memberWith(1, [1, 2, 3], { log: [1, 2, 2], term: 6 });
    node.raw.campaign();
    for (const request of sentOf(node, MessageType.Vote)) {
      expect(request).toMatchObject({ term: 7, index: 4, logTerm: 2 });
    }
  });

  it('Raft §5.4.1 entries that are not durable yet count in the own log all the same', () => {
    const voter = memberWith(1, [1, 2, 3], { term: 2 }, { asyncStorageWrites: true });
    const entries = entriesOf([2]);
    receive(voter, { type: MessageType.App, from: 3, term: 2, index: 1, logTerm: 1, entries });
    voter.takeReady();
    receive(voter, { type: MessageType.Vote, from: 2, term: 3, index: 1, logTerm: 1 });
    voter.takeReady();
    const answers = [...voter.writeOne(), ...voter.writeOne()];
    expect(answers.find(({ type }) => type === MessageType.VoteResp)).toMatchObject({
      reject: true,
    });
  });

  it('Raft §5.4.1 whoever lacks a committed entry can not win', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    cutOff(group, 3);
    leader.raw.propose(bytes('x'));
    group.settle();
    expect(leader.texts).toEqual(['x']);
    heal(group);
    cutOff(group, 1);
    group.elect(3);
    expect(group.leaders.map(({ id }) => id)).toEqual([1]);
    group.elect(2);
    expect(group.node(2).isLeader).toBe(true);
    expect(group.node(3).texts).toEqual(['x']);
  });
});

describe('Raft §5.4.2 committing entries from previous terms', () => {
  it('Raft §5.4.2 a leader commits by counting only entries of its own term', () => {
    const leader = memberWith(1, [1, 2, 3], { log: [1, 2], term: 2 });
    leader.raw.campaign();
    sent(leader);
    receive(leader, { type: MessageType.VoteResp, from: 2, term: 3 });
    sent(leader);
    expect(storedTerms(leader)).toEqual([1, 2, 3]);
    // A majority has index 3, of term 2: that alone commits nothing.
    receive(leader, { type: MessageType.AppResp, from: 2, term: 3, index: 3 });
    expect(commitOf(leader)).toBe(1);
    // With the entry of its own term, everything before it is committed too.
    receive(leader, { type: MessageType.AppResp, from: 2, term: 3, index: 4 });
    expect(commitOf(leader)).toBe(4);
  });

  it('Raft §5.4.2 figure 8: an entry on a majority is overwritten if its leader never committed it', () => {
    const group = groupWith([{}, {}, {}, {}, {}]);
    // (a) 1 leads in term 2 and gets index 2 to 2 only.
    group.isLost = ({ type, from, to }) => type === MessageType.App && (from !== 1 || to !== 2);
    group.elect(1);
    expect(group.nodes.map((node) => node.log.lastIndex())).toEqual([2, 2, 1, 1, 1]);
    group.node(1).restart();
    // (b) 1 is gone; 5 is elected by 3 and 4, and keeps its own entry at index 2 to itself.
    group.isLost = ({ type, from, to }) =>
      type === MessageType.App || [from, to].some((id) => id === 1 || id === 2);
    group.elect(5);
    expect([termOf(group.node(5)), storedTerms(group.node(5))]).toEqual([3, [3]]);
    group.node(5).restart();
    // (c) 5 is gone; 1 is back, and gets its old entry, but not its new one, to 3.
    group.isLost = ({ type, entries, from, to }) =>
      [from, to].includes(5) ||
      (type === MessageType.App && to !== 3) ||
      entries.some(({ term }) => term === 4);
    group.node(1).raw.campaign();
    group.settle();
    group.node(1).raw.campaign();
    group.settle();
    expect(group.node(1).isLeader).toBe(true);
    const old = { type: MessageType.App, from: 1, to: 3, term: 4, index: 1, logTerm: 1 } as const;
    const entries = group.node(1).log.entries(2, 3, 1)!;
    for (const to of [2, 3]) receive(group.node(to), { ...old, to, entries });
    group.settle();
    expect([2, 3].map((id) => progressOf(group.node(1), id).match)).toEqual([2, 2]);
    const onMajority = group.nodes.filter(({ log }) => log.lastIndex() >= 2 && log.term(2) === 2);
    expect(onMajority.map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(group.nodes.map(commitOf)).toEqual([1, 1, 1, 1, 1]);
    group.node(1).restart();
    // (d) 1 is gone again; 5's last entry is of a later term than theirs, so it wins and overwrites.
    cutOff(group, 1);
    group.node(5).raw.campaign();
    group.settle();
    group.node(5).raw.campaign();
    group.settle();
    expect(group.node(5).isLeader).toBe(true);
    for (const id of [2, 3, 4]) expect(storedTerms(group.node(id))[0]).toBe(3);
  });

  it('Raft §5.4.2 figure 8 (e): with an entry of its own term on a majority, nobody else can win', () => {
    const group = groupWith([
      { log: [2], term: 4 },
      { log: [2], term: 4 },
      { log: [2], term: 4 },
      { term: 4 },
      { log: [3], term: 4 },
    ]);
    cutOff(group, 4, 5);
    group.elect(1);
    expect(commitOf(group.node(1))).toBe(3);
    cutOff(group, 1);
    group.elect(5);
    group.elect(5);
    expect(group.node(5).isLeader).toBe(false);
  });

  it('Raft §5.4.2 a new leader begins with an empty entry, so that old ones are not left waiting', () => {
    const group = groupWith([{ log: [2], term: 2 }, { log: [2], term: 2 }, {}]);
    const leader = group.elect(1);
    expect(storedTerms(leader)).toEqual([2, 3]);
    expect(leader.texts).toEqual(['2.2']);
    expect(commitOf(leader)).toBe(3);
  });
});

describe('Raft §5.5 follower and candidate crashes', () => {
  it('Raft §5.5 a follower that was down gets what it missed', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    cutOff(group, 3);
    group.node(3).restart();
    for (const value of ['a', 'b']) leader.raw.propose(bytes(value));
    group.settle();
    heal(group);
    group.tick(1);
    expect(group.node(3).texts).toEqual(['a', 'b']);
  });

  it('Raft §5.5 a request that arrives twice changes nothing the second time', () => {
    const node = memberWith(2, [1, 2, 3], { term: 2 });
    const entries = entriesOf([2, 2]);
    const append = { type: MessageType.App, from: 1, term: 2, index: 1, logTerm: 1 } as const;
    const first: unknown[] = [];
    const second: unknown[] = [];
    receive(node, { ...append, entries, commit: 3 });
    first.push(answer(node, MessageType.AppResp), storedTerms(node), commitOf(node));
    receive(node, { ...append, entries });
    second.push(answer(node, MessageType.AppResp), storedTerms(node), commitOf(node));
    // Behind the commit index the answer names that, as nothing below it can differ any more.
    expect(second).toEqual(first);
  });

  it('Raft §5.5 a follower that crashes before it wrote has not answered', () => {
    const node = memberWith(2, [1, 2, 3], { term: 2 }, { asyncStorageWrites: true });
    const entries = entriesOf([2]);
    receive(node, { type: MessageType.App, from: 1, term: 2, index: 1, logTerm: 1, entries });
    expect(node.takeReady().outgoing).toEqual([]);
    node.restart();
    expect(node.log.lastIndex()).toBe(1);
    expect(sent(node)).toEqual([]);
  });

  it('Raft §5.5 a leader that comes back follows, and what it alone had is overwritten', () => {
    const group = new TestGroup([1, 2, 3]);
    const old = group.elect(1);
    cutOff(group, 1);
    old.raw.propose(bytes('lost'));
    group.settle();
    group.elect(2).raw.propose(bytes('kept'));
    group.settle();
    heal(group);
    group.tick(2);
    expect(roleOf(old)).toBe(StateType.Follower);
    for (const node of group.nodes) expect(node.texts).toEqual(['kept']);
  });
});

describe('Raft §5.6 timing', () => {
  it('Raft §5.6 safety does not depend on ticks: two leaders of different terms agree in what they commit', () => {
    const group = new TestGroup([1, 2, 3]);
    const old = group.elect(1);
    cutOff(group, 1);
    group.elect(2);
    expect(group.leaders.map(({ id }) => id)).toEqual([1, 2]);
    old.raw.propose(bytes('by the old one'));
    group.node(2).raw.propose(bytes('by the new one'));
    group.settle();
    expect(old.texts).toEqual([]);
    expect(group.node(2).texts).toEqual(['by the new one']);
  });
});
