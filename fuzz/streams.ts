/**
 * What somebody might send to a node's port: noise, handshakes that are nearly right (with their checksum
 * mended, so that they are read to the end), frames that are nearly right behind them.
 */
import { crc32 } from 'node:zlib';
import { encodeMessage } from '../src/raft/index.ts';
import { encodeFrame, FrameType } from '../src/transport/frame.ts';
import {
  encodeHandshake,
  type HandshakeMessage,
  HandshakeType,
  type Identity,
  NONCE_BYTES,
} from '../src/transport/handshake-codec.ts';
import type { FuzzDice } from './dice.ts';
import { joined, mutate } from './mutate.ts';
import { randomMessage } from './raft-values.ts';

const HANDSHAKE_HEADER_BYTES = 12;
const FRAME_TYPES: readonly FrameType[] = Object.values(FrameType);

function nonce(dice: FuzzDice): string {
  return Buffer.from(dice.bytes(NONCE_BYTES)).toString('hex');
}

function identity(dice: FuzzDice): Identity {
  // Often a stranger of the same cluster, which is let in; never one that claims to be node 1 or 2.
  return {
    clusterName: dice.oneIn(8) ? 'other' : 'test',
    clusterId: dice.oneIn(8) ? 'cluster-2' : 'cluster-1',
    nodeId: dice.pick(['n3', 'n3', 'x', 'n'.repeat(500)]),
    raftId: dice.pick([3, 3, 3, 4, 1, Number.MAX_SAFE_INTEGER]),
    incarnation: dice.pick(['life-3', 'life-9', '']),
    address: dice.pick(['n3:7000', 'nowhere', 'n1:7000']),
    session: nonce(dice),
  };
}

function randomHandshake(dice: FuzzDice): HandshakeMessage {
  const common = { identity: identity(dice), nonce: nonce(dice) };
  switch (dice.below(6)) {
    case 0:
      return { type: HandshakeType.Accept, version: dice.below(4), ...common };
    case 1:
      return { type: HandshakeType.Confirm, nonce: common.nonce };
    case 2: {
      const code = dice.pick(['duplicate', 'version', 'nonsense', '']);
      const holding = dice.oneIn(2) ? nonce(dice) : undefined;
      return { type: HandshakeType.Refuse, code, text: 'no\n'.repeat(dice.below(60)), holding };
    }
    default:
      return {
        type: HandshakeType.Hello,
        versionMin: dice.pick([1, 1, 1, 0, 2, 65_535]),
        versionMax: dice.pick([1, 1, 1, 0, 9, 65_535]),
        ...common,
        purpose: dice.oneIn(4) ? 'bulk' : 'messages',
        target: dice.pick([1, 1, 1, 2, 3]),
        lost: dice.oneIn(4) ? nonce(dice) : undefined,
      };
  }
}

export function handshakeBytes(dice: FuzzDice): Uint8Array {
  const bytes = joined(encodeHandshake(randomHandshake(dice)));
  switch (dice.below(3)) {
    case 0:
      return bytes;
    case 1:
      return mutate(bytes, dice, encodeHandshake(randomHandshake(dice)));
    default:
      return resealed(bytes, mutate(bytes.subarray(HANDSHAKE_HEADER_BYTES), dice, bytes));
  }
}

/** The header of `bytes` for another body. */
function resealed(bytes: Uint8Array, body: Uint8Array): Uint8Array {
  const header = Buffer.from(bytes.subarray(0, HANDSHAKE_HEADER_BYTES));
  header.writeUInt16BE(body.length % 65_536, 6);
  header.writeUInt32BE(crc32(body), 8);
  return joined(header, body);
}

function randomFrame(dice: FuzzDice): Uint8Array {
  const messages = Array.from({ length: dice.below(4) }, () => encodeMessage(randomMessage(dice)));
  const parts = messages.flatMap((message) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(message.length);
    return [length, message];
  });
  const payload = joined(...parts);
  const damaged = dice.oneIn(2) ? payload : mutate(payload, dice, dice.bytes(20));
  const type = dice.oneIn(2) ? FrameType.Messages : dice.pick(FRAME_TYPES);
  return joined(...encodeFrame(type, dice.below(4), [damaged]));
}

/** Frames, one after the other, damaged in their payloads, in their headers, or not at all. */
export function frameBytes(dice: FuzzDice): Uint8Array {
  const frames = Array.from({ length: 1 + dice.below(4) }, () => randomFrame(dice));
  const stream = joined(...frames);
  return dice.oneIn(2) ? stream : mutate(stream, dice, frames[0]!);
}

export function strangerBytes(dice: FuzzDice): Uint8Array {
  if (dice.oneIn(6)) return dice.bytes(dice.below(600));
  const confirm = encodeHandshake({ type: HandshakeType.Confirm, nonce: nonce(dice) });
  return joined(
    handshakeBytes(dice),
    dice.oneIn(2) ? handshakeBytes(dice) : confirm,
    dice.oneIn(2) ? frameBytes(dice) : dice.bytes(dice.below(50)),
  );
}
