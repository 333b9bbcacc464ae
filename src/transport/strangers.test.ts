/**
 * Who is not let in, and what that costs: each refusal is named on both sides, and strangers, garbage,
 * silence and drip-fed bytes take bounded memory, time and places.
 */
import { crc32 } from 'node:zlib';

import { describe, expect, it } from 'vitest';

import type { RigNode } from '../../sim/rigs/transport-rig.ts';
import { ClusterError } from '../errors.ts';
import {
  FRAGMENT_BYTES_MAX,
  FRAME_PIECE_MS_MAX,
  HANDSHAKE_MS_MAX,
  HANDSHAKES_MAX,
  HANDSHAKES_PER_ADDRESS_MAX,
} from '../limits.ts';
import { encodeFrame, FrameType, OutFrame } from './frame.ts';
import {
  decodeHandshake,
  encodeHandshake,
  HandshakeType,
  type Identity,
} from './handshake-codec.ts';
import {
  connected,
  heartbeat,
  helloTo,
  pair,
  peer,
  type Stranger,
  send,
  stranger,
  type World,
  world,
} from './transport.fixture.ts';
import type { LocalPeer } from './types.ts';

describe('strangers', () => {
  async function refused(changes: Partial<LocalPeer>): Promise<[RigNode, RigNode]> {
    const w = world();
    const [a, b] = [w.node(1), w.node(2)];
    await a.start();
    await b.start(changes);
    b.transport.addPeer(peer(1));
    await w.clock.advance(3_000);
    expect(b.log[0]).toBe('unreachable 1 rejected');
    expect(connected(b)).toBe(false);
    expect(a.messages).toEqual([]);
    return [a, b];
  }

  it('another cluster name, another cluster id: refused by name, logged once on both sides', async () => {
    for (const [changes, code] of [
      [{ clusterName: 'other' }, 'cluster-name'],
      [{ clusterId: 'cluster-2' }, 'cluster-id'],
    ] as const) {
      const [a, b] = await refused(changes);
      expect(a.warnings).toEqual([`peer.refused ${code}`]);
      expect(b.warnings).toEqual([`peer.unreachable ${code}`]);
      expect(b.errors[0]).toBeInstanceOf(ClusterError);
      expect(b.errors[0]).toMatchObject({ code: 'PEER_REFUSED', details: { refusal: code } });
      expect(b.status[0]?.lastError).toContain('cluster');
    }
  });

  it('a node id or raft id that is taken is refused', async () => {
    const [a] = await refused({ nodeId: 'n1' });
    expect(a.warnings).toEqual(['peer.refused identity']);
  });

  it('a peer under another node id than the one that was added is refused', async () => {
    const w = world();
    const [a, b] = [w.node(1), w.node(2)];
    await a.start();
    await b.start({ nodeId: 'imposter' });
    a.transport.addPeer({ ...peer(2), address: 'n9:7000' });
    b.transport.addPeer(peer(1));
    await w.clock.advance(1_000);
    expect(b.warnings[0]).toBe('peer.unreachable identity');
    expect(a.warnings).toContain('peer.refused identity');
    expect(a.status[0]?.lastError).toBeDefined();
  });

  it('an address at which another node lives is refused, whoever notices first', async () => {
    const w = world();
    const [a, c] = [w.node(1), w.node(3)];
    await Promise.all([a.start(), c.start()]);
    a.transport.addPeer({ ...peer(2), address: 'n3:7000' });
    await w.clock.advance(500);
    expect(a.log[0]).toBe('unreachable 2 rejected');
    expect(a.warnings).toEqual(['peer.unreachable wrong-node']);
  });

  it('a node that dials itself is told so', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    a.transport.addPeer({ ...peer(2), address: 'n1:7000' });
    await w.clock.advance(500);
    expect(a.log[0]).toBe('unreachable 2 rejected');
    expect(a.warnings).toContain('peer.unreachable self');
  });

  it('what admit refuses is told to the other side, and nothing of it is delivered', async () => {
    const w = world();
    const [a, b] = [w.node(1), w.node(2)];
    a.admit = async ({ incarnation }) => {
      throw new ClusterError('MEMBER_WIPED', `n2 came back as ${incarnation}; give it a new id`);
    };
    await Promise.all([a.start(), b.start()]);
    b.transport.addPeer(peer(1));
    send(b, heartbeat(2, 1));
    await w.clock.advance(1_000);
    expect(a.messages).toEqual([]);
    expect(b.status[0]?.lastError).toBe('n2 came back as life-2; give it a new id');
    expect([a.warnings, b.warnings]).toEqual([
      ['peer.refused incarnation'],
      ['peer.unreachable incarnation'],
    ]);
  });

  it('the dialer admits too: a wiped acceptor is found out', async () => {
    const w = world();
    const [a, b] = [w.node(1), w.node(2)];
    b.admit = async () => {
      throw new ClusterError('MEMBER_UNKNOWN', 'n1 is no member');
    };
    await Promise.all([a.start(), b.start()]);
    b.transport.addPeer(peer(1));
    await w.clock.advance(1_000);
    expect([a.log, b.log[0]]).toEqual([[], 'unreachable 1 rejected']);
    expect(a.warnings).toEqual(['peer.refused unknown-node']);
  });

  it('nothing is delivered while admit is not done', async () => {
    const w = world();
    const [a, b] = [w.node(1), w.node(2)];
    let open = (): void => {};
    a.admit = () =>
      new Promise((resolve) => {
        open = resolve;
      });
    await Promise.all([a.start(), b.start()]);
    b.transport.addPeer(peer(1));
    send(b, heartbeat(2, 1));
    await w.clock.advance(1_000);
    expect([a.messages.length, a.log.length]).toEqual([0, 0]);
    open();
    await w.clock.advance(10);
    expect([a.messages.length, a.log]).toEqual([1, ['connected 2']]);
  });

  it('garbage is hung up on at once, silence and drip-feeding at the deadline', async () => {
    const w = world();
    const a = w.node(1, { handshakeTimeoutMs: 2_000 });
    await a.start();
    const [garbage, silent, slow] = [await stranger(w), await stranger(w), await stranger(w)];
    garbage.connection.write([Buffer.from('GET / HTTP/1.1\r\n\r\n')]);
    slow.connection.write([Buffer.from('QUOR')]);
    await w.clock.advance(5);
    expect([garbage.state.isClosed, silent.state.isClosed]).toEqual([true, false]);
    for (let i = 0; i < 19; i++) {
      await w.clock.advance(100);
      if (i < 8) slow.connection.write([Buffer.from([i === 0 ? 1 : i === 3 ? 100 : 0])]);
    }
    expect([silent.state.isClosed, slow.state.isClosed]).toEqual([false, false]);
    await w.clock.advance(200);
    expect([silent.state.isClosed, slow.state.isClosed]).toEqual([true, true]);
    expect(a.warnings).toEqual(['peer.refused malformed']);
  });

  it('no common version: refused by name', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    const them = await stranger(w);
    const hello = helloTo(a, { versionMin: 7, versionMax: 9 });
    them.connection.write([encodeHandshake(hello)]);
    await w.clock.advance(5);
    const answer = decodeHandshake(Buffer.concat(them.heard))?.message;
    expect(answer).toMatchObject({ type: HandshakeType.Refuse, code: 'version' });
    await w.clock.advance(1_100);
    expect(them.state.isClosed).toBe(true);
  });

  it('frames before their turn end the connection', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    const them = await stranger(w);
    them.connection.write([encodeHandshake(helloTo(a)), Buffer.alloc(100)]);
    await w.clock.advance(5);
    expect([them.state.isClosed, a.log]).toEqual([true, []]);
    expect(a.warnings).toEqual(['peer.refused malformed']);
  });

  it('each of them gives its place back, or a few would shut out everybody', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    for (let count = 0; count < 2 * HANDSHAKES_PER_ADDRESS_MAX; count++) {
      const them = await stranger(w);
      // In one piece, so that it is all there when the handshake is looked at.
      them.connection.write([Buffer.concat([encodeHandshake(helloTo(a)), Buffer.alloc(100)])]);
      await w.clock.advance(5);
    }
    expect(a.warnings).toEqual(['peer.refused malformed']);
    const them = await stranger(w);
    them.connection.write([encodeHandshake(helloTo(a))]);
    await w.clock.advance(5);
    const answer = decodeHandshake(Buffer.concat(them.heard))?.message;
    expect(answer).toMatchObject({ type: HandshakeType.Accept });
  });
});

