/**
 * Snapshots of a whole node (S-64 to S-69, S-101, S-103, S-105): taken, refused, restored at start and
 * in the place of a log that is gone, and what happens when the state machine fails meanwhile.
 */
import { describe, expect, it } from 'vitest';
import { JournalMachine, until } from '../../sim/rigs/test-cluster.ts';
import { MemoryDisk } from '../../sim/world/memory-disk.ts';
import { MemoryStorage, openDiskStorage, type Storage } from '../storage/index.ts';
import { nullLogger, realClock, realRandom } from '../world/index.ts';
import { codeOf, leaderOf, type Made, Stage } from './scenarios.fixture.ts';
import type { CommandResult, StateMachine } from './types.ts';

/** A machine that fails where it is told to. */
class FailingMachine extends JournalMachine {
  failCapture: Error | undefined;
  failChunk: Error | undefined;
  failRestore: Error | undefined;
  /** What `restore` was given, as it came. */
  readonly restored: string[] = [];

  override snapshot(): ReturnType<JournalMachine['snapshot']> {
    if (this.failCapture !== undefined) throw this.failCapture;
    const failure = this.failChunk;
    if (failure === undefined) return super.snapshot();
    const chunks = function* (): Generator<Uint8Array> {
      yield Buffer.from('half a ');
      throw failure;
    };
    return [{ name: 'app.journal', chunks: chunks() }];
  }

  override async restore(reader: Parameters<JournalMachine['restore']>[0]): Promise<void> {
    if (this.failRestore !== undefined) throw this.failRestore;
    await super.restore(reader);
    this.restored.push(JSON.stringify(this.journal));
  }
}

/** Answers, and keeps nothing. */
class StatelessMachine implements StateMachine {
  applied = 0;

  applyBatch(commands: readonly Uint8Array[]): readonly CommandResult[] {
    this.applied += commands.length;
    return commands.map(() => ({ code: 0, bytes: new Uint8Array(0) }));
  }

  snapshot(): never[] {
    return [];
  }

  async restore(): Promise<void> {}
}

function openDisk(disk: MemoryDisk): Promise<Storage> {
  const parts = { clock: realClock(), random: realRandom(), logger: nullLogger };
  return openDiskStorage({ disk, ...parts, directory: '/data' });
}

async function proposeMany({ node }: Pick<Made, 'node'>, from: number, to: number): Promise<void> {
  for (let i = from; i <= to; i++) await node.propose(Buffer.from(`c${i}`));
}

describe('a snapshot', () => {
  it('S-64 is taken at its interval, and the node stays live', async () => {
    await using stage = new Stage(1, { snapshotIntervalEntries: 5, snapshotCatchUpEntries: 2 });
    const made = await stage.start('n1');
    await proposeMany(made, 1, 10);
    await until('one is taken', () => made.node.status().snapshotIndex >= 5);
    await proposeMany(made, 11, 40);
    await until('others follow', () => made.node.status().snapshotIndex >= 35);
    expect(made.node.status().firstIndex).toBeGreaterThan(30);
    expect(made.machine.journal.length).toBe(40);
  });

  it('S-65 that is asked for stands at the applied index', async () => {
    await using stage = new Stage(1);
    const made = await stage.start('n1');
    await proposeMany(made, 1, 3);
    await made.node.snapshot();
    const { snapshotIndex, appliedIndex } = made.node.status();
    expect(snapshotIndex).toBe(appliedIndex);
    expect(made.storage.newestSnapshot?.index).toBe(appliedIndex);
  });

  it('S-66 of nothing new is none, and no error; a machine without a state has its sessions and members in it', async () => {
    await using stage = new Stage(1, { snapshotCatchUpEntries: 1 });
    const storage = new MemoryStorage();
    const machine = new StatelessMachine();
    const { node } = stage.make('n1', { storage, machine });
    await node.start();
    await node.readIndex();
    await node.snapshot();
    const first = node.status().snapshotIndex;
    await node.snapshot();
    expect(node.status().snapshotIndex).toBe(first);

    const session = await node.openSession();
    await node.snapshot();
    expect(node.status().snapshotIndex).toBe(node.appliedIndex);
    await node.stop();
    const again = stage.make('n1', { storage: storage.crash(), machine: new StatelessMachine() });
    await again.node.start();
    await again.node.propose(Buffer.from('x'), { request: { session, sequence: 1 } });
    expect(again.machine.applied).toBe(1);
  });

  it.each(['failCapture', 'failChunk'] as const)(
    'S-67 what the machine throws reaches the one who asked, and the next one succeeds (%s)',
    async (fault) => {
      await using stage = new Stage(1);
      const machine = new FailingMachine();
      const { node } = stage.make('n1', { machine });
      await node.start();
      await proposeMany({ node }, 1, 3);
      machine[fault] = new Error('no state today');
      const before = node.status().snapshotIndex;
      await expect(node.snapshot()).rejects.toThrow(/no state today/);
      expect(node.status().snapshotIndex).toBe(before);
      machine[fault] = undefined;
      await proposeMany({ node }, 4, 5);
      await node.snapshot();
      expect(node.status()).toMatchObject({ phase: 'running', snapshotIndex: node.appliedIndex });
    },
  );

  it('S-105 20,000 proposals with one at each thousand: the node stays live, the log short', async () => {
    await using stage = new Stage(1, {
      snapshotIntervalEntries: 1_000,
      snapshotCatchUpEntries: 500,
    });
    const { node, machine } = stage.make('n1', { machine: new StatelessMachine() });
    await node.start();
    // One entry each: what is proposed together would travel in one.
    for (let i = 0; i < 20_000; i++) await node.propose(Buffer.from([i & 255]));
    expect(machine.applied).toBe(20_000);
    await until('the newest is young', () => node.status().snapshotIndex > 18_500);
    expect(node.status().firstIndex).toBeGreaterThan(17_000);
    await node.propose(Buffer.from('still live'));
  });
});

