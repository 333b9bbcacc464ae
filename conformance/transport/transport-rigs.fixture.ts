/** Our own transports in the suite's hands: TCP on a network in memory and on loopback, and the bus of the tests. */
import { Bus } from '../../sim/rigs/bus-transport.ts';
import { seededRandom } from '../../sim/rigs/transport-rig.ts';
import { ManualClock } from '../../sim/world/manual-clock.ts';
import { MemoryNetwork } from '../../sim/world/memory-network.ts';
import type { RaftId } from '../../src/raft/index.ts';
import { parseAddress, TcpTransport, type Transport } from '../../src/transport/index.ts';
import { nullLogger, realClock, realNetwork, realRandom } from '../../src/world/index.ts';
import { freePort } from '../../test/free-ports.ts';
import type { TransportRig } from './rig.ts';

/** For the broken ones: what stands between the suite and the transport. */
export type Wrap = (transport: Transport) => Transport;

const asItIs: Wrap = (transport) => transport;
const logger = nullLogger;

/** TCP over the network in memory, on a clock that stands still until the suite lets it go on. */
export function memoryTcpRig(wrap: Wrap = asItIs): TransportRig {
  return {
    offers: ['move', 'break', 'cut', 'handshake'],
    net: () => {
      const clock = new ManualClock();
      const network = new MemoryNetwork(clock, { latencyMs: 1 });
      const ports = new Map<RaftId, number>();
      let lives = 0;
      const nameOf = (id: RaftId): string => `n${id}`;
      return {
        node: (id) => {
          const listen = { host: nameOf(id), port: ports.get(id) ?? 7_000 };
          const random = seededRandom(++lives);
          const parts = { network: network.host(nameOf(id)), clock, random, logger, listen };
          const transport = wrap(new TcpTransport(parts));
          return { transport, address: `${listen.host}:${listen.port}` };
        },
        move: (id) => ports.set(id, 7_001),
        breakLinks: (a, b) => network.resetAll(nameOf(a), nameOf(b)),
        cut: (a, b) => network.cutBoth(nameOf(a), nameOf(b)),
        heal: (a, b) => network.heal(nameOf(a), nameOf(b)),
        until: (isReached, withinMs) => stepUntil(clock, isReached, withinMs),
      };
    },
  };
}

/** A millisecond at a time: conditions may do something, and want to be looked at again. */
async function stepUntil(
  clock: ManualClock,
  isReached: () => boolean,
  withinMs: number,
): Promise<boolean> {
  for (let passedMs = 0; !isReached(); passedMs++) {
    if (passedMs >= withinMs) return false;
    await clock.advance(1);
  }
  return true;
}

export function loopbackTcpRig(): TransportRig {
  return {
    offers: ['move', 'handshake'],
    net: () => {
      const addresses = new Map<RaftId, string>();
      return {
        node: async (id) => {
          const address = addresses.get(id) ?? `127.0.0.1:${await freePort()}`;
          addresses.set(id, address);
          const listen = parseAddress(address);
          const parts = { network: realNetwork(), clock: realClock(), random: realRandom() };
          return { transport: new TcpTransport({ ...parts, logger, listen }), address };
        },
        move: (id) => addresses.delete(id),
      };
    },
  };
}

export function busRig(): TransportRig {
  return {
    offers: ['cut'],
    net: () => {
      const bus = new Bus(realClock());
      return {
        node: (id) => ({ transport: bus.transport(), address: `n${id}:1` }),
        cut: (a, b) => {
          bus.cut(a, b);
          bus.cut(b, a);
        },
        heal: () => bus.heal(),
      };
    },
  };
}