/** `n2` dials `n1`; what went wrong is to be found on both sides: who, what, and what to do. */
const REFUSALS: readonly {
  readonly code: string;
  readonly local?: Partial<LocalPeer>;
  readonly address?: string;
  readonly admit?: ClusterError;
  readonly says: readonly string[];
}[] = [
  {
    code: 'cluster-name',
    local: { clusterName: 'other' },
    says: ['node n2', '"other"', 'node n1', '"test"', 'check addresses and cluster names'],
  },
  {
    code: 'cluster-id',
    local: { clusterId: 'cluster-2' },
    says: ['node n2', 'cluster-2', 'node n1', 'cluster-1', 'two clusters were founded'],
  },
  {
    code: 'identity',
    local: { nodeId: 'n1' },
    says: ['node n1 at n2:7000', 'n1 at n1:7000', 'an identity may be used once only'],
  },
  {
    code: 'wrong-node',
    address: 'n3:7000',
    says: [
      'node n2 dialed raft id 1',
      'node n3 with raft id 3',
      'correct the address of raft id 1',
    ],
  },
  {
    code: 'incarnation',
    admit: new ClusterError('MEMBER_WIPED', 'n2 lost its data: remove it, then add it'),
    says: ['n2 lost its data: remove it, then add it'],
  },
  {
    code: 'removed',
    admit: new ClusterError('MEMBER_REMOVED', 'n2 was removed: empty its folder'),
    says: ['n2 was removed: empty its folder'],
  },
  {
    code: 'unknown-node',
    admit: new ClusterError('MEMBER_UNKNOWN', 'n2 is no member: add it first'),
    says: ['n2 is no member: add it first'],
  },
  { code: 'rejected', admit: new ClusterError('DISK_FULL', 'no room'), says: ['no room'] },
  { code: 'busy', admit: new ClusterError('OVERLOADED', 'come later'), says: ['come later'] },
];

