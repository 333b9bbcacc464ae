/**
 * Garbage for a node's peer port: many connections at a time, each of a kind, dialed again when it is
 * hung up on, at a bounded pace. Nothing of it is a member; some of it knows the cluster's name and id.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { crc32 } from 'node:zlib';

import { encodeHandshake, HandshakeType } from '../../src/transport/handshake-codec.ts';

export interface FloodOptions {
  readonly port: number;
  readonly connections: number;
  /** Connections dialed a second, at most. */
  readonly dialsPerSecond: number;
  readonly clusterName: string;
  readonly clusterId: string;
}

const GARBAGE_BYTES = 64 * 1024;
const DRIP_MS = 200;
const STEP_MS = 20;

/** A header with right checksums that announces a frame of 4 GiB. */
function giantFrame(): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt8(0x51, 0);
  header.writeUInt8(1, 1);
  header.writeUInt32BE(0xffff_ffff, 8);
  header.writeUInt32BE(0xffff_ffff, 12);
  header.writeUInt32BE(crc32(header.subarray(0, 20)), 20);
  return header;
}

export class Flood {
  readonly #options: FloodOptions;
  readonly #sockets = new Set<Socket>();
  readonly #timer: NodeJS.Timeout;
  #dialed = 0;
  /** Connections that came about. */
  connected = 0;
  openMost = 0;

  constructor(options: FloodOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#step(), STEP_MS);
  }

  get dialed(): number {
    return this.#dialed;
  }

  #step(): void {
    const { connections, dialsPerSecond } = this.#options;
    const most = Math.ceil((dialsPerSecond * STEP_MS) / 1_000);
    for (let i = 0; i < most && this.#sockets.size < connections; i++) this.#dial();
    this.openMost = Math.max(this.openMost, this.#sockets.size);
  }

  #dial(): void {
    const kind = this.#dialed++ % KINDS.length;
    const socket = connect({ host: '127.0.0.1', port: this.#options.port });
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('connect', () => {
      this.connected++;
      KINDS[kind]?.(socket, this.#hello());
    });
    socket.resume();
  }

  /** Of a node that this cluster does not know. */
  #hello(): Buffer {
    const { clusterName, clusterId } = this.#options;
    const nonce = randomBytes(16).toString('hex');
    const identity = {
      clusterName,
      clusterId,
      nodeId: `stranger-${this.#dialed}`,
      raftId: 1_000_000 + this.#dialed,
      incarnation: 'nowhere',
      address: '127.0.0.1:1',
      session: nonce,
    };
    const hello = {
      type: HandshakeType.Hello,
      versionMin: 1,
      versionMax: 1,
      identity,
      purpose: 'messages',
      nonce,
      target: 1 + (this.#dialed % 3),
      lost: undefined,
    } as const;
    return Buffer.from(encodeHandshake(hello));
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** What one connection does; the hello is a good one, of a stranger. */
const KINDS: readonly ((socket: Socket, hello: Buffer) => void)[] = [
  (socket) => socket.write(randomBytes(GARBAGE_BYTES)),
  (socket) => socket.write(Buffer.concat([giantFrame(), randomBytes(GARBAGE_BYTES)])),
  (socket, hello) => socket.write(hello.subarray(0, hello.length / 2)),
  (socket, hello) => drip(socket, hello),
  () => {},
  (socket, hello) => socket.write(hello),
  (socket, hello) => socket.write(Buffer.concat([hello, giantFrame()])),
];

function drip(socket: Socket, bytes: Buffer): void {
  let at = 0;
  const timer = setInterval(() => socket.write(bytes.subarray(at, ++at)), DRIP_MS);
  socket.on('close', () => clearInterval(timer));
}
