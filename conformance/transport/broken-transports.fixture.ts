/**
 * Transports with one mistake each. `fails` lists every case that must find it, the one that names it
 * first; no other case may fail.
 */
import type { Message, RaftId } from '../../src/raft/index.ts';
import type {
  BulkSink,
  BulkSource,
  LocalPeer,
  Transport,
  TransportEvents,
} from '../../src/transport/index.ts';
import { override } from '../kit/override.fixture.ts';
import type { Wrap } from './transport-rigs.fixture.ts';

export interface BrokenTransport {
  readonly name: string;
  /** A fresh one for each run: some of them know all nodes of a net. */
  readonly wrap: () => Wrap;
  readonly fails: readonly string[];
  readonly says: RegExp;
}

/** The events that the node sees are others than those of the transport. */
function withEvents(change: (events: TransportEvents) => Partial<TransportEvents>): () => Wrap {
  return () => (transport) =>
    override(transport, {
      start: (local: LocalPeer, events: TransportEvents) =>
        transport.start(local, { ...events, ...change(events) }),
    });
}

const reorders = withEvents((events) => ({
  messages: (from, messages) => events.messages(from, [...messages].reverse()),
}));

function duplicates(): Wrap {
  return (transport) => {
    let count = 0;
    return override(transport, {
      send: (message: Message) => {
        transport.send(message);
        if (++count % 10 === 0) transport.send(message);
      },
    });
  };
}

/** What is sent to a node of the same process is handed over on the spot. */
function deliversInsideSend(): Wrap {
  const running = new Map<string, { readonly id: RaftId; readonly events: TransportEvents }>();
  return (transport) => {
    let own = 0;
    let isRunning = false;
    const addresses = new Map<RaftId, string>();
    return override(transport, {
      start: async (local: LocalPeer, events: TransportEvents) => {
        own = local.raftId;
        await transport.start(local, events);
        isRunning = true;
        running.set(local.address, { id: own, events });
      },
      stop: () => {
        isRunning = false;
        for (const [address, { id }] of running) if (id === own) running.delete(address);
        return transport.stop();
      },
      addPeer: (peer) => {
        transport.addPeer(peer);
        addresses.set(peer.raftId, peer.address);
      },
      send: (message: Message) => {
        const there = running.get(addresses.get(message.to) ?? '');
        const isConnected = transport.status().some(({ raftId, connected }) => {
          return raftId === message.to && connected;
        });
        if (!isRunning || !isConnected || there === undefined) transport.send(message);
        else there.events.messages(own, [message]);
      },
    });
  };
}

function throwsForAwayPeers(): Wrap {
  return (transport) =>
    override(transport, {
      send: (message: Message) => {
        const peer = transport.status().find(({ raftId }) => raftId === message.to);
        if (peer?.connected === false) throw new Error(`not connected to ${message.to}`);
        transport.send(message);
      },
    });
}

const forgetsUnreachable = withEvents(() => ({ unreachable: () => {} }));

function losesFramesInSilence(): Wrap {
  return (transport) => {
    let count = 0;
    return override(transport, {
      sendFrame: (to, kind, payload) =>
        ++count % 40 === 0 ? true : transport.sendFrame(to, kind, payload),
    });
  };
}

/** Its stop takes effect a little later than it says. */
function deliversAfterStop(): Wrap {
  return (transport) =>
    override(transport, {
      stop: async () => {
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
        await transport.stop();
      },
    });
}

/** It listens, and tells, long before it says so. */
function deliversBeforeStart(): Wrap {
  return (transport) =>
    override(transport, {
      start: async (local: LocalPeer, events: TransportEvents) => {
        await transport.start(local, events);
        for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
      },
    });
}

function keepsRemovedPeers(): Wrap {
  return (transport) => override(transport, { removePeer: () => {} });
}

function ignoresNewAddresses(): Wrap {
  return (transport) => {
    const known = new Set<RaftId>();
    return override(transport, {
      addPeer: (peer) => {
        if (!known.has(peer.raftId)) transport.addPeer(peer);
        known.add(peer.raftId);
      },
    });
  };
}

const admitsEverybody = withEvents((events) => ({
  admit: async (peer) => {
    events.admit(peer).catch(() => {});
  },
}));

const sendsBulkFromTheStart = withEvents((events) => ({
  bulk: async (from, message) => {
    const sink = await events.bulk(from, message);
    return override<BulkSink>(sink, { received: 0 });
  },
}));

const finishesBulkEarly = withEvents((events) => ({
  bulk: async (from, message) => {
    const sink = await events.bulk(from, message);
    return override<BulkSink>(sink, {
      finish: async () => {
        sink.finish().catch(() => {});
      },
    });
  },
}));

function reusesFrameBuffers(): Wrap {
  const shared = Buffer.alloc(100_000);
  return (transport: Transport) =>
    override(transport, {
      start: (local: LocalPeer, events: TransportEvents) =>
        transport.start(local, {
          ...events,
          frame: (from, kind, payload) => {
            shared.set(payload);
            events.frame(from, kind, shared.subarray(0, payload.length));
          },
        }),
    });
}

/** The message that announces a transfer goes the way of all messages, too. */
function sendsBulkMessagesTwice(): Wrap {
  return (transport) =>
    override(transport, {
      sendBulk: async (message: Message, source: BulkSource) => {
        transport.send(message);
        await transport.sendBulk(message, source);
      },
    });
}

const forgetsToAbortBulk = withEvents((events) => ({
  bulk: async (from, message) => {
    const sink = await events.bulk(from, message);
    return override<BulkSink>(sink, { abort: () => {} });
  },
}));