describe('a refusal is named on both sides', () => {
  for (const { code, local, address, admit, says } of REFUSALS) {
    it(code, async () => {
      const w = world();
      const [a, b, c] = [w.node(1), w.node(2), w.node(3)];
      const acceptor = address === undefined ? a : c;
      if (admit !== undefined) {
        acceptor.admit = async () => {
          throw admit;
        };
      }
      await Promise.all([a.start(), b.start({ address: 'n2:7000', ...local }), c.start()]);
      b.transport.addPeer({ ...peer(1), address: address ?? 'n1:7000' });
      await w.clock.advance(3_000);
      expect(acceptor.warnings).toEqual([`peer.refused ${code}`]);
      expect(b.warnings).toEqual([`peer.unreachable ${code}`]);
      for (const part of says) {
        expect(acceptor.complaints[0]).toContain(part);
        expect(b.complaints[0]).toContain(part);
        expect(b.status[0]?.lastError).toContain(part);
      }
      expect(b.errors[0]).toMatchObject({
        code: 'PEER_REFUSED',
        details: { refusal: code, by: 'them' },
      });
      expect([acceptor.messages, acceptor.log]).toEqual([[], []]);
    });
  }

  it('version', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    const them = await stranger(w);
    them.connection.write([encodeHandshake(helloTo(a, { versionMin: 7, versionMax: 9 }))]);
    await w.clock.advance(5);
    const answer = decodeHandshake(Buffer.concat(them.heard))?.message;
    const text = answer?.type === HandshakeType.Refuse ? answer.text : '';
    for (const said of [text, a.complaints[0]]) {
      expect(said).toContain('node n2 speaks versions 7 to 9, node n1 1 to 1; upgrade one release');
    }
    expect(a.warnings).toEqual(['peer.refused version']);
  });

  it('when the dialer refuses, the acceptor is told by whom', async () => {
    const w = world();
    const [a, b] = [w.node(1), w.node(2)];
    a.admit = async () => {
      throw new ClusterError('MEMBER_WIPED', 'n2 lost its data: remove it, then add it');
    };
    await Promise.all([a.start(), b.start()]);
    b.transport.addPeer({ ...peer(1), address: 'n9:7000' });
    a.transport.addPeer(peer(2));
    await w.clock.advance(1_000);
    expect(a.status[0]?.lastError).toContain('n2 lost its data');
    expect(b.status[0]?.lastError).toBeDefined();
    expect(b.warnings).toContain('peer.refused incarnation');
    expect(b.complaints.join()).toContain('n2 lost its data: remove it, then add it');
  });
});

