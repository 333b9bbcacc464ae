/** When snapshots are taken, on whole nodes; and that large ones hold up nobody who stops. */
import { describe, expect, it } from 'vitest';
import {
  JournalMachine,
  TestCluster,
  type TestNode,
  text,
  until,
} from '../../sim/rigs/test-cluster.ts';
import { SNAPSHOT_CHEAP_BYTES, SNAPSHOT_SILENCE_MS_MAX } from '../limits.ts';
import type { Snapshot } from '../raft/index.ts';
import {
  MemoryStorage,
  type SnapshotReceiver,
  type SnapshotSection,
  type StoredSnapshot,
} from '../storage/index.ts';
import { nullLogger, realClock } from '../world/index.ts';
import { interruptibleReader } from './interruptible.ts';
import { codeOf } from './scenarios.fixture.ts';
import { isSnapshotDue, type SnapshotHost, Snapshots } from './snapshots.ts';

const MIB = 1024 * 1024;
const config = { snapshotIntervalEntries: 1_000, snapshotIntervalBytes: 64 * MIB };

describe('a snapshot is due', () => {
  it.each([
    ['not before its interval', 999, MIB, 0, false],
    ['after so many entries', 1_000, 10, SNAPSHOT_CHEAP_BYTES, true],
    ['after so many bytes', 1, 64 * MIB, 0, true],
    ['not for a large state and a little log', 1_000, MIB, 1024 * MIB, false],
    ['not for a large state after its interval of bytes', 1, 64 * MIB, 1024 * MIB, false],
    ['not for a large state and a quarter of it as log', 1_000, 256 * MIB, 1024 * MIB, false],
    ['for a large state and half of it as log', 1_000, 512 * MIB, 1024 * MIB, true],
    ['for a large state after very many small entries', 50_000, MIB, 1024 * MIB, true],
  ])('%s', (_, entries, bytes, stateBytes, isDue) => {
    expect(isSnapshotDue(config, { entries, bytes, stateBytes })).toBe(isDue);
  });
});

it('one that is asked for while an older one is written holds what was applied by then', async () => {
  await using cluster = new TestCluster(1);
  const storage = new MemoryStorage();
  const { node } = await cluster.start('n1', storage);
  await node.propose(text('first'));
  const save = storage.saveSnapshot.bind(storage);
  let write: () => void = () => undefined;
  storage.saveSnapshot = async (at, sections) => {
    await new Promise<void>((resolve) => {
      write = resolve;
    });
    return await save(at, sections);
  };
  const older = node.snapshot();
  await node.propose(text('second'));
  storage.saveSnapshot = save;
  const { appliedIndex } = node.status();
  const newer = node.snapshot();
  write();
  await older;
  await newer;
  expect(node.status().snapshotIndex).toBe(appliedIndex);
});

describe('a change of members', () => {
  it('takes no snapshot; a newcomer that the newest does not name gets one when it comes', async () => {
    await using cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    for (let i = 0; i < 20; i++) await leader.node.propose(text(`${i}`));
    await leader.node.snapshot();
    const before = leader.node.status().snapshotIndex;
    const join = await leader.node.addLearner('n4', 'n4:1');
    await leader.node.addLearner('n5', 'n5:1');
    await leader.node.removeNode('n5');
    await leader.node.propose(text('after'));
    expect(leader.node.status().snapshotIndex).toBe(before);
    const joined = await cluster.start('n4', new MemoryStorage(), { join });
    await until('n4 has it', () => joined.machine.journal.includes('after'));
    const after = leader.node.status().snapshotIndex;
    expect(after).toBeGreaterThan(before);
    // The next change finds a snapshot that names n4; nobody needs another one.
    await leader.node.promoteLearner('n4');
    await leader.node.propose(text('last'));
    await until('n4 has that too', () => joined.machine.journal.includes('last'));
    expect(leader.node.status().snapshotIndex).toBe(after);
  });

  it('survives a restart without one: it is in the log', async () => {
    await using cluster = new TestCluster(1);
    const { node, storage } = await cluster.start('n1');
    await node.readIndex();
    await node.addLearner('n2', 'n2:1');
    await node.stop();
    const again = await cluster.start('n1', (storage as MemoryStorage).crash());
    await again.node.readIndex();
    const names = again.node.status().members.map(({ nodeId, role }) => `${nodeId} ${role}`);
    expect(names).toEqual(['n1 voter', 'n2 learner']);
  });
});

