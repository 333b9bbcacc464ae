/**
 * What goes wrong in parts of one's own, on whole nodes: it is told as the fault of the part that it came
 * from, whatever was thrown, and a node never goes on behind a command that it did not apply. The faulty
 * call is put in the place of the right one while the node runs.
 */
import { describe, expect, it } from 'vitest';
import { ClusterError } from '../errors.ts';
import { MessageType } from '../raft/index.ts';
import { composeMachines } from '../state/index.ts';
import { MemoryStorage } from '../storage/index.ts';
import { RaftNode } from './raft-node.ts';
import { codeOf, leaderOf, type Made, Stage } from './scenarios.fixture.ts';
import type { StateMachine } from './types.ts';

const X = Buffer.from('x');

describe('what a state machine throws', () => {
  it.each([
    ['an object without a prototype', Object.create(null)],
    ['an object that has no text', { toString: null, valueOf: null }],
    [
      'an error whose message can not be read',
      Object.defineProperty(new Error(), 'message', {
        get: () => {
          throw new Error('no');
        },
      }),
    ],
    ['undefined', undefined],
    ['a symbol', Symbol('odd')],
  ])('ends the node before it could skip a command: %s', async (_, thrown) => {
    await using stage = new Stage(1);
    const { node, machine } = await stage.start('n1');
    await node.propose(Buffer.from('before'));
    const applyBatch = machine.applyBatch.bind(machine);
    machine.applyBatch = () => {
      machine.applyBatch = applyBatch;
      throw thrown;
    };
    expect(await codeOf(node.propose(Buffer.from('odd')))).toBe('OUTCOME_UNKNOWN');
    expect(node.phase).toBe('failed');
    const failure = await node.failed;
    expect(failure).toMatchObject({
      code: 'STATE_MACHINE_FAILED',
      message: expect.stringMatching(
        /^applyBatch of the state machine threw at entry (\d+): .*--entries \1\.\.\1/,
      ),
      details: { index: expect.any(Number) },
    });
    expect(failure.cause).toBe(thrown);
    expect(await codeOf(node.propose(X))).toBe('NODE_FAILED');
    expect(machine.journal).toEqual(['before']);
  });

  it('at a snapshot reaches the one who asked, and the status', async () => {
    await using stage = new Stage(1);
    const { node, machine } = await stage.start('n1');
    await node.propose(X);
    machine.snapshot = () => {
      throw Object.create(null);
    };
    await expect(node.snapshot()).rejects.toMatchObject({
      code: 'STATE_MACHINE_FAILED',
      message: expect.stringContaining('snapshot of the state machine threw'),
    });
    expect(node.status().snapshotFailure?.message).toContain('snapshot of the state machine threw');
    expect(node.phase).toBe('running');
  });
});

