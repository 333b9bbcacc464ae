/** That outside readers see the core's steps, and that a slow one loses steps instead of slowing it. */
import { expect, it } from 'vitest';
import { TestCluster, text } from '../../sim/rigs/test-cluster.ts';
import { READY_OBSERVATION_BYTES_MAX, READY_OBSERVATIONS_MAX } from '../limits.ts';
import { APPEND_THREAD, EntryType, MessageType, makeMessage, type Ready } from '../raft/index.ts';
import { ReadyObservers } from './ready-observers.ts';
import type { ReadyObservation } from './types.ts';

const NOTHING: Ready = {
  readStates: [],
  entries: [],
  committedEntries: [],
  messages: [],
  mustSync: false,
  logReads: [],
};

it('a reader gets each step in order; what is for the own threads is no message', async () => {
  const observers = new ReadyObservers();
  observers.observe(1, NOTHING);
  const reader = observers.read();
  const messages = [1, 2, APPEND_THREAD].map((to) =>
    makeMessage({ type: MessageType.App, to, from: 1 }),
  );
  observers.observe(1, { ...NOTHING, messages });
  observers.observe(1, { ...NOTHING, mustSync: true });
  const first = (await reader.next()).value as ReadyObservation;
  expect(first).toMatchObject({ sequence: 1, dropped: 0 });
  expect(first.messages.map(({ to }) => to)).toEqual([2]);
  expect((await reader.next()).value).toMatchObject({ sequence: 2, mustSync: true });
  const waiting = reader.next();
  observers.end();
  expect(await waiting).toEqual({ value: undefined, done: true });
  expect((await observers.read().next()).done).toBe(true);
});

it('one that is too slow loses the oldest, and is told how many', async () => {
  const observers = new ReadyObservers();
  const slow = observers.read();
  const other = observers.read();
  for (let i = 0; i < READY_OBSERVATIONS_MAX + 5; i++) observers.observe(1, NOTHING);
  expect((await slow.next()).value).toMatchObject({ sequence: 6, dropped: 5 });
  await other.return?.();
  expect((await other.next()).done).toBe(true);
});

it('one that is too slow for large steps loses them by bytes, but never the newest', async () => {
  const observers = new ReadyObservers();
  const slow = observers.read();
  const stepOf = (bytes: number): Ready => {
    const entries = [{ type: EntryType.Normal, term: 1, index: 1, data: new Uint8Array(bytes) }];
    const messages = [makeMessage({ type: MessageType.App, to: 2, from: 1, entries })];
    return { ...NOTHING, entries, messages, committedEntries: entries };
  };
  // Four of them fill it: each entry stands in three lists.
  const fourth = stepOf(Math.floor(READY_OBSERVATION_BYTES_MAX / 12));
  for (let i = 0; i < 6; i++) observers.observe(1, fourth);
  expect((await slow.next()).value).toMatchObject({ sequence: 3, dropped: 2 });
  observers.observe(1, fourth);
  expect((await slow.next()).value).toMatchObject({ sequence: 4, dropped: 2 });
  observers.observe(1, stepOf(READY_OBSERVATION_BYTES_MAX));
  expect((await slow.next()).value).toMatchObject({ sequence: 8, dropped: 5 });
});

it('one that leaves while it waits has left at once', async () => {
  const observers = new ReadyObservers();
  const reader = observers.read();
  const waiting = [reader.next(), reader.next()];
  await reader.return?.();
  for (const next of waiting) expect(await next).toEqual({ value: undefined, done: true });
});

it('S-55 is available before the start, and shows a proposal on its way', async () => {
  await using cluster = new TestCluster(3);
  await cluster.startAll();
  const leader = await cluster.leader();
  const steps = leader.node.ready();
  await leader.node.propose(text('x'));
  await leader.node.stop();
  const seen: ReadyObservation[] = [];
  for await (const step of steps) seen.push(step);
  const holds = (entries: ReadyObservation['entries']): boolean =>
    entries.some(({ data }) => Buffer.from(data).includes('x'));
  expect(seen.some(({ entries, mustSync }) => mustSync && holds(entries))).toBe(true);
  expect(seen.some(({ committedEntries }) => holds(committedEntries))).toBe(true);
  expect(seen.some(({ messages }) => messages.length > 0)).toBe(true);
});
