/**
 * What needs real sockets to be believed: a process that is gone is found out by its address, which
 * refuses, and a node that was removed while it was away is told so when it knocks.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { JournalMachine } from '../../sim/rigs/test-cluster.ts';
import { freePorts } from '../../test/free-ports.ts';
import { MemoryStorage } from '../storage/index.ts';
import { TcpTransport } from '../transport/index.ts';
import { nullLogger, realWorld } from '../world/index.ts';
import { defaultConfig, type FoundingMember, type RaftNodeConfig } from './config.ts';
import { RaftNode } from './raft-node.ts';
import { leaderOf, type Made } from './scenarios.fixture.ts';

const WORLD = { ...realWorld(), logger: nullLogger };

let members: FoundingMember[];
let made: Made[];

function make(
  nodeId: string,
  changes: Partial<RaftNodeConfig> = {},
  storage: MemoryStorage = new MemoryStorage(),
): Made {
  const address = members.find((member) => member.nodeId === nodeId)?.address ?? '';
  const port = Number(address.split(':')[1]);
  const { network, clock, random, logger } = WORLD;
  const listen = { host: '127.0.0.1', port };
  const transport = new TcpTransport({ network, clock, random, logger, listen });
  const quick = { tickIntervalMs: 20, stopTimeoutMs: 200 };
  const config = { ...defaultConfig(), ...quick, ...changes, nodeId };
  const machine = new JournalMachine();
  const parts = { world: WORLD, storage, transport, machine };
  const node = new RaftNode({ ...config, cluster: { name: 'test', members } }, parts);
  made.push({ node, machine, storage, transport });
  return { node, machine, storage, transport };
}

async function startAll(changes: Partial<RaftNodeConfig> = {}): Promise<Made[]> {
  const all = members.map(({ nodeId }) => make(nodeId, changes));
  await Promise.all(all.map(({ node }) => node.start()));
  return all;
}

beforeEach(async () => {
  const ports = await freePorts(3);
  members = ports.map((port, i) => ({ nodeId: `n${i + 1}`, address: `127.0.0.1:${port}` }));
  made = [];
});

afterEach(async () => {
  await Promise.all(made.map(({ node }) => node.stop()));
});

describe('three nodes on real sockets', () => {
  it('S-72 replace a leader whose process is gone without waiting for the election timeout', async () => {
    // By timeout it would take 200 s at least.
    const nodes = await startAll({ electionTicks: 10_000 });
    nodes[0]?.node.campaign();
    const leader = await leaderOf(nodes);
    await leader.node.propose(Buffer.from('before'));
    const rest = nodes.filter((it) => it !== leader);
    const began = performance.now();
    // What the kernel does for a process that was killed: everything is closed, nothing is said.
    await leader.transport.stop();
    const next = await leaderOf(rest);
    expect(performance.now() - began).toBeLessThan(3_000);
    await next.node.propose(Buffer.from('after'));
    expect(next.machine.journal).toEqual(['before', 'after']);
  });

  it('S-107 tell a node that was removed while it was away, and are not disturbed by it', async () => {
    const nodes = await startAll();
    const leader = await leaderOf(nodes);
    const [gone, stays] = nodes.filter((it) => it !== leader) as [Made, Made];
    const { nodeId } = gone.node;
    await gone.node.stop();
    const folder = (gone.storage as MemoryStorage).crash();
    expect(await leader.node.removeNode(nodeId)).toBe(true);
    const { term } = leader.node.status();
    await leader.node.propose(Buffer.from('without it'));

    const back = make(nodeId, {}, folder);
    await back.node.start();
    expect(await back.node.failed).toMatchObject({ code: 'MEMBER_REMOVED' });
    expect(back.node.status()).toMatchObject({ phase: 'failed', role: 'follower' });
    await stays.node.propose(Buffer.from('after'));
    expect(leader.node.isLeader).toBe(true);
    expect(leader.node.status().term).toBe(term);
  });
});
