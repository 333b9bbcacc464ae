/**
 * The HTTP door as a user meets it: every route of docs/reference/http.md, and every kind of bad input with
 * the exact body of its error. Real sockets, a fake engine that applies at once.
 */
import { connect as connectSocket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClusterError } from '../../src/errors.ts';
import { HttpServer } from '../../src/server/index.ts';
import { type HttpNode, httpNode, silent } from './harness.ts';

/** Who is told nothing else cuts off only after DOOR_STALL_MS_MAX, 75 s. */
const SOONER_THAN_BY_ITSELF = { timeout: 40_000 };

let node: HttpNode;

beforeAll(async () => {
  node = await httpNode({ bodyTimeoutMs: 300, heartbeatMs: 50, drainMs: 300 });
});

afterAll(async () => {
  await node.server.stop();
});

/** Whatever JSON came; a field that is not there fails the comparison. */
interface Json {
  readonly revision: number;
  readonly session: number;
  readonly next: string;
  readonly items: readonly { readonly key: string; readonly value?: string }[];
  readonly reasons: readonly string[];
  readonly quorum: { readonly missing: readonly unknown[] };
  readonly error: { readonly code: string; readonly message: string; readonly details: Json };
  readonly [name: string]: unknown;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Json;
  readonly text: string;
}

async function ask(method: string, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(node.url + path, { method, ...init });
  const text = await response.text();
  let json = {} as Json;
  try {
    json = JSON.parse(text) as Json;
  } catch {
    // Not every answer is JSON.
  }
  return { status: response.status, headers: response.headers, json, text };
}

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  ask('POST', path, { body: JSON.stringify(body), headers });

