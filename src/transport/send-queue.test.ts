/**
 * What may overtake what: urgent messages go first, appends never change their order, and a large
 * append in work is passed between its pieces.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { FRAGMENT_BYTES_MAX, FRAME_BYTES_MAX, URGENT_MESSAGE_BYTES_MAX } from '../limits.ts';
import { EntryType, type Message, MessageType, makeMessage } from '../raft/index.ts';
import { FrameReader, FrameType } from './frame.ts';
import { encodeMessage } from './message-codec.ts';
import { decodeMessages } from './messages-frame.ts';
import { SendQueue } from './send-queue.ts';

function append(index: number, bytes = 10): Message {
  const data = new Uint8Array(bytes).fill(index);
  const entries = [{ term: 1, index: index + 1, type: EntryType.Normal, data }];
  return makeMessage({ type: MessageType.App, to: 2, from: 1, term: 1, index, entries });
}

const heartbeat = makeMessage({ type: MessageType.Heartbeat, to: 2, from: 1, term: 1 });

/** Takes everything and says what arrives, in order. `between` runs after each piece. */
function drain(queue: SendQueue, between: (piece: number) => void = () => {}): string[] {
  const reader = new FrameReader();
  const seen: string[] = [];
  for (let piece = 1; ; piece++) {
    const chunks: Uint8Array[] = [];
    if (queue.take(chunks, FRAGMENT_BYTES_MAX) === undefined) return seen;
    reader.push(Buffer.concat(chunks), (type, kind, payload) => {
      if (type === FrameType.Node) seen.push(`frame ${kind}`);
      else {
        const names = decodeMessages(payload, (error) => {
          throw error;
        }).map((m) => (m.type === MessageType.App ? `app ${m.index}` : `type ${m.type}`));
        seen.push(names.join(' '));
      }
      return true;
    });
    between(piece);
  }
}

/** All pieces of what waits, each of at most `bytesMax`. */
function chunksOf(queue: SendQueue, bytesMax = FRAGMENT_BYTES_MAX): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  while (queue.take(chunks, bytesMax) !== undefined);
  return chunks;
}

