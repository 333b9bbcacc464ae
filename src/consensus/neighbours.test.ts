/** When refusals of this node by name end it. */
import { describe, expect, it } from 'vitest';

import { ClusterError } from '../errors.ts';
import type { RaftId } from '../raft/index.ts';
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