/** Bytes over a bare socket, until the server closes. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(node.server.address!.port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('utf8');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

describe('keys and values over HTTP', () => {
  it('puts, gets and deletes a value as it is', async () => {
    const put = await ask('PUT', '/v1/kv/greeting', { body: 'hello' });
    expect(put.status).toBe(200);
    const { revision } = put.json;
    expect(put.headers.get('quorate-revision')).toBe(String(revision));
    expect(put.headers.get('quorate-node')).toBe('n1');
    const get = await ask('GET', '/v1/kv/greeting');
    expect(get.text).toBe('hello');
    expect(get.headers.get('content-type')).toBe('application/octet-stream');
    expect(get.headers.get('quorate-mod-revision')).toBe(String(revision));
    expect(get.headers.get('quorate-version')).toBe('1');
    const json = await ask('GET', '/v1/kv/greeting', { headers: { accept: 'application/json' } });
    expect(json.json).toEqual({
      key: 'greeting',
      value: 'hello',
      createRevision: revision,
      modRevision: revision,
      version: 1,
      revision,
    });
    const gone = await ask('DELETE', '/v1/kv/greeting');
    expect(gone.json).toEqual({ deleted: 1, revision: revision + 1 });
    expect((await ask('DELETE', '/v1/kv/greeting')).json.deleted).toBe(0);
    const missing = await ask('GET', '/v1/kv/greeting');
    expect(missing.status).toBe(404);
    expect(missing.json).toEqual({
      error: {
        code: 'KEY_NOT_FOUND',
        message: `key "greeting" does not exist at revision ${revision + 1}`,
        retryable: 'no',
        details: { key: 'greeting', revision: revision + 1 },
      },
    });
  });

  it('takes any bytes as a key, slashes raw or encoded, and any bytes as a value', async () => {
    await ask('PUT', '/v1/kv/a/b%20c', { body: 'slash' });
    expect((await ask('GET', '/v1/kv/a%2Fb%20c')).text).toBe('slash');
    await ask('PUT', '/v1/kv/%FF%00', { body: new Uint8Array([0, 255]) });
    const json = await ask('GET', '/v1/kv/%FF%00', { headers: { accept: 'application/json' } });
    expect(json.json).toMatchObject({ keyBase64: '/wA=', valueBase64: 'AP8=' });
    await ask('PUT', '/v1/kv/plus+sign', { body: '' });
    const listed = await ask('GET', '/v1/kv?prefix=plus%2B');
    expect(listed.json.items).toMatchObject([{ key: 'plus+sign', value: '' }]);
    expect((await ask('HEAD', '/v1/kv/plus+sign')).status).toBe(200);
  });

  it('lists a range in pages that can be followed', async () => {
    for (const key of ['p/1', 'p/2', 'p/3']) await ask('PUT', `/v1/kv/${key}`, { body: key });
    const first = await ask('GET', '/v1/kv?prefix=p/&limit=2');
    expect(first.json.items.map((item) => item.key)).toEqual(['p/1', 'p/2']);
    expect(first.json.more).toBe(true);
    const next = encodeURIComponent(first.json.next);
    const second = await ask('GET', `/v1/kv?prefix=p/&limit=2&start=${next}&keysOnly=true`);
    expect(second.json.items).toHaveLength(1);
    expect(second.json.items[0]?.value).toBeUndefined();
    expect(second.json).toMatchObject({ more: false });
    expect((await ask('DELETE', '/v1/kv?prefix=p/')).json.deleted).toBe(3);
  });

  it('increments, compares and sets, and does transactions', async () => {
    expect((await post('/v1/increment/n', {})).json.value).toBe('1');
    expect((await post('/v1/increment/n', { by: '41' })).json.value).toBe('42');
    const absent = await post('/v1/compare-and-set/c', { value: 'new' });
    expect(absent.json.swapped).toBe(true);
    const wrong = await post('/v1/compare-and-set/c', { expected: 'old', value: 'x' });
    expect(wrong.json).toMatchObject({ swapped: false, actual: 'new' });
    const done = await post('/v1/transaction', {
      compare: [{ key: 'n', target: 'value', operator: 'equal', operand: '42' }],
      then: [
        { kind: 'put', key: 't', value: '1' },
        { kind: 'increment', key: 'n', by: -2 },
        { kind: 'get', prefix: 't' },
      ],
      else: [{ kind: 'delete', key: 'n' }],
    });
    expect(done.json).toMatchObject({
      succeeded: true,
      steps: [
        { kind: 'put' },
        { kind: 'increment', value: '40' },
        { kind: 'get', items: [{ key: 't', value: '1' }], more: false },
      ],
    });
    const bad = await post('/v1/increment/c', {});
    expect(bad.status).toBe(409);
    expect(bad.json.error.code).toBe('NOT_A_NUMBER');
  });

  it('applies a repeated request once', async () => {
    const { session } = (await ask('POST', '/v1/sessions')).json;
    const headers = { 'quorate-request-id': `${session}/1` };
    const one = await post('/v1/increment/once', { by: 5 }, headers);
    const two = await post('/v1/increment/once', { by: 5 }, headers);
    expect(two.json).toEqual(one.json);
    expect(two.headers.get('quorate-request-id')).toBe(`${session}/1`);
    expect((await ask('DELETE', `/v1/sessions/${session}`)).json).toEqual({ session });
    const late = await post('/v1/increment/once', { by: 5 }, headers);
    expect(late.status).toBe(410);
    expect(late.json.error).toMatchObject({
      code: 'SESSION_EXPIRED',
      retryable: 'unknown-outcome',
    });
  });

  it('reads locally without asking a majority, and linearizably by asking', async () => {
    const before = node.engine.barriers;
    await ask('GET', '/v1/kv?consistency=local');
    expect(node.engine.barriers).toBe(before);
    await ask('GET', '/v1/kv', { headers: { 'quorate-timeout-ms': '1234' } });
    expect(node.engine.barriers).toBe(before + 1);
    expect(node.engine.waits.at(-1)?.timeoutMs).toBe(1234);
  });

  it('watches from a revision, with heartbeats, and ends when the client leaves', async () => {
    const { revision } = (await ask('PUT', '/v1/kv/w/1', { body: 'one' })).json;
    const leave = new AbortController();
    const response = await fetch(`${node.url}/v1/watch?prefix=w/&from=${revision}`, {
      signal: leave.signal,
    });
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = linesOf(response);
    expect(await lines()).toEqual({ type: 'started', revision: revision - 1 });
    expect(await lines()).toMatchObject({
      type: 'change',
      revision,
      events: [{ type: 'put', key: 'w/1', value: 'one' }],
    });
    expect(await lines()).toEqual({ type: 'heartbeat', revision });
    await ask('DELETE', '/v1/kv/w/1');
    let change = await lines();
    while (change.type === 'heartbeat') change = await lines();
    expect(change).toEqual({
      type: 'change',
      revision: revision + 1,
      events: [{ type: 'delete', key: 'w/1', modRevision: revision + 1 }],
    });
    expect(node.engine.cluster.kv.stats.watches).toBe(1);
    leave.abort();
    await expect.poll(() => node.engine.cluster.kv.stats.watches).toBe(0);
  });
});

function linesOf(response: Response): () => Promise<Record<string, unknown>> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return async () => {
    for (;;) {
      const end = text.indexOf('\n');
      if (end >= 0) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        return JSON.parse(line) as Record<string, unknown>;
      }
      const { value, done } = await reader.read();
      if (done) throw new Error('the stream has ended');
      text += value;
    }
  };
}

describe('bad input over HTTP', () => {
  const table: [string, () => Promise<Answer>, number, string, RegExp][] = [
    [
      'unknown route',
      () => ask('GET', '/v1/kvv'),
      404,
      'ROUTE_UNKNOWN',
      /GET \/v1\/kvv.*nearest: .*\/v1\/kv/,
    ],
    [
      'wrong method',
      () => ask('POST', '/v1/kv/a'),
      405,
      'METHOD_NOT_ALLOWED',
      /takes HEAD, GET, PUT, DELETE/,
    ],
    ['empty key', () => ask('GET', '/v1/kv/'), 400, 'KEY_INVALID', /0 bytes; a key has 1 to 1024/],
    [
      'long key',
      () => ask('PUT', `/v1/kv/${'k'.repeat(1025)}`, { body: 'x' }),
      400,
      'KEY_INVALID',
      /1025 bytes/,
    ],
    [
      'percent in a key',
      () => ask('GET', '/v1/kv/50%zz'),
      400,
      'REQUEST_INVALID',
      /write % itself as %25/,
    ],
    ['percent elsewhere', () => ask('GET', '/v1/%zz'), 400, 'REQUEST_INVALID', /%zz/],
    [
      'unknown parameter',
      () => ask('GET', '/v1/kv?prefx=a'),
      400,
      'REQUEST_INVALID',
      /`prefx` is not known here \(known: .*prefix/,
    ],
    [
      'repeated parameter',
      () => ask('GET', '/v1/kv?limit=1&limit=2'),
      400,
      'REQUEST_INVALID',
      /`limit` is given twice/,
    ],
    [
      'limit of no number',
      () => ask('GET', '/v1/kv?limit=ten'),
      400,
      'REQUEST_INVALID',
      /`limit` is "ten"/,
    ],
    [
      'limit too high',
      () => ask('GET', '/v1/kv?limit=1001'),
      400,
      'REQUEST_INVALID',
      /`limit`.*1000/,
    ],
    [
      'unknown consistency',
      () => ask('GET', '/v1/kv?consistency=weak'),
      400,
      'REQUEST_INVALID',
      /neither linearizable nor local/,
    ],
    [
      'consistency on a write',
      () => ask('DELETE', '/v1/kv/a?consistency=local'),
      400,
      'REQUEST_INVALID',
      /`consistency` is not known here/,
    ],
    [
      'timeout of no number',
      () => ask('GET', '/v1/kv', { headers: { 'quorate-timeout-ms': '5s' } }),
      400,
      'REQUEST_INVALID',
      /"5s": must be a whole number from 1 to 60000/,
    ],
    [
      'request id of no form',
      () => ask('PUT', '/v1/kv/a', { body: '', headers: { 'quorate-request-id': 'abc' } }),
      400,
      'REQUEST_INVALID',
      /"abc" is not <session>\/<sequence>/,
    ],
    [
      'request id on a read',
      () => ask('GET', '/v1/kv/a', { headers: { 'quorate-request-id': '1/1' } }),
      400,
      'REQUEST_INVALID',
      /only writes of keys/,
    ],
    [
      'body of no JSON',
      () => ask('POST', '/v1/transaction', { body: '{"then":' }),
      400,
      'REQUEST_INVALID',
      /the body is no JSON/,
    ],
    [
      'body of no object',
      () => ask('POST', '/v1/transaction', { body: '[]' }),
      400,
      'REQUEST_INVALID',
      /must be a JSON object/,
    ],
    [
      'unknown field',
      () => post('/v1/increment/a', { bye: 1 }),
      400,
      'REQUEST_INVALID',
      /field `bye`: is not known/,
    ],
    [
      'field of the wrong type',
      () => post('/v1/increment/a', { by: true }),
      400,
      'REQUEST_INVALID',
      /field `by`/,
    ],
    [
      'number beyond 64 bits',
      () => post('/v1/increment/a', { by: '9223372036854775808' }),
      400,
      'REQUEST_INVALID',
      /exceeds 64 bits/,
    ],
    [
      'field deep inside',
      () => post('/v1/transaction', { else: [{ kind: 'put', key: 'a' }] }),
      400,
      'REQUEST_INVALID',
      /field `else\[0\]\.value`: is missing/,
    ],
    [
      'text and base64',
      () => post('/v1/compare-and-set/a', { value: 'x', valueBase64: 'eA==' }),
      400,
      'REQUEST_INVALID',
      /not both/,
    ],
    [
      'bad base64',
      () => post('/v1/compare-and-set/a', { valueBase64: '!' }),
      400,
      'REQUEST_INVALID',
      /is not base64/,
    ],
    [
      'half a character',
      () => ask('POST', '/v1/compare-and-set/a', { body: '{"value":"\\ud800"}' }),
      400,
      'REQUEST_INVALID',
      /surrogate/,
    ],
    [
      'value too large',
      () => ask('PUT', '/v1/kv/big', { body: 'x'.repeat(1_044_481) }),
      413,
      'BODY_TOO_LARGE',
      /at most 1044480 bytes/,
    ],
    [
      'all keys deleted by accident',
      () => ask('DELETE', '/v1/kv?prefix='),
      400,
      'REQUEST_INVALID',
      /all=true/,
    ],
    ['deleted without a range', () => ask('DELETE', '/v1/kv'), 400, 'REQUEST_INVALID', /all=true/],
    [
      'unknown member',
      () => post('/v1/leader/transfer', { to: 'nobody' }),
      404,
      'MEMBER_UNKNOWN',
      /nobody/,
    ],
    [
      'address of no form',
      () => post('/v1/members', { nodeId: 'n4', address: 'here' }),
      400,
      'REQUEST_INVALID',
      /field `address`: is not host:port/,
    ],
    [
      'key in the path and in the body',
      () => post('/v1/increment/a', { key: 'b' }),
      400,
      'REQUEST_INVALID',
      /field `key`: the path names the key already/,
    ],
    [
      'half a step of an increment',
      () => post('/v1/increment/a', { by: 1.5 }),
      400,
      'REQUEST_INVALID',
      /field `by`: give a whole number up to 2\^53, or a string of digits/,
    ],
    [
      'prototype as a field',
      () => ask('POST', '/v1/increment/a', { body: '{"__proto__":{"by":5}}' }),
      400,
      'REQUEST_INVALID',
      /field `__proto__`/,
    ],
    [
      'JSON that is no UTF-8',
      () =>
        ask('POST', '/v1/compare-and-set/a', { body: Buffer.from('{"value":"\xff"}', 'latin1') }),
      400,
      'REQUEST_INVALID',
      /the body is no JSON: it is no UTF-8/,
    ],
    [
      'JSON nested without end',
      () => ask('POST', '/v1/transaction', { body: '{"then":'.repeat(100_000) }),
      400,
      'REQUEST_INVALID',
      /the body is no JSON/,
    ],
    [
      'session in another base',
      () => ask('DELETE', '/v1/sessions/0x10'),
      400,
      'REQUEST_INVALID',
      /field `session`/,
    ],
    [
      'node id that is too long',
      () => ask('DELETE', `/v1/members/${'n'.repeat(129)}`),
      400,
      'REQUEST_INVALID',
      /field `nodeId`/,
    ],
    [
      'session of no number',
      () => ask('DELETE', '/v1/sessions/x'),
      400,
      'REQUEST_INVALID',
      /field `session`/,
    ],
    [
      'watch of a compacted past',
      () => compacted(),
      410,
      'REVISION_COMPACTED',
      /history begins at/,
    ],
  ];
  async function compacted(): Promise<Answer> {
    const { revision } = (await ask('PUT', '/v1/kv/z', { body: '1' })).json;
    await post('/v1/compact', { revision });
    return ask('GET', '/v1/watch?from=1');
  }

  it.each(table)('%s', async (_name, request, status, code, message) => {
    const { json, ...answer } = await request();
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(json.error.message).toMatch(message);
    expect({ status: answer.status, code: json.error.code }).toEqual({ status, code });
    expect(Object.keys(json.error)).toEqual(['code', 'message', 'retryable', 'details']);
    if (status === 405) expect(answer.headers.get('allow')).toBe('HEAD, GET, PUT, DELETE');
  });

  it('offers no HEAD of a stream', async () => {
    const answer = await ask('HEAD', '/v1/watch');
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('GET');
  });

  it('takes node ids of full length', async () => {
    const nodeId = 'n'.repeat(128);
    const { json } = await ask('DELETE', `/v1/members/${nodeId}`);
    expect(json).toEqual({ nodeId, removed: true });
  });

  it('advises to come again only when that may help', async () => {
    const own = await httpNode();
    for (const [code, expected] of [
      ['NO_LEADER', '1'],
      ['DISK_FULL', null],
    ] as const) {
      own.engine.readBarrier = async () => {
        throw new ClusterError(code, 'so it is');
      };
      const answer = await fetch(`${own.url}/v1/kv`);
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe(expected);
    }
    await own.server.stop();
  });

  it('ends a body that never ends', async () => {
    const text = await raw('PUT /v1/kv/slow HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc');
    expect(text).toMatch(/^HTTP\/1.1 408 Request Timeout/);
    expect(JSON.parse(text.split('\r\n\r\n')[1]!)).toEqual({
      error: {
        code: 'BODY_TIMEOUT',
        message: 'the request did not arrive within 300 ms',
        retryable: 'yes',
        details: {},
      },
    });
    expect(node.engine.cluster.kv.get(Buffer.from('slow'))).toBeUndefined();
  });

  it('refuses a flood of headers, and what is no HTTP', async () => {
    const flood = `GET /v1/kv HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`;
    expect(await raw(flood)).toMatch(/^HTTP\/1.1 431 .*HEADERS_TOO_LARGE/s);
    expect(await raw('hello there\r\n\r\n')).toMatch(/^HTTP\/1.1 400 .*REQUEST_INVALID/s);
    const homeless = await raw('GET /v1/status HTTP/1.1\r\nconnection: close\r\n\r\n');
    expect(homeless).toMatch(/^HTTP\/1.1 400 .*"the header host is missing/s);
    const old = await raw('GET /v1/status HTTP/1.0\r\n\r\n');
    expect(old).toMatch(/^HTTP\/1.1 200 /);
    const expecting =
      'PUT /v1/kv/a HTTP/1.1\r\nhost: x\r\nexpect: tea\r\ncontent-length: 1\r\n\r\nx';
    expect(await raw(expecting)).toMatch(/^HTTP\/1.1 400 .*expect is .*tea.*only 100-continue/s);
  });

  it('names who is missing when there is no majority', async () => {
    node.engine.mode = 'no-leader';
    try {
      const answer = await ask('PUT', '/v1/kv/a', { body: '1' });
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(answer.json.error.message).toContain(
        '1 of 2 voters needed are reached (missing: other at 127.0.0.1:7101)',
      );
      expect(answer.json.error.details.quorum.missing).toEqual([
        { nodeId: 'other', address: '127.0.0.1:7101' },
      ]);
      const ready = await ask('GET', '/readyz');
      expect(ready.status).toBe(503);
      expect(ready.json.reasons[0]).toMatch(/^no leader is known: 1 of 2 voters/);
      expect((await ask('GET', '/healthz')).status).toBe(200);
      expect((await ask('GET', '/v1/kv?consistency=local')).status).toBe(200);
    } finally {
      node.engine.mode = 'serving';
    }
  });

  it('survives a client that goes away, and gives up its waiting', async () => {
    node.engine.mode = 'hanging';
    const leave = new AbortController();
    const lost = ask('GET', '/v1/kv/a', { signal: leave.signal });
    await expect.poll(() => node.engine.hung.length).toBe(1);
    leave.abort();
    await expect(lost).rejects.toThrow();
    node.engine.mode = 'serving';
    node.engine.hung.splice(0)[0]!();
    expect((await ask('GET', '/v1/status')).json.nodeId).toBe('n1');
  });
});

describe('health, metrics and life of the HTTP door', () => {
  it('tells status, members, health, readiness and metrics', async () => {
    const status = await ask('GET', '/v1/status');
    expect(status.json).toMatchObject({ nodeId: 'n1', role: 'leader', version: '0.0.0-test' });
    expect((await ask('GET', '/readyz')).json).toEqual({ status: 'ready', leader: 'n1' });
    const metrics = (await ask('GET', '/metrics')).text;
    expect(metrics).toContain('quorate_info{node="n1",cluster="test",version="0.0.0-test"} 1');
    expect(metrics).toContain('quorate_raft_role{role="leader"} 1');
    expect(metrics).toMatch(
      /quorate_requests_total\{door="http",operation="kv.put",code="OK"\} \d+/,
    );
    expect(metrics).toMatch(/quorate_request_seconds_bucket\{.*le="\+Inf"\} \d+/);
    expect(metrics).toContain('process_resident_memory_bytes');
  });

  it('adds, promotes and removes members, and hands leadership over', async () => {
    node.engine.changes.length = 0;
    expect((await ask('GET', '/v1/members')).json).toMatchObject({ leader: 'n1', node: 'n1' });
    const body = { nodeId: 'n4', address: '10.0.0.4:7100' };
    const added = await post('/v1/members', body);
    expect(added.status).toBe(201);
    // What the node must be started with, whole.
    expect(added.json).toMatchObject({ clusterName: 'fake', nodeId: 'n4', raftId: 9 });
    expect(added.json.members).toHaveLength(2);
    await post('/v1/members', { ...body, learner: true, clusterName: 'test' });
    expect(node.engine.changes.splice(0)).toEqual(['add n4', 'learner n4']);
    expect((await post('/v1/members/n4/promote', {})).json).toEqual({ nodeId: 'n4' });
    expect((await ask('DELETE', '/v1/members/n4')).json).toEqual({ nodeId: 'n4', removed: true });
    expect((await ask('DELETE', '/v1/members/nobody')).json.removed).toBe(false);
    expect((await post('/v1/leader/transfer', { to: 'other' })).json).toEqual({ leader: 'other' });
  });

  it('does not let a node into a cluster that was not meant', async () => {
    node.engine.changes.length = 0;
    const body = { nodeId: 'n4', address: '10.0.0.4:7100', clusterName: 'billing' };
    const { status, json } = await post('/v1/members', body);
    expect(status).toBe(400);
    expect(json.error.message).toMatch(/of cluster "test", not "billing"/);
    expect(node.engine.changes).toEqual([]);
  });

  it('tells that its node has failed', async () => {
    node.engine.mode = 'failed';
    const health = await ask('GET', '/healthz');
    expect(health.status).toBe(503);
    expect(health.json.failure).toEqual({ code: 'DISK_FULL', message: 'no space left' });
    expect((await ask('GET', '/metrics')).text).toContain('quorate_failed 1');
    node.engine.mode = 'serving';
  });

  it('names the address that is in use', async () => {
    const { port } = node.server.address!;
    const second = new HttpServer({ api: node.api, host: '127.0.0.1', port, logger: silent });
    await expect(second.start()).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: `HTTP address 127.0.0.1:${port} is in use by another process; stop that one (is a node running already?) or choose another port`,
    });
  });

  it('stops in order: not ready, streams told, idle connections closed, bounded', async () => {
    const own = await httpNode({ drainMs: 200 });
    const watch = await fetch(`${own.url}/v1/watch`);
    const lines = linesOf(watch);
    expect(await lines()).toMatchObject({ type: 'started' });
    own.engine.mode = 'hanging';
    const hung = fetch(`${own.url}/v1/kv/a`);
    await expect.poll(() => own.engine.hung.length).toBe(1);
    const stopped = own.server.stop();
    expect(own.api.draining).toBe(true);
    expect(await lines()).toMatchObject({ type: 'error', error: { code: 'NODE_STOPPED' } });
    await expect(hung).rejects.toThrow();
    await stopped;
    await own.server.stop();
    await expect(fetch(`${own.url}/healthz`)).rejects.toThrow();
  });

  it('forgets pipelined requests whose connection broke', async () => {
    const own = await httpNode({ inflightMax: 10, drainMs: 100 });
    own.engine.mode = 'hanging';
    const socket = connectSocket(own.server.address!.port, '127.0.0.1');
    socket.write('GET /v1/kv/a HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(20));
    await expect.poll(async () => (await fetch(`${own.url}/v1/status`)).status).toBe(503);
    socket.destroy();
    own.engine.mode = 'serving';
    await expect.poll(async () => (await fetch(`${own.url}/v1/status`)).status).toBe(200);
    await own.server.stop();
  });

  it('ends at once when the last answer was given, though connections are kept alive', async () => {
    // It would take hours.
    const own = await httpNode({ drainMs: 10_000_000 });
    const ask = (path: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connectSocket(own.server.address!.port, '127.0.0.1');
        socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
        let text = '';
        socket.on('data', (chunk) => {
          text += chunk.toString('utf8');
        });
        socket.on('close', () => resolve(text));
      });
    const watch = ask('/v1/watch');
    await expect.poll(() => own.engine.cluster.kv.stats.watches).toBe(1);
    own.engine.mode = 'hanging';
    const slow = ask('/v1/kv/a');
    await expect.poll(() => own.engine.hung.length).toBe(1);
    const stopped = own.server.stop();
    own.engine.hung[0]!();
    expect(await slow).toContain('KEY_NOT_FOUND');
    expect(await watch).toContain('NODE_STOPPED');
    await stopped;
  });

  it('cuts off who does not take the answer', async () => {
    const own = await httpNode({ stallMs: 300, inflightMax: 40, drainMs: 100 });
    await fetch(`${own.url}/v1/kv/a`, { method: 'PUT', body: Buffer.alloc(1_000_000) });
    const socket = connectSocket(own.server.address!.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.pause();
    // More than the kernel takes on both sides.
    socket.write('GET /v1/kv/a HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(45));
    await expect.poll(async () => (await fetch(`${own.url}/v1/status`)).status).toBe(503);
    await expect
      .poll(async () => (await fetch(`${own.url}/v1/status`)).status, SOONER_THAN_BY_ITSELF)
      .toBe(200);
    socket.destroy();
    await own.server.stop();
  });

  it('answers for its health however many requests wait', async () => {
    const own = await httpNode({ inflightMax: 1, drainMs: 100 });
    own.engine.mode = 'hanging';
    const waiting = fetch(`${own.url}/v1/kv`).catch(() => {});
    await expect.poll(() => own.engine.hung.length).toBe(1);
    expect((await fetch(`${own.url}/healthz`)).status).toBe(200);
    await own.server.stop();
    await waiting;
  });

  it('bounds the requests that are answered at the same time', async () => {
    const own = await httpNode({ inflightMax: 1, drainMs: 100 });
    own.engine.mode = 'hanging';
    const first = fetch(`${own.url}/v1/kv`);
    await expect.poll(() => own.engine.hung.length).toBe(1);
    const second = await fetch(`${own.url}/v1/kv`);
    expect(second.status).toBe(503);
    expect(await second.json()).toMatchObject({ error: { code: 'OVERLOADED' } });
    own.engine.hung[0]!();
    expect((await first).status).toBe(200);
    await own.server.stop();
  });
});
