/**
 * Ongaro's thesis, sections 3.10 (transfer of leadership), 9.6 (pre-vote) and 10.2.1 (pipelining).
 */
import { describe, expect, it } from 'vitest';
import { ProgressState } from '../types.ts';
import {
  answer,
  bytes,
  cutOff,
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
  TestGroup,
  termOf,
} from './paper.fixture.ts';

describe('thesis §3.10 leadership transfer', () => {
  it('thesis §3.10 a leader whose target is in step asks it to campaign at once', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    leader.raw.transferLeadership(3);
    expect(sent(leader)).toMatchObject([{ type: MessageType.TimeoutNow, to: 3 }]);
  });

  it('thesis §3.10 a target that is behind is brought up to date first', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    cutOff(group, 3);
    leader.raw.propose(bytes('x'));
    group.settle();
    leader.raw.transferLeadership(3);
    group.settle();
    expect(group.leaders.map(({ id }) => id)).toEqual([1]);
    heal(group);
    leader.raw.tick();
    group.settle();
    expect(group.leaders.map(({ id }) => id)).toEqual([3]);
    expect(group.node(3).texts).toEqual(['x']);
  });

  it('thesis §3.10 meanwhile the leader takes no proposals', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    leader.raw.transferLeadership(2);
    expect(() => leader.raw.propose(bytes('x'))).toThrow('raft proposal dropped');
  });

  it('thesis §3.10 the target wins inside the lease and without a pre-vote', () => {
    const group = new TestGroup([1, 2, 3], { checkQuorum: true, preVote: true });
    group.elect(1);
    const types = new Set<number>();
    group.isLost = ({ type }) => {
      types.add(type);
      return false;
    };
    group.node(1).raw.transferLeadership(2);
    group.settle();
    expect(group.leaders.map(({ id }) => id)).toEqual([2]);
    expect(types.has(MessageType.PreVote)).toBe(false);
  });

  it('thesis §3.10 a transfer that is not done within an election timeout is given up', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    cutOff(group, 3);
    leader.raw.transferLeadership(3);
    for (let i = 0; i < 9; i++) leader.raw.tick();
    expect(leader.raw.basicStatus().leadTransferee).toBe(3);
    leader.raw.tick();
    expect(leader.raw.basicStatus().leadTransferee).toBe(0);
    leader.raw.propose(bytes('x'));
    group.settle();
    expect(leader.texts).toEqual(['x']);
  });

  it('thesis §3.10 a second target takes the place of the first, the same one does not start anew', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    cutOff(group, 2, 3);
    leader.raw.transferLeadership(2);
    for (let i = 0; i < 6; i++) leader.raw.tick();
    leader.raw.transferLeadership(2);
    for (let i = 0; i < 4; i++) leader.raw.tick();
    expect(leader.raw.basicStatus().leadTransferee).toBe(0);
    leader.raw.transferLeadership(2);
    leader.raw.transferLeadership(3);
    expect(leader.raw.basicStatus().leadTransferee).toBe(3);
  });

  it('thesis §3.10 nobody hands over to itself, to a learner or to a stranger', () => {
    const group = new TestGroup([1, 2], {}, { learners: [3] });
    const leader = group.elect(1);
    for (const id of [1, 3, 9]) {
      leader.raw.transferLeadership(id);
      expect(leader.raw.basicStatus().leadTransferee).toBe(0);
    }
    leader.raw.propose(bytes('x'));
  });

  it('thesis §3.10 a follower that is asked passes the wish on to the leader', () => {
    const group = new TestGroup([1, 2, 3]);
    group.elect(1);
    group.node(2).raw.transferLeadership(3);
    group.settle();
    expect(group.leaders.map(({ id }) => id)).toEqual([3]);
  });

  it('thesis §3.10 a target that was removed meanwhile ends the transfer', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    leader.raw.proposeConfChange({ type: 1, nodeId: 3, context: bytes(''), id: 0 });
    cutOff(group, 3);
    leader.raw.transferLeadership(3);
    group.settle();
    expect(leader.confState.voters).toEqual([1, 2]);
    expect(leader.raw.basicStatus().leadTransferee).toBe(0);
  });

  it('thesis §3.10 who may not campaign does not, although told to', () => {
    const group = new TestGroup([1, 2], {}, { learners: [3] });
    group.elect(1);
    receive(group.node(3), { type: MessageType.TimeoutNow, from: 1, term: 1 });
    expect([roleOf(group.node(3)), termOf(group.node(3))]).toEqual([StateType.Follower, 1]);
  });
});