/** What arrives waits until the test lets it through. */
class GatedStorage extends MemoryStorage {
  receipts = 0;
  #open: () => void = () => {};
  readonly #gate: Promise<void> = new Promise((resolve) => {
    this.#open = resolve;
  });

  openGate(): void {
    this.#open();
  }

  override async receiveSnapshot(descriptor: Snapshot): Promise<SnapshotReceiver> {
    this.receipts++;
    const receiver = await super.receiveSnapshot(descriptor);
    return {
      received: receiver.received,
      write: async (chunk) => {
        await this.#gate;
        await receiver.write(chunk);
      },
      finish: () => receiver.finish(),
      abort: () => receiver.abort(),
    };
  }
}

describe('the log of the leader', () => {
  it('waits for a follower that is sent a snapshot, which then needs no other', async () => {
    await using cluster = new TestCluster(3, {
      snapshotIntervalEntries: 10,
      snapshotCatchUpEntries: 5,
    });
    await cluster.startAll();
    const leader = await cluster.leader();
    for (let i = 0; i < 30; i++) await leader.node.propose(text(`before ${i}`));
    const join = await leader.node.addLearner('n4', 'n4:1');
    const storage = new GatedStorage();
    const joined = await cluster.start('n4', storage, { join });
    await until('its snapshot is on its way', () => storage.receipts === 1);
    const sent = leader.node.status().snapshotIndex;
    for (let i = 0; i < 100; i++) await leader.node.propose(text(`meanwhile ${i}`));
    const status = leader.node.status();
    expect(status.snapshotIndex).toBeGreaterThan(sent + 50);
    expect(status.firstIndex).toBeLessThanOrEqual(sent + 1);
    // The others, which need none of it, keep none of it.
    const [other] = cluster.followers(leader).filter(({ node }) => node !== joined.node);
    expect(other?.node.status().firstIndex).toBeGreaterThan(sent + 50);
    storage.openGate();
    await until('n4 has all', () => joined.machine.journal.length === 130);
    expect(storage.receipts).toBe(1);
    await until('nothing is held any more', () => leader.node.status().firstIndex > sent + 50);
  });
});

const TICK_MS = 100;

/** The snapshots of a node that is not there. */
function alone() {
  const storage = new MemoryStorage();
  storage.saveSnapshot = async (at) => ({ ...at, bytes: 1_000 }) as unknown as StoredSnapshot;
  const replica = {
    appliedIndex: 0,
    appliedTerm: 1,
    members: { confState: undefined },
    capture: (): SnapshotSection[] => [],
  };
  const warned: string[] = [];
  const host = {
    clock: realClock(),
    config: {
      tickIntervalMs: TICK_MS,
      snapshotIntervalEntries: 1e9,
      snapshotIntervalBytes: 1e15,
      snapshotCatchUpEntries: 5_000,
    },
    storage,
    replica,
    logger: { ...nullLogger, warn: (event: string) => void warned.push(event) },
    isLeader: () => false,
  };
  return { snapshots: new Snapshots(host as unknown as SnapshotHost), host, warned };
}

describe('the log behind a snapshot', () => {
  it('is bounded by entries, and by bytes where these are large', async () => {
    for (const [entryBytes, firstKept] of [
      [100, 5_000],
      [MIB, 10_000 - 256],
    ] as const) {
      const { snapshots, host } = alone();
      const { storage, replica } = host;
      const freed: number[] = [];
      storage.compact = async (upTo) => void freed.push(upTo);
      while (replica.appliedIndex < 10_000) {
        replica.appliedIndex++;
        snapshots.applied(entryBytes);
      }
      await snapshots.save();
      await snapshots.settle();
      expect(freed.at(-1)).toBeGreaterThanOrEqual(firstKept - 2);
      expect(freed.at(-1)).toBeLessThanOrEqual(firstKept);
    }
  });
});

