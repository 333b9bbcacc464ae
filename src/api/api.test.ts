/**
 * The operations without a door: bytes in JSON, options that do not belong, shared read barriers, request
 * ids, and what is explained about a majority that is not there.
 */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { FakeEngine } from '../../test/server/fake-engine.ts';
import type { CommandResult } from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
import { bytesFromBase64, bytesFromPercent, bytesFromText, bytesToJson, textOf } from './bytes.ts';
import { CallStats, recordCall } from './call-stats.ts';
import { createApi } from './node-api.ts';
import { toRange } from './ranges.ts';
import { formatRequestId, parseRequestId } from './request-id.ts';
import type { Api } from './types.ts';

function nodeApi(): { api: Api; engine: FakeEngine } {
  const engine = new FakeEngine('n1');
  return { engine, api: createApi({ engine, kv: engine.cluster.kv, version: 'test' }) };
}

/** Never told anything: what is refused at once is thrown. */
const nobody = {
  applied: () => expect.unreachable(),
  failed: () => expect.unreachable(),
};

const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe('bytes in JSON', () => {
  it('come back exactly, as text or as base64', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const json = bytesToJson('key', bytes);
        const back =
          json['key'] === undefined
            ? bytesFromBase64(json['keyBase64']!)
            : bytesFromText(json['key']);
        expect(Buffer.from(back!).equals(bytes)).toBe(true);
      }),
    );
    // A decoder that swallows a byte order mark would turn one key into another.
    expect(textOf(Buffer.from('efbbbf61', 'hex'))).toBe('\ufeffa');
    expect(bytesFromText('\ud800')).toBeUndefined();
    expect(bytesFromBase64('a-b_')).toBeUndefined();
  });

  it('are percent-decoded as bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const encoded = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
        expect(Buffer.from(bytesFromPercent(encoded, true)!).equals(bytes)).toBe(true);
      }),
    );
    expect(Buffer.from(bytesFromPercent('a+é', true)!).toString()).toBe('a é');
    expect(Buffer.from(bytesFromPercent('a+b', false)!).toString()).toBe('a+b');
    for (const bad of ['%', '%4', '%4g', 'a%']) expect(bytesFromPercent(bad, true)).toBeUndefined();
  });
});

describe('ranges', () => {
  const text = (value: string) => Buffer.from(value);

  it('begin a page of a prefix within the prefix', () => {
    const range = toRange({ prefix: text('p/'), start: text('p/5') }, 'read');
    expect(range).toEqual({ start: text('p/5'), end: new Uint8Array(text('p0')) });
    expect(toRange({ prefix: text('p/'), start: text('a') }, 'read').start).toEqual(text('p/'));
  });

  it('are everything only when that is said', () => {
    expect(toRange({}, 'read').end).toHaveLength(0);
    expect(() => toRange({}, 'delete')).toThrow(/all=true/);
    expect(() => toRange({ prefix: text('') }, 'delete')).toThrow(/all=true/);
    expect(() => toRange({ prefix: text(''), start: text('b') }, 'delete')).toThrow(/all=true/);
    expect(toRange({ all: true }, 'delete').start).toHaveLength(0);
    expect(() => toRange({ all: true, prefix: text('a') }, 'delete')).toThrow(/no other part/);
  });
});

describe('request ids', () => {
  it('are read and written', () => {
    expect(parseRequestId('12/7')).toEqual({ session: 12, sequence: 7 });
    expect(parseRequestId('12/7/3')).toEqual({ session: 12, sequence: 7, acknowledgedBelow: 3 });
    expect(formatRequestId(parseRequestId('12/7/3'))).toBe('12/7');
    for (const bad of ['', '12', '0/1', '1/0', '1/-1', '1/2/3', '9007199254740993/1', '1/1/1/1']) {
      expect(() => parseRequestId(bad)).toThrow(/request id/);
    }
  });
});

