/**
 * Each kind of fault strikes a small cluster under load, and is taken off it again: a leader is there,
 * each node answers a write, and nothing of the fault is left on links, disks and clocks.
 */
import { describe, expect, it } from 'vitest';
import { SimCluster } from '../cluster/sim-cluster.ts';
import { healthyDisk } from '../world/disk-conditions.ts';
import { calmMangling } from '../world/message-mangler.ts';
import { SeededRandom } from '../world/seeded-random.ts';
import { beginFaults, FAULT_KINDS, type PlannedFault } from './index.ts';

const HEALED_WITHIN_MS = 60_000;
const TUNING = { snapshotIntervalEntries: 20, snapshotCatchUpEntries: 5 };

/** Opens a session now and then, on any node: that is a write. */
function load(cluster: SimCluster): void {
  const random = new SeededRandom(cluster.seed, 'load');
  const write = (): void => {
    const { node } = random.pick([...cluster.processes, { node: 'n1' }]);
    cluster
      .ask(node, ({ engine }) => engine.openSession({ timeoutMs: 1_000 }))
      .catch(() => undefined);
    cluster.kernel.nature.after(25, write);
  };
  write();
}

async function founded(seed: number, lines?: string[], size = 3): Promise<SimCluster> {
  const onLine = lines === undefined ? {} : { onLine: (line: string) => void lines.push(line) };
  const cluster = new SimCluster({ seed, size, tuning: TUNING, ...onLine });
  cluster.startAll();
  expect(await cluster.until(() => cluster.agreedLeader !== undefined, 10_000)).toBe(true);
  return cluster;
}

async function strike(cluster: SimCluster, name: string, seed: number): Promise<number> {
  const kind = FAULT_KINDS.get(name);
  if (kind === undefined) throw new Error(name);
  const args = kind.draw(new SeededRandom(seed, name), { strength: 2, longestMs: 3_000 });
  const run = beginFaults(cluster, [{ atMs: cluster.nowMs + 100, kind: name, args }]);
  await cluster.run(5_000);
  run.heal();
  const isHealed = await cluster.until(() => run.isHealed, HEALED_WITHIN_MS);
  expect(isHealed, `${name} ${JSON.stringify(args)} is healed`).toBe(true);
  return run.struck.get(name) ?? 0;
}

async function expectProgress(cluster: SimCluster): Promise<void> {
  expect(await cluster.until(() => cluster.agreedLeader !== undefined, 15_000)).toBe(true);
  for (const { node } of cluster.processes) {
    const session = cluster.ask(node, ({ engine }) => engine.openSession());
    await expect(cluster.settled(session, 10_000)).resolves.toBeGreaterThan(0);
  }
}

function expectNothingLeft(cluster: SimCluster): void {
  for (const { name, diskConditions, mangling, wallSkewMs, disk } of cluster.machines.values()) {
    expect({ name, ...diskConditions }).toEqual({ name, ...healthyDisk() });
    expect(mangling).toEqual(calmMangling());
    expect(wallSkewMs).toBe(0);
    expect(disk.capacityBytes).toBe(Number.POSITIVE_INFINITY);
    for (const other of cluster.machines.keys()) {
      const { isCut, lossPercent, extraMs, bytesPerMs, resetAfterBytes } = cluster.network.link(
        name,
        other,
      );
      expect([isCut, lossPercent, extraMs, bytesPerMs, resetAfterBytes]).toEqual([
        false,
        0,
        0,
        undefined,
        undefined,
      ]);
    }
  }
}

/** Until one of so many seeds has had its strike. */
const SEEDS = 4;

describe('each kind of fault strikes and is healed', () => {
  it.each([...FAULT_KINDS.keys()])('%s', async (name) => {
    let struck = 0;
    for (let seed = 1; seed <= SEEDS && struck === 0; seed++) {
      const cluster = await founded(seed);
      load(cluster);
      struck += await strike(cluster, name, seed);
      await expectProgress(cluster);
      expectNothingLeft(cluster);
    }
    expect(struck).toBeGreaterThan(0);
  });
});

