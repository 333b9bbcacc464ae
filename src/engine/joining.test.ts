/**
 * Members that come and go, on real parts: real disk folders, real TCP on loopback. Here the handshake
 * is what tells a node that it was removed, or that it came back without its data.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { JournalMachine, text, until } from '../../sim/rigs/test-cluster.ts';
import type { FoundingMember, Invitation } from '../consensus/index.ts';
import type { ClusterError } from '../errors.ts';
import type { EmbeddedEngine } from './embedded-engine.ts';
import { startNode } from './start-node.ts';

let folder: string;
let engines: Set<EmbeddedEngine>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-joining-'));
  engines = new Set();
});

afterEach(async () => {
  await Promise.all([...engines].map((engine) => engine.stop()));
  await rm(folder, { recursive: true, force: true });
});

async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}

interface Running {
  readonly engine: EmbeddedEngine;
  readonly machine: JournalMachine;
}

async function start(
  nodeId: string,
  how: { members?: readonly FoundingMember[]; join?: Invitation },
): Promise<Running> {
  const machine = new JournalMachine();
  const raft = { tickIntervalMs: 20, stopTimeoutMs: 500, snapshotIntervalEntries: 20 };
  const engine = await startNode({ nodeId, dataDir: join(folder, nodeId), machine, raft, ...how });
  engines.add(engine);
  return { engine, machine };
}

async function founded(): Promise<{ members: FoundingMember[]; all: Running[]; leader: Running }> {
  const members = await Promise.all(
    ['n1', 'n2', 'n3'].map(async (nodeId) => ({ nodeId, address: await freeAddress() })),
  );
  const all = await Promise.all(members.map(({ nodeId }) => start(nodeId, { members })));
  for (let i = 0; i < 50; i++) await (all[0] as Running).engine.propose(text(`before ${i}`));
  const leader = all.find(({ engine }) => engine.isLeader) as Running;
  return { members, all, leader };
}

const isVoter = ({ engine }: Running, name: string): boolean =>
  engine.status().members.some(({ nodeId, role }) => nodeId === name && role === 'voter');

it('S-106 a node joins over the network, is told who is who, and gets its vote', async () => {
  const { all, leader } = await founded();
  const asked = all.find((it) => it !== leader) as Running;
  const invitation = await asked.engine.addNode('n4', await freeAddress());
  const { engine, machine } = await start('n4', { join: invitation });
  await until('n4 votes', () => isVoter(leader, 'n4'));
  await engine.propose(text('from n4'));
  expect(machine.journal.length).toBe(51);
  await until('all know', () => all.every((it) => it.machine.journal.includes('from n4')));
  await engine.transferLeadership('n4');
  expect(engine.isLeader).toBe(true);
});

it('S-107 a member that was away when it was removed is told when it comes back', async () => {
  const { members, all, leader } = await founded();
  const away = all.find((it) => it !== leader) as Running;
  const name = away.engine.nodeId;
  await away.engine.stop();
  engines.delete(away.engine);
  expect(await leader.engine.removeNode(name)).toBe(true);
  const { engine } = await start(name, { members });
  expect(await engine.failed).toMatchObject({ code: 'MEMBER_REMOVED' });
  await leader.engine.propose(text('undisturbed'));
});

it('a voter that lost its data is refused by name, and replaced by the explicit step', async () => {
  const { members, all, leader } = await founded();
  const wiped = all.find((it) => it !== leader) as Running;
  const name = wiped.engine.nodeId;
  await wiped.engine.stop();
  engines.delete(wiped.engine);
  await rm(join(folder, name), { recursive: true });

  const { engine } = await start(name, { members });
  const failure = await engine.failed;
  expect(failure).toMatchObject({ code: 'MEMBER_WIPED' });
  expect(failure.message).toMatch(/Remove the member, then add it anew/);
  await engine.stop();
  engines.delete(engine);

  const { address } = members.find(({ nodeId }) => nodeId === name) as FoundingMember;
  expect(await leader.engine.removeNode(name)).toBe(true);
  const invitation = await leader.engine.addNode(name, address);
  await rm(join(folder, name), { recursive: true });
  const back = await start(name, { join: invitation });
  await until('it votes again', () => isVoter(leader, name));
  expect(back.machine.journal).toEqual(leader.machine.journal);
});

it('a leader that is removed keeps nobody waiting: what was sent to it is answered or sent on', async () => {
  const { all, leader } = await founded();
  const [one, other] = all.filter((it) => it !== leader) as [Running, Running];
  const writes = Array.from({ length: 50 }, (_, i) =>
    one.engine.propose(text(`during ${i}`)).catch((error: ClusterError) => error.code),
  );
  expect(await leader.engine.removeNode(leader.engine.nodeId)).toBe(true);
  const began = performance.now();
  await other.engine.propose(text('after'));
  await one.engine.propose(text('after that'));
  // Their deadline is 5 s away. One without a request id whose answer is lost is unknown.
  for (const outcome of await Promise.all(writes)) {
    if (typeof outcome === 'string') expect(outcome).toBe('OUTCOME_UNKNOWN');
  }
  expect(performance.now() - began).toBeLessThan(3_000);
});
