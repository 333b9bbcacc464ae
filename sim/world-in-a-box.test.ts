/**
 * Goal: what is said of the simulator is so, sentence by sentence, where no test of a single part says it.
 * Method: the titles are the words of what is promised; small clusters, made to do just that.
 *
 * What single parts promise is tested beside them: links, disks and clocks in sim/world, each kind of
 * fault in sim/faults, each invariant in sim/checkers, histories in sim/history, clients in sim/workloads,
 * shrinking and the command in sim/run, N-1 to N-40 in sim/nasty, deliberate faults in sim/mutants.
 */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ClusterError } from '../src/errors.ts';
import { PEER_QUEUE_BYTES_MAX, URGENT_QUEUE_BYTES_MAX } from '../src/limits.ts';
import { BoundedQueues, LOOP_WAITING_MAX } from './checkers/bounded-queues.ts';
import { checkRefusal } from './checkers/index.ts';
import { NothingLeft } from './checkers/nothing-left.ts';
import type { SimEvent } from './cluster/events.ts';
import { SimCluster } from './cluster/sim-cluster.ts';
import { FAULT_KINDS, MODES } from './faults/index.ts';
import { planRun, type RunPlan } from './run/plan.ts';
import { runPlan } from './run/run-plan.ts';
import { Findings } from './workloads/findings.ts';
import { WORKLOADS } from './workloads/index.ts';
import { SeededRandom } from './world/seeded-random.ts';

async function founded(seed: number): Promise<SimCluster> {
  const cluster = new SimCluster({ seed, size: 3 });
  cluster.startAll();
  expect(await cluster.until(() => cluster.agreedLeader !== undefined, 10_000)).toBe(true);
  return cluster;
}

function cutAll(cluster: SimCluster): void {
  for (const from of cluster.founders) {
    for (const to of cluster.founders) cluster.network.link(from, to).isCut = true;
  }
}

describe('faults', () => {
  const planned = new Set<string>();
  for (let seed = 1; seed <= 100; seed++) {
    const nodes = ['n1', 'n2', 'n3'];
    const random = new SeededRandom(seed, 'words');
    const plan = MODES['all']?.plan({ random, nodes, fromMs: 0, untilMs: 15_000, faults: 10 });
    for (const { kind } of plan ?? []) planned.add(kind);
  }

  it.each<[string, readonly string[]]>([
    ['loss', ['loss', 'lost-messages']],
    ['delay (with heavy tails)', ['delay']],
    ['duplication', ['repeated-messages']],
    ['reordering', ['reordered-messages']],
    ['one-way and two-way cuts', ['cut-one-way', 'cut-two-way', 'isolate', 'split']],
    ['bridges, partial meshes, flapping', ['bridge', 'partial-mesh', 'flapping']],
    ['connection resets in the middle of a frame', ['reset']],
    ['slow links', ['slow-link']],
    ['latency spikes of disks', ['slow-disk', 'stuck-sync']],
    ['lost un-synced writes at a crash, torn sectors', ['power-cut', 'power-cut-several']],
    ['reordered sectors', ['misplaced-sectors']],
    ['ENOSPC', ['disk-full']],
    ['EIO on write and fsync', ['write-errors', 'sync-errors', 'read-errors', 'name-errors']],
    ['bit rot at rest', ['bit-rot']],
    ['crash before or after any operation on the door', ['kill-at-operation', 'kill']],
    ['restart', ['restart', 'crash-loop', 'kill-all']],
    ['wipe (new incarnation)', ['wipe']],
    ['pause (the clock goes on)', ['pause', 'pause-several']],
    ['skewed and jumping wall clocks', ['wrong-clock', 'jumping-clocks']],
    ['slow event loop (late ticks)', ['slow-loop']],
    ['adding, removing and replacing members', ['add-member', 'remove-member', 'replace-member']],
    ['learners, transfers', ['add-learner', 'transfer', 'transfer-to-cut-off']],
    ['snapshots at odd moments', ['restart-in-snapshot']],
    ['rolling restart, upgrade between format versions', ['rolling-restart', 'rolling-retune']],
  ])('%s', (_words, kinds) => {
    for (const kind of kinds) {
      expect([kind, FAULT_KINDS.has(kind), planned.has(kind)]).toEqual([kind, true, true]);
    }
  });
});

describe('quiet phases in which progress is demanded', () => {
  const { minimum, ...full } = planRun(1, { mode: 'calm', workload: 'plain', nodes: 3 });
  const plan: RunPlan = { ...full, rounds: [{ faultMs: 2_000, faults: [] }], operations: [] };

  it('a cluster that is well makes it', async () => {
    expect((await runPlan(plan)).violation).toBeUndefined();
  });

  it('each seed at least 60 simulated seconds, 500 operations and 10 faults: a smaller one fails', async () => {
    expect(minimum).toEqual({ simulatedMs: 60_000, operations: 500, faults: 10 });
    expect((await runPlan({ ...plan, minimum })).violation?.checker).toBe('enough happened');
  });

  it('a leader within the stated bound: one that nothing can have is a violation', async () => {
    let isCut = false;
    const cutter = {
      name: 'cuts for ever',
      step: (_loop: unknown, cluster: SimCluster): void => {
        if (isCut || cluster.nowMs < 1_500) return;
        isCut = true;
        cutAll(cluster);
      },
    };
    const { violation } = await runPlan(plan, { checkers: [cutter] });
    expect(violation?.checker).toBe('progress in quiet times');
    expect(violation?.message).toContain('no one leader, known to all within');
  });
});