describe('what is counted', () => {
  const struckOf = async (
    faults: readonly (readonly [kind: string, args: PlannedFault['args']])[],
  ): Promise<unknown> => {
    const cluster = await founded(9);
    // Nobody asks for anything: heartbeats are all that there is.
    const run = beginFaults(
      cluster,
      faults.map(([kind, args], at) => ({ atMs: cluster.nowMs + 100 + at, kind, args })),
    );
    await cluster.run(3_000);
    run.heal();
    return Object.fromEntries(run.struck);
  };
  const ms = 500;

  it.each<[string, PlannedFault['args']]>([
    ['write-errors', { who: 'leader', parts: 10_000, ms }],
    ['sync-errors', { who: 'leader', parts: 10_000, ms }],
    ['name-errors', { who: 'leader', parts: 10_000, ms }],
    ['read-errors', { who: 'leader', parts: 10_000, ms, restarts: 0 }],
    ['slow-disk', { who: 'leader', extraMs: 20, ms }],
    ['stuck-sync', { who: 'leader', syncMs: 300, ms }],
    ['disk-full', { who: 'leader', freeBytes: 0, ms }],
    ['read-only-disk', { who: 'leader', ms }],
    ['kill-at-operation', { who: 'leader', operations: 100_000, power: 0, downMs: 0 }],
    ['reset', { who: 'leader', times: 1, bytes: 1, everyMs: 0 }],
    ['lost-messages', { who: 'all', drop: 0, ms }],
  ])('is not %s that nothing ran into', async (kind, args) => {
    expect(await struckOf([[kind, args]])).toEqual({});
  });

  it('is what heartbeats run into, once each', async () => {
    const struck = await struckOf([
      ['lost-messages', { who: 'all', drop: 50, ms: 2_000 }],
      ['repeated-messages', { who: 'all', duplicate: 50, ms: 2_000 }],
      ['reordered-messages', { who: 'all', delay: 50, maxMs: 20, ms: 2_000 }],
      ['loss', { who: 'all', percent: 50, ms: 2_000 }],
      ['reset', { who: 'leader', times: 3, bytes: 20, everyMs: 500 }],
    ]);
    expect(struck).toEqual({
      'lost-messages': 1,
      'repeated-messages': 1,
      'reordered-messages': 1,
      loss: 1,
      reset: 1,
    });
  });

  it('is a kill at an operation when it kills', async () => {
    const kill = { who: 'leader', operations: 1, power: 0, downMs: 0 };
    // The second one starts whoever died, and finds the wire's and the disk's operations there.
    const struck = await struckOf([
      ['kill', { who: 'follower', downMs: 0 }],
      ['kill-at-operation', kill],
    ]);
    expect(struck).toEqual({ kill: 1, 'kill-at-operation': 1 });
  });
});

describe('a run of faults', () => {
  const MANY = ['kill', 'wipe', 'power-cut-several', 'add-member', 'remove-member', 'isolate'];

  async function runOf(seed: number): Promise<{ hash: string; struck: unknown; lines: number }> {
    const lines: string[] = [];
    const cluster = await founded(seed, lines);
    load(cluster);
    const faults = MANY.map((kind, at) => ({
      atMs: cluster.nowMs + 400 * at,
      kind,
      args:
        FAULT_KINDS.get(kind)?.draw(new SeededRandom(seed, kind), {
          strength: 1,
          longestMs: 2_000,
        }) ?? {},
    }));
    const run = beginFaults(cluster, faults);
    await cluster.run(4_000);
    run.heal();
    expect(await cluster.until(() => run.isHealed, HEALED_WITHIN_MS)).toBe(true);
    return { hash: cluster.trace.hash, struck: [...run.struck], lines: lines.length };
  }

  it('is the same for the same seed', async () => {
    expect(await runOf(5)).toEqual(await runOf(5));
  });

  it('is healed and begun again, on the same cluster', async () => {
    const cluster = await founded(6);
    load(cluster);
    for (const name of ['wipe', 'power-cut-several', 'remove-member', 'bit-rot']) {
      expect(await strike(cluster, name, 6)).toBe(1);
      await expectProgress(cluster);
    }
    // Each round had the loss of a minority to itself, and the voters grew back.
    const voters = cluster.processes[0]?.engine.status().members ?? [];
    expect(voters.filter(({ role }) => role === 'voter').length).toBe(3);
    expectNothingLeft(cluster);
  });

  it('restarts one of two voters that is to be replaced: its removal needs its vote', async () => {
    const cluster = await founded(8, undefined, 2);
    const atMs = cluster.nowMs + 100;
    const run = beginFaults(cluster, [
      { atMs, kind: 'restart', args: { who: 'follower', downMs: 200 } },
      { atMs: atMs + 1, kind: 'replace-member', args: { who: 'follower' } },
    ]);
    await cluster.run(5_000);
    expect(Object.fromEntries(run.struck)).toEqual({ restart: 1, 'replace-member': 1 });
    run.heal();
    expect(await cluster.until(() => run.isHealed, HEALED_WITHIN_MS)).toBe(true);
    await expectProgress(cluster);
  });

  it('refuses a kind that there is not', async () => {
    const cluster = await founded(7);
    expect(() => beginFaults(cluster, [{ atMs: 0, kind: 'flood', args: {} }])).toThrow(/flood/);
  });
});
