/**
 * One node, and small groups of them, from birth on (S-55 to S-73): whole nodes over a bus, or on a
 * real disk and real sockets where the scenario is about time or about bytes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { until } from '../../sim/rigs/test-cluster.ts';
import { MessageType } from '../raft/index.ts';
import { openDiskStorage } from '../storage/index.ts';
import { TcpTransport } from '../transport/index.ts';
import { nullLogger, realWorld } from '../world/index.ts';
import { defaultConfig } from './config.ts';
import { RaftNode } from './raft-node.ts';
import { codeOf, leaderOf, Stage, Stranger } from './scenarios.fixture.ts';
import type { CommandResult, StateMachine } from './types.ts';

/** Keeps the commands as the bytes that they are. */
class ByteMachine implements StateMachine {
  readonly commands: Buffer[] = [];

  applyBatch(commands: readonly Uint8Array[]): readonly CommandResult[] {
    for (const command of commands) this.commands.push(Buffer.from(command));
    return commands.map((command) => ({ code: 0, bytes: command }));
  }

  snapshot(): never[] {
    return [];
  }

  async restore(): Promise<void> {}
}

describe('a lone node', () => {
  it('S-55 leads nothing and knows no leader before its start; it can be observed already', async () => {
    await using stage = new Stage(1);
    const { node } = stage.make('n1');
    expect(node.phase).toBe('new');
    expect(node.isLeader).toBe(false);
    expect(node.leader).toBeUndefined();
    expect(node.status()).toMatchObject({ phase: 'new', role: 'follower', appliedIndex: 0 });
    const observed = node.ready()[Symbol.asyncIterator]();
    const first = observed.next();
    await node.start();
    expect((await first).value).toMatchObject({ sequence: 1, dropped: 0 });
    await observed.return?.();
  });

  it('S-57 on disk and sockets, with the defaults, leads itself within 5 s; a proposal is applied once, byte for byte', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quorate-lone-'));
    const world = { ...realWorld(), logger: nullLogger };
    const { disk, clock, random, network, logger } = world;
    const storage = await openDiskStorage({ disk, clock, random, logger, directory: folder });
    const listen = { host: '127.0.0.1', port: 0 };
    const transport = new TcpTransport({ network, clock, random, logger, listen });
    const machine = new ByteMachine();
    const members = [{ nodeId: 'n1', address: '127.0.0.1:1' }];
    const config = { ...defaultConfig(), nodeId: 'n1', cluster: { name: 'test', members } };
    const node = new RaftNode(config, { world, storage, transport, machine });
    try {
      const began = performance.now();
      await node.start();
      await until('it leads', () => node.isLeader);
      expect(performance.now() - began).toBeLessThan(5_000);
      const command = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256));
      const { code, bytes } = await node.propose(command);
      expect(code).toBe(0);
      expect(Buffer.from(bytes).equals(command)).toBe(true);
      await node.readIndex();
      expect(machine.commands).toEqual([command]);
    } finally {
      await node.stop();
      await rm(folder, { recursive: true });
    }
  });

  it('S-58 its status says who it is', async () => {
    await using stage = new Stage(3);
    const { node } = await stage.start('n2');
    expect(node.status()).toMatchObject({ nodeId: 'n2', raftId: 2, clusterName: 'test' });
    expect(node.status().clusterId).toMatch(/^[0-9a-f]{32}$/);
  });

  it('S-63 leads within 500 ms whatever its timers say, and when it campaigns; so does one of several', async () => {
    // An election timeout of at least 100 s.
    const never = { electionTicks: 10_000 };
    await using lone = new Stage(1, never);
    let began = performance.now();
    const { node } = await lone.start('n1');
    await until('it leads', () => node.isLeader);
    expect(performance.now() - began).toBeLessThan(500);
    // Somebody of a later term makes it a follower, which it would stay until its timeout.
    const stranger = new Stranger(lone.bus, 99);
    await stranger.start();
    stranger.send(1, { type: MessageType.Heartbeat, term: node.status().term + 1 });
    await until('it follows', () => !node.isLeader);
    began = performance.now();
    node.campaign();
    await until('it leads again', () => node.isLeader);
    expect(performance.now() - began).toBeLessThan(500);
    await stranger.stop();

    await using stage = new Stage(3, never);
    const nodes = await stage.startAll();
    began = performance.now();
    nodes[1]?.node.campaign();
    expect(await leaderOf(nodes)).toBe(nodes[1]);
    expect(performance.now() - began).toBeLessThan(500);
  });

  it('S-70 a stray heartbeat, of a stranger or of nobody, does it no harm', async () => {
    await using stage = new Stage(1);
    const { node, machine } = await stage.start('n1');
    await node.propose(Buffer.from('before'));
    const { term } = node.status();
    for (const id of [99, 0]) {
      const stranger = new Stranger(stage.bus, id);
      await stranger.start();
      for (const at of [0, 1, term, term + 5]) {
        stranger.send(1, { type: MessageType.Heartbeat, term: at });
        stranger.send(1, { type: MessageType.Heartbeat, term: at, from: 0 });
        stranger.send(1, { type: MessageType.HeartbeatResp, term: at, from: 77 });
      }
      await until('it leads, again or still', () => node.isLeader);
      await node.propose(Buffer.from(`after ${id}`));
      await stranger.stop();
    }
    expect(node.phase).toBe('running');
    expect(machine.journal).toEqual(['before', 'after 99', 'after 0']);
  });
});