/** Whoever is away will come again some day. */
function waitsWithBulkForEver(): Wrap {
  return (transport) =>
    override(transport, {
      sendBulk: async (message: Message, source: BulkSource) => {
        try {
          await transport.sendBulk(message, source);
        } catch (error) {
          const peer = transport.status().find(({ raftId }) => raftId === message.to);
          if (peer?.connected === false) await new Promise(() => {});
          throw error;
        }
      },
    });
}

/** A field that most messages do not have was left out of the format. */
const losesTheCommitIndex = withEvents((events) => ({
  messages: (from, messages) => {
    events.messages(
      from,
      messages.map((message) => ({ ...message, commit: 0 })),
    );
  },
}));

function listsTheConnectedOnly(): Wrap {
  return (transport) =>
    override(transport, { status: () => transport.status().filter(({ connected }) => connected) });
}

const ORDER_CASES = ['delivery/in-order', 'loss/once-and-in-order', 'loss/told'];

export const BROKEN_TRANSPORTS: readonly BrokenTransport[] = [
  {
    name: 'reorders',
    wrap: reorders,
    fails: ORDER_CASES,
    says: /the order is that of the calls.*\n.*\n.*"1 arrived after 2"/,
  },
  {
    name: 'duplicates',
    wrap: duplicates,
    fails: ORDER_CASES,
    says: /nothing comes twice\n.*\n.*arrived twice/,
  },
  {
    name: 'delivers inside send',
    wrap: deliversInsideSend,
    // What is not in a queue overtakes what is.
    fails: ['manners/no-event-inside-a-call', 'delivery/in-order', 'loss/once-and-in-order'],
    says: /a call returns before any event runs\n.*\n.*messages of 2/,
  },
  {
    name: 'throws for a peer that is away',
    wrap: throwsForAwayPeers,
    fails: [
      'peers/away',
      'loss/once-and-in-order',
      'loss/told',
      'loss/silent',
      'manners/no-event-inside-a-call',
      'manners/not-before-start',
      'handshake/stranger',
      'handshake/admit-refuses',
      'handshake/admit-waits',
    ],
    says: /does not throw\n.*\n.*not connected to 2/,
  },
  {
    name: 'forgets to say unreachable',
    wrap: forgetsUnreachable,
    fails: [
      'loss/told',
      'loss/silent',
      'peers/away',
      'handshake/stranger',
      'handshake/admit-refuses',
    ],
    says: /after the last message that was lost, the peer is reported/,
  },
  {
    name: 'loses frames in silence',
    wrap: losesFramesInSilence,
    fails: ['delivery/in-order', 'delivery/frames'],
    says: /nothing is lost on a healthy connection\n.*\n.*298 of 300/,
  },
  {
    name: 'delivers after its stop',
    wrap: deliversAfterStop,
    fails: ['manners/not-after-stop'],
    says: /no event after the stop/,
  },
  {
    name: 'delivers before its start',
    wrap: deliversBeforeStart,
    fails: ['manners/not-before-start'],
    says: /no event before the start\n.*\n.*connected 1/,
  },
  {
    name: 'keeps removed peers',
    wrap: keepsRemovedPeers,
    fails: ['peers/unknown'],
    says: /peer that was removed is refused/,
  },
  {
    name: 'ignores a new address',
    wrap: ignoresNewAddresses,
    fails: ['peers/moved', 'peers/address'],
    says: /messages arrive again/,
  },
  {
    name: 'admits everybody',
    wrap: admitsEverybody,
    fails: ['handshake/admit-refuses', 'handshake/admit-waits'],
    says: /who is refused is told/,
  },
  {
    name: 'sends bulk from its start',
    wrap: sendsBulkFromTheStart,
    fails: ['bulk/resume'],
    says: /only the rest is sent\n.*400001 bytes\n.*700001 bytes/,
  },
  {
    name: 'finishes bulk before it is durable',
    wrap: finishesBulkEarly,
    fails: ['bulk/durable-first', 'bulk/refused'],
    says: /the sender waits for `finish`/,
  },
  {
    name: 'reuses the bytes of frames',
    wrap: reusesFrameBuffers,
    fails: ['delivery/frames'],
    says: /a frame is what was sent, later frames or not/,
  },
  {
    name: 'loses a field of messages',
    wrap: losesTheCommitIndex,
    fails: ['delivery/intact'],
    says: /a message arrives as it was sent\n.*commit: 4.*\n.*commit: 0/,
  },
  {
    name: 'lists the peers that are connected, and no others',
    wrap: listsTheConnectedOnly,
    fails: ['peers/status'],
    says: /each peer is listed as it is\n.*"n2".*"n3".*\n.*found: {4}\[\[2, "n2", false, true\]\]/,
  },
  {
    name: 'sends the message of a transfer twice',
    wrap: sendsBulkMessagesTwice,
    fails: ['bulk/whole'],
    says: /the message of the transfer does not come twice\n.*\[5\]\n/,
  },
  {
    name: 'tells no sink that its transfer broke',
    wrap: forgetsToAbortBulk,
    fails: ['bulk/source-fails'],
    says: /the sink is told\n.*\n.*found: {4}no$/,
  },
  {
    name: 'waits for ever with a transfer for a peer that is away',
    wrap: waitsWithBulkForEver,
    fails: ['bulk/away'],
    says: /nobody waits for ever for a peer that is gone\n.*TRANSFER_FAILED\n.*still pending/,
  },
];
