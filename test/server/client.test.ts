/**
 * The network client against two fake nodes of one fake cluster, over real sockets: what it does when a
 * node goes away, has no leader, hangs, or loses an answer; that a write is applied once; that a watch
 * misses and repeats nothing.
 */
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect, type QuorateClient, requestOf } from '../../src/client/index.ts';
import { ClusterError } from '../../src/errors.ts';
import { CLIENT_PAGES_INFLIGHT_MAX } from '../../src/limits.ts';
import { encodeRangeRequest, encodeWatchRequest } from '../../src/protocol/bodies.ts';
import { decodeRequest, encodeHello, encodeRequestHeader, OP } from '../../src/protocol/frames.ts';
import { ClientWatch } from '../../src/server/client-watch.ts';
import { ClientServer } from '../../src/server/index.ts';
import type { KvChange } from '../../src/state/index.ts';
import { FakeCluster } from './fake-engine.ts';
import { type BinaryNode, binaryNode, silent } from './harness.ts';

/** Who is told nothing else cuts off only after DOOR_STALL_MS_MAX, 75 s. */
const SOONER_THAN_BY_ITSELF = { timeout: 40_000 };

let cluster: FakeCluster;
let one: BinaryNode;
let two: BinaryNode;
let client: QuorateClient;

beforeEach(async () => {
  cluster = new FakeCluster();
  one = await binaryNode('n1', cluster);
  two = await binaryNode('n2', cluster);
  client = await connect({ nodes: [one.address, two.address], timeoutMs: 2_000 });
});

afterEach(async () => {
  await client.close();
  await Promise.all([one.server.stop(), two.server.stop()]);
});

async function failure(promise: Promise<unknown>): Promise<ClusterError> {
  try {
    await promise;
  } catch (error) {
    expect(error).toBeInstanceOf(ClusterError);
    return error as ClusterError;
  }
  throw new Error('it should have failed');
}