describe('SendQueue', () => {
  it('sends the data of large entries from where they lie, in the very bytes of the codec', () => {
    const entrySizes = fc.array(fc.oneof(fc.nat(200), fc.integer({ min: 8_000, max: 70_000 })), {
      maxLength: 4,
    });
    const messages = fc.array(entrySizes, { minLength: 1, maxLength: 3 });
    const pieces = fc.integer({ min: 100, max: FRAGMENT_BYTES_MAX });
    fc.assert(
      fc.property(messages, pieces, (sizes, pieceBytes) => {
        const sent = sizes.map((lengths, index) => {
          const entries = lengths.map((length, at) => {
            const data = new Uint8Array(length).fill(length + at);
            return { term: 1, index: at, type: EntryType.Normal, data };
          });
          return makeMessage({ type: MessageType.App, to: 2, from: 1, term: 1, index, entries });
        });
        const queue = new SendQueue();
        for (const message of sent) queue.pushMessage(message);
        const chunks = chunksOf(queue, pieceBytes);
        const lent = sent
          .flatMap(({ entries }) => entries)
          .filter(({ data }) => data.length > 8_192);
        for (const { data } of lent) {
          expect(chunks.some(({ buffer }) => buffer === data.buffer)).toBe(true);
        }
        const got: string[] = [];
        new FrameReader().push(Buffer.concat(chunks), (_type, _kind, payload) => {
          const decoded = decodeMessages(payload, (error) => {
            throw error;
          });
          for (const message of decoded)
            got.push(Buffer.from(encodeMessage(message)).toString('hex'));
          return true;
        });
        const wanted = sent.map((message) => Buffer.from(encodeMessage(message)).toString('hex'));
        expect(got).toEqual(wanted);
      }),
      { numRuns: 60 },
    );
  });

  it('packs the messages of a turn into one frame', () => {
    const queue = new SendQueue();
    for (let index = 1; index <= 4; index++) queue.pushMessage(append(index));
    expect(drain(queue)).toEqual(['app 1 app 2 app 3 app 4']);
    expect([queue.isEmpty, queue.bytes]).toEqual([true, 0]);
  });

  it('a heartbeat that waits is replaced by the next one, unless it confirms reads', () => {
    const queue = new SendQueue();
    const beat = (commit: number, term: number, context?: string): Message =>
      makeMessage({
        type: MessageType.Heartbeat,
        to: 2,
        from: 1,
        term,
        commit,
        ...(context === undefined ? {} : { context: Buffer.from(context) }),
      });
    for (let commit = 1; commit <= 500; commit++) queue.pushMessage(beat(commit, 1));
    queue.pushMessage(beat(501, 1, 'read'));
    queue.pushMessage(beat(502, 1));
    queue.pushMessage(beat(503, 1));
    queue.pushMessage(beat(503, 2));
    const bytes = queue.bytes;
    const seen: string[] = [];
    const reader = new FrameReader();
    const chunks: Uint8Array[] = [];
    queue.take(chunks, FRAGMENT_BYTES_MAX);
    reader.push(Buffer.concat(chunks), (_type, _kind, payload) => {
      for (const { term, commit, context } of decodeMessages(payload, () => {})) {
        seen.push(`${term} ${commit} ${context === undefined ? '' : Buffer.from(context)}`);
      }
      return true;
    });
    expect(seen).toEqual(['1 501 read', '1 503 ', '2 503 ']);
    expect(bytes).toBeLessThan(500);
    expect([queue.isEmpty, queue.bytes]).toEqual([true, 0]);
  });

  it('keeps appends and frames of the node in the order of the calls', () => {
    const queue = new SendQueue();
    queue.pushMessage(append(1));
    queue.pushFrame(9, [Buffer.from('x')]);
    queue.pushMessage(append(2));
    queue.pushMessage(append(3));
    expect(drain(queue)).toEqual(['app 1', 'frame 9', 'app 2 app 3']);
  });

  it('lets urgent messages go first, in their order', () => {
    const queue = new SendQueue();
    queue.pushMessage(append(1));
    queue.pushMessage(heartbeat);
    queue.pushMessage(makeMessage({ type: MessageType.AppResp, to: 2, from: 1, index: 7 }));
    expect(drain(queue)).toEqual([
      `type ${MessageType.Heartbeat} type ${MessageType.AppResp}`,
      'app 1',
    ]);
  });

  it('a heartbeat passes an append of 1 MiB that is half sent', () => {
    const queue = new SendQueue();
    queue.pushMessage(append(1, 1024 * 1024));
    queue.pushMessage(append(2));
    const seen = drain(queue, (piece) => {
      if (piece === 3) queue.pushMessage(heartbeat);
    });
    expect(seen).toEqual([`type ${MessageType.Heartbeat}`, 'app 1', 'app 2']);
  });

  it('an urgent message that is large is not urgent', () => {
    const queue = new SendQueue();
    queue.pushMessage(append(1));
    const context = new Uint8Array(URGENT_MESSAGE_BYTES_MAX);
    queue.pushMessage(makeMessage({ type: MessageType.Heartbeat, to: 2, from: 1, context }));
    expect(drain(queue)).toEqual([`app 1 type ${MessageType.Heartbeat}`]);
  });

  it('is bounded: the newest append is dropped, urgent ones still go', () => {
    const queue = new SendQueue(10_000);
    const answers = Array.from({ length: 12 }, (_, at) => queue.pushMessage(append(at, 1_000)));
    expect(answers.slice(0, 9)).toEqual(Array.from({ length: 9 }, () => 'queued'));
    expect(answers.slice(9)).toEqual(['overflow', 'overflow', 'overflow']);
    expect(queue.pushMessage(heartbeat)).toBe('queued');
    expect(queue.bytes).toBeLessThan(10_500);
    expect(drain(queue).length).toBe(2);
  });

  it('refuses what no frame can hold', () => {
    const queue = new SendQueue();
    expect(queue.pushMessage(append(1, FRAME_BYTES_MAX))).toBe('oversized');
    expect(queue.pushFrame(1, [new Uint8Array(FRAME_BYTES_MAX + 1)])).toBe('oversized');
    expect(queue.isEmpty).toBe(true);
  });

  it('on another connection, a frame that was half sent begins anew', () => {
    const queue = new SendQueue();
    queue.pushMessage(append(1, 300_000));
    queue.take([], FRAGMENT_BYTES_MAX);
    queue.rewind();
    expect(drain(queue)).toEqual(['app 1']);
  });

  it('clear forgets everything, also what is in work, and counts it', () => {
    const queue = new SendQueue();
    for (let index = 1; index <= 3; index++) queue.pushMessage(append(index, 100_000));
    queue.pushMessage(heartbeat);
    queue.take([], FRAGMENT_BYTES_MAX);
    queue.take([], FRAGMENT_BYTES_MAX);
    expect(queue.clear()).toBe(3);
    expect(queue.isEmpty).toBe(true);
  });
});

it('what was sent is not kept in memory while the lane is never empty', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const queue = new SendQueue();
  const pushed = ((): WeakRef<Message> => {
    const message = append(1, 300_000);
    queue.pushMessage(message);
    return new WeakRef(message);
  })();
  queue.pushMessage(append(2));
  while (queue.bytes > 1_000) queue.take([], FRAGMENT_BYTES_MAX);
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  expect(queue.isEmpty).toBe(false);
  expect(pushed.deref()).toBeUndefined();
});