describe('thesis §9.6 pre-vote', () => {
  const preVote = { preVote: true } as const;

  it('thesis §9.6 a pre-candidate neither raises its term nor votes', () => {
    const node = memberWith(1, [1, 2, 3], { log: [2], term: 3 }, preVote);
    node.raw.campaign();
    const asked = sentOf(node, MessageType.PreVote);
    expect(asked).toMatchObject([
      { to: 2, term: 4, index: 2, logTerm: 2 },
      { to: 3, term: 4 },
    ]);
    expect(node.raw.basicStatus().hardState).toMatchObject({ term: 3, vote: 0 });
    expect(roleOf(node)).toBe(StateType.PreCandidate);
  });

  it('thesis §9.6 only a majority of pre-votes starts an election', () => {
    const node = memberWith(1, [1, 2, 3, 4, 5], { term: 3 }, preVote);
    node.raw.campaign();
    sent(node);
    receive(node, { type: MessageType.PreVoteResp, from: 2, term: 4 });
    expect(termOf(node)).toBe(3);
    receive(node, { type: MessageType.PreVoteResp, from: 3, term: 4 });
    expect([roleOf(node), termOf(node)]).toEqual([StateType.Candidate, 4]);
    // A late pre-vote is no vote.
    sent(node);
    receive(node, { type: MessageType.PreVoteResp, from: 4, term: 4 });
    receive(node, { type: MessageType.PreVoteResp, from: 5, term: 4 });
    expect(roleOf(node)).toBe(StateType.Candidate);
  });

  it('thesis §9.6 a pre-vote is granted to several, and binds nobody', () => {
    const voter = memberWith(1, [1, 2, 3], { term: 3 }, preVote);
    for (const from of [2, 3]) {
      receive(voter, { type: MessageType.PreVote, from, term: 4, index: 1, logTerm: 1 });
      expect(answer(voter, MessageType.PreVoteResp)).toMatchObject({ to: from, term: 4 });
    }
    expect(voter.raw.basicStatus().hardState).toMatchObject({ term: 3, vote: 0 });
  });

  it('thesis §9.6 a pre-vote is refused to a log that is behind', () => {
    const voter = memberWith(1, [1, 2, 3], { log: [3], term: 3 }, preVote);
    receive(voter, { type: MessageType.PreVote, from: 2, term: 4, index: 1, logTerm: 1 });
    expect(answer(voter, MessageType.PreVoteResp)).toMatchObject({ reject: true, term: 3 });
  });

  it('thesis §9.6 a pre-vote is refused by who hears from a leader (with the quorum check)', () => {
    const group = new TestGroup([1, 2, 3], { ...preVote, checkQuorum: true });
    group.elect(1);
    receive(group.node(2), { type: MessageType.PreVote, from: 3, term: 2, index: 9, logTerm: 1 });
    expect(sent(group.node(2))).toEqual([]);
  });

  it('thesis §9.6 a member that returns from a partition does not disturb the leader', () => {
    const group = new TestGroup([1, 2, 3], { ...preVote, checkQuorum: true });
    const leader = group.elect(1);
    cutOff(group, 3);
    group.tick(60);
    expect(termOf(group.node(3))).toBe(1);
    heal(group);
    group.tick(30);
    expect(leader.isLeader).toBe(true);
    expect(group.nodes.map(termOf)).toEqual([1, 1, 1]);
  });

  it('thesis §9.6 a pre-candidate refused by a later term takes that over', () => {
    const node = memberWith(1, [1, 2, 3], { term: 3 }, preVote);
    node.raw.campaign();
    sent(node);
    receive(node, { type: MessageType.PreVoteResp, from: 2, term: 7, reject: true });
    expect([roleOf(node), termOf(node)]).toEqual([StateType.Follower, 7]);
  });

  it('thesis §9.6 longest log in a low term, short log in a high term: somebody wins all the same', () => {
    // NASTY 7: each refuses the other for a reason of its own.
    const group = groupWith(
      [
        { log: [1, 1, 1], term: 1 },
        { log: [1], term: 9 },
        { log: [1], term: 9 },
      ],
      { ...preVote, checkQuorum: true },
    );
    cutOff(group, 3);
    for (let i = 0; i < 60 && group.leaders.length === 0; i++) group.tick(1);
    expect(group.leaders.map(({ id }) => id)).toEqual([1]);
    expect(termOf(group.node(1))).toBeGreaterThan(9);
  });
});

