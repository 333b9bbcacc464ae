/**
 * What waits to be sent to one peer, in two lanes, bounded; and how it is packed into frames.
 *
 * The urgent lane goes first: heartbeats, votes, read indexes, and all answers. The regular lane has
 * appends, proposals and the node's own frames. Inside a lane the order is that of the calls.
 *
 * Why an urgent message may overtake a regular one (Raft tolerates any order; the question is only
 * whether something gets slower or is misunderstood):
 * - A heartbeat carries min(commit, what this follower has acknowledged), so it never names an entry
 *   that is still in the regular lane.
 * - A vote or anything else of a higher term that overtakes an append makes that append stale, which
 *   is the same as if it had been lost; a leader starts by probing anyway.
 * - TimeoutNow is sent once the target has acknowledged the whole log; nothing that it needs is behind.
 * - Read index and its answer name an index; who waits for it waits until that index is applied.
 * - Answers (to appends, heartbeats, votes) have no regular messages that they depend on, and are in
 *   one lane together, so that an older answer to an append never comes after a newer one.
 * What does matter, appends among themselves, is in one lane: a gap would send the leader back to
 * probing.
 *
 * A heartbeat that waits is replaced by the next one, which says the same and more. Otherwise a peer
 * that did not answer for seconds gets hundreds of them at once when it is back, answers each, and
 * each answer makes the leader send it another append. One with a context confirms reads: it stays.
 *
 * When a lane is full the newest is dropped: what was queued before it can still be used, while a
 * message that follows a gap is of no use.
 */
import { assert } from '../errors.ts';
import {
  FRAME_BATCH_BYTES,
  FRAME_BYTES_MAX,
  PEER_QUEUE_BYTES_MAX,
  URGENT_MESSAGE_BYTES_MAX,
  URGENT_QUEUE_BYTES_MAX,
} from '../limits.ts';
import { type Message, MessageType } from '../raft/index.ts';
import { FrameType, OutFrame } from './frame.ts';
import { encodeAround, type LentBytes, lentSize, messageSize } from './message-codec.ts';

export type Queued = 'queued' | 'overflow' | 'oversized';

const LENGTH_BYTES = 4;
/** What an item costs in memory beside its bytes, so that a queue of tiny messages is bounded too. */
const ITEM_BYTES = 64;

const URGENT_TYPES: ReadonlySet<number> = new Set([
  MessageType.AppResp,
  MessageType.Vote,
  MessageType.VoteResp,
  MessageType.Heartbeat,
  MessageType.HeartbeatResp,
  MessageType.TransferLeader,
  MessageType.TimeoutNow,
  MessageType.ReadIndex,
  MessageType.ReadIndexResp,
  MessageType.PreVote,
  MessageType.PreVoteResp,
]);

export function isUrgent(message: Message): boolean {
  return URGENT_TYPES.has(message.type);
}

/** Whether a heartbeat says all that an earlier one did. */
function supersedes(message: Message, earlier: Message): boolean {
  return (
    message.type === MessageType.Heartbeat &&
    earlier.type === MessageType.Heartbeat &&
    message.term === earlier.term &&
    message.from === earlier.from &&
    (earlier.context === undefined || earlier.context.length === 0)
  );
}

interface MessageItem {
  readonly message: Message;
  readonly size: number;
}

/** A message, or the payload of a frame of the node's own. `size`: bytes in the frame. */
type Item =
  | MessageItem
  | { readonly message: undefined; kind: number; parts: readonly Uint8Array[]; size: number };

/** First in, first out, without moving everything at each removal. */
class Lane {
  bytes = 0;
  #items: (Item | undefined)[] = [];
  #head = 0;

  get first(): Item | undefined {
    return this.#items[this.#head];
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: Item): void {
    this.#items.push(item);
    this.bytes += item.size + ITEM_BYTES;
  }

  /** Puts `item` in the place of the newest one if `isReplaced` says so of that. */
  replaceLast(item: Item, isReplaced: (last: Message) => boolean): boolean {
    const last = this.#items.at(-1);
    if (last?.message === undefined || !isReplaced(last.message)) return false;
    this.#items[this.#items.length - 1] = item;
    this.bytes += item.size - last.size;
    return true;
  }

