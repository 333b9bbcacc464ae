/**
 * Linearizable reads, for which no script exists: when a read is released, by whose word, and that a
 * late word never counts for a later read.
 */
import { describe, expect, it } from 'vitest';
import { RAFT_READS_WAITING_MAX } from '../limits.ts';
import { makeMessage } from './messages.ts';
import { bytes, TestGroup, type TestNode, text } from './raft.fixture.ts';
import { ReadOnly } from './read-only.ts';
import { EMPTY_CONFIGURATION } from './tracker/configuration.ts';
import { type Message, MessageType } from './types.ts';

function drain(node: TestNode): Message[] {
  const out: Message[] = [];
  while (node.raw.hasReady()) out.push(...node.takeReady().outgoing);
  return out;
}

function reads(node: TestNode): string[] {
  return node.readStates.map(({ index, context }) => `${text(context)}@${index}`);
}

describe('safe reads', () => {
  it('are released by a quorum of heartbeat answers, at the commit index of their start', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    leader.raw.readIndex(bytes('r'));
    const beats = drain(leader).filter(({ type }) => type === MessageType.Heartbeat);
    expect(beats.map(({ to }) => to)).toEqual([2, 3]);
    expect(beats.map(({ context }) => [...context!])).toEqual([
      [1, 0, 0, 0, 0, 0, 0, 0],
      [1, 0, 0, 0, 0, 0, 0, 0],
    ]);
    expect(reads(leader)).toEqual([]);
    group.wire.push(beats[0]!);
    group.settle();
    expect(reads(leader)).toEqual(['r@2']);
  });

  it('carry positions that count on, and none when no read waits', () => {
    const group = new TestGroup([1, 2]);
    const leader = group.elect(1);
    leader.raw.readIndex(bytes('a'));
    leader.raw.readIndex(bytes('b'));
    group.settle();
    leader.raw.readIndex(bytes('c'));
    expect([...drain(leader)[0]!.context!]).toEqual([3, 0, 0, 0, 0, 0, 0, 0]);
    const quiet = new TestGroup([1, 2]);
    quiet.elect(1).raw.tick();
    expect(drain(quiet.node(1))[0]!.context).toBeUndefined();
  });

  it('survive lost heartbeats: the next one vouches for all of them, in order', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    group.isLost = ({ type }) => type === MessageType.Heartbeat;
    for (const context of ['a', 'b', 'c']) leader.raw.readIndex(bytes(context));
    group.settle();
    expect(reads(leader)).toEqual([]);
    group.isLost = () => false;
    group.tick(1);
    expect(reads(leader)).toEqual(['a@2', 'b@2', 'c@2']);
  });

  it('NASTY 21 late answers to a first read do not vouch for a second with the same context', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    leader.raw.readIndex(bytes('same'));
    group.wire.push(...drain(leader));
    const kept: Message[] = [];
    group.isLost = (message) => {
      if (message.type === MessageType.HeartbeatResp) kept.push(message);
      return false;
    };
    group.settle();
    expect(reads(leader)).toEqual(['same@2']);
    leader.raw.readIndex(bytes('same'));
    drain(leader);
    for (const late of kept) leader.raw.step(late);
    drain(leader);
    expect(reads(leader)).toEqual(['same@2']);
  });

  it('NASTY 22 wait for the first commit of the term', () => {
    const group = new TestGroup([1, 2, 3]);
    group.elect(2);
    group.isLost = ({ type }) => type === MessageType.AppResp;
    const leader = group.elect(1);
    leader.raw.readIndex(bytes('early'));
    group.settle();
    expect(reads(leader)).toEqual([]);
    group.isLost = () => false;
    group.tick(1);
    expect(reads(leader)).toEqual(['early@3']);
  });

  it('NASTY 23 are never released by a leader that hears nobody', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    group.isLost = ({ to, from }) => to === 1 || from === 1;
    leader.raw.readIndex(bytes('r'));
    group.tick(3);
    expect(leader.isLeader).toBe(true);
    expect(reads(leader)).toEqual([]);
  });

  it('of a follower go to the leader and come back with their context', () => {
    const group = new TestGroup([1, 2, 3], {}, { learners: [4] });
    group.elect(1).raw.propose(bytes('x'));
    group.settle();
    group.node(2).raw.readIndex(bytes('two'));
    group.node(4).raw.readIndex(bytes('four'));
    group.settle();
    expect(reads(group.node(2))).toEqual(['two@3']);
    expect(reads(group.node(4))).toEqual(['four@3']);
    expect(reads(group.node(1))).toEqual([]);
  });

  it('of a follower without a leader go nowhere', () => {
    const group = new TestGroup([1, 2, 3]);
    group.node(2).raw.readIndex(bytes('r'));
    expect(group.node(2).raw.hasReady()).toBe(false);
  });

  it('of a single voter need nobody', () => {
    const group = new TestGroup([1], {}, { learners: [2] });
    const leader = group.elect(1);
    leader.raw.readIndex(bytes('r'));
    drain(leader);
    expect(reads(leader)).toEqual(['r@2']);
  });

  it('NASTY 22 of a single voter wait for the first commit of its term: its log may hold more than it noted', () => {
    const group = new TestGroup([1], { asyncStorageWrites: true });
    const node = group.elect(1);
    node.raw.propose(bytes('acknowledged'));
    group.settle();
    expect(node.texts).toEqual(['acknowledged']);
    // The commit index was noted with the entry, so that of the entry itself was not.
    node.log.setHardState({ ...node.log.initialState().hardState, commit: 2 });
    node.restart();
    node.raw.campaign();
    while (!node.isLeader) {
      drain(node);
      node.writeOne();
    }
    node.raw.readIndex(bytes('r'));
    drain(node);
    expect(reads(node)).toEqual([]);
    node.writeOne();
    group.settle();
    expect(reads(node)).toEqual(['r@4']);
  });

  it('of a removed leader are not released by itself alone', () => {
    const group = new TestGroup([1, 2]);
    const leader = group.elect(1);
    leader.raw.proposeConfChange({ type: 1, nodeId: 1, context: bytes(''), id: 0 });
    group.settle();
    expect(leader.isLeader).toBe(true);
    expect(leader.confState.voters).toEqual([2]);
    group.isLost = () => true;
    leader.raw.readIndex(bytes('r'));
    group.settle();
    expect(reads(leader)).toEqual([]);
  });
});

