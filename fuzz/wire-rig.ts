/**
 * Two nodes that are connected, and a stranger beside them: whatever it does, they must not notice.
 */
import { type RigNode, rigNode, seededRandom } from '../sim/rigs/transport-rig.ts';
import { ManualClock } from '../sim/world/manual-clock.ts';
import { MemoryNetwork } from '../sim/world/memory-network.ts';
import { MessageType, makeMessage } from '../src/raft/index.ts';
import type { Connection, Network } from '../src/world/index.ts';

const OPTIONS = {
  handshakeTimeoutMs: 500,
  pingIntervalMs: 300,
  deadAfterMs: 1_000,
  bulkProgressTimeoutMs: 1_000,
};
/** A handshake that hangs, then a connection that says nothing, and something to spare. */
export const HUNG_UP_MS = 2_500;

export class Wire {
  readonly clock: ManualClock = new ManualClock();
  readonly network: MemoryNetwork = new MemoryNetwork(this.clock, { latencyMs: 1 });
  readonly one: RigNode = this.node(1);
  readonly two: RigNode = this.node(2);

  node(id: number, network: Network = this.network.host(`n${id}`)): RigNode {
    const random = seededRandom(id);
    return rigNode(id, { network, clock: this.clock, random, options: OPTIONS });
  }

  async start(): Promise<void> {
    await Promise.all([this.one.start(), this.two.start()]);
    this.introduce(this.one, 2);
    this.introduce(this.two, 1);
    await this.clock.advance(30);
    if (!isConnected(this.one, 2)) throw new Error('nodes 1 and 2 do not connect');
  }

  introduce(node: RigNode, id: number): void {
    node.transport.addPeer({ raftId: id, nodeId: `n${id}`, address: `n${id}:7000` });
  }

  /** A message each way arrives, over the connection that was there all the time. */
  async checkUnharmed(): Promise<void> {
    await this.talk(this.one, this.two);
    await this.talk(this.two, this.one);
    for (const node of [this.one, this.two]) {
      const other = node === this.one ? 2 : 1;
      const told = node.log.filter((line) => line.split(' ')[1] === String(other));
      if (told.length === 1) continue;
      throw new Error(`node ${node.id} lost its connection: ${node.log.join(', ')}`);
    }
  }

  async talk(from: RigNode, to: RigNode): Promise<void> {
    const before = to.messages.length;
    const message = makeMessage({ type: MessageType.Heartbeat, to: to.id, from: from.id, term: 1 });
    from.transport.send(message);
    from.transport.flush();
    await this.clock.advance(10);
    const arrived = to.messages.slice(before).filter((each) => each.from === from.id);
    if (arrived.length !== 1) throw new Error(`${from.id} told ${to.id} ${arrived.length} times`);
  }

  async stop(nodes: readonly RigNode[]): Promise<void> {
    const stopped = Promise.all(nodes.map((node) => node.transport.stop()));
    await this.clock.advance(2_000);
    await stopped;
    if (this.clock.waiting > 0) throw new Error(`${this.clock.waiting} timers are left over`);
  }
}

export function isConnected(node: RigNode, id: number): boolean {
  return node.status.some(({ raftId, connected }) => raftId === id && connected);
}

/** A connection that says `bytes`, in chunks, whatever it hears. */
export class Stranger {
  isClosed = false;
  heardBytes = 0;

  speak(connection: Connection, bytes: Uint8Array, chunkBytes: number): void {
    connection.attach({
      data: (chunk) => {
        this.heardBytes += chunk.length;
      },
      drain: () => {},
      close: () => {
        this.isClosed = true;
      },
    });
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      connection.write([bytes.slice(at, at + chunkBytes)]);
    }
  }
}
