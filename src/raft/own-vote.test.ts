/**
 * A candidate's own vote with a disk that is slower than its peers. Goal: a term is led once. Method: the votes of
 * both others come while nothing of the candidate's own is written; it would lead, send an entry to one of
 * them, lose power with nothing on its disk, and be elected in the same term again by the other one.
 */
import { expect, it } from 'vitest';
import { bytes, TestGroup, type TestNode } from './raft.fixture.ts';
import type { Message } from './types.ts';

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

it('N-2 a candidate does not lead before its own vote is durable', () => {
  const { nodes } = new TestGroup([1, 2, 3], { asyncStorageWrites: true });
  const [a, b, c] = nodes as [TestNode, TestNode, TestNode];
  a.raw.campaign();
  const requests = work(a, 'held back');
  deliver(b, requests);
  deliver(c, requests);
  deliver(a, [...work(b), ...work(c)]);
  expect(a.isLeader).toBe(false);
  expect(() => a.raw.propose(bytes('x'))).toThrow('dropped');
  expect(work(a, 'held back')).toEqual([]);

  a.restart();
  a.raw.campaign();
  const again = work(a);
  deliver(b, again);
  deliver(c, again);
  deliver(a, [...work(b), ...work(c)]);
  expect(a.isLeader).toBe(true);
});

it('N-2 it leads as soon as its own vote is durable', () => {
  const { nodes } = new TestGroup([1, 2, 3], { asyncStorageWrites: true });
  const [a, b] = nodes as [TestNode, TestNode, TestNode];
  a.raw.campaign();
  deliver(b, work(a, 'held back'));
  deliver(a, work(b));
  expect(a.isLeader).toBe(false);
  deliver(a, a.writeOne());
  expect(a.isLeader).toBe(true);
});
