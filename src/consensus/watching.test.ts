/**
 * What a node tells of itself: to those who watch it, who can neither hold it up nor be held by it,
 * and to those who ask for its status, which is theirs.
 */
import { describe, expect, it } from 'vitest';
import { until } from '../../sim/rigs/test-cluster.ts';
import { READY_OBSERVATIONS_MAX } from '../limits.ts';
import { leaderOf, type Made, Stage } from './scenarios.fixture.ts';
import type { LeaderChange, MembersChange, NodeStatus, ReadyObservation } from './types.ts';

type Told = LeaderChange | MembersChange | ReadyObservation;
type Watch = AsyncIterator<Told, unknown>;

const DONE = { value: undefined, done: true };

function watchesOf({ node }: Made): Watch[] {
  return [node.leaderChanges(), node.memberChanges(), node.ready()].map((told) =>
    (told as AsyncIterable<Told>)[Symbol.asyncIterator](),
  );
}

describe('a node that is watched', () => {
  it('goes on where nobody reads: elections, changes of members, writes, its end', async () => {
    await using stage = new Stage(3);
    const made = stage.make('n1');
    const idle = watchesOf(made);
    const rest = await Promise.all(['n2', 'n3'].map((name) => stage.start(name)));
    await made.node.start();
    const nodes = [made, ...rest];
    await leaderOf(nodes);
    const begun = watchesOf(made);
    for (const watch of begun) await watch.next();
    for (const to of ['n2', 'n1', 'n3', 'n1']) await made.node.transferLeadership(to);
    await made.node.addLearner('n4', 'n4:1');
    for (let i = 0; i < READY_OBSERVATIONS_MAX; i++) await made.node.propose(Buffer.from('x'));
    expect(made.machine.journal.length).toBe(READY_OBSERVATIONS_MAX);

    for (const [leaders, members, ready] of [idle, begun] as [Watch, Watch, Watch][]) {
      const { term } = made.node.status();
      expect((await leaders.next()).value).toMatchObject({ isLeader: true, term });
      const named = [{ nodeId: 'n1' }, { nodeId: 'n2' }, { nodeId: 'n3' }, { nodeId: 'n4' }];
      expect((await members.next()).value).toMatchObject({ members: named });
      const { sequence, dropped } = (await ready.next()).value as ReadyObservation;
      expect(dropped).toBeGreaterThan(0);
      expect(sequence).toBeGreaterThan(dropped);
    }
    await made.node.stop();
  });

  it('lets its watchers go at once, also while they wait', async () => {
    await using stage = new Stage(1);
    const made = await stage.start('n1');
    await until('it leads', () => made.node.isLeader);
    for (const watch of watchesOf(made)) {
      const first = watch.next();
      const waiting = watch.next();
      expect(await watch.return?.()).toEqual(DONE);
      expect(await waiting).toEqual(DONE);
      await first;
      expect(await watch.next()).toEqual(DONE);
    }
  });
});

describe('the status', () => {
  it('is a copy: who changes it changes nothing', async () => {
    await using stage = new Stage(3);
    const nodes = await stage.startAll();
    const { node } = await leaderOf(nodes);
    await node.propose(Buffer.from('x'));
    const before = JSON.stringify({ ...node.status(), members: [] });
    spoil(node.status());
    expect(JSON.stringify({ ...node.status(), members: [] })).toBe(before);
    expect(node.status().members.map(({ nodeId }) => nodeId)).toEqual(['n1', 'n2', 'n3']);
    expect(node.leader?.nodeId).toBe(node.nodeId);
  });
});

/** Overwrites all that it holds, at every depth. */
function spoil(data: NodeStatus | Record<string, unknown>): void {
  const fields = data as Record<string, unknown>;
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'object' && value !== null) spoil(value as Record<string, unknown>);
    fields[name] = 'spoilt';
  }
}
