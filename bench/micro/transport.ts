/**
 * Two transports that talk to each other over the loopback: how long a message takes there and back, and what
 * a hundred that travel together cost. Both ends are in one process, so the figures hold the work of both.
 */
import { MessageType, makeEntry, makeMessage } from '../../src/raft/index.ts';
import { formatAddress, TcpTransport, type TransportEvents } from '../../src/transport/index.ts';
import { nullLogger, realWorld } from '../../src/world/index.ts';
import { freePorts } from '../../test/free-ports.ts';
import { type Benchmark, inRounds } from '../benchmark.ts';
import { Recorder } from '../recorder.ts';
import { median } from '../statistics.ts';

const BATCHES = [1, 100] as const;
const DATA = new Uint8Array(256);
const CLUSTER_ID = '0123456789abcdef0123456789abcdef';

/** Sends `count` appends each way and resolves when all are back. */
type Exchange = (count: number) => Promise<void>;

export const transport: Benchmark = {
  name: 'transport',
  about: 'two transports over the loopback: appends there and back',
  run: async (context) => {
    const { exchange, stop } = await pair();
    const recorder = new Recorder();
    try {
      await inRounds(context, 'transport', async () => {
        for (const batch of BATCHES) {
          const times: number[] = [];
          const endAt = performance.now() + context.seconds * 500;
          while (performance.now() < endAt || times.length === 0) {
            const beganAt = performance.now();
            await exchange(batch);
            times.push(performance.now() - beganAt);
          }
          const name = `${batch} appends of 256 bytes there and back, each`;
          recorder.add(name, 'µs', (median(times) * 1_000) / batch);
        }
      });
    } finally {
      await stop();
    }
    return [{ title: 'The transport', series: recorder.series(), findings: [], notes: [] }];
  },
};

async function pair(): Promise<{ exchange: Exchange; stop: () => Promise<void> }> {
  const ports = await freePorts(2);
  const addresses = ports.map((port) => formatAddress({ host: '127.0.0.1', port }));
  const { network, clock, random } = realWorld();
  const nodes = ports.map(
    (port) =>
      new TcpTransport({
        network,
        clock,
        random,
        logger: nullLogger,
        listen: { host: '127.0.0.1', port },
      }),
  );
  let missing = 0;
  let allBack: () => void = () => {};
  let connected: () => void = () => {};
  const isConnected = new Promise<void>((resolve) => {
    connected = resolve;
  });
  for (const [at, node] of nodes.entries()) {
    const [own, other] = [at + 1, 2 - at];
    const local = {
      clusterName: 'bench',
      clusterId: CLUSTER_ID,
      nodeId: `n${own}`,
      raftId: own,
      incarnation: `000000000000000${own}`,
      address: addresses[at]!,
    };
    const received = (count: number): void => {
      if (at === 1) {
        sendAppends(node, 1, count);
        return;
      }
      missing -= count;
      if (missing === 0) allBack();
    };
    await node.start(
      local,
      eventsOf(received, () => at === 0 && connected()),
    );
    node.addPeer({ raftId: other, nodeId: `n${other}`, address: addresses[2 - own]! });
  }
  await isConnected;
  return {
    exchange: (count) =>
      new Promise((resolve) => {
        missing = count;
        allBack = resolve;
        sendAppends(nodes[0]!, 2, count);
      }),
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

function eventsOf(received: (count: number) => void, connected: () => void): TransportEvents {
  return {
    messages: (_from, messages) => received(messages.length),
    frame: () => {},
    connected,
    unreachable: () => {},
    bulk: () => Promise.reject(new Error('no bulk here')),
    admit: () => Promise.resolve(),
  };
}

function sendAppends(node: TcpTransport, to: number, count: number): void {
  for (let at = 1; at <= count; at++) {
    const entries = [makeEntry(1, at, 0, DATA)];
    node.send(
      makeMessage({ type: MessageType.App, to, from: 3 - to, term: 1, index: at - 1, entries }),
    );
  }
  node.flush();
}
