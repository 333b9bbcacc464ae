/**
 * That what comes out is what went in, in order, whatever the sizes are and however slowly the socket takes
 * it: each test sends through an outbox and compares every byte that the socket was given, at the moment
 * when it takes it.
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlushTime, Outbox } from './outbox.ts';

/** Looks at what it was given only when it takes it, as a kernel does whose buffer was full. */
class SlowSocket extends Writable {
  readonly taken: Buffer[] = [];
  writes = 0;
  isSlow: boolean;
  #pending: (() => void) | undefined;

  constructor(isSlow: boolean) {
    super({ highWaterMark: 16 });
    this.isSlow = isSlow;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.taken);
  }

  override _writev(
    chunks: { chunk: Buffer; encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    this.writes++;
    const take = (): void => {
      for (const { chunk } of chunks) this.taken.push(Buffer.from(chunk));
      done();
    };
    if (this.isSlow) this.#pending = take;
    else take();
  }

  override _write(
    chunk: Buffer,
    encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    this._writev([{ chunk, encoding }], done);
  }

  /** Takes what it was given last. */
  take(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.();
  }
}

function outboxOn(socket: SlowSocket, flushTime: FlushTime = 'afterIo'): Outbox {
  return new Outbox(socket as unknown as Socket, flushTime);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Bytes that tell where they belong. */
function body(bytes: number, seed: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, at) => (at * 31 + seed * 7) & 0xff));
}

function put(outbox: Outbox, bytes: Uint8Array, inPlace: boolean): void {
  if (inPlace) {
    const at = outbox.reserve(bytes.length);
    outbox.slab.set(bytes, at);
  } else {
    outbox.add(bytes);
  }
}

describe('outbox', () => {
  it('hands the frames of a turn over as one write', async () => {
    const socket = new SlowSocket(false);
    const outbox = outboxOn(socket);
    for (let at = 0; at < 40; at++) put(outbox, body(300, at), at % 2 === 0);
    expect(socket.writes).toBe(0);
    expect(outbox.queuedBytes).toBe(12_000);
    await turn();
    expect(socket.writes).toBe(1);
    expect(outbox.queuedBytes).toBe(0);
  });

  it('hands over what one callback and its microtasks added, before the next one', async () => {
    const socket = new SlowSocket(false);
    const outbox = outboxOn(socket, 'afterCallback');
    const writesInNext = await new Promise((resolve) => {
      setImmediate(() => {
        outbox.add(body(10, 1));
        Promise.resolve().then(() => outbox.add(body(10, 2)));
        setImmediate(() => resolve(socket.writes));
      });
    });
    expect(writesInNext).toBeGreaterThan(0);
    expect(socket.bytes).toEqual(Buffer.concat([body(10, 1), body(10, 2)]));
  });

  it('sends at once what it is told to, and the rest of the turn with its end', async () => {
    const socket = new SlowSocket(false);
    const outbox = outboxOn(socket);
    outbox.add(body(10, 1));
    outbox.flush();
    expect(socket.bytes).toEqual(body(10, 1));
    outbox.add(body(10, 2));
    await turn();
    expect(socket.bytes).toEqual(Buffer.concat([body(10, 1), body(10, 2)]));
    expect(socket.writes).toBe(2);
  });

  it('does not copy a large body, and keeps it in its place', async () => {
    const socket = new SlowSocket(true);
    const outbox = outboxOn(socket);
    const large = body(100_000, 3);
    outbox.add(body(9, 1));
    outbox.add(large);
    put(outbox, body(9, 2), true);
    await turn();
    // It is looked at when it is taken: a copy would not show this.
    large[0] = 99;
    socket.take();
    socket.take();
    await turn();
    socket.take();
    expect(socket.bytes).toEqual(Buffer.concat([body(9, 1), large, body(9, 2)]));
  });

  it('overwrites nothing that a slow socket has not taken', async () => {
    const socket = new SlowSocket(true);
    const outbox = outboxOn(socket);
    const sent: Buffer[] = [];
    for (let round = 0; round < 200; round++) {
      for (let at = 0; at < 5; at++) {
        const bytes = body(400, round * 5 + at);
        sent.push(bytes);
        put(outbox, bytes, at % 2 === 0);
      }
      await turn();
      if (round % 7 === 3) socket.take();
    }
    while (outbox.queuedBytes > 0) {
      socket.take();
      await turn();
    }
    expect(socket.bytes.equals(Buffer.concat(sent))).toBe(true);
  });

  it('counts what waits, here and in the socket', async () => {
    const socket = new SlowSocket(true);
    const outbox = outboxOn(socket);
    outbox.add(body(1_000, 1));
    await turn();
    expect(outbox.queuedBytes).toBe(1_000);
    outbox.add(body(500, 2));
    expect(outbox.queuedBytes).toBe(1_500);
    socket.take();
    await turn();
    expect(outbox.queuedBytes).toBe(500);
  });

  it('lets go of its room when it rests, but not of what a slow socket still has to take', async () => {
    const socket = new SlowSocket(true);
    const outbox = outboxOn(socket);
    outbox.add(body(5_000, 1));
    outbox.rest();
    expect(outbox.slab.length).toBeGreaterThan(0);
    await turn();
    outbox.rest();
    expect(outbox.slab.length).toBeGreaterThan(0);
    socket.take();
    await turn();
    outbox.rest();
    expect(outbox.slab.length).toBe(0);
    outbox.add(body(100, 2));
    await turn();
    socket.take();
    expect(socket.bytes).toEqual(Buffer.concat([body(5_000, 1), body(100, 2)]));
  });

  it('drops what waits when the socket is gone', async () => {
    const socket = new SlowSocket(false);
    const outbox = outboxOn(socket);
    outbox.add(body(10, 1));
    socket.destroy();
    outbox.add(body(100_000, 1));
    await turn();
    expect(outbox.queuedBytes).toBe(0);
    expect(socket.writes).toBe(0);
  });

  it('sends what was added, whatever the sizes and the turns', async () => {
    const step = fc.record({
      bytes: fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: 40_000 })),
      inPlace: fc.boolean(),
      then: fc.constantFrom('more', 'more', 'flush', 'turn', 'take'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, isSlow) => {
        const socket = new SlowSocket(isSlow);
        const outbox = outboxOn(socket);
        const sent: Buffer[] = [];
        for (const [at, { bytes, inPlace, then }] of steps.entries()) {
          sent.push(body(bytes, at));
          put(outbox, body(bytes, at), inPlace);
          if (then === 'flush') outbox.flush();
          else if (then === 'turn') await turn();
          else if (then === 'take') socket.take();
        }
        for (let left = steps.length * 3 + 3; left > 0 && outbox.queuedBytes > 0; left--) {
          await turn();
          socket.take();
        }
        expect(outbox.queuedBytes).toBe(0);
        expect(socket.bytes.equals(Buffer.concat(sent))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