describe('bounded queues', () => {
  const look = (waiting: number, queuedBytes: number): void => {
    const status = [{ nodeId: 'n2', queuedBytes, sentFrames: 1, droppedFrames: 0 }];
    const transport = { status: () => status };
    const process = { node: 'n1', life: 1, loop: { waiting }, isStarted: true, transport };
    new BoundedQueues().end({ processes: [process] } as unknown as SimCluster);
  };
  const most = PEER_QUEUE_BYTES_MAX + URGENT_QUEUE_BYTES_MAX;

  it('are those within their limits', () => {
    expect(() => look(LOOP_WAITING_MAX, most)).not.toThrow();
    expect(() => look(LOOP_WAITING_MAX + 1, 0)).toThrow('waiting in its loop');
    expect(() => look(0, most + 1)).toThrow('bytes queued for n2');
    expect(() => look(0, -1)).toThrow('bytes queued for n2');
  });
});

describe('no timer or socket left after stop', () => {
  async function endOf(cluster: SimCluster, name: string): Promise<SimEvent> {
    const ends: SimEvent[] = [];
    const checker = new NothingLeft();
    cluster.listen((event) => {
      checker.event(event);
      if (event.kind === 'ended') ends.push(event);
    });
    await cluster.settled(cluster.stop(name));
    expect(ends.length).toBe(1);
    return ends[0] as SimEvent; // there is one
  }

  it('on a machine that is well', async () => {
    const cluster = await founded(1);
    expect(await endOf(cluster, 'n1')).toMatchObject({
      how: 'stopped',
      leftovers: { waiting: 0, openFiles: 0, sockets: 0, disk: { answers: 0, forMs: 0 } },
    });
  });

  it('but for what a disk that hangs owes', async () => {
    const cluster = await founded(2);
    const name = cluster.agreedLeader ?? 'n1';
    const { diskConditions } = cluster.machine(name);
    diskConditions.sync = { typicalMs: 60_000, maxMs: 60_000 };
    cluster.ask(name, ({ engine }) => engine.openSession()).catch(() => undefined);
    await cluster.run(5);
    const end = await endOf(cluster, name);
    if (end.kind !== 'ended' || end.leftovers === undefined) throw new Error('it did not stop');
    const { waiting, openFiles, sockets, disk, stopTimeoutMs } = end.leftovers;
    expect(sockets).toBe(0);
    expect(waiting).toBe(disk.answers);
    expect(openFiles).toBeGreaterThan(0);
    expect(disk.forMs).toBeGreaterThanOrEqual(stopTimeoutMs);
  });

  it('nor for calls of others that come in while it stands still', async () => {
    const cluster = await founded(2);
    const leader = cluster.agreedLeader ?? 'n1';
    const name = cluster.founders.find((node) => node !== leader) ?? 'n2';
    cluster.machine(name).diskConditions.sync = { typicalMs: 60_000, maxMs: 60_000 };
    cluster.ask(leader, ({ engine }) => engine.openSession()).catch(() => undefined);
    await cluster.run(5);
    // Its stop gives up the disk after 3 s: then it stands still, and the call waits behind that.
    cluster.kernel.nature.after(2_900, () => cluster.pause(name, 500));
    cluster.kernel.nature.after(3_000, () => {
      cluster.ask(name, ({ engine }) => engine.readBarrier()).catch(() => undefined);
    });
    const end = await endOf(cluster, name);
    if (end.kind !== 'ended' || end.leftovers === undefined) throw new Error('it did not stop');
    const { waiting, disk } = end.leftovers;
    expect(disk.forMs).toBeGreaterThan(3_200);
    expect(waiting).toBe(disk.answers);
  });
});

describe('explained refusals (each "no leader" error names true facts)', () => {
  afterEach(() => vi.restoreAllMocks());

  it('of a node that is alone', async () => {
    const cluster = await founded(3);
    cluster.kill('n2');
    cluster.kill('n3');
    await cluster.run(5_000);
    const refused = await cluster.settled(
      cluster.ask('n1', async (process) => {
        try {
          await process.engine.openSession({ timeoutMs: 500 });
        } catch (error) {
          checkRefusal(error, process);
          return error as ClusterError;
        }
        return undefined;
      }),
    );
    expect(refused?.code).toBe('NO_QUORUM');
    expect(refused?.message).toContain('n2');
    expect(refused?.message).toContain('n3');
  });

  it.each(Object.keys(WORKLOADS))('are looked at by the clients of %s', async (name) => {
    const refused = vi.spyOn(Findings.prototype, 'refused');
    const cluster = await founded(4);
    const plan = planRun(4, { mode: 'calm', workload: name, nodes: 3 });
    const workload = WORKLOADS[name];
    if (workload === undefined) throw new Error(name);
    workload.begin(cluster, plan.operations).start();
    await cluster.run(1_000);
    cutAll(cluster);
    await cluster.run(9_000);
    const codes = new Set(refused.mock.calls.map(([error]) => error.code));
    expect([...codes].some((code) => code === 'NO_LEADER' || code === 'NO_QUORUM')).toBe(true);
  });
});
