/**
 * What only the leader can do, asked on other nodes: done once, told when it is applied here, explained
 * when it fails, and never left without an answer.
 */
import { describe, expect, it } from 'vitest';
import type { Bus } from '../../sim/rigs/bus-transport.ts';
import { TestCluster, type TestNode, until } from '../../sim/rigs/test-cluster.ts';
import { ClusterError } from '../errors.ts';
import { LEADER_CALLS_MAX } from '../limits.ts';
import { MessageType, type RaftId } from '../raft/index.ts';
import { FrameKind } from './forwarding.ts';
import {
  type LeaderCall,
  LeaderCalls,
  type LeaderCallsHost,
  unpackAnswer,
} from './leader-calls.ts';
import { codeOf, leaderOf, type Made, Stage } from './scenarios.fixture.ts';

const REMOVE: LeaderCall = { op: 'remove', nodeId: 'n9' };

/** Two desks that hand each other their frames, one of which performs. */
function pair(perform: (call: LeaderCall) => Promise<unknown>) {
  const sent: { kind: number; bytes: Buffer }[] = [];
  const state = { reaches: true, throws: false, now: 0, failed: [] as unknown[] };
  const make = (self: RaftId): LeaderCalls => {
    const host: LeaderCallsHost = {
      now: () => state.now,
      appliedIndex: () => 40 + self,
      perform,
      fail: (error) => void state.failed.push(error),
      send: (to, kind, payload) => {
        if (state.throws) throw new Error('no frames');
        const bytes = Buffer.concat(payload);
        sent.push({ kind, bytes });
        if (!state.reaches) return false;
        const other = to === 1 ? leader : follower;
        if (kind === FrameKind.LeaderCall) other.asked(self, bytes)();
        else other.answered(self, bytes)();
        return true;
      },
    };
    return new LeaderCalls(host, 1);
  };
  const leader = make(1);
  const follower = make(2);
  return { leader, follower, sent, state };
}

describe('a call', () => {
  it('comes back with value and index, or with the error of there', async () => {
    const { follower } = pair((call) => Promise.resolve({ done: call.nodeId }));
    const answer = await follower.ask(1, REMOVE, 100).promise;
    expect(answer.index).toBe(41);
    expect(unpackAnswer(answer)).toEqual({ done: 'n9' });

    const details = { nodeId: 'n9' };
    const failing = pair(() =>
      Promise.reject(new ClusterError('MEMBER_EXISTS', 'is', { details })),
    );
    const failed = await failing.follower.ask(1, REMOVE, 100).promise;
    expect(() => unpackAnswer(failed)).toThrow(
      expect.objectContaining({ code: 'MEMBER_EXISTS', message: 'is', details }),
    );
  });

  it('to a leader that stops meanwhile is unknown, and says nothing of the caller', async () => {
    const { follower } = pair(() => Promise.reject(new ClusterError('NODE_STOPPED', 'n1 stops')));
    const answer = await follower.ask(1, REMOVE, 100).promise;
    expect(() => unpackAnswer(answer)).toThrow(
      expect.objectContaining({
        code: 'OUTCOME_UNKNOWN',
        message: expect.stringMatching(/Ask again/),
      }),
    );
  });

  it('to a leader that fails meanwhile is unknown: the node of the caller has not failed', async () => {
    const { follower } = pair(() => Promise.reject(new ClusterError('NODE_FAILED', 'n1 failed')));
    const answer = await follower.ask(1, REMOVE, 100).promise;
    expect(() => unpackAnswer(answer)).toThrow(
      expect.objectContaining({ code: 'OUTCOME_UNKNOWN' }),
    );
  });

  it('of a node that ends meanwhile is unknown, and says by what the node ended', async () => {
    const { follower } = pair(() => new Promise(() => undefined));
    const { promise } = follower.ask(1, REMOVE, 100);
    const why = new ClusterError('NODE_STOPPED', 'n2 was stopped');
    follower.failAll(why);
    await expect(promise).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN', cause: why });
  });

  it('that can not leave was not made; one whose answer is lost is unknown', async () => {
    const { follower, state } = pair(() => new Promise(() => undefined));
    state.reaches = false;
    expect(await codeOf(follower.ask(1, REMOVE, 100).promise)).toBe('NO_LEADER');
    state.reaches = true;
    const late = codeOf(follower.ask(1, REMOVE, 100).promise);
    const lost = codeOf(follower.ask(3, REMOVE, 200).promise);
    expect(follower.expire(100)).toBe(200);
    follower.peerLost(3);
    expect([await late, await lost]).toEqual(['OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN']);
    expect(follower.expire(100)).toBe(Number.POSITIVE_INFINITY);
  });

  it('that a broken transport can not answer ends the node, and not the process', async () => {
    const { leader, follower, sent, state } = pair(() => Promise.resolve('done'));
    state.reaches = false;
    follower.ask(1, REMOVE, 100).promise.catch(() => undefined);
    state.throws = true;
    leader.asked(2, sent[0]!.bytes)();
    await expect.poll(() => state.failed).toEqual([new Error('no frames')]);
  });

  it('of a confused peer is refused as a whole, and too many at once are not worked on', async () => {
    const { leader, follower, sent } = pair(() => new Promise(() => undefined));
    const good = { id: 1, timeoutMs: 5, call: REMOVE };
    const bad: unknown[] = [
      null,
      [],
      { ...good, id: 1.5 },
      { ...good, timeoutMs: 'x' },
      { ...good, call: { op: 'format', nodeId: 'n9' } },
      { ...good, call: { op: 'add', nodeId: 'n9' } },
      { ...good, call: { op: 'remove', nodeId: 'no such name' } },
    ];
    const frame = (value: unknown): Buffer => Buffer.from(`\u0001${JSON.stringify(value)}`);
    for (const value of bad) expect(() => leader.asked(2, frame(value))).toThrow(ClusterError);
    expect(() => leader.asked(2, Buffer.from('\u0001{'))).toThrow(/no JSON/);
    expect(() => leader.asked(2, Buffer.from('\u0002{}'))).toThrow(/version 2/);
    expect(() => leader.asked(2, Buffer.alloc(0))).toThrow(/version undefined/);

    const all = Array.from({ length: LEADER_CALLS_MAX + 1 }, () => follower.ask(1, REMOVE, 100));
    const last = await (all.at(-1) as (typeof all)[0]).promise;
    expect(() => unpackAnswer(last)).toThrow(expect.objectContaining({ code: 'OVERLOADED' }));
    expect(sent.filter(({ kind }) => kind === FrameKind.LeaderAnswer).length).toBe(1);
  });
});

