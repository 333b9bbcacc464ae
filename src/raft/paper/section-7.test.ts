/**
 * Raft paper, section 7, and the thesis, chapter 5: log compaction. What a snapshot takes the place
 * of, who sends one and when, and what a follower does with it.
 */
import { describe, expect, it } from 'vitest';
import { EMPTY_CONF_STATE } from '../memory-log.ts';
import { ProgressState, type Snapshot } from '../types.ts';
import {
  answer,
  bytes,
  commitOf,
  cutOff,
  entriesOf,
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
  type TestNode,
} from './paper.fixture.ts';

function snapshotAt(index: number, term: number, voters: readonly number[] = [1, 2, 3]): Snapshot {
  return {
    metadata: { confState: { ...EMPTY_CONF_STATE, voters }, index, term },
    data: bytes(''),
  };
}

/** 3 was away while the others wrote and compacted. */
function behind(): { group: TestGroup; leader: TestNode } {
  const group = new TestGroup([1, 2, 3]);
  const leader = group.elect(1);
  cutOff(group, 3);
  for (const value of ['a', 'b', 'c']) leader.raw.propose(bytes(value));
  group.settle();
  leader.compact();
  return { group, leader };
}

function beat(group: TestGroup, leader: TestNode): void {
  leader.raw.tick();
  group.settle();
}

