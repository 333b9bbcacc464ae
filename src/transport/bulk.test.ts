/**
 * Bulk transfers over the network in memory: credit, resuming, refusals, slow disks, and that both
 * ends clean up whatever breaks.
 */
import { describe, expect, it } from 'vitest';
import { type RigNode, rigNode, seededRandom } from '../../sim/rigs/transport-rig.ts';
import { ManualClock } from '../../sim/world/manual-clock.ts';
import { MemoryNetwork } from '../../sim/world/memory-network.ts';
import { BULK_CHUNK_BYTES, FRAME_PIECE_MS_MAX } from '../limits.ts';
import { type Message, MessageType, makeMessage } from '../raft/index.ts';
import { positionBytes } from './bulk-wire.ts';
import { encodeFrame, FrameType } from './frame.ts';
import { encodeHandshake, HandshakeType } from './handshake-codec.ts';
import type { TransportOptions } from './options.ts';
import { helloTo, peer, type Stranger, stranger, type World, world } from './transport.fixture.ts';
import type { BulkSink, BulkSource } from './types.ts';

const snapshot: Message = makeMessage({
  type: MessageType.Snap,
  to: 2,
  from: 1,
  term: 4,
  snapshot: {
    metadata: {
      index: 9,
      term: 3,
      confState: {
        voters: [1, 2],
        learners: [],
        votersOutgoing: [],
        learnersNext: [],
        autoLeave: false,
      },
    },
    data: Uint8Array.of(1, 2, 3),
  },
});

function contentOf(bytes: number): Uint8Array {
  const content = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at++) content[at] = at * 7 + (at >> 8);
  return content;
}

/** Remembers what was asked of it. */
class Source implements BulkSource {
  readonly reads: number[] = [];
  readonly bytes: number;
  readonly #content: Uint8Array;

  constructor(content: Uint8Array) {
    this.#content = content;
    this.bytes = content.length;
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    this.reads.push(position);
    return this.#content.subarray(position, position + length);
  }
}

/** A sink whose disk can be held up. */
class Sink implements BulkSink {
  readonly log: string[] = [];
  readonly chunks: Uint8Array[] = [];
  received = 0;
  onWrite: () => Promise<void> = async () => {};
  onFinish: () => Promise<void> = async () => {};
  isWriting = false;

  async write(chunk: Uint8Array): Promise<void> {
    expect(this.isWriting).toBe(false);
    this.isWriting = true;
    this.chunks.push(chunk);
    await this.onWrite();
    this.isWriting = false;
  }

  async finish(): Promise<void> {
    this.log.push('finish');
    await this.onFinish();
  }

  abort(reason: Error): void {
    expect(this.isWriting).toBe(false);
    this.log.push(`abort: ${reason.message}`);
  }

