import { expect, it } from 'vitest';
import { type Message, MessageType, makeMessage } from '../../src/raft/index.ts';
import type { Transport, TransportEvents } from '../../src/transport/index.ts';
import { forwarding } from './forwarding.ts';

/** Says what is called on it; its methods need their own `this`, as those of real ones do. */
class Inner {
  readonly #calls: string[] = [];

  get calls(): readonly string[] {
    return this.#calls;
  }

  note(name: string): void {
    this.#calls.push(name);
  }
}

class InnerTransport extends Inner implements Transport {
  boundAddress = 'not started';
  events: TransportEvents | undefined;

  async start(_local: unknown, events: TransportEvents): Promise<void> {
    this.note('start');
    this.boundAddress = 'n1:1';
    this.events = events;
  }

  async stop(): Promise<void> {
    this.note('stop');
  }

  addPeer(): void {
    this.note('addPeer');
  }

  removePeer(): void {
    this.note('removePeer');
  }

  send(): void {
    this.note('send');
  }

  sendFrame(): boolean {
    this.note('sendFrame');
    return true;
  }

  flush(): void {
    this.note('flush');
  }

  async sendBulk(): Promise<void> {
    this.note('sendBulk');
  }

  status(): [] {
    this.note('status');
    return [];
  }
}

class InnerEvents extends Inner implements TransportEvents {
  messages(): void {
    this.note('messages');
  }

  frame(): void {
    this.note('frame');
  }

  connected(): void {
    this.note('connected');
  }

  unreachable(): void {
    this.note('unreachable');
  }

  async bulk(): Promise<never> {
    this.note('bulk');
    throw new Error('it takes none');
  }

  async admit(): Promise<void> {
    this.note('admit');
  }
}

const PEER = { raftId: 2, nodeId: 'n2', address: 'n2:1' };
const LOCAL = { ...PEER, clusterId: 'c', clusterName: 'c', incarnation: 'i', groupId: 0 };
const MESSAGE: Message = makeMessage({ type: MessageType.Heartbeat, to: 2, from: 1 });

it('passes on every call, in the same turn, and what comes back', async () => {
  const inner = new InnerTransport();
  const outer = forwarding(inner, {});
  expect(outer.boundAddress).toBe('not started');
  await outer.start(LOCAL, new InnerEvents());
  expect(outer.boundAddress).toBe('n1:1');
  outer.addPeer(PEER);
  outer.send(MESSAGE);
  expect(outer.sendFrame(2, 1, [])).toBe(true);
  outer.flush();
  void outer.sendBulk(MESSAGE, { bytes: 0, read: async () => new Uint8Array(0) });
  expect(outer.status()).toEqual([]);
  outer.removePeer(2);
  void outer.stop();
  const all = 'start addPeer send sendFrame flush sendBulk status removePeer stop';
  expect(inner.calls.join(' ')).toBe(all);
});

it('passes on every event, to an object that needs its own this', async () => {
  const inner = new InnerTransport();
  const events = new InnerEvents();
  await forwarding(inner, {}).start(LOCAL, events);
  const seen = inner.events as TransportEvents;
  seen.messages(2, [MESSAGE]);
  seen.frame(2, 1, new Uint8Array(0));
  seen.connected(2);
  seen.unreachable(2, 'closed', new Error('gone'));
  await expect(seen.bulk(2, MESSAGE)).rejects.toThrow('it takes none');
  await seen.admit({ ...PEER, incarnation: 'i' });
  expect(events.calls.join(' ')).toBe('messages frame connected unreachable bulk admit');
});

it('leaves a call or an event to whoever overrides it, and nothing else', async () => {
  const inner = new InnerTransport();
  const events = new InnerEvents();
  const told: string[] = [];
  const outer = forwarding(inner, {
    send: () => told.push('send'),
    events: (to) => ({
      connected: (peer) => {
        told.push(`connected ${peer}`);
        to.connected(peer);
      },
    }),
  });
  await outer.start(LOCAL, events);
  outer.send(MESSAGE);
  outer.flush();
  inner.events?.connected(2);
  inner.events?.messages(2, [MESSAGE]);
  expect(told).toEqual(['send', 'connected 2']);
  expect(inner.calls).toEqual(['start', 'flush']);
  expect(events.calls).toEqual(['connected', 'messages']);
});