describe('Raft §7 log compaction', () => {
  it('Raft §7 index and term of the last entry in a snapshot still take part in the consistency check', () => {
    const { group, leader } = behind();
    expect(leader.log.firstIndex()).toBe(6);
    leader.raw.propose(bytes('d'));
    const [append] = sentOf(leader, MessageType.App);
    expect(append).toMatchObject({ to: 2, index: 5, logTerm: 1 });
    group.wire.push(append!);
    group.settle();
    expect(group.node(2).texts.at(-1)).toBe('d');
  });

  it('Raft §7 the leader sends a snapshot only where the log does not reach back far enough', () => {
    const { group, leader } = behind();
    heal(group);
    const snapshots: number[] = [];
    group.isLost = ({ type, to }) => {
      if (type === MessageType.Snap) snapshots.push(to);
      return false;
    };
    beat(group, leader);
    expect(snapshots).toEqual([3]);
    expect(group.node(3).texts).toEqual(['a', 'b', 'c']);
    expect(group.node(3).log.firstIndex()).toBe(6);
    leader.raw.propose(bytes('d'));
    group.settle();
    expect(snapshots).toEqual([3]);
    expect(group.node(3).texts.at(-1)).toBe('d');
  });

  it('Raft §7 a snapshot carries term and membership, and both are taken over', () => {
    const node = memberWith(3, [1, 2, 3], { term: 2 });
    const snapshot = snapshotAt(9, 4, [1, 3, 5]);
    receive(node, { type: MessageType.Snap, from: 1, term: 6, snapshot });
    expect(answer(node, MessageType.AppResp)).toMatchObject({ to: 1, term: 6, index: 9 });
    expect(node.raw.basicStatus()).toMatchObject({
      lead: 1,
      hardState: { term: 6, commit: 9 },
      config: { voters: [1, 3, 5] },
    });
    expect([node.log.firstIndex(), node.log.term(9)]).toEqual([10, 4]);
  });

  it('Raft §7 a snapshot takes the place of a log that conflicts with it', () => {
    const node = memberWith(3, [1, 2, 3], { log: [2, 2, 2, 2], term: 3 });
    receive(node, { type: MessageType.Snap, from: 1, term: 3, snapshot: snapshotAt(4, 3) });
    sent(node);
    expect(storedTerms(node)).toEqual([]);
    expect(node.raw.lastIndex).toBe(4);
  });

  it('Raft §7 a snapshot that is a prefix of the log leaves the log as it is, what follows included', () => {
    const node = memberWith(3, [1, 2, 3], { log: [2, 2, 2, 2], term: 3 });
    receive(node, { type: MessageType.Snap, from: 1, term: 3, snapshot: snapshotAt(4, 2) });
    expect(answer(node, MessageType.AppResp)).toMatchObject({ index: 4 });
    expect(storedTerms(node)).toEqual([2, 2, 2, 2]);
    expect(commitOf(node)).toBe(4);
  });

  it('Raft §7 an old snapshot is passed over, and answered with what is committed', () => {
    const node = memberWith(3, [1, 2, 3], { log: [2, 2, 2], term: 3, commit: 4 });
    receive(node, { type: MessageType.Snap, from: 1, term: 3, snapshot: snapshotAt(3, 2) });
    expect(answer(node, MessageType.AppResp)).toMatchObject({ index: 4, reject: false });
    expect(storedTerms(node)).toEqual([2, 2, 2]);
  });

  it('Raft §7 a snapshot is durable before it is acknowledged, and nothing is applied meanwhile', () => {
    const node = memberWith(3, [1, 2, 3], { log: [2], term: 2 }, { asyncStorageWrites: true });
    receive(node, { type: MessageType.Snap, from: 1, term: 3, snapshot: snapshotAt(9, 3) });
    const { outgoing, ready } = node.takeReady();
    expect([outgoing, ready.committedEntries]).toEqual([[], []]);
    const entries = entriesOf([3], 10);
    const append = { type: MessageType.App, from: 1, term: 3, index: 9, logTerm: 3 } as const;
    receive(node, { ...append, entries, commit: 10 });
    expect(node.takeReady().ready.committedEntries).toEqual([]);
    expect(node.writeOne()).toMatchObject([{ type: MessageType.AppResp, index: 9 }]);
    expect(node.writeOne()).toMatchObject([{ type: MessageType.AppResp, index: 10 }]);
    expect(node.takeReady().ready.committedEntries).toEqual(entries);
  });

  it('Raft §7 whoever is about to install a snapshot does not campaign', () => {
    const node = memberWith(3, [1, 2, 3], { log: [2], term: 2 }, { asyncStorageWrites: true });
    receive(node, { type: MessageType.Snap, from: 1, term: 3, snapshot: snapshotAt(9, 3) });
    node.takeReady();
    for (let i = 0; i < 40; i++) node.raw.tick();
    expect(roleOf(node)).toBe(StateType.Follower);
    node.writeOne();
    node.raw.campaign();
    expect(roleOf(node)).toBe(StateType.Candidate);
  });

  it('thesis §5.1 a crash before a snapshot is installed leaves the old log in force', () => {
    const node = memberWith(3, [1, 2, 3], { log: [2, 2], term: 2 }, { asyncStorageWrites: true });
    receive(node, { type: MessageType.Snap, from: 1, term: 3, snapshot: snapshotAt(9, 3) });
    node.takeReady();
    node.restart();
    expect(node.raw.lastIndex).toBe(3);
    expect(node.raw.basicStatus().config.voters).toEqual([1, 2, 3]);
  });

  it('thesis §5.1.2 nothing is streamed to a follower that takes a snapshot; others go on', () => {
    const { group, leader } = behind();
    group.isLost = ({ type }) => type === MessageType.Snap;
    beat(group, leader);
    expect(progressOf(leader, 3)).toMatchObject({ state: ProgressState.Snapshot, paused: true });
    leader.raw.propose(bytes('d'));
    expect(sentOf(leader, MessageType.App).map(({ to }) => to)).toEqual([2]);
    leader.raw.tick();
    expect(sentOf(leader, MessageType.Heartbeat).map(({ to }) => to)).toEqual([2, 3]);
  });

  it('thesis §5.1.2 a follower on its way is streamed to from the snapshot on, however it got there', () => {
    const { group, leader } = behind();
    group.isLost = ({ type }) => type === MessageType.Snap;
    beat(group, leader);
    // The report is lost, but an answer shows that it is connected to this log again.
    receive(leader, { type: MessageType.AppResp, from: 3, term: 1, index: 5 });
    expect(progressOf(leader, 3)).toMatchObject({ state: ProgressState.Replicate, match: 5 });
  });
});
