/**
 * The network between the nodes: each is reached at the address of a door of ours, which passes everything
 * on to where it listens. The first message of a connection says who dials (as any listener on the line
 * could read), so that a fault strikes one pair of nodes, and one direction of it, whoever has dialled.
 *
 * A door is open only while its node's process lives: a dead process refuses connections at once, and the
 * nodes act on that. Before it is known who dials nothing is passed on.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

import { decodeHandshake } from '../../src/transport/handshake-codec.ts';
import { freePorts } from '../free-ports.ts';
import { type LinkShape, plainShape, ShapedPipe } from './shaped-pipe.ts';

export interface LinkedNode {
  readonly id: string;
  /** Where it listens for its peers. */
  readonly port: number;
}

interface Line {
  readonly dialer: Socket;
  readonly node: Socket;
  readonly to: string;
  /** Until the first message was read: nobody. */
  from: string | undefined;
  start: Buffer;
  inward: ShapedPipe | undefined;
  outward: ShapedPipe | undefined;
}

interface Door {
  readonly id: string;
  readonly port: number;
  readonly target: number;
  server: Server | undefined;
  isRefusing: boolean;
  isAlive: boolean;
}

export class Links {
  readonly #doors = new Map<string, Door>();
  readonly #shapes = new Map<string, LinkShape>();
  readonly #lines = new Set<Line>();
  readonly #chance: () => number;
  #hasEnded = false;

  private constructor(chance: () => number) {
    this.#chance = chance;
  }

  /** `chance`: numbers in [0, 1), for jitter. */
  static async between(nodes: readonly LinkedNode[], chance: () => number): Promise<Links> {
    const links = new Links(chance);
    const ports = await freePorts(nodes.length);
    for (const [at, { id, port }] of nodes.entries()) {
      links.#doors.set(id, {
        id,
        port: ports[at] as number,
        target: port,
        server: undefined,
        isRefusing: false,
        isAlive: false,
      });
    }
    return links;
  }

  /** Where the others dial it. */
  addressOf(id: string): string {
    return `127.0.0.1:${this.#door(id).port}`;
  }

  get ids(): string[] {
    return [...this.#doors.keys()];
  }

  // ---- the life of the processes ----------------------------------------------------------------

  async began(id: string): Promise<void> {
    const door = this.#door(id);
    door.isAlive = true;
    await this.#update(door);
  }

  async ended(id: string): Promise<void> {
    const door = this.#door(id);
    door.isAlive = false;
    await this.#update(door);
  }

  // ---- faults -----------------------------------------------------------------------------------

  /** One direction. */
  shape(from: string, to: string, change: Partial<LinkShape>): void {
    Object.assign(this.#shapeOf(from, to), change);
    for (const line of this.#lines) {
      line.inward?.release();
      line.outward?.release();
    }
  }

  /** One direction: what is sent is held back until it is healed. */
  holdOneWay(from: string, to: string): void {
    this.shape(from, to, { isHeld: true });
  }

  /** Both directions. */
  cut(a: string, b: string): void {
    this.holdOneWay(a, b);
    this.holdOneWay(b, a);
  }

  /** From all others. */
  isolate(id: string): void {
    for (const other of this.ids) if (other !== id) this.cut(id, other);
  }

  /** Breaks the connections between two nodes in the middle of whatever is on its way. */
  reset(a: string, b: string): number {
    const lines = [...this.#lines].filter(
      ({ from, to }) => (from === a && to === b) || (from === b && to === a),
    );
    for (const line of lines) this.#break(line);
    return lines.length;
  }

  /** Its address takes no connections any more, and those that it took are broken. */
  async refuse(id: string): Promise<void> {
    const door = this.#door(id);
    door.isRefusing = true;
    await this.#update(door);
  }

  async heal(): Promise<void> {
    for (const shape of this.#shapes.values()) Object.assign(shape, plainShape());
    for (const line of this.#lines) {
      line.inward?.release();
      line.outward?.release();
    }
    for (const door of this.#doors.values()) {
      door.isRefusing = false;
      await this.#update(door);
    }
  }

  async close(): Promise<void> {
    this.#hasEnded = true;
    for (const door of this.#doors.values()) await this.#update(door);
  }

  // ---- connections ------------------------------------------------------------------------------

  #door(id: string): Door {
    const door = this.#doors.get(id);
    if (door === undefined) throw new Error(`there is no door of node ${id}`);
    return door;
  }

  #shapeOf(from: string, to: string): LinkShape {
    const name = `${from}>${to}`;
    const shape = this.#shapes.get(name) ?? plainShape();
    this.#shapes.set(name, shape);
    return shape;
  }

  async #update(door: Door): Promise<void> {
    const shouldListen = door.isAlive && !door.isRefusing && !this.#hasEnded;
    if (shouldListen && door.server === undefined) {
      const server = createServer((socket) => this.#accept(door, socket));
      door.server = server;
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(door.port, '127.0.0.1', resolve);
      });
    } else if (!shouldListen && door.server !== undefined) {
      door.server.close();
      door.server = undefined;
      // The process closes its own connections when it dies; its links carry that news, if they can.
      if (door.isAlive) for (const line of this.#lines) if (line.to === door.id) this.#break(line);
    }
  }

  #accept(door: Door, dialer: Socket): void {
    const node = connect(door.target, '127.0.0.1');
    const line: Line = {
      dialer,
      node,
      to: door.id,
      from: undefined,
      start: Buffer.alloc(0),
      inward: undefined,
      outward: undefined,
    };
    this.#lines.add(line);
    for (const socket of [dialer, node]) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => this.#closed(line, socket));
    }
    dialer.on('data', (chunk: Buffer) => {
      if (line.inward !== undefined) line.inward.push(chunk);
      else this.#look(line, chunk);
    });
    node.on('data', (chunk: Buffer) => line.outward?.push(chunk));
    dialer.on('end', () => line.inward?.end());
    node.on('end', () => line.outward?.end());
  }

  #look(line: Line, chunk: Buffer): void {
    line.start = Buffer.concat([line.start, chunk]);
    let from: string | undefined;
    try {
      const hello = decodeHandshake(line.start);
      if (hello === undefined) return;
      from = 'identity' in hello.message ? hello.message.identity.nodeId : undefined;
    } catch {
      from = undefined;
    }
    if (from === undefined) {
      this.#break(line);
      return;
    }
    const { dialer, node, to } = line;
    line.from = from;
    line.inward = new ShapedPipe(dialer, node, this.#shapeOf(from, to), this.#chance);
    line.outward = new ShapedPipe(node, dialer, this.#shapeOf(to, from), this.#chance);
    line.inward.push(line.start);
  }

  #closed(line: Line, socket: Socket): void {
    if (!this.#lines.has(line)) return;
    if (line.from === undefined) {
      this.#break(line);
      return;
    }
    // The news of the end travels as the bytes do.
    (socket === line.dialer ? line.inward : line.outward)?.end();
    if (line.dialer.closed && line.node.closed) this.#forget(line);
  }

  #break(line: Line): void {
    this.#forget(line);
    for (const socket of [line.dialer, line.node]) {
      if (socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  #forget(line: Line): void {
    this.#lines.delete(line);
    line.inward?.stop();
    line.outward?.stop();
  }
}
