/**
 * A leader whose process died is replaced without waiting for the election timeout; one that lives is
 * not replaced because somebody lost sight of it. The election timeout in here is never, so that
 * whatever is elected was elected by succession, unless a test is about both.
 */
import { describe, expect, it } from 'vitest';
import { until } from '../../sim/rigs/test-cluster.ts';
import { MessageType, type RaftId } from '../raft/index.ts';
import { codeOf, leaderOf, type Made, Stage } from './scenarios.fixture.ts';

/** Ticks of 10 ms: at least 100 s without an election by timeout. */
const NEVER = { electionTicks: 10_000 };
/** What an operator sees as "at once". A timeout would be four minutes. */
const AT_ONCE_MS = 2_000;

function idOf({ node }: Made): RaftId {
  return node.status().raftId;
}

function termOf({ node }: Made): number {
  return node.status().term;
}

/** Nodes of which the first leads. */
async function led(stage: Stage): Promise<[Made, ...Made[]]> {
  const nodes = await stage.startAll();
  nodes[0]?.node.campaign();
  const leader = await leaderOf(nodes);
  await leader.node.propose(Buffer.from('before'));
  await Promise.all(nodes.map(({ node }) => node.readIndex()));
  return [leader, ...nodes.filter((it) => it !== leader)];
}

/** Counts the heartbeats and the requests for pre-votes and votes that the node sends from now on. */
function countSent({ transport }: Made): { heartbeats: number; preVotes: number; votes: number } {
  const counts = { heartbeats: 0, preVotes: 0, votes: 0 };
  const send = transport.send.bind(transport);
  transport.send = (message) => {
    if (message.type === MessageType.Heartbeat) counts.heartbeats++;
    if (message.type === MessageType.PreVote) counts.preVotes++;
    if (message.type === MessageType.Vote) counts.votes++;
    send(message);
  };
  return counts;
}

async function proposeMany(made: Made, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await made.node.propose(Buffer.from(`w${i}`));
}

describe('a dead process', () => {
  it.each([3, 5])('is replaced at once as leader, of %d nodes', async (size) => {
    await using stage = new Stage(size, NEVER);
    const [leader, ...rest] = await led(stage);
    const began = performance.now();
    stage.kill(leader);
    const next = await leaderOf(rest);
    expect(performance.now() - began).toBeLessThan(AT_ONCE_MS);
    await next.node.propose(Buffer.from('after'));
    await Promise.all(rest.map(({ node }) => node.readIndex()));
    for (const { machine } of rest) expect(machine.journal).toEqual(['before', 'after']);
  });

  it('is replaced at once time and again: no vote stays split', async () => {
    for (let round = 0; round < 20; round++) {
      await using stage = new Stage(3, { ...NEVER, stopTimeoutMs: 20 });
      const [leader, ...rest] = await led(stage);
      stage.kill(leader);
      await leaderOf(rest);
    }
  });

  it('is replaced at once twice in a row, while a majority is left', async () => {
    await using stage = new Stage(5, NEVER);
    const [first, ...rest] = await led(stage);
    stage.kill(first);
    const second = await leaderOf(rest);
    const left = rest.filter((it) => it !== second);
    const began = performance.now();
    stage.kill(second);
    const third = await leaderOf(left);
    expect(performance.now() - began).toBeLessThan(AT_ONCE_MS);
    await third.node.propose(Buffer.from('after'));
  });

  it('that did not lead changes nothing', async () => {
    await using stage = new Stage(3, NEVER);
    const [leader, one, other] = (await led(stage)) as [Made, Made, Made];
    const term = termOf(leader);
    const requests = countSent(other);
    stage.kill(one);
    await proposeMany(leader, 50);
    expect(leader.node.isLeader).toBe(true);
    expect([termOf(leader), requests.preVotes]).toEqual([term, 0]);
  });
});