  get content(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

interface Setup {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  readonly a: RigNode;
  readonly b: RigNode;
  readonly sink: Sink;
  /** Starts a transfer; `result` says how it ended. */
  send(content: Uint8Array): { readonly source: Source; result: string | undefined };
}

async function setup(options: TransportOptions = {}): Promise<Setup> {
  const clock = new ManualClock();
  const network = new MemoryNetwork(clock, { latencyMs: 1 });
  const [a, b] = [1, 2].map((id) =>
    rigNode(id, { network: network.host(`n${id}`), clock, random: seededRandom(id), options }),
  ) as [RigNode, RigNode];
  await Promise.all([a.start(), b.start()]);
  a.transport.addPeer({ raftId: 2, nodeId: 'n2', address: 'n2:7000' });
  b.transport.addPeer({ raftId: 1, nodeId: 'n1', address: 'n1:7000' });
  const sink = new Sink();
  b.bulk = async () => sink;
  await clock.advance(50);
  const send: Setup['send'] = (content) => {
    const transfer = { source: new Source(content), result: undefined as string | undefined };
    a.transport.sendBulk(snapshot, transfer.source).then(
      () => {
        transfer.result = 'done';
      },
      (error: { code: string; message: string }) => {
        transfer.result = `${error.code}: ${error.message}`;
      },
    );
    return transfer;
  };
  return { clock, network, a, b, sink, send };
}

function never(): Promise<void> {
  return new Promise(() => {});
}

describe('bulk', () => {
  it('arrives whole and in order; done is said after finish', async () => {
    const { clock, network, b, sink, send } = await setup();
    let offered: Message | undefined;
    b.bulk = async (from, message) => {
      expect(from).toBe(1);
      offered = message;
      return sink;
    };
    let finish = (): void => {};
    sink.onFinish = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const content = contentOf(BULK_CHUNK_BYTES * 9 + 17);
    const transfer = send(content);
    await clock.advance(500);
    expect(offered).toEqual(snapshot);
    expect(sink.content.equals(content)).toBe(true);
    expect([sink.log, transfer.result]).toEqual([['finish'], undefined]);
    finish();
    await clock.advance(10);
    expect([sink.log, transfer.result]).toEqual([['finish'], 'done']);
    expect(network.connections('n1', 'n2')).toBe(1);
  });

  it('of nothing is a transfer too', async () => {
    const { clock, sink, send } = await setup();
    const transfer = send(new Uint8Array());
    await clock.advance(50);
    expect([transfer.result, sink.log]).toEqual(['done', ['finish']]);
  });

  it('goes on where an earlier attempt ended', async () => {
    const { clock, sink, send } = await setup();
    const content = contentOf(BULK_CHUNK_BYTES * 3);
    sink.received = BULK_CHUNK_BYTES + 5;
    const transfer = send(content);
    await clock.advance(100);
    expect(transfer.result).toBe('done');
    expect(transfer.source.reads[0]).toBe(BULK_CHUNK_BYTES + 5);
    expect(sink.content.equals(content.subarray(BULK_CHUNK_BYTES + 5))).toBe(true);
  });

  it('is never ahead of the receiver by more than its window', async () => {
    const { clock, sink, send } = await setup({ bulkWindowBytes: BULK_CHUNK_BYTES * 2 });
    sink.onWrite = never;
    const transfer = send(contentOf(BULK_CHUNK_BYTES * 20));
    await clock.advance(1_000);
    expect(transfer.source.reads.length).toBe(2);
    expect([sink.chunks.length, transfer.result]).toEqual([1, undefined]);
  });

  it('holds no more in memory on both sides than the window and a chunk, however slow the disk', async () => {
    const windowBytes = BULK_CHUNK_BYTES * 4;
    const { clock, sink, send } = await setup({ bulkWindowBytes: windowBytes });
    const content = contentOf(BULK_CHUNK_BYTES * 40 + 1);
    let [read, written, high] = [0, 0, 0];
    sink.onWrite = async () => {
      await new Promise<void>((resolve) => clock.after(7, resolve));
      written = sink.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    };
    const transfer = send(content);
    const original = transfer.source.read.bind(transfer.source);
    transfer.source.read = async (position, length) => {
      const chunk = await original(position, length);
      read += chunk.length;
      high = Math.max(high, read - written);
      return chunk;
    };
    await clock.until(() => transfer.result !== undefined, 60_000);
    expect([transfer.result, written]).toEqual(['done', content.length]);
    expect(high).toBeLessThanOrEqual(windowBytes + BULK_CHUNK_BYTES);
    expect(high).toBeGreaterThan(BULK_CHUNK_BYTES);
  });

  it('S-103 cut at any chunk it goes on where the receiver was, until it is whole', async () => {
    const chunks = 6;
    const content = contentOf(BULK_CHUNK_BYTES * chunks);
    for (let cut = 0; cut < chunks; cut++) {
      for (const byte of [1, BULK_CHUNK_BYTES / 2, BULK_CHUNK_BYTES]) {
        const { clock, network, b, send } = await setup();
        const kept: Uint8Array[] = [];
        const starts: number[] = [];
        b.bulk = async () => {
          const sink = new Sink();
          sink.received = kept.reduce((sum, chunk) => sum + chunk.length, 0);
          starts.push(sink.received);
          const write = sink.write.bind(sink);
          sink.write = async (chunk) => {
            await write(chunk);
            kept.push(chunk);
          };
          return sink;
        };
        network.resetAfter('n1', 'n2', cut * BULK_CHUNK_BYTES + byte);
        const first = send(content);
        await clock.until(() => first.result !== undefined, 60_000);
        expect(first.result).toContain('TRANSFER_FAILED');
        await clock.advance(2_000);
        const second = send(content);
        await clock.until(() => second.result !== undefined, 60_000);
        expect(second.result).toBe('done');
        expect(Buffer.concat(kept).equals(content)).toBe(true);
        // Whole chunks that had arrived were not sent again.
        const resumedAt = starts[starts.length - 1];
        expect(resumedAt).toBeGreaterThanOrEqual(Math.max(0, cut - 1) * BULK_CHUNK_BYTES);
        expect(resumedAt).toBeLessThanOrEqual((cut + 1) * BULK_CHUNK_BYTES);
      }
    }
  });

  it('a heartbeat passes a snapshot', async () => {
    const { clock, a, b, sink, send } = await setup();
    sink.onWrite = never;
    send(contentOf(BULK_CHUNK_BYTES * 20));
    await clock.advance(100);
    a.transport.send(makeMessage({ type: MessageType.Heartbeat, to: 2, from: 1, term: 1 }));
    a.transport.flush();
    await clock.advance(2);
    expect(b.messages.length).toBe(1);
  });

  it('is refused by the node with its reason', async () => {
    const { clock, b, send } = await setup();
    b.bulk = async () => {
      throw new Error('a newer snapshot is here already');
    };
    const transfer = send(contentOf(10));
    await clock.advance(50);
    expect(transfer.result).toBe(
      'TRANSFER_FAILED: the transfer to node n2 failed: the receiver refused it: ' +
        'a newer snapshot is here already',
    );
  });

  it('fails by name when the sink can not write or not finish', async () => {
    for (const part of ['onWrite', 'onFinish'] as const) {
      const { clock, sink, send } = await setup();
      sink[part] = async () => {
        sink.isWriting = false;
        throw new Error('disk full');
      };
      const transfer = send(contentOf(10));
      await clock.advance(50);
      expect(transfer.result).toContain('the receiver failed: disk full');
      expect(sink.log).toEqual(part === 'onWrite' ? ['abort: disk full'] : ['finish']);
    }
  });

  it('fails when the source does, and the receiver cleans up', async () => {
    const { clock, network, sink, send } = await setup();
    const transfer = send(contentOf(BULK_CHUNK_BYTES * 4));
    transfer.source.read = async (position) => {
      if (position > 0) throw new Error('read error');
      return contentOf(BULK_CHUNK_BYTES);
    };
    await clock.advance(100);
    expect(transfer.result).toContain('read error');
    expect(sink.log.length).toBe(1);
    expect(sink.log[0]).toContain('abort');
    expect(network.connections('n1', 'n2')).toBe(1);
  });

  it('a break in the middle of a chunk ends it on both sides, once, after the running write', async () => {
    const { clock, network, sink, send } = await setup();
    let written = (): void => {};
    sink.onWrite = () =>
      new Promise((resolve) => {
        written = resolve;
      });
    network.resetAfter('n1', 'n2', BULK_CHUNK_BYTES + 100_000);
    const transfer = send(contentOf(BULK_CHUNK_BYTES * 10));
    await clock.advance(50);
    expect(transfer.result).toContain('TRANSFER_FAILED');
    expect(sink.log).toEqual([]);
    written();
    await clock.advance(1);
    expect(sink.log).toEqual(['abort: the connection broke']);
  });

  it('silence of the network ends it on both sides after the time given', async () => {
    const { clock, network, sink, send } = await setup({ bulkProgressTimeoutMs: 5_000 });
    network.resetAfter('n1', 'n2', Number.MAX_SAFE_INTEGER);
    sink.onWrite = async () => {
      if (sink.chunks.length === 3) network.cutBoth('n1', 'n2');
    };
    const transfer = send(contentOf(BULK_CHUNK_BYTES * 40));
    await clock.advance(4_900);
    expect([transfer.result, sink.log]).toEqual([undefined, []]);
    await clock.advance(300);
    expect(transfer.result).toContain('no progress for 5000 ms');
    expect(sink.log).toEqual(['abort: no progress for 5000 ms']);
  });

  it('a disk that is stuck while writing ends it; one that is slow to finish does not', async () => {
    const stuck = await setup({ bulkProgressTimeoutMs: 5_000 });
    stuck.sink.onWrite = never;
    const lost = stuck.send(contentOf(BULK_CHUNK_BYTES * 40));
    await stuck.clock.advance(5_200);
    expect(lost.result).toContain('no progress');

    const slow = await setup({ bulkProgressTimeoutMs: 5_000, bulkFinishTimeoutMs: 60_000 });
    let finish = (): void => {};
    slow.sink.onFinish = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const transfer = slow.send(contentOf(10));
    await slow.clock.advance(59_000);
    expect(transfer.result).toBeUndefined();
    finish();
    await slow.clock.advance(10);
    expect(transfer.result).toBe('done');

    const endless = slow.send(contentOf(10));
    await slow.clock.advance(61_000);
    expect(endless.result).toContain('TRANSFER_FAILED');
  });

  it('a node that takes its time to open the sink, and a source that is slow, are waited for', async () => {
    const { clock, b, sink, send } = await setup({ bulkProgressTimeoutMs: 5_000 });
    b.bulk = async () => {
      await new Promise<void>((resolve) => clock.after(20_000, resolve));
      return sink;
    };
    const transfer = send(contentOf(10));
    const read = transfer.source.read.bind(transfer.source);
    transfer.source.read = async (position, length) => {
      await new Promise<void>((resolve) => clock.after(20_000, resolve));
      return await read(position, length);
    };
    await clock.advance(39_900);
    expect(transfer.result).toBeUndefined();
    await clock.advance(200);
    expect(transfer.result).toBe('done');
  });

  it('keeps to the rate given', async () => {
    const { clock, send } = await setup({ bulkBytesPerSecond: 100_000 });
    const startMs = clock.now();
    const transfer = send(contentOf(500_000));
    await clock.until(() => transfer.result !== undefined, 60_000);
    expect(transfer.result).toBe('done');
    expect(clock.now() - startMs).toBeGreaterThan(4_500);
    expect(clock.now() - startMs).toBeLessThan(5_500);
  });

  it('one transfer to a peer at a time', async () => {
    const { clock, sink, send } = await setup();
    sink.onFinish = never;
    send(contentOf(10));
    await clock.advance(20);
    const second = send(contentOf(10));
    await clock.advance(20);
    expect(second.result).toContain('another transfer to the same node is running');
  });

  it('to a peer that is away fails, without waiting for the breaker', async () => {
    const { clock, network, send } = await setup();
    network.crash('n2');
    await clock.advance(20);
    const transfer = send(contentOf(10));
    await clock.advance(20);
    expect(transfer.result).toContain('nothing listens there');
  });

  it('stop and removePeer end it on both sides', async () => {
    for (const end of ['stop', 'removePeer'] as const) {
      const { clock, a, sink, send } = await setup();
      sink.onFinish = async () => {};
      const transfer = send(contentOf(BULK_CHUNK_BYTES * 40));
      transfer.source.read = () => new Promise(() => {});
      await clock.advance(20);
      if (end === 'stop') void a.transport.stop();
      else a.transport.removePeer(2);
      await clock.advance(20);
      expect(transfer.result).toContain('TRANSFER_FAILED');
      expect(sink.log.length).toBe(1);
      expect(sink.log[0]).toContain('abort');
    }
  });

  it('stop of the receiver aborts its sink', async () => {
    const { clock, b, sink, send } = await setup();
    const transfer = send(contentOf(BULK_CHUNK_BYTES * 4));
    transfer.source.read = () => new Promise(() => {});
    await clock.advance(20);
    void b.transport.stop();
    await clock.advance(20);
    expect(sink.log).toEqual(['abort: the transport was stopped']);
    expect(transfer.result).toContain('TRANSFER_FAILED');
  });

  it('a newer transfer from the same peer takes the place of one that hangs', async () => {
    const { clock, network, a, b, send } = await setup({ bulkProgressTimeoutMs: 60_000 });
    const sinks = [new Sink(), new Sink()];
    let opened = 0;
    b.bulk = async () => sinks[opened++]!;
    const first = send(contentOf(BULK_CHUNK_BYTES * 4));
    first.source.read = () => new Promise(() => {});
    await clock.advance(20);
    network.resetOneSide('n1', 'n2');
    await clock.advance(300);
    expect(first.result).toContain('TRANSFER_FAILED');
    const second = send(contentOf(10));
    await clock.advance(100);
    expect(second.result).toBe('done');
    expect(sinks[0]?.log).toEqual(['abort: a newer transfer from the same node began']);
    expect(a.status[0]?.connected).toBe(true);
  });

  /** A connection on which node 2, which is a peer but can not be reached, begins to send bulk. */
  async function bulkOf2(w: World): Promise<{ node: RigNode; them: Stranger; waiting: number }> {
    const node = w.node(1);
    await node.start();
    node.transport.addPeer({ ...peer(2), address: 'n9:7000' });
    await w.clock.advance(5);
    const { waiting } = w.clock;
    const them = await stranger(w);
    const hello = helloTo(node, { purpose: 'bulk' });
    them.connection.write([encodeHandshake(hello)]);
    await w.clock.advance(5);
    const { nonce } = hello;
    them.connection.write([encodeHandshake({ type: HandshakeType.Confirm, nonce })]);
    return { node, them, waiting };
  }

  it('an offer that can not be read ends it, and is told', async () => {
    const w = world();
    const { node, them, waiting } = await bulkOf2(w);
    const noMessage = Buffer.alloc(9, 0xff);
    them.connection.write(encodeFrame(FrameType.BulkOffer, 0, [positionBytes(10), noMessage]));
    await w.clock.advance(5);
    expect(them.state.isClosed).toBe(true);
    expect([node.warnings.at(-1), w.clock.waiting]).toEqual(['bulk.receive-failed', waiting]);
  });

  it('a frame that drips in ends it: bytes that complete nothing are no progress', async () => {
    const w = world();
    const { node, them } = await bulkOf2(w);
    const bytes = Buffer.concat(encodeFrame(FrameType.BulkOffer, 0, [Buffer.alloc(5_000)]));
    const endMs = w.clock.now() + FRAME_PIECE_MS_MAX;
    for (let at = 0; w.clock.now() < endMs - 1_000; at++) {
      them.connection.write([bytes.subarray(at, at + 1)]);
      await w.clock.advance(1_000);
    }
    expect(them.state.isClosed).toBe(false);
    await w.clock.advance(1_500);
    expect(them.state.isClosed).toBe(true);
    expect(node.complaints.join()).toContain('no piece of a frame was completed');
  });
});