describe('restoring', () => {
  /** A leader at index 100 with a snapshot there, and a follower that missed all of it. */
  async function behind(stage: Stage, machine: FailingMachine) {
    const slow = stage.make('n3', { machine });
    const others = await Promise.all([stage.start('n1'), stage.start('n2')]);
    await slow.node.start();
    await leaderOf([...others, slow as unknown as Made]);
    if (slow.node.isLeader) await slow.node.transferLeadership('n1');
    const leader = await leaderOf([...others, slow as unknown as Made]);
    stage.bus.isolate(3);
    await proposeMany(leader, 1, 100 - leader.node.appliedIndex);
    await leader.node.snapshot();
    await until('the log is gone', () => leader.node.status().firstIndex > 90);
    return { leader, slow };
  }

  it('S-68 S-103 an installed snapshot sets applied and snapshot index, and its bytes go to the machine', async () => {
    await using stage = new Stage(3, { snapshotCatchUpEntries: 1 });
    const machine = new FailingMachine();
    const { leader, slow } = await behind(stage, machine);
    // 100, unless a second election put one more entry there.
    const index = leader.node.status().snapshotIndex;
    expect(index).toBeGreaterThanOrEqual(100);
    expect(index).toBe(leader.node.appliedIndex);
    stage.bus.heal();
    await until('it is installed', () => slow.node.appliedIndex >= index);
    expect(slow.node.status()).toMatchObject({ appliedIndex: index, snapshotIndex: index });
    expect(machine.restored.at(-1)).toBe(JSON.stringify(leader.machine.journal));
    const names = (status: ReturnType<typeof slow.node.status>) =>
      status.members.map(({ nodeId, role }) => `${nodeId} ${role}`);
    expect(names(slow.node.status())).toEqual(names(leader.node.status()));
    await leader.node.propose(Buffer.from('then the log'));
    await slow.node.readIndex();
    expect(machine.journal).toEqual(leader.machine.journal);
    expect(slow.node.status().stateHash).toBe(leader.node.status().stateHash);
  });

  it('S-69 what the machine throws at an install ends the node by name; the others go on', async () => {
    await using stage = new Stage(3, { snapshotCatchUpEntries: 1 });
    const machine = new FailingMachine();
    const { leader, slow } = await behind(stage, machine);
    machine.failRestore = new Error('this state is none of mine');
    stage.bus.heal();
    expect(await slow.node.failed).toMatchObject({
      code: 'STATE_MACHINE_FAILED',
      message: expect.stringContaining('this state is none of mine'),
    });
    expect(slow.node.status().failure?.code).toBe('STATE_MACHINE_FAILED');
    await leader.node.propose(Buffer.from('goes on'));
  });

  it('S-69 what the machine throws at the start reaches the one who started', async () => {
    await using stage = new Stage(1);
    const storage = new MemoryStorage();
    const first = await stage.start('n1', { storage });
    await proposeMany(first, 1, 3);
    await first.node.snapshot();
    await first.node.stop();
    const machine = new FailingMachine();
    machine.failRestore = new Error('this state is none of mine');
    const again = stage.make('n1', { storage: storage.crash(), machine });
    await expect(again.node.start()).rejects.toThrow(/this state is none of mine/);
    expect(again.node.phase).toBe('stopped');
    expect(await codeOf(again.node.propose(Buffer.from('x')))).toBe('NODE_STOPPED');
  });

  it('S-101 on a disk, after a power cut: state, members, sessions and applied index are back', async () => {
    await using stage = new Stage(1, {
      snapshotIntervalEntries: 8,
      snapshotCatchUpEntries: 2,
      stopTimeoutMs: 50,
    });
    const disk = new MemoryDisk();
    const first = await stage.start('n1', { storage: await openDisk(disk) });
    await first.node.readIndex();
    const session = await first.node.openSession();
    await first.node.addLearner('n2', 'n2:1');
    for (let sequence = 1; sequence <= 30; sequence++) {
      await first.node.propose(Buffer.from(`c${sequence}`), { request: { session, sequence } });
    }
    await first.node.snapshot();
    await first.node.propose(Buffer.from('behind it'), { request: { session, sequence: 31 } });
    const before = first.node.status();
    const after = disk.crash({ below: (bound) => bound - 1 });
    stage.kill(first);

    const again = await stage.start('n1', { storage: await openDisk(after) });
    expect(again.node.appliedIndex).toBeGreaterThanOrEqual(before.snapshotIndex);
    await again.node.readIndex();
    expect(again.machine.journal).toEqual(first.machine.journal);
    expect(again.node.status()).toMatchObject({
      stateHash: before.stateHash,
      members: before.members.map(({ nodeId, role }) => ({ nodeId, role })),
    });
    const repeated = { request: { session, sequence: 31 } };
    await again.node.propose(Buffer.from('behind it'), repeated);
    expect(again.machine.journal.length).toBe(31);
  });
});
