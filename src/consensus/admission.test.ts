/**
 * Who is let in, tried on the table of members alone. The rule: of two that claim to be one member, no
 * node that counts its vote talks to any but the one that the log names.
 */
import { describe, expect, it } from 'vitest';
import { EMPTY_CONF_STATE } from '../raft/index.ts';
import { MemoryStorage } from '../storage/index.ts';
import { Admission } from './admission.ts';
import { type MemberRecord, MemberTable } from './members.ts';

const N1: MemberRecord = { raftId: 1, nodeId: 'n1', address: 'n1:1' };
const N4: MemberRecord = { raftId: 4, nodeId: 'n4', address: 'n4:1' };
const ONE = 'a'.repeat(16);
const OTHER = 'b'.repeat(16);

async function rig(): Promise<{ storage: MemoryStorage; members: MemberTable }> {
  const storage = new MemoryStorage();
  const names = { clusterName: 'test', clusterId: '0'.repeat(32), nodeId: 'n1' };
  await storage.found({ ...names, raftId: 1, incarnation: 'c'.repeat(16) });
  const members = new MemberTable();
  members.restore(5, { ...EMPTY_CONF_STATE, voters: [1], learners: [4] }, [N1, N4]);
  return { storage, members };
}

function promote(members: MemberTable, incarnation: string): void {
  members.change({ ...EMPTY_CONF_STATE, voters: [1, 4] }, { ...N4, incarnation });
}

