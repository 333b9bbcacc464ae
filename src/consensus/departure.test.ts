/**
 * Goal: a member that was removed says so, runs on while the others need it, and ends as soon as it knows that
 * they do not (N-5). Method: the departure alone, with a real table of members and a clock that stands still.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../sim/world/manual-clock.ts';
import { ClusterError } from '../errors.ts';
import { EMPTY_CONF_STATE } from '../raft/index.ts';
import type { Storage } from '../storage/index.ts';
import { nullLogger } from '../world/index.ts';
import { Departure, type DepartureHost } from './departure.ts';
import { MemberTable } from './members.ts';

const IDENTITY = {
  clusterName: 'c',
  clusterId: '0'.repeat(32),
  nodeId: 'n3',
  raftId: 3,
  incarnation: '0'.repeat(16),
};
const GRACE_MS = 50;

const of = (...voters: number[]) => ({ ...EMPTY_CONF_STATE, voters });

describe('N-5 a member that was removed', () => {
  let members: MemberTable;
  let clock: ManualClock;
  let departure: Departure;
  let storage: Pick<Storage, 'writeFact'>;
  /** What befell it, in order. */
  let happened: string[];

  beforeEach(() => {
    members = new MemberTable();
    const records = [1, 2, 3].map((raftId) => ({
      raftId,
      nodeId: `n${raftId}`,
      address: `n${raftId}:1`,
    }));
    members.restore(4, of(1, 2, 3), records);
    clock = new ManualClock();
    happened = [];
    const calls = { failAll: ({ code }: ClusterError) => void happened.push(code) };
    const none = { failAll: () => undefined };
    storage = { writeFact: async (name) => void happened.push(`mark ${name}`) };
    const error = (event: string): void => void happened.push(event);
    departure = new Departure({
      world: { clock, logger: { ...nullLogger, error } },
      storage,
      replica: { members },
      takesPart: () => true,
      fail: ({ code }: ClusterError) => void happened.push(`ends ${code}`),
      proposals: calls,
      reads: none,
      changes: none,
      leaderCalls: none,
    } as unknown as DepartureHost);
  });

  function changeTo(...voters: number[]): void {
    members.change(of(...voters), undefined);
    departure.look(IDENTITY);
  }

  it('takes calls while it is a member', async () => {
    changeTo(1, 3);
    await clock.advance(GRACE_MS);
    expect(departure.isLeaving).toBe(false);
    departure.checkStays();
    expect(happened).toEqual([]);
  });

  it('says that it leaves, and runs on', async () => {
    changeTo(1, 2);
    expect(departure.isLeaving).toBe(true);
    expect(() => departure.checkStays()).toThrow(/n3 was removed, and runs on only until/);
    departure.checkIsWanted(IDENTITY);
    departure.look(IDENTITY);
    await clock.advance(10 * GRACE_MS);
    expect(happened).toEqual(['NODE_FAILED']);
  });

  it.each([0, 10 * GRACE_MS])('ends when its own log says that it may, %i ms later', async (ms) => {
    changeTo(1, 2);
    await clock.advance(ms);
    // The same removal once more: the others can do without it.
    changeTo(1, 2);
    departure.look(IDENTITY);
    await clock.advance(GRACE_MS);
    await departure.marked;
    const before = ms === 0 ? [] : ['NODE_FAILED'];
    expect(happened).toEqual([...before, 'mark removed', 'ends MEMBER_REMOVED']);
    expect(() => departure.checkIsWanted(IDENTITY)).toThrow(/was removed from cluster c/);
  });

  it('says so when it can not leave its mark', async () => {
    storage.writeFact = () => Promise.reject(new ClusterError('DISK_FULL', 'no space left'));
    departure.mark(IDENTITY);
    await departure.marked;
    expect(happened).toEqual(['folder.notMarked']);
  });

  it('ends no more once it is stopped', async () => {
    changeTo(1, 2);
    departure.stop();
    await clock.advance(10 * GRACE_MS);
    expect(happened).toEqual([]);
  });
});