describe('two of two', () => {
  it('S-62 one alone leads nothing and answers within bounds; both remove one, and it is forgotten', async () => {
    await using stage = new Stage(2, { tickIntervalMs: 5, electionTicks: 4 });
    const one = await stage.start('n1');
    const { node } = one;
    let campaigns = 0;
    const send = one.transport.send.bind(one.transport);
    one.transport.send = (message) => {
      if (message.type === MessageType.PreVote) campaigns++;
      send(message);
    };
    await until('it has stood in vain, several times', () => campaigns >= 5);
    expect(node.isLeader).toBe(false);
    expect(node.leader).toBeUndefined();
    expect(await codeOf(node.propose(Buffer.from('x'), { timeoutMs: 50 }))).toBe('NO_QUORUM');
    expect(await codeOf(node.removeNode('n2', { timeoutMs: 50 }))).toBe('NO_QUORUM');

    const two = await stage.start('n2');
    await leaderOf([one, two]);
    if (!node.isLeader) await two.node.transferLeadership('n1');
    await leaderOf([one, two]);
    expect(one.transport.status().map(({ nodeId }) => nodeId)).toEqual(['n2']);
    expect(await node.removeNode('n2')).toBe(true);
    await until('the transport forgets it', () => one.transport.status().length === 0);
    expect(node.status().members.map(({ nodeId }) => nodeId)).toEqual(['n1']);
    await node.propose(Buffer.from('alone'));
    expect(one.machine.journal).toEqual(['alone']);
  });
});

describe('three', () => {
  it('S-71 elect exactly one leader within 10 s, and all apply what it accepts', async () => {
    await using stage = new Stage(3);
    const began = performance.now();
    const nodes = await stage.startAll();
    const leader = await leaderOf(nodes);
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(nodes.filter(({ node }) => node.isLeader)).toEqual([leader]);
    await leader.node.propose(Buffer.from('for all'));
    await until('all have it', () => nodes.every(({ machine }) => machine.journal.length === 1));
    for (const { machine } of nodes) expect(machine.journal).toEqual(['for all']);
  });

  it('S-72 a killed leader is replaced within two election timeouts, and a write succeeds', async () => {
    await using stage = new Stage(3, { tickIntervalMs: 20 });
    const nodes = await stage.startAll();
    const leader = await leaderOf(nodes);
    const rest = nodes.filter((it) => it !== leader);
    await leader.node.propose(Buffer.from('before'));
    const began = performance.now();
    // Silent, as a machine without power is: nobody is told that its address refuses.
    stage.bus.isolate(leader.node.status().raftId);
    const next = await leaderOf(rest);
    // The timeout is drawn from [1, 2) times 10 ticks of 20 ms; the rest is for a busy machine.
    expect(performance.now() - began).toBeLessThan(2 * 2 * 10 * 20 + 1_000);
    await next.node.propose(Buffer.from('after'));
    expect(next.machine.journal).toEqual(['before', 'after']);
  });

  it('S-73 proposals one after the other all succeed under one leader', async () => {
    await using stage = new Stage(3);
    const nodes = await stage.startAll();
    const leader = await leaderOf(nodes);
    const { term } = leader.node.status();
    for (let i = 0; i < 5; i++) {
      await leader.node.propose(Buffer.from(`p${i}`));
      // A round of heartbeats, and a few of the leader's ticks.
      for (const { node } of nodes) await node.readIndex();
    }
    expect(await leaderOf(nodes)).toBe(leader);
    expect(leader.node.status().term).toBe(term);
    await nodes[0]?.node.propose(Buffer.from('follow-up'));
    expect(leader.machine.journal).toEqual(['p0', 'p1', 'p2', 'p3', 'p4', 'follow-up']);
  });
});
