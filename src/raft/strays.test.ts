/**
 * What a network may hold that no peer has sent on purpose: messages without a sender, without a
 * term, from strangers, in this node's own name. None of them may stop the node, depose anybody, or
 * count as a vote.
 */
import { describe, expect, it } from 'vitest';
import { makeEntry } from './entries.ts';
import { makeMessage } from './messages.ts';
import { bytes, TestGroup, type TestNode } from './raft.fixture.ts';
import { EntryType, type Message, MessageType, StateType } from './types.ts';

const TYPES_OF_PEERS = [
  MessageType.App,
  MessageType.Vote,
  MessageType.Snap,
  MessageType.Heartbeat,
  MessageType.TimeoutNow,
  MessageType.PreVote,
] as const;

function drain(node: TestNode): Message[] {
  const out: Message[] = [];
  while (node.raw.hasReady()) out.push(...node.takeReady().outgoing);
  return out;
}

function nameOf(type: MessageType): string {
  return Object.entries(MessageType).find(([, value]) => value === type)![0];
}

describe('S-70 stray messages', () => {
  for (const type of TYPES_OF_PEERS) {
    it(`S-70 a ${nameOf(type)} with sender 0, term 0 or in the own name changes nothing`, () => {
      for (const role of [StateType.Follower, StateType.Candidate, StateType.Leader]) {
        const group = new TestGroup([1, 2, 3]);
        const node = group.node(1);
        group.elect(2);
        if (role === StateType.Leader) group.elect(1);
        if (role === StateType.Candidate) node.raw.campaign();
        drain(node);
        const before = node.raw.basicStatus();
        expect(before.softState.state).toBe(role);
        const stray = { type, to: 1, index: 1, logTerm: 1 };
        node.raw.step(makeMessage({ ...stray, from: 0, term: 9 }));
        node.raw.step(makeMessage({ ...stray, from: 2, term: 0 }));
        node.raw.step(makeMessage({ ...stray, from: 1, term: 9 }));
        expect(node.raw.basicStatus()).toEqual(before);
        expect(drain(node)).toEqual([]);
      }
    });
  }

  it('S-70 a heartbeat from a stranger makes a follower of it, and no more', () => {
    const group = new TestGroup([1, 2, 3]);
    const node = group.node(1);
    node.raw.step(makeMessage({ type: MessageType.Heartbeat, from: 99, to: 1, term: 4 }));
    expect(drain(node)).toMatchObject([{ type: MessageType.HeartbeatResp, to: 99, term: 4 }]);
    // It may be a member that this node has not heard of yet; if not, time deals with it.
    for (let i = 0; i < 10; i++) node.raw.tick();
    expect(node.raw.basicStatus().softState.state).toBe(StateType.Candidate);
  });

  it('S-70 a vote without a term counts in no election', () => {
    const group = new TestGroup([1, 2, 3]);
    const node = group.node(1);
    node.raw.campaign();
    drain(node);
    node.raw.step(makeMessage({ type: MessageType.VoteResp, from: 2, to: 1, term: 0 }));
    expect(node.isLeader).toBe(false);
    node.raw.step(makeMessage({ type: MessageType.VoteResp, from: 2, to: 1, term: 1 }));
    expect(node.isLeader).toBe(true);
  });

  it('S-70 a proposal without entries, a read without its context, and garbage as a change are not taken', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    const last = leader.raw.lastIndex;
    leader.raw.step(makeMessage({ type: MessageType.Prop, from: 2, to: 1 }));
    leader.raw.step(makeMessage({ type: MessageType.ReadIndex, from: 2, to: 1 }));
    expect(drain(leader)).toEqual([]);
    const good = makeEntry(0, 0, EntryType.ConfChangeV2, bytes(''));
    const garbage = makeEntry(0, 0, EntryType.ConfChange, new Uint8Array([0xff, 0xff]));
    for (const entries of [[garbage], [good, garbage]]) {
      const proposal = makeMessage({ type: MessageType.Prop, from: 2, to: 1, entries });
      expect(() => leader.raw.step(proposal)).toThrow(
        expect.objectContaining({ code: 'CODEC_INVALID' }),
      );
    }
    expect(leader.raw.lastIndex).toBe(last);
    // And no change counts as being under way after that.
    leader.raw.proposeConfChange({ type: 3, nodeId: 4, context: bytes(''), id: 0 });
    group.settle();
    expect(leader.confState.learners).toEqual([4]);
  });
});

it('S-63 a lone node that campaigns leads as soon as its vote is written, without a tick', () => {
  for (const asyncStorageWrites of [false, true]) {
    const group = new TestGroup([1], { asyncStorageWrites, preVote: true, checkQuorum: true });
    const node = group.elect(1);
    expect(node.isLeader).toBe(true);
    expect(node.raw.basicStatus()).toMatchObject({ lead: 1, hardState: { term: 1, commit: 2 } });
  }
});
