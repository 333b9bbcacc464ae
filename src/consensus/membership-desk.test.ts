/**
 * The desk alone, with the log played by the test: what the members become between two steps of one
 * change is up to others. The rule: an id that was removed never comes back, under whatever name.
 */
import { describe, expect, it, vi } from 'vitest';
import { type ConfChangeV2, EMPTY_CONF_STATE } from '../raft/index.ts';
import { realClock } from '../world/index.ts';
import { type MemberRecord, MemberTable } from './members.ts';
import { MembershipChanges } from './membership-changes.ts';
import { MembershipDesk } from './membership-desk.ts';
import type { NodeLife } from './node-life.ts';
import { encodeNumbers } from './replica.ts';
import { codeOf } from './scenarios.fixture.ts';
import { NodeResultCode } from './sessions.ts';
import { Pauses } from './waiting.ts';

const N1: MemberRecord = { raftId: 1, nodeId: 'n1', address: 'n1:1' };
const N4: MemberRecord = { raftId: 4, nodeId: 'n4', address: 'n4:1' };

class Rig {
  readonly members: MemberTable = new MemberTable();
  readonly changes: MembershipChanges = new MembershipChanges();
  readonly proposed: ConfChangeV2[] = [];
  readonly desk: MembershipDesk;
  /** How often it was asked to settle the last change soon. */
  hurried = 0;
  patienceMs = 5_000;
  /** What the log answers to the minting of an id. */
  minted: { code: number; bytes: Uint8Array } = { code: 0, bytes: encodeNumbers(9) };

  constructor() {
    const core = { id: 1, proposeConfChange: (change: ConfChangeV2) => this.proposed.push(change) };
    const placeOf = (propose: () => void): { index: number; term: number } => {
      propose();
      return { index: this.proposed.length, term: 1 };
    };
    const pauses = new Pauses(realClock());
    const life = {
      isLeader: true,
      started: {
        identity: { clusterName: 'test', clusterId: '0'.repeat(32) },
        core,
        loop: { leaderId: 1, placeOf, askTurn: () => undefined },
        settling: { hurry: () => this.hurried++ },
      },
      parts: {
        replica: { members: this.members },
        admission: {
          hasSeen: () => false,
          incarnationOf: () => undefined,
          unnamedFounders: () => [],
        },
        changes: this.changes,
        config: { disableProposalForwarding: false },
        transport: { status: () => [4, 5].map((raftId) => ({ raftId, connected: true })) },
        world: { clock: realClock() },
      },
      pauses,
      waitUntil: (condition: () => boolean, until: number) => pauses.until(condition, until),
      checkTakesProposals: () => undefined,
      checkLeads: () => undefined,
      deadline: () => realClock().now() + this.patienceMs,
      proposeOwn: async () => this.minted,
    };
    this.desk = new MembershipDesk(life as unknown as NodeLife);
  }

  /** n4 is promoted, and the log has made the change. */
  beginPromotion(): Promise<void> {
    this.become([N4]);
    const promotion = this.desk.promote('n4', {});
    this.members.change({ ...EMPTY_CONF_STATE, voters: [1, 4] }, undefined);
    this.changes.applied(1, 1, true);
    return promotion;
  }

  /** What the log has made of the members by now. */
  become(learners: readonly MemberRecord[]): void {
    const ids = learners.map(({ raftId }) => raftId);
    this.members.restore(100, { ...EMPTY_CONF_STATE, voters: [1], learners: ids }, [
      N1,
      ...learners,
    ]);
  }
}

describe('an id that was removed', () => {
  it('gets no vote when the name that was to be promoted is another member by now', async () => {
    const rig = new Rig();
    rig.become([{ raftId: 4, nodeId: 'n4', address: 'n4:1' }]);
    const promoted = codeOf(rig.desk.promote('n4', {}));
    rig.become([{ raftId: 5, nodeId: 'n4', address: 'n4:1' }]);
    rig.changes.applied(1, 1, false);
    expect(await promoted).toBe('MEMBER_UNKNOWN');
    expect(rig.proposed.flatMap(({ changes }) => changes.map((it) => it.nodeId))).toEqual([4]);
  });

  it('is not given again when the name came and went while an id was minted for it', async () => {
    const rig = new Rig();
    rig.become([]);
    rig.minted = { code: NodeResultCode.MemberExists, bytes: encodeNumbers(4) };
    const added = codeOf(rig.desk.add('n4', 'n4:1', true, {}));
    expect(await added).toBe('CHANGE_IN_PROGRESS');
    expect(rig.proposed).toEqual([]);
  });
});

describe('a promotion', () => {
  it('is done when the next change of members is, not before', async () => {
    const rig = new Rig();
    const done = vi.fn();
    const promotion = rig.beginPromotion().then(done);
    await expect.poll(() => rig.hurried).toBe(1);
    expect(done).not.toHaveBeenCalled();
    rig.members.change({ ...EMPTY_CONF_STATE, voters: [1, 4] }, undefined);
    await promotion;
    expect(done).toHaveBeenCalledOnce();
  });

  it('that is not settled in time is told as what it is, and may be asked for again', async () => {
    const rig = new Rig();
    rig.patienceMs = 20;
    expect(await codeOf(rig.beginPromotion())).toBe('OUTCOME_UNKNOWN');
    const again = codeOf(rig.desk.promote('n4', {}));
    rig.members.change({ ...EMPTY_CONF_STATE, voters: [1, 4] }, undefined);
    expect(await again).toBe('resolved');
    expect(rig.proposed.length).toBe(1);
  });

  it('that the removal of the same member has settled is none', async () => {
    const rig = new Rig();
    const promotion = codeOf(rig.beginPromotion());
    await expect.poll(() => rig.hurried).toBe(1);
    rig.members.change({ ...EMPTY_CONF_STATE, voters: [1] }, undefined);
    expect(await promotion).toBe('MEMBER_UNKNOWN');
  });
});

describe('an invitation', () => {
  it('is given again when its member was added between the question and the answer', async () => {
    const rig = new Rig();
    rig.become([]);
    rig.minted = { code: NodeResultCode.MemberExists, bytes: encodeNumbers(4) };
    const added = rig.desk.add('n4', 'n4:1', false, {});
    rig.become([{ raftId: 4, nodeId: 'n4', address: 'n4:1' }]);
    expect(await added.catch((error: unknown) => error)).toMatchObject({ nodeId: 'n4', raftId: 4 });
  });

  it('is not given for a voter that never came: it may have voted elsewhere', async () => {
    const rig = new Rig();
    const n2 = { raftId: 2, nodeId: 'n2', address: 'n2:1' };
    rig.members.restore(100, { ...EMPTY_CONF_STATE, voters: [1, 2] }, [N1, n2]);
    expect(await codeOf(rig.desk.add('n2', 'n2:1', true, {}))).toBe('MEMBER_EXISTS');
  });

  it('is not given for a learner to somebody who asks for a voter, nor the other way round', async () => {
    const rig = new Rig();
    rig.become([{ raftId: 4, nodeId: 'n4', address: 'n4:1' }]);
    expect(await codeOf(rig.desk.add('n4', 'n4:1', true, {}))).toBe('MEMBER_EXISTS');
    rig.become([{ raftId: 4, nodeId: 'n4', address: 'n4:1', wantsVote: true }]);
    expect(await codeOf(rig.desk.add('n4', 'n4:1', false, {}))).toBe('MEMBER_EXISTS');
  });
});
