/**
 * Every switch of the configuration, on and off, and what the transport may report: what each
 * changes, in which role, and what it leaves alone. Bounds are in sizes.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { makeEntry } from './entries.ts';
import { makeMessage } from './messages.ts';
import { bytes, TestGroup, type TestNode, text } from './raft.fixture.ts';
import {
  APPEND_THREAD,
  APPLY_THREAD,
  ConfChangeTransition,
  ConfChangeType,
  EntryType,
  type Message,
  MessageType,
  ProgressState,
  StateType,
} from './types.ts';

function drain(node: TestNode): Message[] {
  const out: Message[] = [];
  while (node.raw.hasReady()) out.push(...node.takeReady().outgoing);
  return out;
}

function stateOf(node: TestNode): StateType {
  return node.raw.basicStatus().softState.state;
}

function progressOf(node: TestNode, id: number) {
  return node.raw.status().progress.get(id)!;
}

function reads(node: TestNode): string[] {
  return node.readStates.map(({ index, context }) => `${text(context)}@${index}`);
}

function addLearner(nodeId: number) {
  const { AddLearnerNode } = ConfChangeType;
  const changes = [{ type: AddLearnerNode, nodeId }];
  return { transition: ConfChangeTransition.Auto, changes, context: bytes('') };
}

describe('asyncStorageWrites', () => {
  it('puts all storage work into messages, with the answers that wait for it', () => {
    const group = new TestGroup([1, 2], { asyncStorageWrites: true });
    const leader = group.elect(1);
    leader.raw.propose(bytes('x'));
    const ready = leader.raw.ready();
    const [append, ...others] = ready.messages.filter(({ to }) => to === APPEND_THREAD);
    expect(others).toEqual([]);
    expect(append).toMatchObject({ type: MessageType.StorageAppend, entries: [{ index: 3 }] });
    // Its own acknowledgement first, the note that the entries are durable last.
    expect(append!.responses?.map(({ type, to }) => [type, to])).toEqual([
      [MessageType.AppResp, 1],
      [MessageType.StorageAppendResp, 1],
    ]);
    expect(ready.entries.length).toBe(1);
    expect(() => leader.raw.advance()).toThrow(/synchronous/);
  });

  it('applies through a second queue, whose answers are stepped', () => {
    const group = new TestGroup([1], { asyncStorageWrites: true });
    const node = group.elect(1);
    node.raw.propose(bytes('x'));
    node.takeReady();
    node.writeOne();
    const ready = node.raw.ready();
    const apply = ready.messages.find(({ to }) => to === APPLY_THREAD)!;
    expect(apply).toMatchObject({ type: MessageType.StorageApply, entries: [{ index: 3 }] });
    expect(node.raw.basicStatus().applied).toBe(2);
    for (const response of apply.responses!) node.raw.step(response);
    expect(node.raw.basicStatus().applied).toBe(3);
  });

  it('takes the next Ready while writes are under way, and each write once', () => {
    const group = new TestGroup([1], { asyncStorageWrites: true });
    const node = group.elect(1);
    for (const value of ['a', 'b', 'c']) {
      node.raw.propose(bytes(value));
      node.takeReady();
    }
    expect(node.appendQueue.map(({ entries }) => entries.map(({ index }) => index))).toEqual([
      [3],
      [4],
      [5],
    ]);
    group.settle();
    expect(node.texts).toEqual([]);
    while (node.appendQueue.length > 0) node.writeOne();
    group.settle();
    expect(node.texts).toEqual(['a', 'b', 'c']);
  });

  it('off: a Ready is one step, and the next waits for advance', () => {
    const group = new TestGroup([1, 2]);
    group.node(1).raw.campaign();
    group.node(1).raw.ready();
    group.node(1).raw.campaign();
    expect(() => group.node(1).raw.ready()).toThrow(/without advance/);
  });
});

describe('forgetLeader', () => {
  it('makes a follower leaderless in its term, until it hears from the leader again', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    const { raw } = group.node(2);
    const { hardState } = raw.basicStatus();
    raw.forgetLeader();
    expect(raw.basicStatus()).toMatchObject({ lead: 0, hardState });
    expect(() => raw.propose(bytes('x'))).toThrow('raft proposal dropped');
    leader.raw.tick();
    group.settle();
    expect(raw.basicStatus()).toMatchObject({ lead: 1, hardState });
  });

  it('lets a quorum that knows better elect inside the lease', () => {
    const group = new TestGroup([1, 2, 3], { preVote: true, checkQuorum: true });
    group.elect(1);
    group.isLost = ({ from, to }) => from === 1 || to === 1;
    group.elect(2);
    expect(group.node(2).isLeader).toBe(false);
    group.node(3).raw.forgetLeader();
    group.elect(2);
    expect(group.node(2).isLeader).toBe(true);
  });

  it('changes nothing for a leader, a candidate, or where reads rely on a lease', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    leader.raw.forgetLeader();
    expect([leader.isLeader, leader.raw.basicStatus().lead]).toEqual([true, 1]);
    group.node(2).raw.campaign();
    group.node(2).raw.forgetLeader();
    expect(stateOf(group.node(2))).toBe(StateType.Candidate);

    const lease = { readOnlyOption: 'lease-based', checkQuorum: true } as const;
    const other = new TestGroup([1, 2, 3], lease);
    other.elect(1);
    other.node(2).raw.forgetLeader();
    expect(other.node(2).raw.basicStatus().lead).toBe(1);
  });
});

describe('disableConfChangeValidation', () => {
  function proposeTwo(isDisabled: boolean): TestNode {
    const options = { disableConfChangeValidation: isDisabled, asyncStorageWrites: true };
    const group = new TestGroup([1], options);
    const node = group.elect(1);
    node.raw.proposeConfChange(addLearner(2));
    node.raw.proposeConfChange(addLearner(3));
    group.settle();
    return node;
  }

  it('off: a second change while the first is not applied becomes an empty entry', () => {
    const node = proposeTwo(false);
    expect(node.applied.map(({ type }) => type).slice(-2)).toEqual([
      EntryType.ConfChangeV2,
      EntryType.Normal,
    ]);
    expect(node.confState.learners).toEqual([2]);
  });

  it('on: both are let in, and the caller answers for them', () => {
    const node = proposeTwo(true);
    expect(node.applied.map(({ type }) => type).slice(-2)).toEqual([
      EntryType.ConfChangeV2,
      EntryType.ConfChangeV2,
    ]);
    expect(node.confState.learners).toEqual([2, 3]);
  });
});

describe('disableProposalForwarding', () => {
  it('on: a follower drops its own proposals and those of others, but passes reads on', () => {
    const group = new TestGroup([1, 2, 3], { disableProposalForwarding: true });
    group.elect(1);
    const follower = group.node(2);
    expect(() => follower.raw.propose(bytes('x'))).toThrow('raft proposal dropped');
    const entries = [makeEntry(0, 0, EntryType.Normal, bytes('x'))];
    const passedOn = makeMessage({ type: MessageType.Prop, from: 3, to: 2, entries });
    expect(() => follower.raw.step(passedOn)).toThrow('raft proposal dropped');
    expect(() => follower.raw.proposeConfChange(addLearner(4))).toThrow('raft proposal dropped');
    expect(drain(follower)).toEqual([]);
    follower.raw.readIndex(bytes('r'));
    group.settle();
    expect(reads(follower)).toEqual(['r@2']);
    group.node(1).raw.propose(bytes('by the leader'));
  });

  it('off: what is passed on keeps its first sender, over any number of stations', () => {
    const group = new TestGroup([1, 2, 3]);
    group.elect(1);
    const entries = [makeEntry(0, 0, EntryType.Normal, bytes('x'))];
    group.node(2).raw.step(makeMessage({ type: MessageType.Prop, from: 3, to: 2, entries }));
    expect(drain(group.node(2))).toMatchObject([
      { type: MessageType.Prop, from: 3, to: 1, term: 0 },
    ]);
  });
});

describe('checkQuorum', () => {
  it('off: a leader that hears nobody leads on, in vain', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    group.isLost = ({ to }) => to === 1;
    for (let i = 0; i < 50; i++) leader.raw.tick();
    expect(leader.isLeader).toBe(true);
  });

  it('on: one answer of a majority in an election timeout is enough', () => {
    const group = new TestGroup([1, 2, 3], { checkQuorum: true });
    const leader = group.elect(1);
    group.isLost = ({ from, to }) => from === 3 || to === 3;
    for (let i = 0; i < 50; i++) {
      leader.raw.tick();
      if (i % 10 === 5) group.settle();
      else drain(leader);
    }
    expect(leader.isLeader).toBe(true);
  });

  it('on: learners are no help', () => {
    const group = new TestGroup([1, 2, 3], { checkQuorum: true }, { learners: [4, 5] });
    const leader = group.elect(1);
    group.isLost = ({ from, to }) => [2, 3].includes(from) || [2, 3].includes(to);
    for (let i = 0; i < 20; i++) {
      leader.raw.tick();
      group.settle();
    }
    expect(stateOf(leader)).toBe(StateType.Follower);
    expect(leader.raw.basicStatus()).toMatchObject({ lead: 0, hardState: { term: 1 } });
  });

  it('on: a single voter always has its quorum', () => {
    const group = new TestGroup([1], { checkQuorum: true });
    group.elect(1);
    group.tick(50);
    expect(group.node(1).isLeader).toBe(true);
  });
});

describe('preVote', () => {
  it('off: a member that returns has raised the term, and the leader falls', () => {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    group.isLost = ({ from, to }) => from === 3 || to === 3;
    group.node(3).raw.campaign();
    group.settle();
    group.isLost = () => false;
    leader.raw.tick();
    group.settle();
    group.elect(3);
    expect(leader.isLeader).toBe(false);
  });

  it('members with and without it elect together', () => {
    const group = new TestGroup([1, 2, 3]);
    const mixed = new TestGroup([1, 2, 3], { preVote: true });
    group.nodes[1] = mixed.nodes[1]!;
    for (const id of [2, 1, 2, 3]) {
      group.elect(id);
      expect(group.node(id).isLeader).toBe(true);
    }
  });
});

describe('reads in every role', () => {
  it('a candidate and a pre-candidate answer none and pass none on', () => {
    for (const preVote of [false, true]) {
      const group = new TestGroup([1, 2, 3], { preVote });
      const node = group.node(1);
      node.raw.campaign();
      drain(node);
      node.raw.readIndex(bytes('r'));
      expect(drain(node)).toEqual([]);
      expect(reads(node)).toEqual([]);
    }
  });

  it('what a follower passed on to a leader of yesterday is passed on to that of today', () => {
    const group = new TestGroup([1, 2, 3]);
    group.elect(1);
    group.node(2).raw.readIndex(bytes('r'));
    const onItsWay = drain(group.node(2));
    expect(onItsWay).toMatchObject([{ type: MessageType.ReadIndex, from: 2, to: 1, term: 0 }]);
    group.elect(3);
    group.wire.push(...onItsWay);
    group.settle();
    expect(reads(group.node(2))).toEqual(['r@3']);
    expect(reads(group.node(1))).toEqual([]);
  });

  it('an answer of an earlier term is not believed', () => {
    const group = new TestGroup([1, 2, 3]);
    group.elect(1);
    group.elect(3);
    const entries = [makeEntry(0, 0, EntryType.Normal, bytes('r'))];
    const late = { type: MessageType.ReadIndexResp, from: 1, to: 2, index: 2, entries } as const;
    group.node(2).raw.step(makeMessage({ ...late, term: 1 }));
    expect(group.node(2).raw.hasReady()).toBe(false);
  });

  it('reads that wait are forgotten with the leadership that they were asked of', () => {
    const group = new TestGroup([1, 2, 3]);
    const old = group.elect(1);
    group.isLost = ({ type }) => type === MessageType.Heartbeat;
    old.raw.readIndex(bytes('r'));
    group.settle();
    group.elect(2);
    group.isLost = () => false;
    group.elect(1);
    group.tick(2);
    expect(reads(old)).toEqual([]);
  });

  it('a restart forgets them too', () => {
    const group = new TestGroup([1, 2, 3]);
    group.elect(1);
    const follower = group.node(2);
    follower.raw.readIndex(bytes('r'));
    const onItsWay = drain(follower);
    follower.restart();
    group.wire.push(...onItsWay);
    group.settle();
    // The answer comes for a context that nobody waits for any more; contexts are unique per start.
    expect(reads(follower)).toEqual(['r@2']);
  });
});

describe('reports of the transport', () => {
  function withSnapshotUnderWay(): { group: TestGroup; leader: TestNode } {
    const group = new TestGroup([1, 2, 3]);
    const leader = group.elect(1);
    group.isLost = ({ from, to }) => from === 3 || to === 3;
    leader.raw.propose(bytes('a'));
    group.settle();
    leader.compact();
    group.isLost = ({ type }) => type === MessageType.Snap;
    leader.raw.tick();
    group.settle();
    expect(progressOf(leader, 3).state).toBe(ProgressState.Snapshot);
    return { group, leader };
  }

  it('reportUnreachable ends streaming, and touches neither a probe nor a snapshot', () => {
    const { leader } = withSnapshotUnderWay();
    leader.raw.reportUnreachable(3);
    expect(progressOf(leader, 3).state).toBe(ProgressState.Snapshot);
    leader.raw.propose(bytes('b'));
    drain(leader);
    expect(progressOf(leader, 2)).toMatchObject({ inflightCount: 1, next: 5 });
    leader.raw.reportUnreachable(2);
    const probing = { state: ProgressState.Probe, match: 3, next: 4, inflightCount: 0 };
    expect(progressOf(leader, 2)).toMatchObject(probing);
    leader.raw.reportUnreachable(2);
    expect(progressOf(leader, 2)).toMatchObject(probing);
  });

  it('reportSnapshot counts only while a snapshot is under way, and once', () => {
    const { leader } = withSnapshotUnderWay();
    const before = progressOf(leader, 2);
    leader.raw.reportSnapshot(2, false);
    expect(progressOf(leader, 2)).toEqual(before);
    const { pendingSnapshot } = progressOf(leader, 3);
    leader.raw.reportSnapshot(3, true);
    const after = progressOf(leader, 3);
    expect(after).toMatchObject({ state: ProgressState.Probe, next: pendingSnapshot + 1 });
    leader.raw.reportSnapshot(3, false);
    expect(progressOf(leader, 3)).toEqual(after);
  });

  it('reports about strangers, or to a node that does not lead, change nothing', () => {
    const { group, leader } = withSnapshotUnderWay();
    const before = leader.raw.status();
    leader.raw.reportUnreachable(9);
    leader.raw.reportSnapshot(9, true);
    expect(leader.raw.status()).toEqual(before);
    const follower = group.node(2);
    follower.raw.reportUnreachable(1);
    follower.raw.reportSnapshot(1, false);
    expect(follower.raw.hasReady()).toBe(false);
  });
});
