/**
 * When events may come, and what calls may do: a node calls its transport in the middle of its own work,
 * and must not find itself called from there; it must not be held up or thrown at because a peer is away.
 */
import type { CaseSpec, Checks } from '../kit/index.ts';
import type { Station, TransportBench } from './bench.ts';
import { append, snapshotMessage, sourceOf } from './bench.ts';
import type { TransportAbilities } from './index.ts';

type TransportCase = CaseSpec<TransportBench>;

export function mannerCases(can: TransportAbilities): TransportCase[] {
  return [
    {
      id: 'manners/no-event-inside-a-call',
      title: 'no event runs inside a call',
      body: async (checks, bench) => {
        const [a, b] = await bench.pair(checks);
        const away = await bench.station(3);
        a.add(away);
        for (let number = 1; number <= 30; number++) {
          a.append(2, number);
          a.append(3, number);
          a.frame(2, number);
          a.frame(3, number);
          a.flush();
          b.append(1, number);
          b.flush();
          if (number % 10 === 0) await bench.until(() => false, 1);
        }
        a.add(b);
        a.remove(3);
        a.status();
        await bench.settled(b.stop());
        for (let number = 31; number <= 40; number++) {
          a.append(2, number);
          a.flush();
          await bench.until(() => false, 1);
        }
        a.remove(2);
        await bench.quiet();
        const found = [...a.insideCalls, ...b.insideCalls];
        checks.equal('a call returns before any event runs', [...new Set(found)], []);
      },
    },
    {
      id: 'manners/not-before-start',
      title: 'nothing is delivered before `start` resolved',
      body: async (checks, bench) => {
        const a = await bench.started(1);
        const b = await bench.station(2);
        a.add(b);
        b.addPeer(a.peer);
        const sendAll = (): void => {
          for (let number = 1; number <= 5; number++) a.append(2, number);
          a.flush();
        };
        sendAll();
        await bench.until(() => false, 20);
        const starting = b.start();
        for (let turn = 0; turn < 20; turn++) {
          sendAll();
          await bench.until(() => false, 1);
        }
        await bench.settled(starting);
        await bench.sendUntilHeard(checks, a, b, 100);
        checks.equal('there is no event before the start', b.beforeStart, []);
      },
    },
    {
      id: 'manners/not-after-stop',
      title: 'nothing is delivered after `stop` was called, and it may be called again',
      body: async (checks, bench) => {
        const [a, b] = await bench.pair(checks);
        for (let number = 1; number <= 200; number++) {
          a.append(2, number);
          if (number % 20 === 0) a.flush();
        }
        a.flush();
        await bench.until(() => b.arrivals.length > 0);
        const stopping = b.stop();
        for (let number = 201; number <= 220; number++) a.append(2, number);
        a.flush();
        await checks.resolves('`stop` resolves', () => bench.settled(stopping), bench.patienceMs);
        await checks.resolves('`stop` may be called again', () => bench.settled(b.stop()));
        await bench.quiet();
        checks.equal('there is no event after the stop', b.afterStop, []);
        const late = checks.returns('whoever sends on a stopped transport is not thrown at', () => {
          b.append(1, 1);
          b.flush();
          return b.frame(1, 2);
        });
        checks.equal('a stopped transport takes no frame', late, false);
        const fresh = await bench.station(3);
        await checks.resolves('a transport that never started can be stopped', () =>
          bench.settled(fresh.stop()),
        );
      },
    },
    ...peerCases(can),
  ];
}

function peerCases(can: TransportAbilities): TransportCase[] {
  return [
    {
      id: 'peers/unknown',
      title: 'only a peer that nobody added is an error',
      body: async (checks, bench) => {
        const [a] = await bench.pair(checks);
        const clause = 'sending to a peer that nobody added is refused';
        await expectUnknown(checks, a, 9, clause);
        a.remove(9);
        a.remove(2);
        await expectUnknown(checks, a, 2, 'sending to a peer that was removed is refused');
        checks.equal('a removed peer is not in the status', a.status(), []);
      },
    },
    {
      id: 'peers/address',
      title: 'an address that is none is refused, and changes nothing',
      body: async (checks, bench) => {
        const [a, b] = await bench.pair(checks);
        const add = (): void => a.addPeer({ ...b.peer, address: 'nowhere' });
        checks.throws('an address without a port is refused', add, ['PEER_ADDRESS_INVALID']);
        a.append(2, 1);
        a.flush();
        await bench.reach(checks, 'the peer is still reached', () => b.arrivals.length === 1);
      },
    },
    awayIsNoError(),
    {
      id: 'peers/moved',
      title: 'adding a peer again changes its address',
      skip: can.move,
      body: async (checks, bench) => {
        const [a, b] = await bench.pair(checks);
        await bench.settled(b.stop());
        bench.net.move?.(2);
        const moved = await bench.started(2);
        const isElsewhere = moved.address !== b.address;
        checks.holds('the rig moves the node', isElsewhere, 'another address', moved.address);
        a.add(moved);
        await bench.sendUntilHeard(checks, a, moved, 100);
      },
    },
    {
      id: 'peers/status',
      title: 'the status lists the peers that were added, and says whether they are connected',
      body: async (checks, bench) => {
        const [a] = await bench.pair(checks);
        const away = await bench.station(3);
        a.add(away);
        const lines = a.status().map(({ raftId, nodeId, address, connected }) => {
          return [raftId, nodeId, address === away.address, connected];
        });
        const byId = lines.sort((x, y) => Number(x[0]) - Number(y[0]));
        const expected = [
          [2, 'n2', false, true],
          [3, 'n3', true, false],
        ];
        checks.equal('each peer is listed as it is', byId, expected);
      },
    },
  ];
}

async function expectUnknown(
  checks: Checks,
  station: Station,
  to: number,
  clause: string,
): Promise<void> {
  const codes = ['PEER_UNKNOWN'];
  checks.throws(`${clause}: send`, () => station.send(append(1, to, 1)), codes);
  checks.throws(`${clause}: sendFrame`, () => station.frame(to, 1), codes);
  const bulk = (): Promise<void> =>
    station.sendBulk(snapshotMessage(1, to), sourceOf(Buffer.from('x')));
  await checks.rejects(`${clause}: sendBulk`, bulk, codes);
}

function awayIsNoError(): TransportCase {
  return {
    id: 'peers/away',
    title: 'a peer that is away is reported, never thrown, and is reached when it comes',
    body: async (checks, bench) => {
      const a = await bench.started(1);
      const b = await bench.station(2);
      a.add(b);
      const clause = 'sending to a peer that is away does not throw';
      for (let number = 1; number <= 50; number++) {
        checks.returns(clause, () => {
          a.append(2, number);
          a.frame(2, number);
          a.flush();
        });
        if (number % 10 === 0) await bench.until(() => false, 1);
      }
      const told = (): boolean => a.toldOf('unreachable', 2).length > 0;
      await bench.reach(checks, 'a peer that is away is reported', told);
      const reason = a.toldOf('unreachable', 2)[0]?.reason ?? 'none';
      const reasons = ['refused', 'timeout', 'closed', 'rejected', 'overflow'];
      checks.holds('with a reason', reasons.includes(reason), reasons.join(', '), reason);
      await bench.settled(b.start());
      b.add(a);
      await bench.sendUntilHeard(checks, a, b, 100);
      await bench.sendUntilHeard(checks, b, a, 100);
    },
  };
}
