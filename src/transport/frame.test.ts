import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { FRAGMENT_BYTES_MAX, FRAME_BYTES_MAX } from '../limits.ts';
import { encodeFrame, FrameReader, FrameType, OutFrame } from './frame.ts';

interface Seen {
  readonly type: number;
  readonly kind: number;
  readonly payload: string;
}

function reader() {
  const frames: Seen[] = [];
  const own = new FrameReader();
  const push = (bytes: Uint8Array): void =>
    own.push(bytes, (type, kind, payload) => {
      frames.push({ type, kind, payload: Buffer.from(payload).toString('latin1') });
      return true;
    });
  return { frames, push };
}

function bytesOf(type: FrameType, kind: number, payload: string): Buffer {
  return Buffer.concat(encodeFrame(type, kind, [Buffer.from(payload, 'latin1')]));
}

describe('frames', () => {
  it('golden bytes: a frame of the node, kind 7, with payload "hello"', () => {
    expect(bytesOf(FrameType.Node, 7, 'hello').toString('hex')).toBe(GOLDEN_NODE);
  });

  it('golden bytes: a ping', () => {
    expect(bytesOf(FrameType.Ping, 0, '').toString('hex')).toBe(GOLDEN_PING);
  });

  it('are found again however the stream is cut (SD-17)', () => {
    const payloads = fc.array(fc.string({ maxLength: 300 }), { minLength: 1, maxLength: 8 });
    const cuts = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(payloads, cuts, (texts, sizes) => {
        const latin = texts.map((text) => Buffer.from(text).toString('latin1'));
        const all = Buffer.concat(latin.map((text, at) => bytesOf(FrameType.Node, at, text)));
        const { frames, push } = reader();
        let offset = 0;
        for (let i = 0; offset < all.length; i++) {
          const size = sizes[i % sizes.length]!;
          push(all.subarray(offset, offset + size));
          offset += size;
        }
        expect(frames).toEqual(
          latin.map((payload, kind) => ({ type: FrameType.Node, kind, payload })),
        );
      }),
      { numRuns: 100 },
    );
  });

  it('a large one comes in pieces, and others may come between them', () => {
    const large = 'x'.repeat(FRAGMENT_BYTES_MAX * 2 + 5);
    const frame = new OutFrame(FrameType.Messages, 0, large.length);
    frame.payload.write(large);
    const { frames, push } = reader();
    let pieces = 0;
    while (!frame.isDone) {
      const chunks: Uint8Array[] = [];
      frame.take(chunks, FRAGMENT_BYTES_MAX);
      pieces += 1;
      for (const chunk of chunks) push(chunk);
      push(bytesOf(FrameType.Node, pieces, 'between'));
    }
    expect(pieces).toBe(3);
    expect(frames.map(({ type, kind }) => [type, kind])).toEqual([
      [FrameType.Node, 1],
      [FrameType.Node, 2],
      [FrameType.Messages, 0],
      [FrameType.Node, 3],
    ]);
    expect(frames[2]?.payload === large).toBe(true);
  });

  it('begins anew on another connection', () => {
    const frame = new OutFrame(FrameType.Node, 0, FRAGMENT_BYTES_MAX + 1);
    frame.payload.fill(1);
    frame.take([], FRAGMENT_BYTES_MAX);
    frame.rewind();
    const { frames, push } = reader();
    while (!frame.isDone) {
      const chunks: Uint8Array[] = [];
      frame.take(chunks, FRAGMENT_BYTES_MAX);
      for (const chunk of chunks) push(chunk);
    }
    expect(frames.length).toBe(1);
  });

  it('the same bound on both sides: the sender asserts, the reader refuses (SD-18)', () => {
    expect(() => new OutFrame(FrameType.Node, 0, FRAME_BYTES_MAX + 1)).toThrow('FRAME_BYTES_MAX');
    const largest = new OutFrame(FrameType.Node, 0, FRAME_BYTES_MAX);
    largest.payload.fill(0);
    const { frames, push } = reader();
    while (!largest.isDone) {
      const chunks: Uint8Array[] = [];
      largest.take(chunks, FRAGMENT_BYTES_MAX);
      for (const chunk of chunks) push(chunk);
    }
    expect(frames[0]?.payload.length).toBe(FRAME_BYTES_MAX);
  });

  it('every single bit that flips is noticed', () => {
    const good = bytesOf(FrameType.Node, 1, 'payload');
    let noticed = 0;
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = Buffer.from(good);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      const { frames, push } = reader();
      expect(() => push(bad), `bit ${bit}`).toThrow('stream of frames is broken');
      expect(frames).toEqual([]);
      noticed += 1;
    }
    expect(noticed).toBe(good.length * 8);
  });

  it('a piece without its first is refused', () => {
    const frame = new OutFrame(FrameType.Node, 0, FRAGMENT_BYTES_MAX + 1);
    frame.payload.fill(1);
    frame.take([], FRAGMENT_BYTES_MAX);
    const second: Uint8Array[] = [];
    frame.take(second, FRAGMENT_BYTES_MAX);
    expect(() => reader().push(Buffer.concat(second))).toThrow('without its first');
  });

  it('reads no further once the handler says that the connection is gone', () => {
    const two = Buffer.concat([bytesOf(FrameType.Node, 1, 'a'), bytesOf(FrameType.Node, 2, 'b')]);
    const kinds: number[] = [];
    new FrameReader().push(two, (_type, kind) => {
      kinds.push(kind);
      return false;
    });
    expect(kinds).toEqual([1]);
  });
});

/** magic, type 2, kind 7, flags 0 | group 0 | length 5 | total 5 | crc32("hello") | crc32 of the 20. */
const GOLDEN_NODE = '510207000000000000000005000000053610a6869d81542568656c6c6f';
const GOLDEN_PING = '51030000000000000000000000000000000000001cda2d51';
