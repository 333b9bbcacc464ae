/**
 * A door in front of a node's own: everything passes through it to the node, is counted, and can be cut.
 * It reads the first message of each connection, as any listener on the line could, to tell what the
 * connection is for. What it counts is what the dialer has sent.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

import { decodeHandshake, type Purpose } from '../../src/transport/handshake-codec.ts';

interface Line {
  readonly dialer: Socket;
  readonly node: Socket;
  purpose: Purpose | 'unknown';
  start: Buffer | undefined;
}

export class CuttingProxy {
  readonly #target: number;
  readonly #server: Server;
  readonly #lines: Set<Line> = new Set();
  #port = 0;
  /** Sent on connections for bulk, in all. */
  bulkBytes = 0;
  bulkConnections = 0;
  /** Called when `bulkBytes` has grown. */
  onBulk: () => void = () => {};

  constructor(targetPort: number) {
    this.#target = targetPort;
    this.#server = createServer((dialer) => this.#accept(dialer));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    this.#port = (this.#server.address() as { port: number }).port;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Breaks every connection of that purpose, as a dying cable does. */
  cut(purpose: Purpose): void {
    for (const line of this.#lines) if (line.purpose === purpose) this.#end(line);
  }

  stop(): void {
    this.#server.close();
    for (const line of this.#lines) this.#end(line);
  }

  #accept(dialer: Socket): void {
    const node = connect(this.#target, '127.0.0.1');
    const line: Line = { dialer, node, purpose: 'unknown', start: Buffer.alloc(0) };
    this.#lines.add(line);
    for (const socket of [dialer, node]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.#end(line));
      socket.on('close', () => this.#end(line));
    }
    dialer.on('data', (chunk: Buffer) => {
      this.#look(line, chunk);
      if (!node.write(chunk)) dialer.pause();
    });
    node.on('drain', () => dialer.resume());
    node.on('data', (chunk: Buffer) => {
      if (!dialer.write(chunk)) node.pause();
    });
    dialer.on('drain', () => node.resume());
  }

  #look(line: Line, chunk: Buffer): void {
    if (line.start !== undefined) {
      line.start = Buffer.concat([line.start, chunk]);
      const hello = decodeHandshake(line.start);
      if (hello === undefined) return;
      line.start = undefined;
      if ('purpose' in hello.message) line.purpose = hello.message.purpose;
      if (line.purpose === 'bulk') this.bulkConnections++;
    }
    if (line.purpose !== 'bulk') return;
    this.bulkBytes += chunk.length;
    this.onBulk();
  }

  #end(line: Line): void {
    if (!this.#lines.delete(line)) return;
    line.dialer.destroy();
    line.node.destroy();
  }
}
