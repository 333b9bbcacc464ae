/**
 * Refusals that a node of ours does not cause by itself: somebody made up answers what it dials. Each is
 * named where it was said and where it was heard.
 */
import { expect, it } from 'vitest';
import type { RigNode } from '../../sim/rigs/transport-rig.ts';
import { PEERS_NOT_ADDED_MAX } from '../limits.ts';
import {
  decodeHandshake,
  encodeHandshake,
  type HandshakeMessage,
  HandshakeType,
  type Hello,
} from './handshake-codec.ts';
import { helloTo, peer, stranger, type World, world } from './transport.fixture.ts';

interface Scene {
  readonly w: World;
  /** Node 2, which dials what it takes for node 1. */
  readonly b: RigNode;
  /** What the one who answers there was told. */
  readonly heard: readonly HandshakeMessage[];
}

/** Whoever lives at the address of node 1 answers each hello like this. */
async function answered(answer: (hello: Hello, a: RigNode) => HandshakeMessage): Promise<Scene> {
  const w = world();
  const [a, b] = [w.node(1), w.node(2)];
  const heard: HandshakeMessage[] = [];
  await w.network.host('n1').listen({ host: 'n1', port: 7_000 }, (connection) => {
    const data = (chunk: Uint8Array): void => {
      const message = decodeHandshake(Buffer.from(chunk))!.message;
      heard.push(message);
      if (message.type !== HandshakeType.Hello) return;
      connection.write([encodeHandshake(answer(message, a))]);
    };
    connection.attach({ data, drain: () => {}, close: () => {} });
  });
  await b.start();
  b.transport.addPeer(peer(1));
  await w.clock.advance(20);
  return { w, b, heard };
}

function accept(hello: Hello, a: RigNode, changes: { nonce?: string; version?: number }) {
  const identity = { ...helloTo(a).identity, ...a.local() };
  return {
    type: HandshakeType.Accept,
    version: 1,
    identity,
    nonce: hello.nonce,
    ...changes,
  } as const;
}

it.each([
  ['version', { version: 9 }],
  ['malformed', { nonce: '99'.repeat(16) }],
])('%s: said by the one who dials', async (code, changes) => {
  const { b, heard } = await answered((hello, a) => accept(hello, a, changes));
  expect(heard[1]).toMatchObject({ type: HandshakeType.Refuse, code });
  expect(b.log).toEqual(['unreachable 1 rejected']);
  expect(b.warnings).toEqual([`peer.unreachable ${code}`]);
  expect(b.errors[0]).toMatchObject({ details: { refusal: code, by: 'us' } });
});

it.each(['version', 'malformed', 'busy'])('%s: heard by the one who dials', async (code) => {
  const refusal = {
    type: HandshakeType.Refuse,
    code,
    text: 'it is so',
    holding: undefined,
  } as const;
  const { b } = await answered(() => refusal);
  expect(b.log).toEqual(['unreachable 1 rejected']);
  expect(b.warnings).toEqual([`peer.unreachable ${code}`]);
  expect(b.complaints).toEqual(['it is so']);
  expect(b.errors[0]).toMatchObject({ details: { refusal: code, by: 'them' } });
});

it('self: on both lines, which are in one log', async () => {
  const w = world();
  const a = w.node(1);
  await a.start();
  a.transport.addPeer({ ...peer(2), address: 'n1:7000' });
  await w.clock.advance(500);
  expect(a.warnings.toSorted()).toEqual(['peer.refused self', 'peer.unreachable self']);
  for (const complaint of a.complaints) expect(complaint).toContain('node n1 has dialed itself');
});

it('busy: nodes that nobody added are let in up to a bound, and one more is told', async () => {
  const w = world();
  const [a, b] = [w.node(1), w.node(2)];
  await Promise.all([a.start(), b.start()]);
  for (let id = 100; id < 100 + PEERS_NOT_ADDED_MAX; id++) {
    const them = await stranger(w);
    const hex = id.toString(16).padStart(32, '0');
    const identity = { ...helloTo(a).identity, nodeId: `n${id}`, raftId: id, session: hex };
    them.connection.write([encodeHandshake(helloTo(a, { identity, nonce: hex }))]);
    await w.clock.advance(5);
    them.connection.write([encodeHandshake({ type: HandshakeType.Confirm, nonce: hex })]);
    await w.clock.advance(5);
    expect(a.log.at(-1)).toBe(`connected ${id}`);
  }
  b.transport.addPeer(peer(1));
  await w.clock.advance(50);
  expect([a.warnings, b.warnings]).toEqual([['peer.refused busy'], ['peer.unreachable busy']]);
  a.transport.addPeer(peer(2));
  await w.clock.advance(500);
  expect(b.log.at(-1)).toBe('connected 1');
});

it('a duplicate that never ends is a failure: told, logged, and left to the breaker', async () => {
  let dials = 0;
  const { w, b } = await answered(() => {
    dials += 1;
    const holding = dials.toString(16).padStart(32, '0');
    return { type: HandshakeType.Refuse, code: 'duplicate', text: 'there is another', holding };
  });
  await w.clock.advance(500);
  expect([b.log, b.warnings]).toEqual([[], []]);
  await w.clock.advance(10_000);
  expect(b.log[0]).toBe('unreachable 1 rejected');
  expect(b.warnings).toEqual(['peer.unreachable duplicate']);
  expect(b.status[0]).toMatchObject({ breaker: 'open', lastError: 'there is another' });
  dials = 0;
  await w.clock.advance(10_000);
  expect(dials).toBeLessThanOrEqual(11);
});
