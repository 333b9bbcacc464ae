/** Requests that are too large, malformed, unknown, endless or abandoned; and a door that gets garbage. */
import { connect as connectTcp } from 'node:net';

import { pause } from '../waiting.ts';
import type { Cluster } from './cluster.ts';
import {
  type Expected,
  expectCommand,
  expectHttp,
  type HttpRequest,
  http,
  judge,
} from './expecting.ts';
import type { Report } from './report.ts';

const MIB = 1024 * 1024;

const CASES: readonly (readonly [string, HttpRequest, Expected])[] = [
  [
    'a key over its size',
    { method: 'PUT', path: `/v1/kv/${'k'.repeat(1025)}`, body: 'x' },
    { code: 400, says: ['KEY_INVALID', '1024'] },
  ],
  [
    'a value over its size',
    { method: 'PUT', path: '/v1/kv/big', body: Buffer.alloc(MIB + 1, 97) },
    { code: 413, says: ['_TOO_LARGE', '1044480'] },
  ],
  ['an unknown route', { path: '/v1/kvs/x' }, { code: 404, says: ['ROUTE_UNKNOWN', '/v1/kv'] }],
  ['a route of no version', { path: '/kv/x' }, { code: 404, says: ['ROUTE_UNKNOWN'] }],
  [
    'a method that the route does not take',
    { method: 'PATCH', path: '/v1/kv/x' },
    { code: 405, says: ['METHOD_NOT_ALLOWED', 'PUT'] },
  ],
  [
    'a body that is no JSON',
    { method: 'POST', path: '/v1/increment/x', body: '{"by":' },
    { code: 400, says: ['REQUEST_INVALID', 'JSON'] },
  ],
  [
    'a body of the wrong type',
    { method: 'POST', path: '/v1/increment/x', body: '{"by":"soon"}' },
    { code: 400, says: ['REQUEST_INVALID', 'by'] },
  ],
  [
    'a body with an unknown field',
    { method: 'POST', path: '/v1/increment/x', body: '{"bye":1}' },
    { code: 400, says: ['REQUEST_INVALID', 'bye'] },
  ],
  [
    'an unknown query parameter',
    { path: '/v1/kv/x?consistancy=local' },
    { code: 400, says: ['REQUEST_INVALID', 'consistancy'] },
  ],
  [
    'a deadline that is none',
    { path: '/v1/kv/x', headers: { 'quorate-timeout-ms': 'soon' } },
    { code: 400, says: ['REQUEST_INVALID', 'quorate-timeout-ms'] },
  ],
  [
    'a request id that is none',
    { method: 'PUT', path: '/v1/kv/x', body: 'x', headers: { 'quorate-request-id': 'seven' } },
    { code: 400, says: ['REQUEST_INVALID', 'quorate-request-id'] },
  ],
  [
    'headers over their size',
    { path: '/v1/kv/x', headers: { 'x-long': 'h'.repeat(20_000) } },
    { code: 431, says: ['HEADERS_TOO_LARGE'] },
  ],
  [
    'a key that does not exist',
    { path: '/v1/kv/nothing-here' },
    { code: 404, says: ['KEY_NOT_FOUND', 'nothing-here'] },
  ],
  [
    'an increment of what is no number',
    { method: 'POST', path: '/v1/increment/text', body: '{}' },
    { code: 409, says: ['NOT_A_NUMBER', 'text'] },
  ],
];

export async function badRequests(report: Report, cluster: Cluster): Promise<void> {
  report.section('Requests');
  const { http: address, clients } = cluster.node('n1');
  // The slow one runs beside the others: the node gives it 15 s.
  const endless = endlessBody(address);
  await http(address, { method: 'PUT', path: '/v1/kv/text', body: 'words' });
  for (const [name, what, expected] of CASES)
    await expectHttp(report, name, address, what, expected);
  const big = { code: 2, says: ['VALUE_TOO_LARGE'] };
  const put = ['kv', 'put', 'big', '-', '--nodes', clients];
  await expectCommand(report, 'a value over its size, on the command line', put, big, {
    input: 'v'.repeat(MIB + 1),
  });
  const none = { code: 13, says: ['there is no key "nothing-here"'] };
  await expectCommand(
    report,
    'a missing key, on the command line',
    ['kv', 'get', 'nothing-here', '--nodes', clients],
    none,
  );
  const record = { code: 2, says: ['line 2', 'is not JSON', '--from-line 2'] };
  const lines = '{"key":"import/1","value":"a"}\n{"key":\n{"key":"import/3","value":"c"}\n';
  await expectCommand(
    report,
    'a record that is no JSON, in an import',
    ['kv', 'import', '-', '--nodes', clients],
    record,
    { input: lines },
  );
  await garbage(report, clients);
  await clientsThatLeave(report, address);
  judge(report, 'a body that never ends', await endless, { code: 408, says: ['BODY_TIMEOUT'] });
  await stillWorks(report, cluster);
}

function endlessBody(address: string): Promise<{ code: number; text: string }> {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port: Number(port) });
    let text = '';
    socket.write('PUT /v1/kv/endless HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nbegin');
    socket.on('data', (chunk) => {
      text += chunk;
    });
    const drip = setInterval(() => socket.write('.'), 1_000);
    const end = (): void => {
      clearInterval(drip);
      clearTimeout(late);
      socket.destroy();
      resolve({ code: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text });
    };
    const late = setTimeout(end, 40_000);
    socket.on('error', () => {});
    socket.on('close', end);
  });
}

/** The binary door answers garbage by closing, in bounded time. */
async function garbage(report: Report, address: string): Promise<void> {
  const [host, port] = address.split(':');
  const closed = await new Promise<boolean>((resolve) => {
    const socket = connectTcp({ host, port: Number(port) });
    socket.write('GET / HTTP/1.1\r\n\r\n');
    socket.on('data', () => {});
    socket.on('error', () => {});
    const late = setTimeout(() => {
      socket.destroy();
      resolve(false);
    }, 10_000);
    socket.on('close', () => {
      clearTimeout(late);
      resolve(true);
    });
  });
  report.check(closed, 'bytes of another protocol at the binary door: the connection is closed');
}

async function clientsThatLeave(report: Report, address: string): Promise<void> {
  const [host, port] = address.split(':');
  const requests = [
    'PUT /v1/kv/leaver HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf',
    'PUT /v1/kv/leaver HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nfull',
    'GET /v1/watch HTTP/1.1\r\nhost: x\r\n\r\n',
    'GET /v1/kv HTTP/1.1\r\nhost: x\r\n\r\n',
  ];
  for (let round = 0; round < 10; round++) {
    for (const text of requests) {
      const socket = connectTcp({ host, port: Number(port) });
      socket.on('error', () => {});
      socket.write(text);
      await pause(5);
      socket.destroy();
    }
  }
  const { status, text } = await http(address, { path: '/healthz' });
  judge(
    report,
    'clients that go away in the middle: the node is healthy',
    { code: status, text },
    { code: 200, says: ['ok'] },
  );
}

async function stillWorks(report: Report, cluster: Cluster): Promise<void> {
  const [n1, n2] = [cluster.node('n1').http, cluster.node('n2').http];
  const written = await http(n1, { method: 'PUT', path: '/v1/kv/after', body: 'fine' });
  const read = await http(n2, { path: '/v1/kv/after' });
  const isAlive = cluster.nodes.every((node) => cluster.process(node.id)?.isOver === false);
  report.check(
    written.status === 200 && read.text === 'fine' && isAlive,
    'after all that: a write, a read from another node, and no process has ended',
    `${written.status}, "${read.text}"`,
  );
}
