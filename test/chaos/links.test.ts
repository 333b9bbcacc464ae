/**
 * Goal: a fault strikes the pair and the direction that was meant, whoever has dialled, and loses or
 * reorders nothing. Method: two or three listeners stand for nodes; who dials says so as a node does.
 * That something is held back is shown by what was sent later on another link and came first.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';

import {
  decodeHandshake,
  encodeHandshake,
  HandshakeType,
} from '../../src/transport/handshake-codec.ts';
import { freePorts } from '../free-ports.ts';
import { Links } from './links.ts';

interface Listening {
  readonly server: Server;
  /** What came, in order, by the letter of the node that sent it; `-` its end. */
  readonly heard: string[];
  readonly sockets: Socket[];
  /** Resolves when that much was heard. */
  until(text: string): Promise<void>;
}

let links: Links;
let nodes: Map<string, Listening>;
let dialled: Socket[];

beforeEach(async () => {
  const ids = ['a', 'b', 'c'];
  const ports = await freePorts(ids.length);
  nodes = new Map();
  dialled = [];
  for (const [at, id] of ids.entries()) nodes.set(id, await listening(ports[at] as number));
  const facts = ids.map((id, at) => ({ id, port: ports[at] as number }));
  links = await Links.between(facts, () => 0.5);
  for (const id of ids) await links.began(id);
});

afterEach(async () => {
  for (const socket of dialled) socket.destroy();
  await links.close();
  for (const { server, sockets } of nodes.values()) {
    for (const socket of sockets) socket.destroy();
    await new Promise((done) => server.close(done));
  }
});