describe('what hangs on our own side', () => {
  it('an admit of the acceptor that hangs is cut off, and blocks no later attempt', async () => {
    const w = world();
    const [a, b] = [w.node(1), w.node(2)];
    a.admit = () => new Promise(() => {});
    await Promise.all([a.start(), b.start()]);
    a.transport.addPeer(peer(2));
    b.transport.addPeer(peer(1));
    await w.clock.advance(3 * HANDSHAKE_MS_MAX);
    expect([connected(a), connected(b)]).toEqual([false, false]);
    expect(a.status[0]?.lastError).toContain('node n1 had not made up its mind about node n2');
    a.admit = async () => {};
    expect(await w.clock.until(() => connected(a) && connected(b), HANDSHAKE_MS_MAX + 2_000)).toBe(
      true,
    );
    expect(w.network.connections('n1', 'n2')).toBe(1);
  });

  it('the same for the dialer; its handshake has one deadline, dialing included', async () => {
    const w = world();
    const [a, b] = [w.node(1), w.node(2)];
    a.admit = () => new Promise(() => {});
    await Promise.all([a.start(), b.start()]);
    w.network.delay('n1', 'n2', 1_500);
    a.transport.addPeer(peer(2));
    await w.clock.advance(HANDSHAKE_MS_MAX - 1);
    expect(a.log).toEqual([]);
    await w.clock.advance(2);
    expect(a.log).toEqual(['unreachable 2 timeout']);
    w.network.delay('n1', 'n2', 0);
    a.admit = async () => {};
    expect(await w.clock.until(() => connected(a), 2_000)).toBe(true);
  });
});

/** As many as there are, one after the other. */
async function crowd(w: World, count: number, host: (at: number) => string): Promise<Stranger[]> {
  const made: Stranger[] = [];
  for (let at = 0; at < count; at++) made.push(await stranger(w, host(at)));
  return made;
}

function open(strangers: readonly Stranger[]): number {
  return strangers.filter(({ state }) => !state.isClosed).length;
}