describe('on a follower', () => {
  it('members are added, promoted and removed, leadership is handed over', async () => {
    await using cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    const [{ node }] = cluster.followers(leader) as [TestNode];
    const invitation = await node.addLearner('n9', 'n9:1');
    expect(invitation.raftId).toBe(4);
    expect(node.status().members.at(-1)).toMatchObject({ nodeId: 'n9', role: 'learner' });
    expect(await node.addLearner('n9', 'n9:1')).toEqual(invitation);
    expect(await codeOf(node.addLearner('n9', 'n9:2'))).toBe('MEMBER_EXISTS');
    await node.promoteLearner('n9');
    expect(node.status().members.at(-1)).toMatchObject({ nodeId: 'n9', role: 'voter' });
    expect(await node.removeNode('n9')).toBe(true);
    expect(node.status().members.length).toBe(3);
    expect(await node.removeNode('n9')).toBe(false);
    expect(await codeOf(node.removeNode('not a name'))).toBe('CONFIG_INVALID');
    await node.transferLeadership(node.nodeId);
    await until('it leads', () => node.isLeader);
  });

  it('that is behind with what the leader did says so in time, and lets its caller go', async () => {
    await using stage = new Stage(3, { electionTicks: 10_000 });
    const nodes = await stage.startAll();
    nodes[0]?.node.campaign();
    const leader = await leaderOf(nodes);
    const { node } = nodes.find((made) => made !== leader) as Made;
    const { raftId } = node.status();
    dropAppends(leader, raftId);
    const answers = countAnswers(stage, raftId);
    const controller = new AbortController();
    const options = { signal: controller.signal, timeoutMs: 60_000 };
    const given = codeOf(node.addLearner('n9', 'n9:1', options));
    await until('the leader has answered', () => answers.count === 1);
    controller.abort();
    expect(await given).toBe('ABORTED');

    await expect(node.addLearner('n9', 'n9:1', { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      message: expect.stringContaining('the leader has done it'),
    });
    expect(answers.count).toBe(2);
    expect(leader.node.status().members.length).toBe(4);
    expect(node.status().members.length).toBe(3);
  });

  it('that removes itself there is told that it was done, although it ends by it', async () => {
    await using cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    const [{ node }] = cluster.followers(leader) as [TestNode];
    expect(await node.removeNode(node.nodeId)).toBe(true);
    expect(await node.failed).toMatchObject({ code: 'MEMBER_REMOVED' });
  });

  it('that knows no leader says who is missing', async () => {
    await using cluster = new TestCluster(3);
    const { node } = await cluster.start('n1');
    const error = await node.removeNode('n2').catch((it: unknown) => it);
    expect(error).toMatchObject({ code: 'NO_QUORUM', retryable: 'yes' });
    expect(String(error)).toMatch(/nothing was done: no leader .* missing: n2 at n2:1/);
  });

  it('that is not to forward refuses instead', async () => {
    await using cluster = new TestCluster(3, { disableProposalForwarding: true });
    await cluster.startAll();
    const leader = await cluster.leader();
    const [{ node }] = cluster.followers(leader) as [TestNode];
    expect(await codeOf(node.addNode('n9', 'n9:1'))).toBe('NOT_LEADER');
  });
});

/** The log does not come any further on that node; all else does. */
function dropAppends({ transport }: Made, to: RaftId): void {
  const send = transport.send.bind(transport);
  transport.send = (message) => {
    if (message.type !== MessageType.App || message.to !== to) send(message);
  };
}

/** Counts the answers to calls that have arrived there from now on. */
function countAnswers(stage: Stage, at: RaftId): { count: number } {
  const counted = { count: 0 };
  const { events } = stage.bus.endpoint(at) as NonNullable<ReturnType<Bus['endpoint']>>;
  const frame = events.frame.bind(events);
  Object.assign(events, {
    frame: (...[from, kind, payload]: Parameters<typeof frame>) => {
      frame(from, kind, payload);
      if (kind === FrameKind.LeaderAnswer) counted.count++;
    },
  });
  return counted;
}
