/** A frame of messages, taken apart: what is left out, and what ends the connection. */
import { describe, expect, it } from 'vitest';
import { FRAME_BYTES_MAX } from '../limits.ts';
import { encodeMessage, MessageType, makeMessage } from '../raft/index.ts';
import { decodeMessages } from './messages-frame.ts';

function frameOf(messages: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    messages.flatMap((message) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(message.length);
      return [length, message];
    }),
  );
}

const heartbeat = encodeMessage(makeMessage({ type: MessageType.Heartbeat, to: 1, from: 2 }));
const garbage = Uint8Array.of(0);

describe('a frame of messages', () => {
  it('leaves out what does not decode, and delivers the rest', () => {
    const errors: unknown[] = [];
    const frame = frameOf([heartbeat, garbage, heartbeat]);
    expect(decodeMessages(frame, (error) => errors.push(error)).length).toBe(2);
    expect(errors).toMatchObject([{ code: 'CODEC_INVALID' }]);
  });

  it('ends the connection when hardly anything of it decodes', () => {
    let told = 0;
    const frame = frameOf(new Array(100_000).fill(garbage));
    const decode = (): unknown => decodeMessages(frame, () => (told += 1));
    expect(decode).toThrow(expect.objectContaining({ code: 'CODEC_INVALID' }));
    expect(told).toBe(16);
  });

  it('ends the connection when it would grow to many times its size', () => {
    const decode = (bytes: Uint8Array) => () => decodeMessages(bytes, () => {});
    const empty = new Uint8Array(FRAME_BYTES_MAX);
    expect(decode(empty)).toThrow(/too many messages/);
    // Sixteen messages, each of which is small enough alone.
    const entries = encodeMessage(makeMessage({ type: MessageType.Prop }));
    const many = Buffer.concat([entries, Buffer.alloc(400_000, Buffer.from('3a00', 'hex'))]);
    expect(decode(frameOf(new Array(16).fill(many)))).toThrow(/too many|came together/);
  });
});
