/**
 * A data folder and its copy, both started: real disk folders, real TCP on loopback. Nothing in the data
 * tells the two apart, and each would vote; so the one that came first stays, and the other one is told
 * by name and ends.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { JournalMachine, text, until } from '../../sim/rigs/test-cluster.ts';
import { freePort, freePorts } from '../../test/free-ports.ts';
import type { FoundingMember } from '../consensus/index.ts';
import type { EmbeddedEngine } from './embedded-engine.ts';
import { startNode } from './start-node.ts';

let folder: string;
let engines: Set<EmbeddedEngine>;
let members: FoundingMember[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-twin-'));
  engines = new Set();
  const ports = await freePorts(3);
  members = ports.map((port, at) => ({ nodeId: `n${at + 1}`, address: `127.0.0.1:${port}` }));
});

afterEach(async () => {
  await Promise.all([...engines].map((engine) => engine.stop()));
  await rm(folder, { recursive: true, force: true });
});

interface Running {
  readonly engine: EmbeddedEngine;
  readonly machine: JournalMachine;
}

/** `place`: the folder; the copy listens on a port of its own, as on another host. */
async function start(nodeId: string, place = nodeId, port?: number): Promise<Running> {
  const machine = new JournalMachine();
  const engine = await startNode({
    nodeId,
    members,
    machine,
    dataDir: join(folder, place),
    raft: { tickIntervalMs: 20, stopTimeoutMs: 500 },
    ...(port === undefined ? {} : { listen: { host: '127.0.0.1', port } }),
  });
  engines.add(engine);
  return { engine, machine };
}

async function stop(...all: readonly Running[]): Promise<void> {
  for (const { engine } of all) {
    await engine.stop();
    engines.delete(engine);
  }
}

/** Three nodes with something in their logs. */
async function founded(): Promise<Running[]> {
  const all = await Promise.all(members.map(({ nodeId }) => start(nodeId)));
  for (let i = 0; i < 20; i++) await all[0]?.engine.propose(text(`before ${i}`));
  return all;
}

it('a copy that is started beside its node is told and ends; the node serves on, leading or not', async () => {
  const all = await founded();
  const leader = all.find(({ engine }) => engine.isLeader) as Running;
  const follower = all.find((it) => it !== leader) as Running;
  for (const original of [follower, leader]) {
    const name = original.engine.nodeId;
    const isLeader = original.engine.isLeader;
    await stop(original);
    await cp(join(folder, name), join(folder, `${name}-copy`), { recursive: true });
    const first = await start(name);
    if (isLeader) await until('it is let in', () => first.engine.status().leader !== undefined);
    await first.engine.propose(text(`${name} is back`));
    if (isLeader) await first.engine.transferLeadership(name).catch(() => undefined);
    const writing = Promise.all(
      Array.from({ length: 100 }, (_, i) => first.engine.propose(text(`${name} ${i}`))),
    );
    const copy = await start(name, `${name}-copy`, await freePort());
    const failure = await copy.engine.failed;
    expect(failure).toMatchObject({ code: 'MEMBER_TWIN', retryable: 'no' });
    expect(failure.message).toContain(`node ${name} (raft id `);
    expect(failure.message).toContain('Stop one of them; a copy must never be started');
    await writing;
    await first.engine.propose(text(`${name} serves on`));
    expect(first.engine.status().phase).not.toBe('failed');
    all[all.indexOf(original)] = first;
    await stop(copy);
  }
  await Promise.all(all.map(({ engine }) => engine.readBarrier()));
  for (const { machine } of all) expect(machine.journal).toEqual(all[0]?.machine.journal);
});

it('a node and its copy that are started at once: one at least ends, and the others go on', async () => {
  const [n1, n2, n3] = (await founded()) as [Running, Running, Running];
  await stop(n1, n2, n3);
  await cp(join(folder, 'n1'), join(folder, 'n1-copy'), { recursive: true });
  const port = await freePort();
  const [first, copy, second, third] = await Promise.all([
    start('n1'),
    start('n1', 'n1-copy', port),
    start('n2'),
    start('n3'),
  ]);
  const ended = await Promise.race([first.engine.failed, copy.engine.failed]);
  expect(ended).toMatchObject({ code: 'MEMBER_TWIN' });
  await second.engine.propose(text('after'));
  await third.engine.readBarrier();
  expect(third.machine.journal.at(-1)).toBe('after');
  expect(third.machine.journal).toEqual(second.machine.journal);
});

it('a node that is stopped and started again at once is no twin', async () => {
  const all = await founded();
  for (let at = 0; at < all.length; at++) {
    const name = `n${at + 1}`;
    await stop(all[at] as Running);
    all[at] = await start(name);
    await (all[at] as Running).engine.propose(text(`${name} is back`));
  }
  expect(all.map(({ engine }) => engine.status().phase)).not.toContain('failed');
});
