/**
 * Three nodes, random faults, a manual clock. Whatever happens: no message arrives twice or after a
 * later one of its lane, nothing arrives that was damaged, and once the network is whole again each
 * pair has exactly one connection that works both ways. A failure names its seed.
 */
import { describe, expect, it } from 'vitest';
import { type RigNode, rigNode, seededRandom } from '../../sim/rigs/transport-rig.ts';
import { ManualClock } from '../../sim/world/manual-clock.ts';
import { MemoryNetwork } from '../../sim/world/memory-network.ts';
import { EntryType, type Message, MessageType, makeMessage } from '../raft/index.ts';

const IDS: readonly number[] = [1, 2, 3];
const STEPS = 150;

class Chaos {
  readonly clock = new ManualClock();
  readonly network: MemoryNetwork;
  readonly nodes = new Map<number, RigNode>();
  readonly #random;
  readonly #name: string;
  #lives = 0;
  #index = 0;

  constructor(seed: number) {
    this.#name = `seed ${seed}`;
    this.#random = seededRandom(seed);
    const chunkBytes = [64 * 1024, 1_000, 37][this.#random.below(3)]!;
    const kernelBytes = [256 * 1024, 2_000][this.#random.below(2)]!;
    this.network = new MemoryNetwork(this.clock, { latencyMs: 1, chunkBytes, kernelBytes });
  }

  async start(id: number): Promise<void> {
    const node = rigNode(id, {
      network: this.network.host(`n${id}`),
      clock: this.clock,
      random: seededRandom(1_000 * this.#lives++ + id),
      options: { pingIntervalMs: 300, deadAfterMs: 1_000, handshakeTimeoutMs: 1_500 },
    });
    this.nodes.set(id, node);
    node.admit = () => new Promise((done) => this.clock.after(this.#random.below(4), done));
    await node.start();
    for (const peer of IDS) if (peer !== id) this.add(node, peer);
  }

  add(node: RigNode, peer: number): void {
    node.transport.addPeer({ raftId: peer, nodeId: `n${peer}`, address: `n${peer}:7000` });
  }

  async step(): Promise<void> {
    const [a, b] = this.#pair();
    const [from, to] = [`n${a}`, `n${b}`];
    const action = this.#random.below(16);
    if (action === 0) this.network.cut(from, to);
    else if (action === 1) this.network.cutBoth(from, to);
    else if (action <= 4) this.network.heal(from, to);
    else if (action === 5) this.network.resetAll(from, to);
    else if (action === 6) this.network.resetOneSide(from, to);
    else if (action === 7) this.network.resetAfter(from, to, this.#random.below(5_000));
    else if (action === 8) this.network.delay(from, to, this.#random.below(30));
    else if (action === 9) await this.restart(a, this.#random.below(2) === 0);
    else if (action === 10) await this.clock.block(this.#random.below(3_000));
    else if (action === 11) this.nodes.get(a)?.transport.removePeer(b);
    for (let i = this.#random.below(6); i > 0; i--) this.#send();
    for (const id of IDS) this.add(this.nodes.get(a)!, id === a ? b : id);
    await this.clock.advance(this.#random.below(400));
    for (const node of this.nodes.values()) this.check(node);
  }

  async restart(id: number, isPower: boolean): Promise<void> {
    if (isPower) {
      this.network.powerOff(`n${id}`);
      await this.clock.advance(this.#random.below(500));
      this.network.powerOn(`n${id}`);
    } else this.network.crash(`n${id}`);
    await this.start(id);
  }

  #pair(): [number, number] {
    const a = 1 + this.#random.below(3);
    const b = 1 + ((a + this.#random.below(2)) % 3);
    return [a, b];
  }

  #send(): void {
    const [a, b] = this.#pair();
    const node = this.nodes.get(a)!;
    const index = ++this.#index;
    if (!node.status.some((peer) => peer.raftId === b)) return;
    if (index % 5 === 0) node.transport.sendFrame(b, 9, [Buffer.from(String(index))]);
    else node.transport.send(messageOf(a, b, index, this.#random.below(4) * 700));
    if (index % 3 !== 0) node.transport.flush();
  }

  /** Indexes grow over all lives and nodes, so "in order" and "once" are one thing: growing. */
  check(node: RigNode): void {
    for (const from of IDS) {
      const mine = node.messages.filter((each) => each.from === from).map(({ message }) => message);
      for (const type of [MessageType.App, MessageType.Heartbeat]) {
        const seen = mine.filter((message) => message.type === type).map(indexOf);
        expect(isGrowing(seen), `${this.#name}: ${from} to ${node.id}: ${seen}`).toBe(true);
      }
      const frames = node.frames.filter((each) => each.from === from);
      expect(isGrowing(frames.map(({ text }) => Number(text))), this.#name).toBe(true);
    }
  }

  async wholeAgain(): Promise<void> {
    for (const a of IDS) {
      for (const b of IDS) {
        if (a === b) continue;
        this.network.heal(`n${a}`, `n${b}`);
        this.network.delay(`n${a}`, `n${b}`, 0);
        this.network.link(`n${a}`, `n${b}`).resetAfterBytes = undefined;
        this.add(this.nodes.get(a)!, b);
      }
    }
    await this.clock.advance(6_000);
    for (const node of this.nodes.values()) {
      expect(
        node.status.map((peer) => peer.connected),
        this.#name,
      ).toEqual([true, true]);
      node.log.length = 0;
      node.messages.length = 0;
    }
    for (const a of IDS) {
      for (const b of IDS) {
        if (a === b) continue;
        expect(this.network.connections(`n${a}`, `n${b}`), this.#name).toBe(1);
        this.nodes.get(a)!.transport.send(messageOf(a, b, ++this.#index, 10_000));
      }
    }
    await this.clock.advance(3_000);
    for (const node of this.nodes.values()) {
      expect(node.log, this.#name).toEqual([]);
      expect(node.messages.length, this.#name).toBe(2);
      expect(
        node.warnings.filter((line) => line.includes('refused')),
        this.#name,
      ).toEqual([]);
    }
  }
}

function messageOf(from: number, to: number, index: number, bytes: number): Message {
  if (index % 2 === 0) {
    return makeMessage({ type: MessageType.Heartbeat, to, from, term: 1, commit: index });
  }
  const data = new Uint8Array(bytes).fill(index);
  const entries = [{ term: 1, index: index + 1, type: EntryType.Normal, data }];
  return makeMessage({ type: MessageType.App, to, from, term: 1, index, entries });
}

function indexOf(message: Message): number {
  return message.type === MessageType.Heartbeat ? message.commit : message.index;
}

function isGrowing(numbers: readonly number[]): boolean {
  return numbers.every((value, at) => at === 0 || value > numbers[at - 1]!);
}

describe('chaos', () => {
  for (let seed = 1; seed <= 12; seed++) {
    it(`seed ${seed}: order, at most once, and one connection for each pair in the end`, async () => {
      const chaos = new Chaos(seed);
      for (const id of IDS) await chaos.start(id);
      for (let step = 0; step < STEPS; step++) await chaos.step();
      await chaos.wholeAgain();
    });
  }
});
