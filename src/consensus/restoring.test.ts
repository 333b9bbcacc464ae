/**
 * While a snapshot takes the place of a follower's state nobody reads it: a machine may be half the
 * old one and half the new one then, and the index that was applied before says nothing. The
 * machine in here stands still in the middle of its restore until the test lets it go on.
 */
import { expect, it } from 'vitest';
import { JournalMachine, until } from '../../sim/rigs/test-cluster.ts';
import { type Message, MessageType } from '../raft/index.ts';
import type { Transport } from '../transport/index.ts';
import { codeOf, leaderOf, type Made, Stage } from './scenarios.fixture.ts';

/** Nobody stands by himself; of the log hardly anything is kept. */
const CONFIG = { electionTicks: 10_000, snapshotIntervalEntries: 5, snapshotCatchUpEntries: 1 };

class SlowMachine extends JournalMachine {
  isSlow = false;
  isHalfway = false;
  fail: Error | undefined;
  goOn: () => void = () => undefined;

  override async restore(reader: Parameters<JournalMachine['restore']>[0]): Promise<void> {
    if (!this.isSlow) return await super.restore(reader);
    this.journal = ['half'];
    this.isHalfway = true;
    await new Promise<void>((resolve) => {
      this.goOn = resolve;
    });
    if (this.fail !== undefined) throw this.fail;
    await super.restore(reader);
  }
}

interface Behind {
  readonly leader: Made;
  readonly follower: Made;
  readonly machine: SlowMachine;
  /** Cuts the follower off, and has it half-way through the restore when this resolves. */
  restoreHalf(): Promise<void>;
}

async function oneBehind(stage: Stage): Promise<Behind> {
  const machine = new SlowMachine();
  const [leader, other] = [await stage.start('n1'), await stage.start('n2')];
  const follower = await stage.start('n3', { machine });
  const nodes = [leader, other, follower];
  await until('all are connected', () =>
    nodes.every(({ node }) => node.status().quorum.reached === 3),
  );
  leader.node.campaign();
  await leaderOf(nodes);
  await leader.node.propose(Buffer.from('before'));
  await follower.node.readIndex();
  machine.isSlow = true;
  const ids = [leader, other].map(({ node }) => node.status().raftId);
  const restoreHalf = async (): Promise<void> => {
    const { raftId, lastIndex } = follower.node.status();
    for (const id of ids) stage.break(raftId, id, 'closed');
    for (let i = 0; i < 20; i++) await leader.node.propose(Buffer.from(`w${i}`));
    await until('the log is gone', () => leader.node.status().firstIndex > lastIndex + 1);
    stage.reconnect(raftId, ids);
    await leader.node.propose(Buffer.from('last'));
    await until('it is half-way', () => machine.isHalfway);
  };
  return { leader, follower, machine, restoreHalf };
}

/** It is what the leader's state was at some moment after the follower was cut off. */
function expectWhole(seen: readonly string[], leader: Made): void {
  expect(seen.length).toBeGreaterThan(1);
  expect(seen).toEqual(leader.machine.journal.slice(0, seen.length));
}

/**
 * Keeps back the next message of that kind to that node; what it was, and how to send it after all.
 */
function holdNext(transport: Transport, type: MessageType, to: number) {
  const send = transport.send.bind(transport);
  const held: { message?: Message; release(): void } = {
    release: () => {
      if (held.message !== undefined) send(held.message);
      transport.flush();
    },
  };
  transport.send = (message) => {
    if (held.message !== undefined || message.type !== type || message.to !== to) send(message);
    else held.message = message;
  };
  return held;
}

it('a local read waits until the snapshot is in place', async () => {
  await using stage = new Stage(3, CONFIG);
  const { leader, follower, machine, restoreHalf } = await oneBehind(stage);
  await restoreHalf();
  const seen = follower.node
    .readBarrier({ consistency: 'local' })
    .then(() => [...follower.machine.journal]);
  await leader.node.readIndex();
  machine.goOn();
  expectWhole(await seen, leader);
  await follower.node.readBarrier({ consistency: 'local', timeoutMs: 0 });
});

it('a read that was confirmed at an index applied long ago waits, too', async () => {
  // Three of these ticks and the question would be asked again, with another answer.
  await using stage = new Stage(3, { ...CONFIG, tickIntervalMs: 300 });
  const { leader, follower, machine, restoreHalf } = await oneBehind(stage);
  const { raftId } = follower.node.status();
  const held = holdNext(leader.transport, MessageType.ReadIndexResp, raftId);
  const seen = follower.node.readIndex().then(() => [...follower.machine.journal]);
  await until('the answer is held', () => held.message !== undefined);
  expect(held.message?.index).toBe(follower.node.appliedIndex);
  await restoreHalf();
  held.release();
  await leader.node.propose(Buffer.from('after'));
  machine.goOn();
  expectWhole(await seen, leader);
});

it('a read that ends meanwhile says that a snapshot is installed, or that it was given up', async () => {
  await using stage = new Stage(3, CONFIG);
  const { follower, machine, restoreHalf } = await oneBehind(stage);
  await restoreHalf();
  for (const read of [
    follower.node.readBarrier({ consistency: 'local', timeoutMs: 1 }),
    follower.node.readIndex({ timeoutMs: 1 }),
  ]) {
    await expect(read).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: expect.stringContaining('installing a snapshot'),
    });
  }
  const controller = new AbortController();
  const { signal } = controller;
  const given = codeOf(follower.node.readBarrier({ consistency: 'local', signal }));
  controller.abort();
  expect(await given).toBe('ABORTED');
  machine.goOn();
  await follower.node.readIndex();
});

it('nobody reads what a restore that failed has left behind', async () => {
  await using stage = new Stage(3, CONFIG);
  const { follower, machine, restoreHalf } = await oneBehind(stage);
  await restoreHalf();
  const waiting = codeOf(follower.node.readBarrier({ consistency: 'local' }));
  machine.fail = new Error('a snapshot of another kind');
  machine.goOn();
  expect(await waiting).toBe('NODE_FAILED');
  expect(await follower.node.failed).toMatchObject({ code: 'STATE_MACHINE_FAILED' });
});
