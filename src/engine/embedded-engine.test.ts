/**
 * Three engines in one process on real parts: real disk folders, real TCP on loopback. What is tested
 * here is that the parts fit; each part's own promises are tested in its room.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { JournalMachine, text, until } from '../../sim/rigs/test-cluster.ts';
import { freePorts } from '../../test/free-ports.ts';
import { defaultConfig, type FoundingMember } from '../consensus/index.ts';
import { nullLogger, realWorld } from '../world/index.ts';
import { EmbeddedEngine } from './embedded-engine.ts';
import { startNode } from './start-node.ts';

interface Running {
  readonly engine: EmbeddedEngine;
  readonly machine: JournalMachine;
}

let folder: string;
let members: FoundingMember[];
let running: Map<string, Running>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-engine-'));
  const ports = await freePorts(3);
  members = ports.map((port, i) => ({ nodeId: `n${i + 1}`, address: `127.0.0.1:${port}` }));
  running = new Map();
});

afterEach(async () => {
  await Promise.all([...running.values()].map(({ engine }) => engine.stop()));
  await rm(folder, { recursive: true, force: true });
});

async function start(nodeId: string): Promise<Running> {
  const machine = new JournalMachine();
  const raft = { tickIntervalMs: 20, stopTimeoutMs: 500 };
  const dataDir = join(folder, nodeId);
  const engine = await startNode({ nodeId, members, dataDir, machine, raft });
  running.set(nodeId, { engine, machine });
  return { engine, machine };
}

async function startAll(): Promise<Running[]> {
  return await Promise.all(members.map(({ nodeId }) => start(nodeId)));
}

describe('three embedded engines on disk and TCP', () => {
  it('elect a leader, replicate, and answer on every node', async () => {
    const all = await startAll();
    const answers = await Promise.all(
      all.flatMap(({ engine }, i) =>
        Array.from({ length: 50 }, (_, k) => engine.propose(text(`${i}.${k}`))),
      ),
    );
    expect(answers.every(({ code }) => code === 0)).toBe(true);
    await Promise.all(all.map(({ engine }) => engine.readBarrier()));
    for (const { machine } of all) expect(machine.journal).toEqual(all[0]?.machine.journal);
    expect(all[0]?.machine.journal.length).toBe(150);
  });

  it('keep everything over a restart of all', async () => {
    const all = await startAll();
    await all[0]?.engine.propose(text('kept'));
    await Promise.all(all.map(({ engine }) => engine.stop()));
    const again = await startAll();
    await Promise.all(again.map(({ engine }) => engine.readBarrier()));
    for (const { machine } of again) expect(machine.journal).toEqual(['kept']);
  });

  it('go on without one, and take it back', async () => {
    const all = await startAll();
    await all[0]?.engine.propose(text('one'));
    const leader = all.find(({ engine }) => engine.isLeader) as Running;
    await leader.engine.stop();
    const [other] = all.filter((it) => it !== leader);
    await other?.engine.propose(text('two'));
    const back = await start(leader.engine.nodeId);
    await back.engine.readBarrier();
    expect(back.machine.journal).toEqual(['one', 'two']);
  });

  it('a stop while an engine starts leaves nothing running, and the folder free', async () => {
    const machine = new JournalMachine();
    const world = { ...realWorld(), logger: nullLogger };
    const [member] = members as [FoundingMember];
    const port = Number(member.address.split(':')[1]);
    const options = {
      config: { ...defaultConfig(), nodeId: 'n1', cluster: { name: 'default', members } },
      dataDir: join(folder, 'n1'),
      listen: { host: '127.0.0.1', port },
      world,
      machine,
    };
    const engine = new EmbeddedEngine(options);
    const starting = engine.start().catch((error: unknown) => error);
    await engine.stop();
    expect(await starting).toMatchObject({ code: 'NODE_STOPPED' });
    await expect(engine.start()).rejects.toMatchObject({ code: 'NODE_STOPPED' });
    const next = new EmbeddedEngine(options);
    await next.start();
    await next.stop();
  });

  it('refuse a folder in use, and a node that was wiped', async () => {
    const all = await startAll();
    await all[0]?.engine.propose(text('one'));
    await expect(start('n1')).rejects.toMatchObject({ code: 'DATA_DIR_IN_USE' });
    await all[2]?.engine.stop();
    await rm(join(folder, 'n3'), { recursive: true });
    const wiped = await start('n3');
    expect(await wiped.engine.failed).toMatchObject({ code: 'MEMBER_WIPED' });
    await until('it says so', () => wiped.engine.status().phase === 'failed');
  });
});
