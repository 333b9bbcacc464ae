/**
 * A candidate with a disk that is slower than its peers. Goal: a term is led once. The danger: the votes of both
 * others come while nothing of the candidate's own is written; it leads, sends an entry to one of them, loses
 * power with nothing on its disk, and is elected in the same term again by the other one. The core leads
 * on any majority, as etcd's does, so nobody may be asked before the candidate's own write is done.
 */
import { expect, it } from 'vitest';
import { makeMessage } from './messages.ts';
import { bytes, TestGroup, type TestNode } from './raft.fixture.ts';
import { type Message, MessageType } from './types.ts';

function deliver(to: TestNode, messages: readonly Message[]): void {
  for (const message of messages) if (message.to === to.id) to.raw.step(message);
}

/** What leaves the node; with `writes` held back, only what does not wait for its disk. */
function work(node: TestNode, writes: 'done' | 'held back' = 'done'): Message[] {
  const outgoing: Message[] = [];
  for (let isBusy = true; isBusy; ) {
    isBusy = node.raw.hasReady();
    if (isBusy) outgoing.push(...node.takeReady().outgoing);
    if (writes === 'done') while (node.appendQueue.length > 0) outgoing.push(...node.writeOne());
    while (node.applyQueue.length > 0) outgoing.push(...node.applyOne());
    isBusy ||= node.raw.hasReady();
  }
  return outgoing;
}

function threeNodes(): [TestNode, TestNode, TestNode] {
  return new TestGroup([1, 2, 3], { asyncStorageWrites: true }).nodes as [
    TestNode,
    TestNode,
    TestNode,
  ];
}

it('N-2 nobody is asked before the own term and vote are durable, so nothing is forgotten', () => {
  const [a, b, c] = threeNodes();
  a.raw.campaign();
  expect(work(a, 'held back')).toEqual([]);
  expect(a.appendQueue).toHaveLength(1);

  a.restart();
  a.raw.campaign();
  const requests = work(a);
  expect(requests.map(({ type, to }) => [type, to])).toEqual([
    [MessageType.Vote, 2],
    [MessageType.Vote, 3],
  ]);
  deliver(b, requests);
  deliver(c, requests);
  deliver(a, [...work(b), ...work(c)]);
  expect(a.isLeader).toBe(true);
});

it('N-2 by the time that it can have a majority, its own vote has been counted', () => {
  const [a, b] = threeNodes();
  a.raw.campaign();
  work(a, 'held back');
  expect(a.isLeader).toBe(false);
  deliver(b, a.writeOne());
  expect(() => a.raw.propose(bytes('x'))).toThrow('dropped');
  deliver(a, work(b));
  expect(a.isLeader).toBe(true);
});

it('counts a majority without the own vote as one, as etcd does', () => {
  const [a] = threeNodes();
  a.raw.campaign();
  work(a, 'held back');
  const { term } = a.raw.basicStatus().hardState;
  for (const from of [2, 3]) {
    a.raw.step(makeMessage({ type: MessageType.VoteResp, from, to: 1, term }));
  }
  expect(a.isLeader).toBe(true);
});