describe('calls', () => {
  it('do all that the store can do', async () => {
    expect(await client.put('a', 'x')).toEqual({ revision: 1 });
    expect(await client.getText('a')).toBe('x');
    expect(await client.get('missing')).toBeUndefined();
    expect(await client.increment('n', 5)).toEqual({ value: 5n, revision: 2 });
    expect(await client.compareAndSet('a', 'no', 'y')).toMatchObject({ swapped: false });
    expect(await client.compareAndSet('a', 'x', 'y')).toEqual({ swapped: true, revision: 3 });
    const done = await client.transaction({
      compare: [{ key: 'n', target: 'value', operator: 'equal', operand: '5' }],
      then: [
        { kind: 'increment', key: 'n' },
        { kind: 'get', prefix: 'n' },
      ],
    });
    expect(done).toMatchObject({ succeeded: true, revision: 4, steps: [{ value: 6n }, {}] });
    const page = await client.range({ prefix: '' }, { limit: 1, keysOnly: true });
    expect(page).toMatchObject({ more: true, revision: 4 });
    expect(await client.delete('a')).toEqual({ deleted: 1, revision: 5 });
    expect((await client.status())['nodeId']).toBe('n1');
    expect(await client.compact(5)).toMatchObject({ revision: 5 });
    expect(await client.deleteRange({ all: true })).toMatchObject({ deleted: 1 });
  });

  it('read and write what was given, also when the caller uses his buffers again at once', async () => {
    for (const bytes of [10, 20_000]) {
      const key = Buffer.from('k1');
      const value = Buffer.alloc(bytes, 'v');
      const written = client.put(key, value);
      key.write('k2');
      value.fill('w');
      await written;
      const asked = Buffer.from('k1');
      const read = client.get(asked);
      asked.write('k2');
      expect((await read)?.value).toEqual(new Uint8Array(bytes).fill(0x76));
      expect(await client.get('k2')).toBeUndefined();
    }
  });

  it('list page by page', async () => {
    await Promise.all(Array.from({ length: 25 }, (_, at) => client.put(`l/${at + 10}`, `${at}`)));
    const keys: string[] = [];
    for await (const item of client.list({ prefix: 'l/' }, { pageItems: 10 })) {
      keys.push(Buffer.from(item.key).toString());
    }
    expect(keys).toEqual(Array.from({ length: 25 }, (_, at) => `l/${at + 10}`));
  });

  it('share one read barrier when they come together', async () => {
    await client.get('warm');
    const before = one.engine.barriers;
    await Promise.all(Array.from({ length: 50 }, () => client.get('a')));
    expect(one.engine.barriers - before).toBeLessThanOrEqual(5);
    await client.get('a', { consistency: 'local' });
    expect(one.engine.barriers - before).toBeLessThanOrEqual(5);
  });

  it('refuse bad input at the door, with the same words as the node', async () => {
    expect((await failure(client.put('', 'x'))).message).toMatch(/key has 0 bytes/);
    expect((await failure(client.get('k'.repeat(1025)))).code).toBe('KEY_INVALID');
    expect((await failure(client.increment('a', 1.5))).code).toBe('REQUEST_INVALID');
    expect((await failure(client.deleteRange({}))).message).toMatch(/all: true/);
    expect((await failure(client.put('\ud800', ''))).message).toMatch(/surrogate/);
    await client.put('a', 'text');
    expect((await failure(client.increment('a'))).code).toBe('NOT_A_NUMBER');
    expect((await failure(client.call('nonsense'))).message).toMatch(/none of kv.get/);
    expect((await failure(client.put('a', 'b', { timeoutMs: 0 }))).code).toBe('REQUEST_INVALID');
  });

  it('change members, and repeat what can do no harm on another node', async () => {
    const seen = await client.members();
    expect(seen).toMatchObject({ leader: 'n1', node: 'n1' });
    expect(seen.members.map(({ nodeId }) => nodeId)).toEqual(['n1', 'other']);
    const invitation = await client.addNode('n4', 'h:1', { clusterName: 'test' });
    expect(invitation).toMatchObject({ nodeId: 'n4', raftId: 9, clusterId: '0'.repeat(32) });
    expect((await client.addLearner('n5', 'h:2')).nodeId).toBe('n5');
    await client.promoteLearner('n5');
    expect(await client.removeNode('n4')).toBe(true);
    expect(await client.removeNode('nobody')).toBe(false);
    await client.transferLeadership('other');
    expect((await failure(client.transferLeadership('who'))).code).toBe('MEMBER_UNKNOWN');
    const stray = await failure(client.addNode('n4', 'h:1', { clusterName: 'billing' }));
    expect(stray).toMatchObject({ code: 'REQUEST_INVALID', details: { found: 'test' } });
    expect(one.engine.changes).toEqual(['add n4', 'learner n5', 'promote n5', 'remove n4']);
  });

  it('are given up by their signal', async () => {
    one.engine.mode = 'hanging';
    const leave = new AbortController();
    const read = client.get('a', { signal: leave.signal });
    leave.abort();
    expect(await failure(read)).toMatchObject({ code: 'ABORTED', retryable: 'yes' });
    const late = client.get('a', { signal: AbortSignal.abort() });
    expect((await failure(late)).code).toBe('ABORTED');
  });
});