describe('admission', () => {
  it('expels whom it let in first when the log names another, over a restart too', async () => {
    const { storage, members } = await rig();
    const admission = new Admission(storage, members);
    await admission.admit({ ...N4, incarnation: ONE });
    expect(admission.expel(4)).toBe(false);
    promote(members, OTHER);
    expect(admission.expel(4)).toBe(true);
    expect(admission.expel(4)).toBe(false);
    for (const it of [admission, new Admission(storage, members)]) {
      await it.load();
      const wrong = it.admit({ ...N4, incarnation: ONE });
      await expect(wrong).rejects.toMatchObject({ code: 'MEMBER_WIPED' });
      await it.admit({ ...N4, incarnation: OTHER });
    }
  });

  it('looks again after the write, in which the log may have named another', async () => {
    const { storage, members } = await rig();
    const admitted = new Admission(storage, members).admit({ ...N4, incarnation: ONE });
    promote(members, OTHER);
    await expect(admitted).rejects.toMatchObject({ code: 'MEMBER_WIPED' });
  });

  it('lets in one that left until the next change says that nobody needs it', async () => {
    const { storage, members } = await rig();
    const admission = new Admission(storage, members);
    members.change({ ...EMPTY_CONF_STATE, voters: [1] }, undefined);
    expect(members.leaving).toEqual([N4]);
    expect(members.contacts()).toEqual([N1, N4]);
    await admission.admit({ ...N4, incarnation: ONE });
    const other = admission.admit({ ...N4, incarnation: OTHER });
    await expect(other).rejects.toMatchObject({ code: 'MEMBER_WIPED' });
    members.change({ ...EMPTY_CONF_STATE, voters: [1] }, undefined);
    expect(members.contacts()).toEqual([N1]);
    const late = admission.admit({ ...N4, incarnation: ONE });
    await expect(late).rejects.toMatchObject({ code: 'MEMBER_REMOVED' });
  });

  it('introduces whom this node has missed, until the log says who that is', async () => {
    const { storage, members } = await rig();
    const admission = new Admission(storage, members);
    let introductions = 0;
    admission.onIntroduced = () => introductions++;
    const [n5, n6] = [5, 6].map((id) => ({ raftId: id, nodeId: `n${id}`, address: `n${id}:1` }));
    for (const member of [n5, n6, n6]) {
      await admission.admit({ ...(member as MemberRecord), incarnation: ONE });
    }
    expect(introductions).toBe(2);
    expect(members.contacts()).toEqual([N1, N4, n5, n6]);
    expect(members.records()).toEqual([N1, N4]);
    // Id 5 went to somebody who is gone again; 6 is a member.
    for (const name of ['n5', 'n6']) members.mint(name);
    members.change({ ...EMPTY_CONF_STATE, voters: [1, 4], learners: [5] }, n5);
    members.change({ ...EMPTY_CONF_STATE, voters: [1, 4] }, undefined);
    members.change({ ...EMPTY_CONF_STATE, voters: [1, 4], learners: [6] }, n6);
    expect(members.contacts()).toEqual([N1, N4, n6]);
    const gone = admission.admit({ ...(n5 as MemberRecord), incarnation: ONE });
    await expect(gone).rejects.toMatchObject({ code: 'MEMBER_REMOVED' });
  });

  it('takes nobody for newer whose id belongs to another node', async () => {
    const { storage, members } = await rig();
    const admission = new Admission(storage, members);
    expect(members.mint('n5')).toBe(5);
    for (const raftId of [4, 5]) {
      const wrong = { raftId, nodeId: 'n9', address: 'n9:1', incarnation: ONE };
      await expect(admission.admit(wrong)).rejects.toMatchObject({ code: 'MEMBER_UNKNOWN' });
    }
    expect(members.contacts()).toEqual([N1, N4]);
  });

  it('calls nobody removed whose id was minted, also when its name got another id since', () => {
    const members = new MemberTable();
    members.restore(4, EMPTY_CONF_STATE, [N1]);
    const [first, second] = [members.mint('n4'), members.mint('n4')];
    expect([first, second].map((id) => members.wasRemoved(id))).toEqual([false, false]);
    const again = new MemberTable();
    again.restore(members.nextRaftId, EMPTY_CONF_STATE, [N1], members);
    expect([first, second].map((id) => again.wasRemoved(id))).toEqual([false, false]);
  });

  describe('founders', () => {
    const N2: MemberRecord = { raftId: 2, nodeId: 'n2', address: 'n2:1' };
    const voters = [1, 2];

    it('are named by a promotion, itself included, each once', async () => {
      const { storage, members } = await rig();
      members.restore(5, { ...EMPTY_CONF_STATE, voters, learners: [4] }, [N1, N2, N4]);
      const admission = new Admission(storage, members);
      const own = [1, 'c'.repeat(16)] as const;
      expect(admission.unnamedFounders()).toEqual([own]);
      await admission.admit({ ...N2, incarnation: ONE });
      await admission.admit({ ...N4, incarnation: OTHER });
      expect(admission.unnamedFounders()).toEqual([own, [2, ONE]]);
      members.change({ ...EMPTY_CONF_STATE, voters: [1, 2, 4] }, { ...N4, incarnation: OTHER }, [
        own,
        [2, ONE],
      ]);
      expect(admission.unnamedFounders()).toEqual([]);
    });

    it('are known to who joined later by what the log says', async () => {
      const { storage, members } = await rig();
      members.restore(5, { ...EMPTY_CONF_STATE, voters }, [N1, { ...N2, firstSeen: ONE }]);
      const admission = new Admission(storage, members);
      const wiped = admission.admit({ ...N2, incarnation: OTHER });
      await expect(wiped).rejects.toMatchObject({ code: 'MEMBER_WIPED' });
      await admission.admit({ ...N2, incarnation: ONE });
    });

    it('are let in with no data folder when the log names another than was seen here', async () => {
      const { storage, members } = await rig();
      members.restore(5, { ...EMPTY_CONF_STATE, voters }, [N1, N2]);
      const admission = new Admission(storage, members);
      await admission.admit({ ...N2, incarnation: ONE });
      expect(admission.expel(2)).toBe(false);
      members.change({ ...EMPTY_CONF_STATE, voters }, undefined, [[2, OTHER]]);
      expect(admission.expel(2)).toBe(true);
      for (const incarnation of [ONE, OTHER]) {
        const refused = admission.admit({ ...N2, incarnation });
        await expect(refused).rejects.toMatchObject({ code: 'MEMBER_WIPED' });
      }
    });
  });
});
