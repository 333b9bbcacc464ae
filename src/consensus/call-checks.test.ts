/**
 * What callers give that they should not: an error with the field's name and the value, and nothing of it
 * in the log. Each of these once got there, or ended in an error of JavaScript's.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestCluster, type TestNode, text } from '../../sim/rigs/test-cluster.ts';
import type { RaftNode } from './raft-node.ts';

let cluster: TestCluster;
let one: TestNode;
let node: RaftNode;

beforeEach(async () => {
  cluster = new TestCluster(1);
  one = await cluster.start('n1');
  node = one.node;
  await node.readIndex();
});

afterEach(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function isRefused(
  call: (node: RaftNode) => Promise<unknown>,
  message: string,
  code = 'REQUEST_INVALID',
): Promise<void> {
  const before = node.status().lastIndex;
  await expect(call(node)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
  });
  expect(node.status()).toMatchObject({ phase: 'running', lastIndex: before });
  await node.propose(text('goes on'));
  expect(one.machine.journal).toEqual(['goes on']);
}

const view = new DataView(new ArrayBuffer(2));

describe('a command', () => {
  it.each([
    ['abc', 'command is "abc": give a Uint8Array, such as Buffer.from("abc")'],
    [Uint16Array.of(1), 'command is a Uint16Array: give a Uint8Array'],
    [[1, 2], 'command is a list'],
    [() => 1, 'command is a function'],
    [{ length: '3' }, 'command is an object'],
    [null, 'command is null'],
    [undefined, 'command is missing'],
    [new ArrayBuffer(2), 'command is an object'],
    [view, 'command is a DataView'],
    [5, 'command is 5'],
  ])('that is %s is refused', async (command, message) => {
    await isRefused((it) => it.propose(command as never), message);
  });

  it('may be a Buffer or a Uint8Array', async () => {
    await node.propose(Buffer.from('a'));
    await node.propose(Uint8Array.of(98));
    expect(one.machine.journal).toEqual(['a', 'b']);
  });
});

describe('a session', () => {
  it.each([undefined, null, Number.NaN, -1, 0, 1.5, 2 ** 60, Number.POSITIVE_INFINITY, {}, '1'])(
    'to be closed that is %s is refused, and no node stops',
    async (session) => {
      const message = /^session is .*: give the number that openSession gave$/;
      const error = await node.closeSession(session as never).catch((it) => it);
      expect(error).toMatchObject({ code: 'REQUEST_INVALID' });
      expect(error.message).toMatch(message);
      await node.propose(text('goes on'));
      expect(node.phase).toBe('running');
    },
  );
});

describe('a name or an address', () => {
  const names = [undefined, null, ['q'], 5, { toString: () => 'q' }, '', 'a b', 'x'.repeat(129)];

  it.each(names)('of %j is refused by every call that takes one', async (name) => {
    const given = name as never;
    const calls: ((it: RaftNode) => Promise<unknown>)[] = [
      (it) => it.addNode(given, 'h:1'),
      (it) => it.addLearner(given, 'h:1'),
      (it) => it.promoteLearner(given),
      (it) => it.removeNode(given),
      (it) => it.transferLeadership(given),
    ];
    const before = node.status().lastIndex;
    for (const call of calls) {
      await expect(call(node)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/^(toNodeId|nodeId) is .*give a string of 1 to 128/),
      });
    }
    expect(node.status()).toMatchObject({ phase: 'running', lastIndex: before });
  });

  it.each([undefined, null, ['h:1'], 5, { toString: () => 'h:1' }])(
    'an address of %j is refused',
    async (address) => {
      await isRefused(
        (it) => it.addNode('q', address as never),
        'the address is',
        'PEER_ADDRESS_INVALID',
      );
      await expect(node.addLearner('q', address as never)).rejects.toMatchObject({
        code: 'PEER_ADDRESS_INVALID',
      });
    },
  );
});

describe('options', () => {
  const calls: readonly (readonly [string, (options: never) => Promise<unknown>])[] = [
    ['propose', (options) => node.propose(text('x'), options)],
    ['openSession', (options) => node.openSession(options)],
    ['closeSession', (options) => node.closeSession(1, options)],
    ['readIndex', (options) => node.readIndex(options)],
    ['readBarrier', (options) => node.readBarrier(options)],
    ['addNode', (options) => node.addNode('q', 'h:1', options)],
    ['addLearner', (options) => node.addLearner('q', 'h:1', options)],
    ['promoteLearner', (options) => node.promoteLearner('q', options)],
    ['removeNode', (options) => node.removeNode('q', options)],
    ['transferLeadership', (options) => node.transferLeadership('q', options)],
  ];
  const wrong: readonly (readonly [unknown, string])[] = [
    [null, 'options is null: give an object with timeoutMs, signal'],
    [5, 'options is 5'],
    ['x', 'options is "x"'],
    [{ timeout: 5 }, 'options has no field "timeout": did you mean timeoutMs?'],
    [{ timeoutMs: '5' }, 'timeoutMs is "5": give a number of milliseconds'],
    [{ timeoutMs: -1 }, 'timeoutMs is -1'],
    [{ timeoutMs: Number.NaN }, 'timeoutMs is NaN'],
    [{ signal: 'x' }, 'signal is "x": give an AbortSignal'],
    [{ signal: {} }, 'signal is an object'],
    [{ signal: null }, 'signal is null'],
  ];

  it.each(calls)('of %s are looked at', async (_name, call) => {
    const before = node.status().lastIndex;
    for (const [options, message] of wrong) {
      await expect(call(options as never)).rejects.toMatchObject({
        code: 'REQUEST_INVALID',
        message: expect.stringContaining(message),
      });
    }
    expect(node.status().lastIndex).toBe(before);
  });

  it.each([
    [null, 'request is null'],
    [{ session: '1', sequence: 1 }, 'request.session is "1": give a whole number from 1'],
    [{ session: 1, sequence: 0 }, 'request.sequence is 0'],
    [{ session: 1 }, 'request.sequence is missing'],
    [{ session: 1, sequence: 1, acknowledgedBelow: 1.5 }, 'request.acknowledgedBelow is 1.5'],
    [{ session: 1, sequence: 1, acknowledged: 1 }, 'did you mean acknowledgedBelow?'],
  ])('a request id of %j is refused', async (request, message) => {
    await isRefused((it) => it.propose(text('x'), { request } as never), message);
  });

  it('a consistency that is none is refused', async () => {
    const options = { consistency: 'x' } as never;
    await isRefused((it) => it.readBarrier(options), 'consistency is "x": give "linearizable"');
  });

  it('that are undefined have their defaults', async () => {
    const options = { timeoutMs: undefined, signal: undefined, request: undefined } as never;
    await node.propose(text('x'), options);
    await node.readBarrier({ consistency: 'linearizable', timeoutMs: 5_000 });
    await node.readBarrier({ consistency: 'local' });
  });
});

describe('a read of what this node has', () => {
  it('is refused by a node that was stopped', async () => {
    await node.stop();
    const read = node.readBarrier({ consistency: 'local' });
    await expect(read).rejects.toMatchObject({ code: 'NODE_STOPPED' });
  });

  it('is refused by a node that failed, before and after it was stopped', async () => {
    await expect(node.propose(text('bug'))).rejects.toThrow();
    await node.failed;
    for (let i = 0; i < 2; i++) {
      const read = node.readBarrier({ consistency: 'local' });
      await expect(read).rejects.toMatchObject({ code: 'NODE_FAILED' });
      await node.stop();
    }
  });
});