describe('reads that wait', () => {
  it('are bounded in a leader that hears nobody: what comes beyond is dropped', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    group.isLost = ({ to, from }) => to === 1 || from === 1;
    for (let i = 0; i < RAFT_READS_WAITING_MAX; i++) leader.raw.readIndex(bytes('kept'));
    leader.raw.readIndex(bytes('dropped'));
    group.settle();
    group.isLost = () => false;
    leader.raw.tick();
    group.settle();
    expect(leader.readStates.length).toBe(RAFT_READS_WAITING_MAX);
    expect(leader.readStates.every(({ context }) => text(context) === 'kept')).toBe(true);
    // There is room again.
    leader.raw.readIndex(bytes('next'));
    group.settle();
    expect(reads(leader).at(-1)).toBe('next@2');
  });

  it('are bounded together with those held until the first commit of the term', () => {
    const group = new TestGroup([1, 2, 3]);
    group.isLost = ({ type }) => type === MessageType.AppResp;
    const leader = group.elect(1);
    for (let i = 0; i < RAFT_READS_WAITING_MAX + 5; i++) leader.raw.readIndex(bytes('held'));
    group.isLost = () => false;
    leader.raw.tick();
    group.settle();
    leader.raw.tick();
    group.settle();
    expect(leader.readStates.length).toBe(RAFT_READS_WAITING_MAX);
  });

  it('are released when the member that they waited for is removed', () => {
    const group = new TestGroup([1, 2]);
    const leader = group.elect(1);
    group.isLost = ({ type }) => type === MessageType.Heartbeat;
    leader.raw.readIndex(bytes('r'));
    group.settle();
    expect(reads(leader)).toEqual([]);
    leader.raw.proposeConfChange({ type: 1, nodeId: 2, context: bytes(''), id: 0 });
    group.settle();
    expect(leader.confState.voters).toEqual([1]);
    expect(reads(leader)).toEqual(['r@2']);
  });
});

describe('lease reads', () => {
  const options = { readOnlyOption: 'lease-based', checkQuorum: true } as const;

  it('are answered at once, on the leader and for a follower', () => {
    const group = new TestGroup([1, 2, 3], options);
    const leader = group.elect(1);
    leader.raw.readIndex(bytes('own'));
    expect(drain(leader)).toEqual([]);
    expect(reads(leader)).toEqual(['own@2']);
    group.node(3).raw.readIndex(bytes('passed on'));
    group.settle();
    expect(reads(group.node(3))).toEqual(['passed on@2']);
  });

  it('wait for the first commit of the term all the same', () => {
    const group = new TestGroup([1, 2, 3], options);
    group.elect(2);
    group.isLost = ({ type }) => type === MessageType.AppResp;
    for (const node of group.nodes) node.raw.forgetLeader();
    group.node(2).raw.transferLeadership(1);
    group.settle();
    const leader = group.node(1);
    expect(leader.isLeader).toBe(true);
    leader.raw.readIndex(bytes('early'));
    group.settle();
    expect(reads(leader)).toEqual([]);
  });
});

describe('ReadOnly', () => {
  const config = { ...EMPTY_CONFIGURATION, voters: [1, 2, 3] };
  const request = makeMessage({ type: MessageType.ReadIndex });
  const position = (n: number): Uint8Array => new Uint8Array([n, 0, 0, 0, 0, 0, 0, 0]);

  it('keeps the highest answer of each member', () => {
    const reads = new ReadOnly();
    for (const index of [5, 6, 7]) reads.add(request, index);
    reads.receiveAck(1, position(3));
    reads.receiveAck(2, position(2));
    reads.receiveAck(2, position(1));
    expect(reads.takeConfirmed(config).map(({ index }) => index)).toEqual([5, 6]);
    expect(reads.takeConfirmed(config)).toEqual([]);
    reads.receiveAck(3, position(3));
    expect(reads.takeConfirmed(config).map(({ index }) => index)).toEqual([7]);
    expect(reads.heartbeatContext()).toBeUndefined();
  });

  it('ignores contexts that are none of its own, and positions not reached yet', () => {
    const reads = new ReadOnly();
    reads.add(request, 5);
    reads.receiveAck(1, position(1));
    reads.receiveAck(2, bytes('foreign context'));
    reads.receiveAck(3, position(9));
    expect(reads.takeConfirmed(config)).toEqual([]);
  });
});