describe('a leader that lives', () => {
  it('stays when only one node is refused by it: no vote is held, and writes go on', async () => {
    // With timeouts, too: whoever lost sight of it goes on asking for as long as that lasts.
    await using stage = new Stage(3, { tickIntervalMs: 10, electionTicks: 10 });
    const nodes = await stage.startAll();
    const leader = await leaderOf(nodes);
    const [apart, other] = nodes.filter((it) => it !== leader) as [Made, Made];
    const term = termOf(leader);
    const requests = countSent(apart);
    stage.break(idOf(leader), idOf(apart), 'refused');
    let writes = 0;
    while (requests.preVotes < 8) {
      await leader.node.propose(Buffer.from(`l${writes}`));
      await other.node.propose(Buffer.from(`f${writes}`));
      writes++;
    }
    expect(apart.node.leader).toBeUndefined();
    expect(leader.node.isLeader).toBe(true);
    expect(nodes.map(termOf)).toEqual([term, term, term]);
    expect(requests.votes).toBe(0);
    expect(leader.machine.journal.length).toBe(2 * writes);

    stage.reconnect(idOf(apart), [idOf(leader)]);
    await until('it follows again', () => apart.node.leader?.nodeId === leader.node.nodeId);
    await apart.node.readIndex();
    expect(apart.machine.journal).toEqual(leader.machine.journal);
    expect(termOf(leader)).toBe(term);
  });

  it.each([
    { preVote: true, checkQuorum: true },
    { preVote: false, checkQuorum: true },
    { preVote: true, checkQuorum: false },
    { preVote: false, checkQuorum: false },
  ])('stays when only one node is refused by it, with %o', async (config) => {
    await using stage = new Stage(3, { ...NEVER, ...config });
    const [leader, apart, other] = (await led(stage)) as [Made, Made, Made];
    const term = termOf(leader);
    const sent = countSent(leader);
    stage.break(idOf(leader), idOf(apart), 'refused');
    // Several times as long as heirs of a dead leader would wait.
    await until('ticks have passed', () => sent.heartbeats >= 2 * 40);
    await other.node.propose(Buffer.from('after'));
    expect(leader.node.isLeader).toBe(true);
    expect([leader, apart, other].map(termOf)).toEqual([term, term, term]);
  });

  it.each(['refused', 'closed', 'timeout'] as const)(
    'stays when the network card of a follower is restarted (%s)',
    async (reason) => {
      await using stage = new Stage(3, { tickIntervalMs: 10, electionTicks: 10 });
      const nodes = await stage.startAll();
      const leader = await leaderOf(nodes);
      const [apart, other] = nodes.filter((it) => it !== leader) as [Made, Made];
      const term = termOf(leader);
      for (const peer of [leader, other]) stage.break(idOf(apart), idOf(peer), reason);
      await proposeMany(leader, 20);
      stage.reconnect(idOf(apart), [idOf(leader), idOf(other)]);
      await apart.node.propose(Buffer.from('back'), { timeoutMs: 10_000 });
      expect(leader.node.isLeader).toBe(true);
      expect(nodes.map(termOf)).toEqual([term, term, term]);
      expect(apart.machine.journal).toEqual(leader.machine.journal);
    },
  );

  it.each(['closed', 'timeout'] as const)(
    'stays when its own network card is restarted in less than an election timeout (%s)',
    async (reason) => {
      await using stage = new Stage(3, NEVER);
      const [leader, ...rest] = await led(stage);
      const term = termOf(leader);
      const requests = rest.map(countSent);
      const sent = countSent(leader);
      for (const peer of rest) stage.break(idOf(leader), idOf(peer), reason);
      const during = leader.node.propose(Buffer.from('during'));
      // Longer than heirs of a dead leader would wait.
      await until('ticks have passed', () => sent.heartbeats >= 2 * 15);
      stage.reconnect(idOf(leader), rest.map(idOf));
      expect(await during).toMatchObject({ code: 0 });
      expect(leader.node.isLeader).toBe(true);
      expect([termOf(leader), ...requests.map(({ preVotes }) => preVotes)]).toEqual([term, 0, 0]);
    },
  );

  it('that all are refused by for a moment is replaced or not, but never forks or loses a write', async () => {
    // What its kernel answers between the end of its process and a new one can not be told from this.
    for (let round = 0; round < 5; round++) {
      await using stage = new Stage(3, { tickIntervalMs: 10, electionTicks: 10 });
      const nodes = await stage.startAll();
      const leader = await leaderOf(nodes);
      const rest = nodes.filter((it) => it !== leader);
      const acknowledged: string[] = [];
      const session = await leader.node.openSession();
      let sequence = 0;
      const write = async (made: Made, text: string): Promise<void> => {
        const request = { session, sequence: ++sequence };
        // Where the outcome is unknown, the request id makes it safe to ask again.
        for (let code = ''; code !== 'resolved'; ) {
          code = await codeOf(made.node.propose(Buffer.from(text), { request }));
          if (!['resolved', 'OUTCOME_UNKNOWN'].includes(code)) throw new Error(code);
        }
        acknowledged.push(text);
      };
      await write(leader, 'before');
      for (const peer of rest) stage.break(idOf(leader), idOf(peer), 'refused');
      const during = nodes.map((made, i) => write(made, `during ${i}`));
      if (round > 0) {
        // Anything from "nobody has stood yet" to "somebody leads already".
        const isFar = (): boolean => rest.some(({ node }) => termOf(leader) < node.status().term);
        await until('somebody stands', () => round < 3 || isFar());
      }
      stage.reconnect(idOf(leader), rest.map(idOf));
      await Promise.all(during);
      const final = await leaderOf(nodes);
      await write(final, 'after');
      await Promise.all(nodes.map(({ node }) => node.readIndex({ timeoutMs: 10_000 })));
      for (const { machine } of nodes) {
        expect([...machine.journal].sort()).toEqual([...acknowledged].sort());
        expect(machine.journal).toEqual(final.machine.journal);
      }
    }
  });
});