describe('exactly once', () => {
  it('gives each write an id, and acknowledges what is done', async () => {
    for (let turn = 0; turn < 3; turn++) await client.increment('n');
    expect(one.engine.proposals).toEqual([
      { session: 1, sequence: 1 },
      { session: 1, sequence: 2, acknowledgedBelow: 2 },
      { session: 1, sequence: 3, acknowledgedBelow: 3 },
    ]);
  });

  it('repeats a write of unknown outcome by itself, and it is applied once', async () => {
    await client.increment('n');
    one.engine.mode = 'apply-then-unknown';
    const answer = client.increment('n');
    await expect.poll(() => one.engine.proposals.length).toBeGreaterThan(2);
    one.engine.mode = 'serving';
    expect(await answer).toMatchObject({ value: 2n });
    expect((await client.get('n'))?.version).toBe(2);
  });

  it('says OUTCOME_UNKNOWN with the id when time runs out, and the id can be used again', async () => {
    one.engine.mode = 'apply-then-unknown';
    two.engine.mode = 'apply-then-unknown';
    const error = await failure(client.increment('n', 1, { timeoutMs: 300 }));
    expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN', retryable: 'unknown-outcome' });
    const request = requestOf(error)!;
    expect(request).toEqual({ session: 1, sequence: 1 });
    one.engine.mode = 'serving';
    two.engine.mode = 'serving';
    await client.increment('n');
    expect(await client.increment('n', 1, { request })).toMatchObject({ value: 1n });
    expect((await client.get('n'))?.version).toBe(2);
  });

  it('does not call a write failed that an earlier attempt may have done', async () => {
    const propose = one.engine.propose.bind(one.engine);
    let attempts = 0;
    one.engine.propose = async (command, options) => {
      if (++attempts > 1) throw new ClusterError('STATE_MACHINE_FAILED', 'it threw');
      await propose(command, options);
      throw new ClusterError('OUTCOME_UNKNOWN', 'the leader was lost on the way');
    };
    const error = await failure(client.increment('a'));
    expect(error.code).toBe('OUTCOME_UNKNOWN');
    expect(error.message).toContain('it threw');
    one.engine.propose = propose;
    expect(await client.increment('a', 1, { request: requestOf(error)! })).toMatchObject({
      value: 1n,
    });
  });

  it('leaves a repetition unknown that got nowhere, and its id open', async () => {
    one.engine.mode = 'apply-then-unknown';
    two.engine.mode = 'apply-then-unknown';
    const first = await failure(client.increment('n', 1, { timeoutMs: 100 }));
    const request = requestOf(first)!;
    one.engine.mode = 'no-leader';
    two.engine.mode = 'no-leader';
    // That nothing was proposed now says nothing about the first time.
    const second = await failure(client.increment('n', 1, { request, timeoutMs: 100 }));
    expect(second.code).toBe('OUTCOME_UNKNOWN');
    expect(requestOf(second)).toEqual(request);
    const signal = AbortSignal.abort();
    expect(requestOf(await failure(client.increment('n', 1, { request, signal })))).toEqual(
      request,
    );
    one.engine.mode = 'serving';
    two.engine.mode = 'serving';
    await client.put('other', '');
    expect(await client.increment('n', 1, { request })).toMatchObject({ value: 1n });
  });

  it('takes ids from nextRequest', async () => {
    const request = await client.nextRequest();
    await client.increment('n', 1, { request });
    expect(await client.increment('n', 1, { request })).toMatchObject({ value: 1n });
  });

  it('surfaces SESSION_EXPIRED, and later writes use a new session', async () => {
    await client.put('a', '1');
    cluster.sessions.clear();
    const error = await failure(client.put('a', '2'));
    expect(error).toMatchObject({ code: 'SESSION_EXPIRED', retryable: 'unknown-outcome' });
    expect(await client.put('a', '3')).toMatchObject({ revision: 2 });
    expect(one.engine.proposals.at(-1)).toEqual({ session: 2, sequence: 1 });
  });

  it('without a session sends once and does not repeat', async () => {
    const bare = await connect({ nodes: [one.address, two.address], session: false });
    one.engine.mode = 'apply-then-unknown';
    const error = await failure(bare.increment('n'));
    expect(error.code).toBe('OUTCOME_UNKNOWN');
    expect(error.details['request']).toBeUndefined();
    expect(cluster.applied).toBe(1);
    expect((await failure(bare.nextRequest())).code).toBe('CONFIG_INVALID');
    await bare.close();
  });

  it('closes its session when it is closed', async () => {
    await client.put('a', '1');
    expect(cluster.sessions.size).toBe(1);
    await client.close();
    expect(cluster.sessions.size).toBe(0);
  });
});

