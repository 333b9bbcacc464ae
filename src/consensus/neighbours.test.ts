/** When refusals of this node by name end it, and when it gives up those who introduced themselves. */
import { describe, expect, it } from 'vitest';

import { ManualClock } from '../../sim/world/manual-clock.ts';
import { ClusterError } from '../errors.ts';
import { EMPTY_CONF_STATE, type RaftId } from '../raft/index.ts';
import { MemoryStorage } from '../storage/index.ts';
import { type Peer, parseAddress } from '../transport/index.ts';
import { Admission } from './admission.ts';
import { type MemberRecord, MemberTable } from './members.ts';
import { Neighbours, type NeighboursHost } from './neighbours.ts';

function node(
  voters: readonly RaftId[],
  isLeaving = false,
): { neighbours: Neighbours; ends: string[] } {
  const ends: string[] = [];
  const host: Partial<NeighboursHost> = {
    self: 1,
    members: {
      isEmpty: false,
      confState: { voters },
      contacts: () => [],
      leavingOf: () => (isLeaving ? {} : undefined),
    } as unknown as NeighboursHost['members'],
    takesPart: () => true,
    greet: () => undefined,
    fail: (error) => ends.push(error.code),
  };
  return { neighbours: new Neighbours(host as NeighboursHost), ends };
}

function refusal(code: string, by = 'them'): ClusterError {
  return new ClusterError('PEER_REFUSED', 'no', { details: { refusal: code, by } });
}

describe('a node that is refused', () => {
  for (const [count, wipedNeeded, twinNeeded] of [
    [2, 1, 1],
    [3, 2, 1],
    [4, 2, 2],
    [5, 3, 2],
    [7, 4, 3],
  ] as const) {
    const voters = Array.from({ length: count }, (_, at) => at + 1);
    it(`one of ${count}: ends as wiped by ${wipedNeeded}, as a twin by ${twinNeeded}`, () => {
      for (const [code, needed, ending] of [
        ['incarnation', wipedNeeded, 'MEMBER_WIPED'],
        ['twin', twinNeeded, 'MEMBER_TWIN'],
      ] as const) {
        const { neighbours, ends } = node(voters);
        for (let by = 2; by <= count && by - 2 < needed; by++) {
          expect(ends).toEqual([]);
          neighbours.refused(by, refusal(code));
        }
        expect(ends[0]).toBe(ending);
      }
    });

    it(`one of ${count}: of a node and its twin one ends, however the others are divided`, () => {
      for (let mine = 0; mine < count; mine++) {
        const [first, second] = [node(voters), node(voters)];
        for (let by = 2; by <= count; by++) {
          const refused = by - 2 < mine ? second : first;
          refused.neighbours.refused(by, refusal('twin'));
        }
        expect(first.ends.length + second.ends.length).toBeGreaterThan(0);
      }
    });
  }

  it('ends as removed by a majority; by anybody, a learner too, when it knows that it leaves', () => {
    const [unaware, leaving] = [node([1, 2, 3, 4, 5]), node([2, 3, 4, 5], true)];
    for (const { neighbours } of [unaware, leaving]) neighbours.refused(9, refusal('removed'));
    for (const by of [2, 3]) unaware.neighbours.refused(by, refusal('removed'));
    expect([unaware.ends, leaving.ends]).toEqual([[], ['MEMBER_REMOVED']]);
    unaware.neighbours.refused(4, refusal('removed'));
    expect(unaware.ends).toEqual(['MEMBER_REMOVED']);
  });

  it('goes on when one that refused it lets it in, and when it was the one that refused', () => {
    const { neighbours, ends } = node([1, 2, 3, 4, 5]);
    neighbours.refused(2, refusal('twin'));
    neighbours.refused(3, refusal('twin', 'us'));
    neighbours.refused(3, refusal('busy'));
    neighbours.connected(2);
    neighbours.refused(3, refusal('twin'));
    expect(ends).toEqual([]);
    neighbours.refused(2, refusal('twin'));
    expect(ends).toEqual(['MEMBER_TWIN']);
  });
});

describe('a node that was away', () => {
  function rig(records: readonly MemberRecord[]) {
    const clock = new ManualClock();
    const members = new MemberTable();
    const confState = { ...EMPTY_CONF_STATE, voters: records.map(({ raftId }) => raftId) };
    members.restore(5, confState, records);
    const admission = new Admission(new MemoryStorage(), members);
    const [added, connected] = [new Set<RaftId>(), new Set<RaftId>()];
    const complaints: string[] = [];
    const nobody = { peerLost: () => undefined };
    const transport = {
      addPeer: ({ raftId, address }: Peer) => {
        parseAddress(address);
        added.add(raftId);
      },
      removePeer: (raftId: RaftId) => added.delete(raftId),
      status: () => [...added].map((raftId) => ({ raftId, connected: connected.has(raftId) })),
    };
    const neighbours = new Neighbours({
      self: 1,
      clock,
      members,
      admission,
      transport,
      config: { cluster: { members: [] } },
      proposals: { forwarded: nobody },
      leaderCalls: nobody,
      logger: { error: (event: string) => complaints.push(event) },
      reportUnreachable: () => undefined,
    } as unknown as NeighboursHost);
    admission.onIntroduced = () => neighbours.sync();
    const come = (raftId: RaftId): Promise<void> => {
      return admission.admit({
        raftId,
        nodeId: `n${raftId}`,
        address: `n${raftId}:1`,
        incarnation: 'a',
      });
    };
    return { clock, members, neighbours, added, connected, complaints, come };
  }

  it('gives up who introduced itself and can not be reached, and keeps who comes back', async () => {
    const { clock, members, neighbours, added, connected, come } = rig([]);
    for (const raftId of [7, 8]) {
      await come(raftId);
      connected.add(raftId);
    }
    for (const raftId of [7, 8]) {
      connected.delete(raftId);
      neighbours.unreachable(raftId, 'closed');
    }
    await come(8);
    connected.add(8);
    await clock.advance(200);
    expect([[...added], members.contacts().map(({ raftId }) => raftId)]).toEqual([[8], [8]]);
    expect(clock.waiting).toBe(0);
  });

  it('complains once of an address in the log that can not be dialed', () => {
    const { neighbours, complaints } = rig([{ raftId: 2, nodeId: 'n2', address: 'nowhere' }]);
    for (let times = 0; times < 3; times++) neighbours.sync();
    expect(complaints).toEqual(['peer.addressInvalid']);
  });
});