async function listening(port: number): Promise<Listening> {
  const heard: string[] = [];
  const sockets: Socket[] = [];
  const waiting: { text: string; resolve: () => void }[] = [];
  const hear = (text: string): void => {
    heard.push(text);
    for (const one of waiting) if (heard.join('').includes(one.text)) one.resolve();
  };
  const server = createServer((socket) => {
    sockets.push(socket);
    let start: Buffer | undefined = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('close', () => hear('-'));
    socket.on('data', (chunk) => {
      if (start === undefined) {
        hear(String(chunk));
        return;
      }
      start = Buffer.concat([start, chunk]);
      const length = decodeHandshake(start)?.length;
      if (length === undefined) return;
      if (start.length > length) hear(String(start.subarray(length)));
      start = undefined;
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const until = (text: string): Promise<void> =>
    new Promise((resolve) => {
      if (heard.join('').includes(text)) resolve();
      else waiting.push({ text, resolve });
    });
  return { server, heard, sockets, until };
}

function node(id: string): Listening {
  return nodes.get(id) as Listening;
}

/** A connection of one node to another, which begins with `first`. */
async function dial(from: string, to: string, first: string): Promise<Socket> {
  const [host, port] = links.addressOf(to).split(':');
  const socket = connect(Number(port), host);
  dialled.push(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(Buffer.concat([hello(from), Buffer.from(first)]));
  return socket;
}

function hello(from: string): Uint8Array {
  const id = '00'.repeat(16);
  return encodeHandshake({
    type: HandshakeType.Hello,
    versionMin: 1,
    versionMax: 1,
    purpose: 'messages',
    nonce: id,
    target: 1,
    lost: undefined,
    identity: {
      clusterName: 'c',
      clusterId: 'c',
      nodeId: from,
      raftId: 1,
      incarnation: 'i',
      address: '127.0.0.1:1',
      session: id,
    },
  });
}

/** However it ends. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
  });
}

async function heardBy(socket: Socket, length: number): Promise<string> {
  let text = '';
  while (text.length < length) text += String((await once(socket, 'data'))[0]);
  return text;
}

it('passes on what comes, both ways', async () => {
  const line = await dial('a', 'b', 'x');
  await node('b').until('x');
  node('b').sockets[0]?.write('answer');
  expect(await heardBy(line, 6)).toBe('answer');
  line.end('bye');
  await node('b').until('bye-');
});

it('holds back one direction of one pair, also on connections of the other one, until it is healed', async () => {
  const line = await dial('a', 'b', '1');
  await node('b').until('1');
  const back = await dial('b', 'a', '1');
  await node('a').until('1');
  links.holdOneWay('a', 'b');
  line.write('2');
  node('a').sockets[0]?.write('held too');
  node('b').sockets[0]?.write('free');
  expect(await heardBy(line, 4)).toBe('free');
  back.write('3');
  await node('a').until('3');
  await dial('c', 'b', 'c');
  await node('b').until('c');
  expect(node('b').heard).toEqual(['1', 'c']);
  const late = heardBy(back, 8);
  await links.heal();
  await node('b').until('2');
  expect(await late).toBe('held too');
});

it('tells nobody behind a cut that the other one is gone', async () => {
  const line = await dial('a', 'b', '1');
  await node('b').until('1');
  links.cut('a', 'b');
  line.resetAndDestroy();
  const other = await dial('c', 'b', 'c');
  await node('b').until('c');
  other.end();
  await node('b').until('-');
  expect(node('b').sockets[0]?.closed).toBe(false);
  const gone = closing(node('b').sockets[0] as Socket);
  await links.heal();
  await gone;
});

it('isolates a node from all others, and no others', async () => {
  links.isolate('b');
  await dial('a', 'b', 'x');
  await dial('c', 'b', 'x');
  await dial('b', 'a', 'x');
  await dial('a', 'c', 'y');
  await node('c').until('y');
  expect([node('a').heard, node('b').heard]).toEqual([[], []]);
  await links.heal();
  await Promise.all([node('a').until('x'), node('b').until('xx')]);
});

it('breaks the connections of a pair on both sides', async () => {
  const line = await dial('a', 'b', '1');
  const other = await dial('c', 'b', '2');
  await node('b').until('1');
  await node('b').until('2');
  const broken = closing(line);
  expect(links.reset('b', 'a')).toBe(1);
  await broken;
  await node('b').until('-');
  other.write('still');
  await node('b').until('still');
});

it('refuses connections while it is to, or while the process is dead', async () => {
  const line = await dial('a', 'b', '1');
  await node('b').until('1');
  const broken = closing(line);
  await links.refuse('b');
  await broken;
  await expect(dial('a', 'b', '2')).rejects.toThrow('ECONNREFUSED');
  await links.heal();
  await links.ended('b');
  await expect(dial('a', 'b', '3')).rejects.toThrow('ECONNREFUSED');
  await links.began('b');
  await dial('a', 'b', '4');
  await node('b').until('4');
  expect(node('b').heard.join('')).not.toMatch(/[23]/);
});

it('delays without losing the order, and a heal makes up for it', async () => {
  links.shape('a', 'b', { delayMs: 30, jitterMs: 40 });
  const begin = performance.now();
  const line = await dial('a', 'b', '0');
  for (let i = 1; i < 10; i++) line.write(String(i));
  await node('b').until('9');
  expect(performance.now() - begin).toBeGreaterThanOrEqual(45);
  expect(node('b').heard.join('')).toBe('0123456789');
  links.shape('a', 'b', { delayMs: 3_600_000 });
  line.write('late');
  node('b').sockets[0]?.write('x');
  await heardBy(line, 1);
  await links.heal();
  await node('b').until('late');
});

it('passes so many bytes a second on a slow link', async () => {
  const line = await dial('a', 'b', '0');
  await node('b').until('0');
  links.shape('a', 'b', { bytesPerSecond: 50_000 });
  const begin = performance.now();
  line.write(`${'.'.repeat(9_999)}!`);
  await node('b').until('!');
  expect(performance.now() - begin).toBeGreaterThanOrEqual(150);
});

it('drops who does not begin with a handshake', async () => {
  const [host, port] = links.addressOf('a').split(':');
  const stranger = connect(Number(port), host);
  dialled.push(stranger);
  stranger.on('error', () => {});
  const gone = closing(stranger);
  stranger.write('GET / HTTP/1.1\r\n\r\n');
  await gone;
  expect(node('a').heard.filter((text) => text !== '-')).toEqual([]);
});