describe('moving between nodes', () => {
  it('goes on with the next node when this one stops, and loses no write', async () => {
    await client.put('a', '0');
    const writes = Array.from({ length: 200 }, () => client.increment('n'));
    const stopped = one.server.stop();
    const answers = await Promise.all(writes);
    await stopped;
    expect(new Set(answers.map(({ value }) => value)).size).toBe(200);
    expect(await client.getText('n')).toBe('200');
    expect(client.node).toBe(two.address);
  });

  it('goes on when a node dies with answers outstanding', async () => {
    await client.put('a', '0');
    one.engine.mode = 'hanging';
    const writes = Array.from({ length: 20 }, () => client.increment('n'));
    await expect.poll(() => one.engine.hung.length).toBe(20);
    // Applied after the connection is gone: the retries must find it done.
    one.engine.mode = 'serving';
    const stopped = one.server.stop();
    await Promise.all(writes);
    for (const release of one.engine.hung) release();
    await stopped;
    expect(await client.getText('n')).toBe('20');
  });

  it('leaves a node without a leader', async () => {
    one.engine.mode = 'no-leader';
    expect(await client.put('a', '1')).toEqual({ revision: 1 });
    expect(client.node).toBe(two.address);
  });

  it('leaves a node that failed for good', async () => {
    one.engine.mode = 'failed';
    expect(await client.put('a', '1')).toEqual({ revision: 1 });
    expect(client.node).toBe(two.address);
    expect(await client.getText('a')).toBe('1');
  });

  it('tells that all nodes failed, as what no repetition mends', async () => {
    one.engine.mode = 'failed';
    two.engine.mode = 'failed';
    const error = await failure(client.put('a', '1', { timeoutMs: 300 }));
    expect(error).toMatchObject({ code: 'NODE_FAILED', retryable: 'no' });
  });

  it('tells why, when no node has a leader until the deadline', async () => {
    one.engine.mode = 'no-leader';
    two.engine.mode = 'no-leader';
    const started = performance.now();
    const error = await failure(client.put('a', '1', { timeoutMs: 300 }));
    expect(error.code).toBe('NO_LEADER');
    expect(error.message).toMatch(/1 of 2 voters needed are reached \(missing: other/);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it('reaches a node behind several that hang, within the deadline of a call', async () => {
    const hanging = [createServer(), createServer(), createServer()];
    const addresses = await Promise.all(
      hanging.map(
        (server) =>
          new Promise<string>((resolve) => {
            server.listen(0, '127.0.0.1', () => {
              resolve(`127.0.0.1:${(server.address() as { port: number }).port}`);
            });
          }),
      ),
    );
    const patient = await connect({ nodes: [...addresses, one.address], timeoutMs: 4_000 });
    expect(await patient.put('a', 'x')).toMatchObject({ revision: 1 });
    await patient.close();
    for (const server of hanging) server.close();
  });

  it('names each address that was tried and why', async () => {
    const stranger = await listening((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const gone = await listening(() => {});
    const nodes = [addressOf(stranger), addressOf(gone)];
    await closed(gone);
    const error = await failure(connect({ nodes, timeoutMs: 300 }));
    expect(error.code).toBe('CONNECTION_FAILED');
    expect(error.message).toContain(`${nodes[0]}: what answers there is no client port of a node`);
    expect(error.message).toMatch(new RegExp(`${nodes[1]}: connect ECONNREFUSED`));
    await closed(stranger);
    expect((await failure(connect({ nodes: ['localhost'] }))).code).toBe('CONFIG_INVALID');
    expect((await failure(connect({ nodes: [] }))).code).toBe('CONFIG_INVALID');
  });

  it('leaves a node that hangs without a sign of life', async () => {
    const dead: Socket[] = [];
    // Shakes hands, then never says anything again.
    const hanging = await listening((socket) => {
      dead.push(socket);
      const facts = Buffer.from('{"node":"h"}');
      const head = Buffer.from('5152544301000000', 'hex');
      head.writeUInt16BE(facts.length, 6);
      socket.write(Buffer.concat([head, facts]));
    });
    const own = await connect({ nodes: [addressOf(hanging), two.address], timeoutMs: 10_000 });
    expect(own.node).toBe(addressOf(hanging));
    expect(await own.put('a', '1')).toMatchObject({ revision: 1 });
    expect(own.node).toBe(two.address);
    await own.close();
    for (const socket of dead) socket.destroy();
    await closed(hanging);
  });

  it('ends what is outstanding when it is closed, and refuses what comes later', async () => {
    one.engine.mode = 'hanging';
    const read = failure(client.get('a'));
    const write = failure(client.put('a', '1'));
    await client.close();
    expect((await read).code).toBe('CLIENT_CLOSED');
    expect((await write).code).toMatch(/CLIENT_CLOSED|OUTCOME_UNKNOWN/);
    expect((await failure(client.get('a'))).code).toBe('CLIENT_CLOSED');
  });
});

describe('watching', () => {
  const take = async (watch: AsyncIterator<KvChange>, count: number): Promise<number[]> => {
    const revisions: number[] = [];
    while (revisions.length < count) {
      const next = await watch.next();
      if (next.done === true) throw new Error('the watch has ended');
      revisions.push(next.value.revision);
    }
    return revisions;
  };

  it('yields changes in order, from a revision or from now on', async () => {
    await client.put('w/1', 'x');
    await client.put('other', 'x');
    const past = client.watch({ prefix: 'w/' }, { from: 1 });
    const now = client.watch({ prefix: 'w/' });
    expect(await now.started).toBe(2);
    await client.delete('w/1');
    expect(await take(past, 2)).toEqual([1, 3]);
    const next = await now.next();
    expect(next.value).toMatchObject({
      revision: 3,
      events: [{ kind: 'delete', modRevision: 3 }],
    });
    for (const watch of [past, now]) await watch.return?.();
    await expect.poll(() => cluster.kv.stats.watches).toBe(0);
  });

  it('resumes on another node, missing and repeating nothing', async () => {
    const watch = client.watch({ prefix: 'w/' }, { from: 1 });
    await watch.started;
    const writer = await connect({ nodes: [two.address] });
    const total = 300;
    const writing = (async () => {
      for (let at = 1; at <= total; at++) {
        await writer.put(`w/${at % 7}`, `${at}`);
        if (at === 100) void one.server.stop();
      }
    })();
    const seen = await take(watch, total);
    await writing;
    expect(seen).toEqual(Array.from({ length: total }, (_, at) => at + 1));
    expect(client.node).toBe(two.address);
    await writer.close();
  });

  it('goes on behind its starting point although nothing had changed before the break', async () => {
    const watch = client.watch({});
    await watch.started;
    await one.server.stop();
    const writer = await connect({ nodes: [two.address] });
    await writer.put('a', '1');
    expect(await take(watch, 1)).toEqual([1]);
    await writer.close();
  });

  it('is slowed down by a reader that is slow, and loses nothing by it', async () => {
    const watch = client.watch({}, { from: 1 });
    const value = 'v'.repeat(20_000);
    for (let at = 0; at < 60; at++) await client.put('big', value);
    expect(await take(watch, 60)).toEqual(Array.from({ length: 60 }, (_, at) => at + 1));
    await watch.return?.();
  });

  it('ends with an error that says why, when it can not go on', async () => {
    await client.put('a', '1');
    await client.put('a', '2');
    await client.compact(2);
    const watch = client.watch({}, { from: 1 });
    expect((await failure(watch.next())).code).toBe('REVISION_COMPACTED');
    expect(await watch.next()).toMatchObject({ done: true });
    const open = client.watch({});
    const ended = failure(open.next());
    await client.close();
    expect((await ended).code).toBe('CLIENT_CLOSED');
  });
});

describe('the binary door', () => {
  it('refuses another protocol by name, and survives garbage', async () => {
    for (const [bytes, expected] of [
      [Buffer.from('GET / HTTP/1.1\r\n\r\n'), /is this port meant for HTTP/],
      [encodeHello(2, 3), /PROTOCOL_UNSUPPORTED/],
      [Buffer.concat([encodeHello(1, 1), Buffer.from('ffffffff', 'hex')]), /at most 2097152/],
      [Buffer.concat([encodeHello(1, 1), Buffer.from('0000000100', 'hex')]), /ends within a field/],
    ] as const) {
      expect(await exchange(one.address, bytes)).toMatch(expected);
    }
    expect(await client.put('a', '1')).toEqual({ revision: 1 });
  });

  it('answers an operation and a command that it does not know, and goes on', async () => {
    const unknown = Buffer.concat([
      encodeHello(1, 1),
      Buffer.from('000000080000000163000000', 'hex'),
      Buffer.from('000000090000000201000000ff', 'hex'),
      Buffer.from('00000008000000030a000000', 'hex'),
    ]);
    const text = await exchange(one.address, unknown, 3);
    expect(text).toContain('operation 99 is not known here');
    expect(text).toContain('command has tag 255');
    expect(cluster.applied).toBe(0);
  });

  it('reads few pages at a time of one connection', async () => {
    const range = one.api.range.bind(one.api);
    let begun = 0;
    one.api.range = (query, options) => {
      begun++;
      return range(query, options);
    };
    one.engine.mode = 'hanging';
    const everything = { start: new Uint8Array(0), end: new Uint8Array(0) };
    const body = encodeRangeRequest({ range: everything, limit: 0, keysOnly: false });
    const frames = Array.from({ length: 40 }, (_, at) => requestFrame(at + 1, OP.range, body));
    const socket = dialTo(one.address);
    socket.write(Buffer.concat([encodeHello(1, 1), ...frames]));
    await expect.poll(() => begun).toBe(CLIENT_PAGES_INFLIGHT_MAX);
    await client.get('a', { consistency: 'local' });
    expect(begun).toBe(CLIENT_PAGES_INFLIGHT_MAX);
    one.engine.mode = 'serving';
    for (const release of one.engine.hung) release();
    await expect.poll(() => begun).toBe(40);
    socket.destroy();
  });

  it('takes no more changes for a watch than its connection takes, whatever its credit', async () => {
    const watch = { range: { start: Buffer.from('w') }, from: 1, credit: 2 ** 32 - 1 };
    const frame = requestFrame(1, OP.watch, encodeWatchRequest(watch));
    const items: Uint8Array[] = [];
    let room = 3;
    const served = new ClientWatch(one.api, decodeRequest(frame.subarray(4)), {}, 60_000, {
      item: (body) => items.push(body),
      failed: () => {},
      hasRoom: () => items.length < room,
    });
    served.start();
    for (let turn = 0; turn < 9; turn++) await client.put('w', String(turn));
    expect(items).toHaveLength(3);
    room = 100;
    served.resume();
    await expect.poll(() => items.length).toBe(1 + 9);
    served.end();
  });

  it('cuts off who does not take its answers', async () => {
    const events: string[] = [];
    const logger = { ...silent, warn: (event: string) => events.push(event) };
    const { api } = one;
    const door = new ClientServer({ api, host: '127.0.0.1', port: 0, logger, stallMs: 200 });
    await door.start();
    await client.put('a', 'x'.repeat(1_000_000));
    const socket = dialTo(`127.0.0.1:${door.address!.port}`);
    socket.pause();
    const frames = Array.from({ length: 60 }, (_, at) =>
      requestFrame(at + 1, OP.get, Buffer.from('a')),
    );
    socket.write(Buffer.concat([encodeHello(1, 1), ...frames]));
    await expect.poll(() => events, SOONER_THAN_BY_ITSELF).toContain('client.stalled');
    socket.destroy();
    await door.stop();
  });

  it('makes the answers of large reads only when there is room, and loses none', async () => {
    const READS = 400;
    await client.put('a', 'x'.repeat(1_000_000));
    const socket = dialTo(one.address);
    socket.pause();
    const before = process.memoryUsage().arrayBuffers;
    const frames = Array.from({ length: READS }, (_, at) =>
      requestFrame(at + 1, OP.get, Buffer.from('a')),
    );
    socket.write(Buffer.concat([encodeHello(1, 1), ...frames]));
    const reads = (): number => one.api.stats.of('binary', 'kv.get').count;
    await expect.poll(reads).toBeGreaterThan(0);
    // Everything that could be answered was, by now, if it were not for the room.
    for (let turn = 0; turn < 100; turn++) await new Promise((done) => setImmediate(done));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64e6);
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    socket.resume();
    await expect.poll(reads).toBe(READS);
    await expect.poll(() => bytes).toBeGreaterThan(READS * 1_000_000);
    socket.destroy();
  });

  it('names the address that is in use', async () => {
    const port = Number(one.address.split(':')[1]);
    await expect(binaryNode('n3', cluster, port)).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: expect.stringContaining(`client address 127.0.0.1:${port} is in use`),
    });
  });
});

function requestFrame(correlation: number, op: number, body: Uint8Array): Buffer {
  const header = { correlation, op, local: false, timeoutMs: 0, request: undefined };
  return Buffer.concat([encodeRequestHeader(header, body.length), body]);
}

function dialTo(address: string): Socket {
  const [host, port] = address.split(':');
  const socket = dial(Number(port), host);
  socket.on('error', () => {});
  return socket;
}

function listening(accept: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.resume();
      accept(socket);
    });
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

function addressOf(server: Server): string {
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** What comes back, until the server closes or `answers` frames of an error or result came. */
function exchange(address: string, bytes: Uint8Array, answers = Infinity): Promise<string> {
  return new Promise((resolve, reject) => {
    const [host, port] = address.split(':');
    const socket = dial(Number(port), host, () => socket.write(bytes));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const count = text.split('"retryable"').length - 1;
      if (count + 1 >= answers) socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}
