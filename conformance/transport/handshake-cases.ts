/** Who is let in: nobody of another cluster, and nobody whom the node does not admit. */
import type { CaseSpec, Checks } from '../kit/index.ts';
import type { Station, TransportBench } from './bench.ts';
import type { TransportAbilities } from './index.ts';

type TransportCase = CaseSpec<TransportBench>;

export function handshakeCases(can: TransportAbilities): TransportCase[] {
  const skip = can.handshake;
  return [
    {
      id: 'handshake/stranger',
      title: 'a node of another cluster is refused, and both sides can say so',
      skip,
      body: async (checks, bench) => {
        const clusterId = 'ffffffffffffffffffffffffffffffff';
        const stranger = await bench.started(1, { local: { clusterName: 'other', clusterId } });
        const member = await bench.started(2);
        await expectRefused(checks, bench, stranger, member);
        const [told] = stranger.toldOf('unreachable', 2);
        checks.equal('the refusal is told as one', told?.reason, 'rejected');
      },
    },
    {
      id: 'handshake/admit-refuses',
      title: 'whom `admit` refuses does not get in, and is told why',
      skip,
      body: async (checks, bench) => {
        const asked: string[] = [];
        const first = await bench.started(1);
        const admit = async (peer: { nodeId: string; incarnation: string }): Promise<void> => {
          asked.push(`${peer.nodeId} ${peer.incarnation}`);
          throw new Error('this one lost its disk');
        };
        const second = await bench.started(2, { admit });
        await expectRefused(checks, bench, first, second);
        const expected = 'n1 0000000000000001';
        checks.equal('`admit` is asked about the one who comes', asked[0], expected);
        const said = first.toldOf('unreachable', 2).map(({ error }) => error?.message ?? '');
        const isSaid = said.some((text) => text.includes('this one lost its disk'));
        checks.holds(
          'the reason is told to the other side',
          isSaid,
          'this one lost its disk',
          said,
        );
      },
    },
    {
      id: 'handshake/admit-waits',
      title: 'nothing of a peer is delivered before `admit` resolved',
      skip,
      body: async (checks, bench) => {
        let isAdmitted = false;
        let release = (): void => {};
        const gate = new Promise<void>((resolve) => {
          release = resolve;
        });
        const admit = async (): Promise<void> => {
          await gate;
          isAdmitted = true;
        };
        const first = await bench.started(1);
        const second = await bench.started(2, { admit });
        first.add(second);
        second.add(first);
        first.append(2, 1);
        first.flush();
        await bench.until(() => false, 50);
        const early = second.arrivals.length + second.toldOf('connected', 1).length;
        checks.equal(
          'the node is not connected while it is being asked',
          [isAdmitted, early],
          [false, 0],
        );
        release();
        await bench.sendUntilHeard(checks, first, second, 10);
      },
    },
  ];
}

async function expectRefused(
  checks: Checks,
  bench: TransportBench,
  one: Station,
  other: Station,
): Promise<void> {
  one.add(other);
  other.add(one);
  for (let round = 0; round < 20; round++) {
    one.append(other.raftId, round);
    other.append(one.raftId, round);
    one.flush();
    other.flush();
    await bench.until(() => false, 10);
  }
  const told = (): boolean => one.toldOf('unreachable', other.raftId).length > 0;
  await bench.reach(checks, 'who is refused is told', told);
  const arrived = [...one.arrivals, ...other.arrivals].length;
  checks.equal('nothing passes between them', arrived, 0);
  const connected = [...one.told, ...other.told].filter(({ what }) => what === 'connected').length;
  checks.equal('neither counts the other as connected', connected, 0);
}
