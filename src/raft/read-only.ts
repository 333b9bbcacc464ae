/**
 * Reads that wait for proof that this node still leads (thesis 6.4).
 *
 * Each read gets a position: 1 for the first read of this leadership, and so on. Heartbeats carry the
 * position of the newest read that waits; a follower's answer repeats it and so vouches for all reads
 * up to it. What a quorum vouches for is released, in order.
 *
 * The position is the leader's own, never the caller's context: a context that a caller uses twice
 * would let answers to the first read vouch for the second, and a deposed leader would serve an old
 * value (NASTY 21).
 */
import { jointCommitted } from './quorum/joint.ts';
import type { AckedIndexes } from './quorum/majority.ts';
import type { Configuration } from './tracker/configuration.ts';
import type { LogIndex, Message, RaftId } from './types.ts';

/** A read and the commit index at which it was asked. */
export interface PendingRead {
  readonly request: Message;
  readonly index: LogIndex;
}

const POSITION_BYTES = 8;
const TWO_32 = 0x1_0000_0000;
const NO_READS: readonly PendingRead[] = [];

export class ReadOnly implements AckedIndexes {
  /** Positions `#confirmed + 1` to `#confirmed + length`. */
  #waiting: PendingRead[] = [];
  #confirmed = 0;
  readonly #acks = new Map<RaftId, number>();

  /** Reads that wait for their proof. */
  get length(): number {
    return this.#waiting.length;
  }

  add(request: Message, index: LogIndex): void {
    this.#waiting.push({ request, index });
  }

  /** The context of a heartbeat sent now; none when no read waits. */
  heartbeatContext(): Uint8Array | undefined {
    if (this.#waiting.length === 0) return undefined;
    const position = this.#confirmed + this.#waiting.length;
    const context = new Uint8Array(POSITION_BYTES);
    const view = new DataView(context.buffer);
    view.setUint32(0, position % TWO_32, true);
    view.setUint32(4, Math.floor(position / TWO_32), true);
    return context;
  }

  /** A member has answered a heartbeat with this context. Late answers take nothing back. */
  receiveAck(from: RaftId, context: Uint8Array): void {
    // Another length is none of ours: a leader of an older version was asked by its caller's context.
    if (context.length !== POSITION_BYTES) return;
    const view = new DataView(context.buffer, context.byteOffset, POSITION_BYTES);
    const position = view.getUint32(4, true) * TWO_32 + view.getUint32(0, true);
    // Nobody can vouch for a read that was not asked yet.
    if (position > this.#confirmed + this.#waiting.length) return;
    if (position > (this.#acks.get(from) ?? 0)) this.#acks.set(from, position);
  }

  ackedIndex(id: RaftId): number | undefined {
    return this.#acks.get(id);
  }

  /** Takes out the reads that a quorum vouches for. */
  takeConfirmed(config: Configuration): readonly PendingRead[] {
    const position = jointCommitted(config.voters, config.votersOutgoing, this);
    const count = Math.min(position - this.#confirmed, this.#waiting.length);
    if (count <= 0) return NO_READS;
    this.#confirmed += count;
    const confirmed = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return confirmed;
  }
}