describe('what strangers can cost', () => {
  it('silent connections of one address have a bounded share; peers still come in', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    const silent = await crowd(w, 300, () => 'n2');
    expect(open(silent)).toBe(HANDSHAKES_PER_ADDRESS_MAX);
    expect(a.warnings).toEqual(['peer.handshakes-full']);
    expect(a.complaints[0]).toContain('32 connections from n2');
    const [b, c] = [w.node(2), w.node(3)];
    await Promise.all([b.start(), c.start()]);
    for (const node of [b, c]) node.transport.addPeer(peer(1));
    await w.clock.advance(20);
    expect([connected(b), connected(c)]).toEqual([true, true]);
    await w.clock.advance(HANDSHAKE_MS_MAX);
    expect([open(silent), connected(b)]).toEqual([0, true]);
  });

  it('silent connections of many addresses fill all places; peers still come in', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    const silent = await crowd(w, 500, (at) => `host-${at % 50}`);
    expect(open(silent)).toBe(HANDSHAKES_MAX);
    const b = w.node(2);
    await b.start();
    b.transport.addPeer(peer(1));
    await w.clock.advance(20);
    expect(connected(b)).toBe(true);
  });

  it('who was refused by name keeps its place until it is gone, so those are bounded too', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    const hello = encodeHandshake(helloTo(a, { target: 9 }));
    const refused: Stranger[] = [];
    for (let at = 0; at < 100; at++) {
      const them = await stranger(w);
      them.connection.write([hello]);
      refused.push(them);
    }
    await w.clock.advance(5);
    expect(open(refused)).toBe(HANDSHAKES_PER_ADDRESS_MAX);
    expect(a.warnings).toEqual(['peer.refused wrong-node', 'peer.handshakes-full']);
    await w.clock.advance(1_500);
    expect(open(refused)).toBe(0);
  });

  it('who showed a hello that fits, of a peer, is not pushed out by those who are silent', async () => {
    const w = world();
    const a = w.node(1);
    let admit = (): void => {};
    a.admit = () =>
      new Promise((resolve) => {
        admit = resolve;
      });
    await a.start();
    a.transport.addPeer({ ...peer(2), address: 'n9:7000' });
    const first = await stranger(w);
    first.connection.write([encodeHandshake(helloTo(a))]);
    await w.clock.advance(5);
    await crowd(w, 100, () => 'x');
    expect(first.state.isClosed).toBe(false);
    admit();
    await w.clock.advance(5);
    const answer = decodeHandshake(Buffer.concat(first.heard))?.message;
    expect(answer?.type).toBe(HandshakeType.Accept);
  });

  it('fitting hellos of nobody’s peers hold no place against a peer', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    a.transport.addPeer({ ...peer(2), address: 'n9:7000' });
    for (let at = 0; at < HANDSHAKES_MAX; at++) {
      const them = await stranger(w, `x${at % 4}`);
      them.connection.write([encodeHandshake(helloTo(a, { identity: nobody(a, 9_000 + at) }))]);
    }
    const b = w.node(2);
    await b.start();
    b.transport.addPeer(peer(1));
    await w.clock.advance(20);
    expect(connected(b)).toBe(true);
  });

  it('who finds no place, or loses it, is told that we are busy', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    const [oldest] = await crowd(w, HANDSHAKES_PER_ADDRESS_MAX + 1, () => 'x');
    const answer = decodeHandshake(Buffer.concat(oldest?.heard ?? []))?.message;
    expect(answer).toMatchObject({ type: HandshakeType.Refuse, code: 'busy' });
    expect(oldest?.state.isClosed).toBe(true);
  });

  it('bulk is taken from peers only, and of each only one is waited for', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    const dial = async (identity: Identity): Promise<Stranger> => {
      const them = await stranger(w);
      them.connection.write([encodeHandshake(helloTo(a, { purpose: 'bulk', identity }))]);
      await w.clock.advance(5);
      return them;
    };
    const strange = await dial(nobody(a, 9_000));
    const answer = decodeHandshake(Buffer.concat(strange.heard))?.message;
    expect(answer).toMatchObject({ type: HandshakeType.Refuse, code: 'unknown-node' });
    a.transport.addPeer({ ...peer(2), address: 'n9:7000' });
    const { identity } = helloTo(a);
    const [first, second] = [await dial(identity), await dial(identity)];
    expect([first.state.isClosed, second.state.isClosed]).toEqual([true, false]);
  });

  it('names that a stranger makes up are logged once for where it comes from', async () => {
    const w = world();
    const a = w.node(1);
    a.admit = async () => {
      throw new ClusterError('MEMBER_UNKNOWN', 'no member');
    };
    await a.start();
    for (let at = 0; at < 10; at++) {
      const them = await stranger(w);
      them.connection.write([encodeHandshake(helloTo(a, { identity: nobody(a, 9_000 + at) }))]);
      await w.clock.advance(5);
    }
    expect(a.warnings).toEqual(['peer.refused unknown-node']);
  });

  it('garbage and silence leave no timer and no connection behind', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    const before = w.clock.waiting;
    const strangers = await crowd(w, 60, () => 'x');
    for (const [at, them] of strangers.entries()) {
      if (at % 2 === 0) them.connection.write([Buffer.alloc(5_000, at)]);
    }
    await w.clock.advance(HANDSHAKE_MS_MAX + 10);
    expect([open(strangers), w.clock.waiting]).toEqual([0, before]);
  });

  /** A stranger that knows everything, and has come in as node 2. */
  async function insider(w: World, node: RigNode): Promise<Stranger> {
    const them = await stranger(w);
    const hello = helloTo(node);
    them.connection.write([encodeHandshake(hello)]);
    await w.clock.advance(5);
    const confirm = { type: HandshakeType.Confirm, nonce: hello.nonce } as const;
    them.connection.write([encodeHandshake(confirm)]);
    await w.clock.advance(5);
    expect(node.log).toEqual(['connected 2']);
    return them;
  }

  it('a frame that drips in a byte a second ends the connection', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    const them = await insider(w, a);
    const frame = new OutFrame(FrameType.Node, 1, 5_000);
    const bytes = Buffer.concat(encodeFrame(FrameType.Node, 1, [frame.payload]));
    const endMs = w.clock.now() + FRAME_PIECE_MS_MAX;
    for (let at = 0; w.clock.now() < endMs - 1_000; at++) {
      them.connection.write([bytes.subarray(at, at + 1)]);
      await w.clock.advance(1_000);
    }
    expect(them.state.isClosed).toBe(false);
    them.connection.write([bytes.subarray(0, 1)]);
    await w.clock.advance(1_500);
    expect(them.state.isClosed).toBe(true);
    expect(a.log.at(-1)).toBe('unreachable 2 timeout');
    expect(a.errors[0]?.message).toContain('no piece of a frame was completed from node n2');
  });

  it('a frame or a piece of it that claims too much ends it before anything is kept', async () => {
    for (const [length, total] of [
      [FRAGMENT_BYTES_MAX, 0xffff_ffff],
      [FRAGMENT_BYTES_MAX + 1, FRAGMENT_BYTES_MAX + 1],
      [0xffff_ffff, 0xffff_ffff],
    ] as const) {
      const w = world();
      const a = w.node(1);
      await a.start();
      const them = await insider(w, a);
      them.connection.write([headerOf(length, total)]);
      await w.clock.advance(5);
      expect(them.state.isClosed).toBe(true);
      expect(a.errors[0]?.message).toMatch(/the stream of frames is broken: .* exceed/);
    }
  });

  it('garbage of a peer that was let in ends its connection, nobody else’s', async () => {
    const w = world();
    const [a, b] = await pair(w);
    const c = w.node(3);
    await c.start();
    c.transport.addPeer(peer(1));
    await w.clock.advance(10);
    w.network.resetAll('n1', 'n3');
    const them = await stranger(w);
    const identity = { ...helloTo(a).identity, nodeId: 'n3', raftId: 3, address: 'n3:7000' };
    const hello = helloTo(a, { identity });
    them.connection.write([encodeHandshake(hello)]);
    await w.clock.advance(5);
    them.connection.write([
      encodeHandshake({ type: HandshakeType.Confirm, nonce: hello.nonce }),
      Buffer.alloc(70_000, 0x51),
    ]);
    await w.clock.advance(10);
    send(a, heartbeat(1, 2));
    await w.clock.advance(5);
    expect([connected(a), connected(b), b.messages.length]).toEqual([true, true, 1]);
  });
});

/** A node of the same cluster that nobody added. */
function nobody(node: RigNode, raftId: number): Identity {
  const session = raftId.toString(16).padStart(32, '0');
  return { ...helloTo(node).identity, nodeId: `stranger-${raftId}`, raftId, session };
}

/** A good header of a piece that never comes. */
function headerOf(length: number, total: number): Buffer {
  const header = Buffer.alloc(24);
  header[0] = 0x51;
  header[1] = FrameType.Messages;
  header.writeUInt32BE(length, 8);
  header.writeUInt32BE(total, 12);
  header.writeUInt32BE(crc32(header.subarray(0, 20)), 20);
  return header;
}