describe('thesis §10.2.1 pipelining', () => {
  it('thesis §10.2.1 a leader in step sends on without waiting for answers', () => {
    const group = new TestGroup([1, 2]);
    const leader = group.elect(1);
    for (const value of ['a', 'b', 'c']) leader.raw.propose(bytes(value));
    const appends = sentOf(leader, MessageType.App);
    expect(appends.map(({ index }) => index)).toEqual([2, 3, 4]);
    expect(progressOf(leader, 2)).toMatchObject({ match: 2, next: 6, inflightCount: 3 });
  });

  it('thesis §10.2.1 before that it probes, one message at a time', () => {
    const group = new TestGroup([1, 2, 3]);
    cutOff(group, 3);
    const leader = group.elect(1);
    for (const value of ['a', 'b', 'c']) leader.raw.propose(bytes(value));
    expect(sentOf(leader, MessageType.App).filter(({ to }) => to === 3)).toEqual([]);
    expect(progressOf(leader, 3)).toMatchObject({ state: ProgressState.Probe, paused: true });
    heal(group);
    leader.raw.tick();
    group.settle();
    expect(progressOf(leader, 3)).toMatchObject({ state: ProgressState.Replicate, match: 5 });
  });

  it('thesis §10.2.1 a gap is refused, and the leader goes back to probing', () => {
    const group = new TestGroup([1, 2]);
    const leader = group.elect(1);
    for (const value of ['a', 'b', 'c']) leader.raw.propose(bytes(value));
    const [, ...rest] = sentOf(leader, MessageType.App);
    const states: ProgressState[] = [];
    group.isLost = ({ reject, from }) => {
      if (reject && from === 2) states.push(progressOf(leader, 2).state);
      return false;
    };
    group.wire.push(...rest);
    group.settle();
    expect(states.length).toBe(2);
    expect(group.node(2).texts).toEqual(['a', 'b', 'c']);
    expect(progressOf(leader, 2).state).toBe(ProgressState.Replicate);
  });

  it('thesis §10.2.1 appends that arrive out of order end in the same log', () => {
    const group = new TestGroup([1, 2]);
    const leader = group.elect(1);
    for (const value of ['a', 'b', 'c', 'd']) leader.raw.propose(bytes(value));
    group.wire.push(...sentOf(leader, MessageType.App).reverse());
    group.settle();
    expect(group.node(2).texts).toEqual(['a', 'b', 'c', 'd']);
  });

  it('thesis §10.2.1 what is on its way is bounded, and goes on as answers come', () => {
    const group = new TestGroup([1, 2], { maxInflightMsgs: 3 });
    const leader = group.elect(1);
    for (let i = 0; i < 10; i++) leader.raw.propose(bytes(`v${i}`));
    expect(sentOf(leader, MessageType.App).filter(({ entries }) => entries.length > 0).length).toBe(
      3,
    );
    receive(leader, { type: MessageType.AppResp, from: 2, term: 1, index: 3 });
    const next = sentOf(leader, MessageType.App).filter(({ entries }) => entries.length > 0);
    // All that waited goes with the one message that there is room for.
    expect(next.map(({ entries }) => entries.length)).toEqual([7]);
  });
});

describe('thesis §10.2.1 writing to the disk in parallel', () => {
  it('thesis §10.2.1 a leader sends before its own write is done, and commits without it', () => {
    const group = new TestGroup([1, 2, 3], { asyncStorageWrites: true });
    const leader = group.elect(1);
    leader.raw.propose(bytes('x'));
    const { outgoing } = leader.takeReady();
    expect(outgoing.map(({ to }) => to)).toEqual([2, 3]);
    for (const from of [2, 3]) {
      receive(leader, { type: MessageType.AppResp, from, term: 1, index: 3 });
    }
    expect(leader.log.lastIndex()).toBe(2);
    expect(leader.raw.basicStatus().hardState.commit).toBe(3);
    // It is not applied here before it is on this disk.
    expect(leader.takeReady().ready.committedEntries).toEqual([]);
    leader.writeOne();
    expect(leader.takeReady().ready.committedEntries).toMatchObject([{ index: 3 }]);
  });
});
