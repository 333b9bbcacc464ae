/**
 * The tap of `wire`: a process of its own between the nodes. Each node tells the others the address of
 * its tap instead of its own, so all that nodes say to each other comes through here, is written down
 * (heartbeats: who, to whom, when) and handed on as it is. It sits outside of the processes under test:
 * what it sees is what left the leader, whatever the receiver does with it.
 *
 * It reads with the project's own codec of handshakes and frames. Of messages only the small ones are
 * decoded: a heartbeat has no entries, and decoding everything would cost the machine that is measured.
 */
import { connect, createServer, type Socket } from 'node:net';

import { type Message, MessageType } from '../../src/raft/index.ts';
import { FrameReader, FrameType } from '../../src/transport/frame.ts';
import { decodeHandshake, HandshakeType } from '../../src/transport/handshake-codec.ts';
import { decodeMessage } from '../../src/transport/message-codec.ts';
import { machineMs } from './machine-clock.ts';
import type { RecorderAnswer, RecorderOrder } from './recorder.ts';

export interface TapRoute {
  readonly listenPort: number;
  readonly targetPort: number;
}

/** To the tap: what to connect, once; then "cut all connections". */
export type TapOrder = { readonly routes: readonly TapRoute[] } | { readonly cut: true };

/** `[from, to, when, connection]`; when: by the machine's monotonic clock, in ms. */
export type Heartbeat = readonly [number, number, number, number];

const HEARTBEAT_BYTES_MAX = 256;
const LENGTH_BYTES = 4;

let heartbeats: Heartbeat[] = [];
let connections = 0;
const sockets = new Set<Socket>();

function note(payload: Uint8Array, atMs: number, connection: number): void {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  let offset = 0;
  while (offset + LENGTH_BYTES <= payload.length) {
    const length = view.getUint32(offset);
    const end = offset + LENGTH_BYTES + length;
    if (length <= HEARTBEAT_BYTES_MAX) {
      const message: Message = decodeMessage(payload.subarray(offset + LENGTH_BYTES, end));
      if (message.type === MessageType.Heartbeat) {
        heartbeats.push([message.from, message.to, atMs, connection]);
      }
    }
    offset = end;
  }
}

/** One direction of one connection: its handshake messages, then its frames. */
class Listener {
  readonly #reader = new FrameReader();
  #bytes: Buffer | undefined = Buffer.alloc(0);
  #isDeaf = false;
  /** The last message of the handshake on this side. */
  readonly #last: number;
  readonly #connection: number;

  constructor(isDialer: boolean, connection: number) {
    this.#connection = connection;
    this.#last = isDialer ? HandshakeType.Confirm : HandshakeType.Accept;
  }

  hear(chunk: Buffer): void {
    if (this.#isDeaf) return;
    const atMs = machineMs();
    try {
      const frames = this.#bytes === undefined ? chunk : this.#handshake(chunk);
      this.#reader.push(frames, (type, _kind, payload) => {
        if (type === FrameType.Messages) note(payload, atMs, this.#connection);
        return true;
      });
    } catch {
      // A snapshot's connection, or not one of ours at all.
      this.#isDeaf = true;
    }
  }

  #handshake(chunk: Buffer): Buffer {
    let bytes = Buffer.concat([this.#bytes ?? Buffer.alloc(0), chunk]);
    for (let found = decodeHandshake(bytes); found !== undefined; found = decodeHandshake(bytes)) {
      const { message, length } = found;
      bytes = bytes.subarray(length);
      if (message.type === HandshakeType.Hello && message.purpose === 'bulk') {
        throw new Error('not listened to');
      }
      if (message.type === this.#last) {
        this.#bytes = undefined;
        return bytes;
      }
    }
    this.#bytes = bytes;
    return Buffer.alloc(0);
  }
}

/** Both ends of a connection live and die together. */
function join(dialer: Socket, targetPort: number): void {
  const acceptor = connect({ host: '127.0.0.1', port: targetPort, noDelay: true });
  connections += 1;
  for (const [from, to] of [
    [dialer, acceptor],
    [acceptor, dialer],
  ] as const) {
    const listener = new Listener(from === dialer, connections);
    sockets.add(from);
    from.on('data', (chunk: Buffer) => {
      if (!to.write(chunk)) from.pause();
      listener.hear(chunk);
    });
    to.on('drain', () => from.resume());
    from.on('error', () => to.destroy());
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  }
}

async function open({ listenPort, targetPort }: TapRoute): Promise<void> {
  const server = createServer({ noDelay: true }, (socket) => join(socket, targetPort));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(listenPort, '127.0.0.1', resolve);
  });
}

function answer(message: RecorderAnswer<Heartbeat>): void {
  process.send?.(message);
}

process.on('message', async (order: TapOrder | RecorderOrder) => {
  if ('routes' in order) {
    for (const route of order.routes) await open(route);
    answer({ ready: true });
    return;
  }
  if ('cut' in order) {
    for (const socket of sockets) socket.resetAndDestroy();
    return;
  }
  answer({ given: order.give, items: heartbeats });
  heartbeats = [];
});
process.on('disconnect', () => process.exit(0));
