/** Taking a frame of messages apart again; see `FrameType.Messages`. */
import { ClusterError } from '../errors.ts';
import type { Message } from '../raft/index.ts';
import { DecodeBudget, decodeMessage } from './message-codec.ts';

const LENGTH_BYTES = 4;
/** Each is told about, which is dear; a peer of which we understand so little is hung up on. */
const UNDECODABLE_MAX = 16;

/**
 * The checksum was right, so a message that does not decode was written by a version (or a bug) that
 * we do not understand. It is left out and told about; the others are whole and are delivered.
 * @throws ClusterError CODEC_INVALID when the frame itself makes no sense.
 */
export function decodeMessages(
  payload: Uint8Array,
  onUndecodable: (error: unknown) => void,
): Message[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const messages: Message[] = [];
  const budget = new DecodeBudget();
  let undecodable = 0;
  let offset = 0;
  while (offset < payload.length) {
    const start = offset + LENGTH_BYTES;
    const end = start <= payload.length ? start + view.getUint32(offset) : Number.POSITIVE_INFINITY;
    if (end > payload.length) {
      throw new ClusterError('CODEC_INVALID', `a message exceeds its frame at offset ${offset}`);
    }
    if (!budget.take()) {
      throw new ClusterError('CODEC_INVALID', `too many messages in a frame, at offset ${offset}`);
    }
    try {
      messages.push(decodeMessage(payload.subarray(start, end), budget));
    } catch (error) {
      if (undecodable >= UNDECODABLE_MAX) throw error;
      undecodable += 1;
      onUndecodable(error);
    }
    offset = end;
  }
  return messages;
}