  shift(): Item {
    const item = this.#items[this.#head];
    assert(item !== undefined, 'took from an empty lane');
    // Or a thousand sent messages stay in memory while the lane is never empty.
    this.#items[this.#head] = undefined;
    this.#head += 1;
    this.bytes -= item.size + ITEM_BYTES;
    if (this.#head === this.#items.length || this.#head > 1_024) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}

export class SendQueue {
  readonly #queueBytesMax: number;
  #urgent = new Lane();
  #regular = new Lane();
  /** A regular frame of which some pieces may be sent. */
  #current: OutFrame | undefined;
  #currentItems = 0;

  constructor(queueBytesMax: number = PEER_QUEUE_BYTES_MAX) {
    this.#queueBytesMax = queueBytesMax;
  }

  get bytes(): number {
    return this.#urgent.bytes + this.#regular.bytes + (this.#current?.bytes ?? 0);
  }

  get isEmpty(): boolean {
    return this.#urgent.length + this.#regular.length === 0 && this.#current === undefined;
  }

  get hasUrgent(): boolean {
    return this.#urgent.length > 0;
  }

  pushMessage(message: Message): Queued {
    const size = LENGTH_BYTES + messageSize(message);
    if (size > FRAME_BYTES_MAX) return 'oversized';
    const isInUrgentLane = size <= URGENT_MESSAGE_BYTES_MAX && isUrgent(message);
    if (isInUrgentLane) {
      const item = { message, size };
      if (this.#urgent.replaceLast(item, (last) => supersedes(message, last))) return 'queued';
      return this.#push(this.#urgent, item, URGENT_QUEUE_BYTES_MAX);
    }
    return this.#push(this.#regular, { message, size }, this.#queueBytesMax);
  }

  pushFrame(kind: number, parts: readonly Uint8Array[]): Queued {
    let size = 0;
    for (const part of parts) size += part.length;
    if (size > FRAME_BYTES_MAX) return 'oversized';
    return this.#push(
      this.#regular,
      { message: undefined, kind, parts, size },
      this.#queueBytesMax,
    );
  }

  #push(lane: Lane, item: Item, bytesMax: number): Queued {
    const inWork = lane === this.#regular ? (this.#current?.bytes ?? 0) : 0;
    // A lane that is empty takes anything that fits into a frame.
    if (lane.length > 0 && lane.bytes + inWork + item.size + ITEM_BYTES > bytesMax) {
      return 'overflow';
    }
    lane.push(item);
    return 'queued';
  }

  /**
   * Appends the next piece to be written to `chunks`, at most `bytesMax` of a regular frame. Answers
   * its size and whether it begins a frame; `undefined` when nothing waits.
   */
  take(chunks: Uint8Array[], bytesMax: number): { bytes: number; isFirst: boolean } | undefined {
    if (this.#urgent.length > 0) {
      const { frame } = packMessages(this.#urgent, URGENT_MESSAGE_BYTES_MAX);
      return { bytes: frame.take(chunks, Number.MAX_SAFE_INTEGER), isFirst: true };
    }
    const isFirst = this.#current === undefined;
    if (this.#current === undefined) {
      const packed = packNext(this.#regular);
      if (packed === undefined) return undefined;
      this.#current = packed.frame;
      this.#currentItems = packed.items;
    }
    const bytes = this.#current.take(chunks, bytesMax);
    if (this.#current.isDone) this.#current = undefined;
    return { bytes, isFirst };
  }

  /** The connection is another one now: a frame that was half sent begins anew. */
  rewind(): void {
    this.#current?.rewind();
  }

  /** Forgets everything; answers how many messages and frames that were. */
  clear(): number {
    const inWork = this.#current === undefined ? 0 : this.#currentItems;
    const count = this.#urgent.length + this.#regular.length + inWork;
    this.#urgent = new Lane();
    this.#regular = new Lane();
    this.#current = undefined;
    return count;
  }
}

interface Packed {
  readonly frame: OutFrame;
  readonly items: number;
}

function packNext(lane: Lane): Packed | undefined {
  const first = lane.first;
  if (first === undefined) return undefined;
  if (first.message !== undefined) return packMessages(lane, FRAME_BATCH_BYTES);
  lane.shift();
  const frame = new OutFrame(FrameType.Node, first.kind, first.size);
  const payload = frame.payload;
  let offset = 0;
  for (const part of first.parts) {
    payload.set(part, offset);
    offset += part.length;
  }
  return { frame, items: 1 };
}

/** Messages from the front of the lane, one at least, up to `bytesMax`: one frame. */
function packMessages(lane: Lane, bytesMax: number): Packed {
  const items: MessageItem[] = [];
  let total = 0;
  let lentBytes = 0;
  for (let item = lane.first; item?.message !== undefined; item = lane.first) {
    if (items.length > 0 && total + item.size > bytesMax) break;
    lane.shift();
    items.push(item);
    total += item.size;
    lentBytes += lentSize(item.message);
  }
  const frame = new OutFrame(FrameType.Messages, 0, total, lentBytes);
  const payload = frame.payload;
  const lent: LentBytes[] = [];
  let offset = 0;
  for (const { message, size } of items) {
    payload.writeUInt32BE(size - LENGTH_BYTES, offset);
    offset = encodeAround(message, payload, offset + LENGTH_BYTES, lent);
  }
  const isWhole = offset === total - lentBytes;
  assert(isWhole, 'messages were encoded to another size than announced', { total, offset });
  if (lentBytes > 0) frame.lend(lent);
  return { frame, items: items.length };
}