describe('the api', () => {
  it('asks no majority for a local read, and reads nothing from a node that has failed', async () => {
    const { api, engine } = nodeApi();
    const key = Buffer.from('a');
    await api.get(key, { consistency: 'local' });
    expect(engine.barriers).toBe(0);
    engine.mode = 'failed';
    const read = api.get(key, { consistency: 'local' });
    await expect(read).rejects.toMatchObject({ code: 'NODE_FAILED' });
  });

  it('shares one barrier between reads of one turn, never with an earlier one', async () => {
    const { api, engine } = nodeApi();
    const key = Buffer.from('a');
    await Promise.all([api.get(key), api.get(key), api.range({ start: key })]);
    expect(engine.barriers).toBe(1);
    engine.mode = 'hanging';
    const first = api.get(key);
    await expect.poll(() => engine.hung.length).toBe(1);
    engine.mode = 'serving';
    // The first barrier is on its way already: a later read may not ride on it.
    await api.get(key);
    expect(engine.barriers).toBe(3);
    engine.hung[0]!();
    await first;
  });

  it('refuses options that do not belong to an operation', async () => {
    const { api } = nodeApi();
    const request = { session: 1, sequence: 1 };
    await expect(api.call('kv.get', { key: 'a' }, { request })).rejects.toEqual(
      refusal('REQUEST_INVALID', /kv.get takes no request id/),
    );
    await expect(
      api.call('kv.put', { key: 'a', value: '' }, { consistency: 'local' }),
    ).rejects.toEqual(refusal('REQUEST_INVALID', /kv.put takes no consistency/));
    await expect(api.get(Buffer.from('a'), { request })).rejects.toThrow(
      /kv.get takes no request id/,
    );
    await expect(api.range({ start: Buffer.from('a') }, { request })).rejects.toThrow(
      /kv.range takes/,
    );
    const put = Uint8Array.of(1, 1, 1, 1, 97, 0);
    expect(() => api.submit(put, { consistency: 'local' }, nobody)).toThrow(
      /a write takes no consistency/,
    );
    await expect(
      api.get(Buffer.from('a'), { consistency: 'local', timeoutMs: 60_001 }),
    ).rejects.toThrow(/from 1 to 60000/);
    for (const timeoutMs of [0, -1, 1.5, 60_001, Number.NaN]) {
      await expect(api.get(Buffer.from('a'), { timeoutMs })).rejects.toEqual(
        refusal('REQUEST_INVALID', /from 1 to 60000/),
      );
    }
    await expect(api.call('kv.watch', {})).rejects.toEqual(
      refusal('REQUEST_INVALID', /kv.watch is none of/),
    );
  });

  it.each([
    ['kv.range', { limit: Number.NaN }, 'field `limit`: is NaN; give a number'],
    ['kv.range', { limit: 1.5 }, 'field `limit`: is 1.5; give a whole number'],
    ['kv.range', { limit: 0 }, 'field `limit`: is 0; give at least 1'],
    ['kv.range', { limit: 5_000 }, 'field `limit`: is 5000; give at most 1000'],
    ['kv.range', { keysOnly: 1 }, 'field `keysOnly`: is 1; give true or false'],
    ['kv.range', [], 'the request: is a list; give an object'],
    ['kv.compact', {}, 'field `revision`: is missing; give a number'],
    ['session.close', { session: 'abc' }, 'field `session`: is "abc"; give a number'],
    ['leader.transfer', { to: 'n'.repeat(129) }, 'field `to`: has 129 characters; at most 128'],
    [
      'kv.transaction',
      { then: [{ kind: 'pet' }] },
      'field `then[0].kind`: is "pet"; give put, del',
    ],
    ['kv.transaction', { then: [{}] }, 'field `then[0].kind`: is missing; give put, delete, incr'],
    ['kv.transaction', { then: {} }, 'field `then`: is an object; give a list'],
    ['members.add', { nodeId: 'a', address: 5 }, 'field `address`: is 5; give a string'],
  ] as const)('says of %s %j what to give instead', async (name, input, message) => {
    const { api } = nodeApi();
    const error = await api.call(name, input).catch((reason: unknown) => reason);
    expect((error as ClusterError).code).toBe('REQUEST_INVALID');
    expect((error as ClusterError).message).toContain(message);
  });

  it('lets no command into the log that a replica would not know', () => {
    const { api, engine } = nodeApi();
    expect(() => api.submit(Uint8Array.of(1, 250, 0), {}, nobody)).toThrow(
      /a later release has made it/,
    );
    for (const bytes of [[], [255, 1, 1], [1, 0, 0], [1, 1, 255]]) {
      expect(() => api.submit(Uint8Array.from(bytes), {}, nobody)).toThrow(/^command (ends|has)/);
    }
    expect(() => api.submit(new Uint8Array(2 ** 20 + 1), {}, nobody)).toThrow(/at most 1048576/);
    // A transaction's header is known; its comparison, or its step, is not.
    const unknownParts = [
      [1, 1, 5, 1, 1, 97, 99, 1, 0, 0, 0],
      [1, 1, 5, 1, 1, 97, 1, 99, 0, 0, 0],
      [1, 1, 5, 0, 1, 99, 0],
      [1, 1, 5, 0, 0, 1, 99],
    ];
    for (const bytes of unknownParts) {
      expect(() => api.submit(Uint8Array.from(bytes), {}, nobody)).toThrow(/has an unknown/);
    }
    expect(engine.cluster.applied).toBe(0);
  });

  it('lets no command into the log that every replica would refuse', () => {
    const { api, engine } = nodeApi();
    const cutOff = [1, 1, 1, 5, 97];
    const emptyKey = [1, 1, 1, 0, 0];
    expect(() => api.submit(Uint8Array.from(cutOff), {}, nobody)).toThrow(/ends inside key/);
    expect(() => api.submit(Uint8Array.from(emptyKey), {}, nobody)).toThrow(/a key has 1 to 1024/);
    expect(engine.cluster.applied).toBe(0);
  });

  it('takes a command without a promise, and tells its result or its failure, explained, once', async () => {
    const { api, engine } = nodeApi();
    const put = Uint8Array.of(1, 1, 1, 1, 97, 0);
    const told: unknown[] = [];
    const listener = {
      applied: (index: number, { code }: CommandResult) => told.push([index, code]),
      failed: (error: Error) => told.push(error),
    };
    api.submit(put, {}, listener);
    expect(told).toEqual([]);
    await expect.poll(() => told).toEqual([[1, 0]]);
    engine.mode = 'no-leader';
    api.submit(put, {}, listener);
    await expect.poll(() => told.length).toBe(2);
    expect(told[1]).toEqual(refusal('NO_LEADER', /1 of 2 voters needed are reached/));
  });

  it('tells readers of one turn together when they may read', async () => {
    const { api, engine } = nodeApi();
    const key = Buffer.from('a');
    const told: unknown[] = [];
    const listener = {
      ready: () => told.push(api.peek(key).revision),
      failed: (error: unknown) => told.push(error),
    };
    for (const options of [{}, {}, { consistency: 'local' as const }]) {
      api.submitRead(key, options, listener);
    }
    expect(told).toEqual([]);
    await expect.poll(() => told).toEqual([0, 0, 0]);
    expect(engine.barriers).toBe(1);
    expect(() => api.submitRead(new Uint8Array(0), {}, listener)).toThrow(/a key has 1 to/);
    engine.mode = 'failed';
    api.submitRead(key, { consistency: 'local' }, listener);
    await expect.poll(() => told[3]).toEqual(refusal('NODE_FAILED', /failed/));
  });

  it('tells the next reader when one throws: that is thrown outside', async () => {
    const { api, engine } = nodeApi();
    const key = Buffer.from('a');
    const outside = vi.fn();
    const handlers = process.rawListeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', outside);
    const told: unknown[] = [];
    const wrong = () => {
      throw new Error('the reader is wrong');
    };
    const right = { ready: () => told.push('ready'), failed: () => told.push('failed') };
    for (const options of [{}, { consistency: 'local' as const }]) {
      api.submitRead(key, options, { ready: wrong, failed: wrong });
      api.submitRead(key, options, right);
    }
    await expect.poll(() => told).toEqual(['ready', 'ready']);
    engine.mode = 'failed';
    api.submitRead(key, {}, { ready: wrong, failed: wrong });
    api.submitRead(key, {}, right);
    await expect.poll(() => told[2]).toBe('failed');
    await expect.poll(() => outside.mock.calls.length).toBe(3);
    process.removeAllListeners('uncaughtException');
    for (const handler of handlers) process.on('uncaughtException', handler as () => void);
  });

  it('explains a missing majority once, with who is missing', async () => {
    const { api, engine } = nodeApi();
    engine.mode = 'no-leader';
    const error = await api.get(Buffer.from('a')).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ClusterError);
    expect((error as ClusterError).message).toBe(
      'no leader was known before the deadline; 1 of 2 voters needed are reached ' +
        '(missing: other at 127.0.0.1:7101); start the missing nodes or mend the network between them',
    );
    const readiness = await api.readiness();
    expect(readiness.ready).toBe(false);
    expect(api.health().healthy).toBe(true);
  });

  it('is not ready while it drains, nor before its engine has started', async () => {
    const { api, engine } = nodeApi();
    expect(await api.readiness()).toEqual({ ready: true, leader: 'n1', reasons: [] });
    api.draining = true;
    expect((await api.readiness()).reasons).toEqual(['the node is stopping']);
    engine.status = () => {
      throw new ClusterError('NOT_STARTED', 'not yet');
    };
    expect((await api.readiness()).reasons).toEqual(['the node is starting']);
    expect(api.health()).toEqual({ healthy: true, phase: 'starting', failure: undefined });
  });

  it('is not ready once it was removed, and says that before all else', async () => {
    const { api, engine } = nodeApi();
    engine.mode = 'no-leader';
    const status = engine.status();
    engine.status = () => ({ ...status, leaving: true });
    expect((await api.readiness()).reasons).toEqual([
      'the node was removed, and runs on only until the others can do without it',
    ]);
    expect(api.health().healthy).toBe(true);
  });

  it('counts calls into buckets', () => {
    const stats = new CallStats();
    const one = stats.of('http', 'kv.get');
    for (const ms of [0.1, 0.25, 3, 99_999]) recordCall(one, 'OK', ms);
    expect(one.buckets[0]).toBe(2);
    expect(one.buckets.at(-1)).toBe(1);
    expect(stats.all()).toEqual([one]);
    expect(one.codes.get('OK')).toBe(4);
  });
});