describe('a fault of another part is not called one of the state machine', () => {
  it('a transport that throws', async () => {
    await using stage = new Stage(1);
    const { node, transport } = await stage.start('n1');
    await node.propose(X);
    const thrown = new TypeError('the socket is gone');
    transport.flush = () => {
      throw thrown;
    };
    void codeOf(node.propose(X));
    expect(await node.failed).toMatchObject({ code: 'INTERNAL', cause: thrown });
  });

  it('a transport that throws when a commit is told by a timer', async () => {
    // No heartbeat goes in front of the timer.
    await using stage = new Stage(3, { tickIntervalMs: 5_000 });
    const nodes = await stage.startAll();
    nodes[0]?.node.campaign();
    const { transport, node } = await leaderOf(nodes);
    await node.propose(X);
    for (const follower of nodes) await follower.node.readIndex();
    const send = transport.send.bind(transport);
    transport.send = (message) => {
      const isNotice = message.type === MessageType.App && message.entries.length === 0;
      if (isNotice) throw new TypeError('the socket is gone');
      send(message);
    };
    void codeOf(node.propose(X));
    expect(await node.failed).toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('the socket is gone'),
    });
  });

  it.each(['append', 'onFailure'] as const)('a storage that fails: %s', async (how) => {
    await using stage = new Stage(1);
    const storage = new MemoryStorage();
    let tell: (error: Error) => void = () => undefined;
    storage.onFailure = (callback) => {
      tell = callback;
    };
    const { node } = await stage.start('n1', { storage });
    await node.propose(X);
    const thrown = new Error('my disk is gone');
    if (how === 'onFailure') tell(thrown);
    else {
      storage.append = () => Promise.reject(thrown);
      void codeOf(node.propose(X));
    }
    expect(await node.failed).toMatchObject({
      code: 'DISK_FAILED',
      message: 'the storage failed: my disk is gone',
      cause: thrown,
    });
  });

  it('a storage that fails while the machine reads its snapshot', async () => {
    await using stage = new Stage(1);
    const first = await stage.start('n1');
    await first.node.stop();
    const storage = (first.storage as MemoryStorage).crash();
    const openSnapshot = storage.openSnapshot.bind(storage);
    storage.openSnapshot = async (snapshot) => {
      const reader = await openSnapshot(snapshot);
      const section = reader.section.bind(reader);
      reader.section = (name) => (name === 'app.journal' ? failing() : section(name));
      return reader;
    };
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('[');
      throw new Error('a read failed');
    }
    const { node } = stage.make('n1', { storage });
    await expect(node.start()).rejects.toMatchObject({
      code: 'DISK_FAILED',
      message: 'the storage failed: a read failed',
    });
  });

  it('a storage that can not write a snapshot', async () => {
    await using stage = new Stage(1);
    const { node, storage } = await stage.start('n1');
    await node.propose(X);
    storage.saveSnapshot = () => Promise.reject(Object.create(null));
    expect(await codeOf(node.snapshot())).toBe('DISK_FAILED');
    expect(node.status().snapshotFailure?.message).toContain('the storage failed');
    expect(node.phase).toBe('running');
  });
});

describe('a check that is async', () => {
  const refusal = new ClusterError('REQUEST_INVALID', 'too late');
  const part = (machine: StateMachine) => composeMachines([{ name: 'own', tag: 120, ...machine }]);

  it.each([false, true])(
    'is refused by name, and nothing is proposed (composed: %s)',
    async (isComposed) => {
      await using stage = new Stage(1);
      const made: Made = stage.make('n1');
      const { machine } = made;
      const own: StateMachine = {
        applyBatch: (commands) => machine.applyBatch(commands),
        snapshot: () => [],
        restore: async () => undefined,
        check: () => Promise.reject(refusal),
      };
      const { node } = stage.make('n1', { machine: isComposed ? part(own) : own });
      await node.start();
      await node.readIndex();
      await expect(node.propose(Buffer.from('xx'))).rejects.toMatchObject({
        code: 'STATE_MACHINE_FAILED',
        message: expect.stringContaining('check of the state machine returned a promise'),
      });
      // A rejection that nobody handles would fail the run.
      await new Promise((resolve) => setImmediate(resolve));
      expect(machine.journal).toEqual([]);
    },
  );
});

describe('a part that is missing, or is something else', () => {
  it.each([
    ['world', undefined, 'world is undefined: give a world, such as realWorld() makes'],
    ['world', {}, 'world is an object without clock, random, logger: give a world'],
    ['storage', undefined, 'storage is undefined: give an open storage'],
    [
      'storage',
      Promise.resolve(),
      /storage is a promise without onFailure, .*: give an open storage/,
    ],
    ['transport', 5, 'transport is 5: give a transport'],
    [
      'transport',
      { start: () => undefined },
      /an object without stop, addPeer, .*: give a transport/,
    ],
    ['machine', null, 'machine is null: give a state machine with the functions applyBatch'],
  ])('is named where the node is made: %s', async (field, given, message) => {
    await using stage = new Stage(1);
    const { world } = stage;
    const { storage, transport, machine } = stage.make('n1');
    const parts = { world, storage, transport, machine, [field]: given };
    const make = (): RaftNode => new RaftNode(stage.configOf('n1'), parts as never);
    expect(make).toThrow(message);
    expect(make).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        details: expect.objectContaining({ field }),
      }),
    );
  });

  it('is named where no parts were given at all', () => {
    const make = (): RaftNode => new RaftNode(new Stage(1).configOf('n1'), undefined as never);
    expect(make).toThrow('world is undefined');
  });
});