/** Its state is endless, to save and to restore. */
class EndlessMachine extends JournalMachine {
  chunks = 0;
  isEndless = false;

  override snapshot(): readonly SnapshotSection[] {
    if (!this.isEndless) return super.snapshot();
    return [{ name: 'app.journal', chunks: this.#endless() }];
  }

  override async restore(reader: {
    section(name: string): AsyncIterable<Uint8Array> | undefined;
  }): Promise<void> {
    if (!this.isEndless) return await super.restore(reader);
    for (;;) {
      for await (const _chunk of reader.section('app.journal') ?? []) {
        this.chunks++;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  async *#endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      this.chunks++;
      await new Promise((resolve) => setImmediate(resolve));
      yield Buffer.from('more');
    }
  }
}

describe('a node that is stopped', () => {
  it('while it saves a large state ends at the next chunk', async () => {
    await using cluster = new TestCluster(1);
    const machine = new EndlessMachine();
    const { node, storage } = await cluster.start('n1', new MemoryStorage(), { machine });
    await node.propose(text('x'));
    machine.isEndless = true;
    const saving = node.snapshot().catch((error: { code: string }) => error.code);
    await until('it is saving', () => machine.chunks > 3);
    await node.stop();
    expect(await saving).toBe('NODE_STOPPED');
    const seen = machine.chunks;
    await new Promise((resolve) => setImmediate(resolve));
    expect(machine.chunks).toBe(seen);
    await expect(storage.readFact('x')).rejects.toMatchObject({ code: 'STORAGE_CLOSED' });
  });

  it('while it restores a large state, at its start, ends at the next chunk', async () => {
    await using cluster = new TestCluster(1);
    const first = await cluster.start('n1');
    await first.node.propose(text('x'));
    await first.node.stop();
    const machine = new EndlessMachine();
    machine.isEndless = true;
    const storage = (first.storage as MemoryStorage).crash();
    const starting = cluster
      .start('n1', storage, { machine })
      .catch((error: { code: string }) => error.code);
    await until('it is restoring', () => machine.chunks > 3);
    await cluster.nodes.get('n1')?.node.stop();
    expect(await starting).toBe('NODE_STOPPED');
  });

  it('while its machine hangs in a restore is not waited for longer than its bound', async () => {
    await using cluster = new TestCluster(1, { stopTimeoutMs: 50 });
    const first = await cluster.start('n1');
    await first.node.stop();
    const machine = new JournalMachine();
    let isHanging = false;
    machine.restore = () => {
      isHanging = true;
      return new Promise(() => {});
    };
    const storage = (first.storage as MemoryStorage).crash();
    const starting = codeOf(cluster.start('n1', storage, { machine }));
    await until('it hangs', () => isHanging);
    await cluster.nodes.get('n1')?.node.stop();
    expect(cluster.nodes.get('n1')?.node.phase).toBe('stopped');
    expect(await starting).toBe('NODE_STOPPED');
    expect(await codeOf(storage.readFact('x'))).toBe('STORAGE_CLOSED');
  });
});

/** Its state is never told to the end, from when it is to hang. */
class HangingMachine extends JournalMachine {
  isHanging = false;

  override snapshot(): readonly SnapshotSection[] {
    if (!this.isHanging) return super.snapshot();
    const chunks = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
    return [{ name: 'app.journal', chunks }];
  }
}

describe('a snapshot that does not get on', () => {
  async function hanging(cluster: TestCluster): Promise<TestNode> {
    const machine = new HangingMachine();
    const made = await cluster.start('n1', new MemoryStorage(), { machine });
    await made.node.propose(text('x'));
    machine.isHanging = true;
    return made;
  }

  it('ends with the node, for all who wait, and lets go of the storage', async () => {
    await using cluster = new TestCluster(1, { stopTimeoutMs: 3_600_000 });
    const { node, storage } = await hanging(cluster);
    const waiting = [codeOf(node.snapshot()), codeOf(node.snapshot({ timeoutMs: 1e9 }))];
    await node.stop();
    expect(await Promise.all(waiting)).toEqual(['NODE_STOPPED', 'NODE_STOPPED']);
    expect(await codeOf(storage.readFact('x'))).toBe('STORAGE_CLOSED');
    expect(await codeOf(node.snapshot())).toBe('NODE_STOPPED');
  });

  it('tells who waits that the node failed', async () => {
    await using cluster = new TestCluster(1);
    const { node } = await hanging(cluster);
    const waiting = codeOf(node.snapshot());
    await codeOf(node.propose(text('bug')));
    expect(await waiting).toBe('NODE_FAILED');
  });

  it('is waited for as long as the caller says', async () => {
    await using cluster = new TestCluster(1);
    const { node } = await hanging(cluster);
    expect(await codeOf(node.snapshot({ timeoutMs: 1 }))).toBe('OUTCOME_UNKNOWN');
    const patience = new AbortController();
    const waiting = codeOf(node.snapshot({ signal: patience.signal }));
    patience.abort();
    expect(await waiting).toBe('ABORTED');
    expect(await codeOf(node.snapshot({ signal: patience.signal }))).toBe('ABORTED');
    expect(await codeOf(node.snapshot({ timeoutMs: -1 }))).toBe('REQUEST_INVALID');
    expect(node.phase).toBe('running');
  });

  it('is told of after a while without a chunk, until one succeeds', async () => {
    const { snapshots, host, warned } = alone();
    let give: () => void = () => undefined;
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 2; i++) {
        await new Promise<void>((resolve) => {
          give = resolve;
        });
        yield text('chunk');
      }
    }
    host.replica.capture = () => [{ name: 'app.journal', chunks: chunks() }];
    let read = 0;
    host.storage.saveSnapshot = async (at, sections) => {
      for (const section of sections) for await (const _ of section.chunks) read++;
      return { ...at, bytes: 1_000 } as unknown as StoredSnapshot;
    };
    host.replica.appliedIndex = 7;
    const saving = snapshots.save();
    const tickFor = (ms: number): void => {
      for (let i = 0; i < ms / TICK_MS; i++) snapshots.tick();
    };
    tickFor(SNAPSHOT_SILENCE_MS_MAX - TICK_MS);
    give();
    await until('a chunk came', () => read === 1);
    tickFor(SNAPSHOT_SILENCE_MS_MAX - TICK_MS);
    expect(snapshots.failure).toBeUndefined();
    tickFor(2 * SNAPSHOT_SILENCE_MS_MAX);
    expect(snapshots.failure).toMatchObject({
      index: 7,
      message: expect.stringMatching(/has not got on for 30000 ms, and is waited for/),
    });
    expect(warned).toEqual(['snapshot.stalled']);
    give();
    await saving;
    expect(snapshots.failure).toBeUndefined();
    tickFor(2 * SNAPSHOT_SILENCE_MS_MAX);
    expect(warned).toEqual(['snapshot.stalled']);
  });
});

describe('an interruptible reader', () => {
  it('gives chunk after chunk, until nobody wants them any more', async () => {
    let left = 2;
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (;;) yield Buffer.from('chunk');
    }
    const section = (name: string): AsyncIterable<Uint8Array> | undefined =>
      name === 'a' ? chunks() : undefined;
    const reader = interruptibleReader({ section }, () => {
      if (left-- === 0) throw new Error('enough');
    });
    expect(reader.section('b')).toBeUndefined();
    let seen = 0;
    const read = async (): Promise<void> => {
      for await (const _chunk of reader.section('a') ?? []) seen++;
    };
    await expect(read()).rejects.toThrow('enough');
    expect(seen).toBe(2);
  });
});
