/**
 * Who is let in, tried on the table of members alone. The rule: of two that claim to be one member, no
 * node that counts its vote talks to any but the one that the log names.
 */
import { describe, expect, it } from 'vitest';
import { PEERS_INTRODUCED_MAX } from '../limits.ts';
import { EMPTY_CONF_STATE, NONE } from '../raft/index.ts';
import { MemoryStorage } from '../storage/index.ts';
import { Admission, type PeerIdentity } from './admission.ts';
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

function recordOf(raftId: number): MemberRecord {
  return { raftId, nodeId: `n${raftId}`, address: `n${raftId}:1` };
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
    const [n5, n6] = [recordOf(5), recordOf(6)];
    for (const member of [n5, n6, n6]) await admission.admit({ ...member, incarnation: ONE });
    expect(introductions).toBe(2);
    expect(members.contacts()).toEqual([N1, N4, n5, n6]);
    expect(members.records()).toEqual([N1, N4]);
    // Id 5 went to somebody who is gone again; 6 is a member.
    for (const name of ['n5', 'n6']) members.mint(name);
    members.change({ ...EMPTY_CONF_STATE, voters: [1, 4], learners: [5] }, n5);
    members.change({ ...EMPTY_CONF_STATE, voters: [1, 4] }, undefined);
    members.change({ ...EMPTY_CONF_STATE, voters: [1, 4], learners: [6] }, n6);
    expect(members.contacts()).toEqual([N1, N4, n6]);
    const gone = admission.admit({ ...n5, incarnation: ONE });
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

  describe('guests, who are let in on their own word', () => {
    const guest = (raftId: number, nodeId = `n${raftId}`): PeerIdentity => {
      return { ...recordOf(raftId), nodeId, incarnation: ONE };
    };

    it('leave nothing on the disk, and are refused as too many beyond a bound', async () => {
      const { storage, members } = await rig();
      const admission = new Admission(storage, members);
      const [first, ...others] = Array.from({ length: PEERS_INTRODUCED_MAX }, (_, i) =>
        guest(1_000_000 + i),
      );
      for (const peer of [first as PeerIdentity, ...others]) await admission.admit(peer);
      await expect(admission.admit(guest(5))).rejects.toMatchObject({ code: 'OVERLOADED' });
      expect(await storage.readFact('incarnations')).toBeUndefined();
      admission.forget(1_000_000);
      await admission.admit(guest(5));
      expect(members.introducedOf(5)?.nodeId).toBe('n5');
      expect(members.introducedOf(1_000_000)).toBeUndefined();
    });

    it('are not needed by a voter that has a leader, but for the leader itself', async () => {
      for (const [leader, isVoter, isLetIn] of [
        [NONE, true, true],
        [1, true, false],
        [4, true, false],
        [5, true, true],
        [4, false, true],
      ] as const) {
        const { storage, members } = await rig();
        const voters = isVoter ? [1, 4] : [4];
        members.restore(5, { ...EMPTY_CONF_STATE, voters, learners: [] }, [N1, N4]);
        const admission = new Admission(storage, members);
        admission.leaderId = () => leader;
        const admitted = admission.admit(guest(5));
        if (isLetIn) await admitted;
        else await expect(admitted).rejects.toMatchObject({ code: 'MEMBER_UNKNOWN' });
        expect(admission.isGuest(5)).toBe(isLetIn);
      }
    });

    it('are none where the log minted the id for that node: it comes to a leader, too, and is noted', async () => {
      const { storage, members } = await rig();
      const admission = new Admission(storage, members);
      admission.leaderId = () => 1;
      expect(members.mint('n5')).toBe(5);
      await admission.admit(guest(5));
      expect([admission.isGuest(5), admission.hasSeen(5)]).toEqual([false, true]);
      const wiped = new Admission(storage, members);
      await wiped.load();
      const other = wiped.admit({ ...guest(5), incarnation: OTHER });
      await expect(other).rejects.toMatchObject({ code: 'MEMBER_WIPED' });
    });

    it('spoil no id for the node that gets it', async () => {
      const { storage, members } = await rig();
      const admission = new Admission(storage, members);
      await admission.admit(guest(5, 'stranger'));
      expect(members.mint('n5')).toBe(5);
      members.change({ ...EMPTY_CONF_STATE, voters: [1], learners: [4, 5] }, recordOf(5));
      admission.settle();
      await admission.admit({ ...guest(5), incarnation: OTHER });
      expect(admission.incarnationOf(5)).toBe(OTHER);
    });

    it('are held to what they came with: in memory, and on the disk once the log names them', async () => {
      const { storage, members } = await rig();
      const admission = new Admission(storage, members);
      await admission.admit(guest(5));
      const wiped = { ...guest(5), incarnation: OTHER };
      await expect(admission.admit(wiped)).rejects.toMatchObject({ code: 'MEMBER_WIPED' });
      members.mint('n5');
      members.change({ ...EMPTY_CONF_STATE, voters: [1], learners: [4, 5] }, recordOf(5));
      admission.settle();
      expect(admission.isGuest(5)).toBe(false);
      await admission.admit(guest(5));
      const restarted = new Admission(storage, members);
      await restarted.load();
      for (const it of [admission, restarted]) {
        await expect(it.admit(wiped)).rejects.toMatchObject({ code: 'MEMBER_WIPED' });
      }
    });

    it('say where they are to be dialed, or they could not be given up', async () => {
      const { storage, members } = await rig();
      const nowhere = new Admission(storage, members).admit({ ...guest(5), address: 'nowhere' });
      await expect(nowhere).rejects.toMatchObject({ code: 'PEER_ADDRESS_INVALID' });
      expect(members.introducedOf(5)).toBeUndefined();
    });
  });

  describe('what is written', () => {
    const MEMBERS = [2, 3, 4].map(recordOf);

    async function slowDisk(): Promise<{
      admission: Admission;
      writes: { text: string; settle: (error?: Error) => void }[];
    }> {
      const { storage, members } = await rig();
      members.restore(5, { ...EMPTY_CONF_STATE, voters: [1, 2, 3, 4] }, [N1, ...MEMBERS]);
      const writes: { text: string; settle: (error?: Error) => void }[] = [];
      storage.writeFact = (_name, bytes) =>
        new Promise((resolve, reject) => {
          const settle = (error?: Error): void => (error === undefined ? resolve() : reject(error));
          writes.push({ text: Buffer.from(bytes).toString(), settle });
        });
      return { admission: new Admission(storage, members), writes };
    }

    it('is one file at a time, all who wait share the next, and who is known waits for none', async () => {
      const { admission, writes } = await slowDisk();
      const come = (id: number): Promise<void> => {
        return admission.admit({ ...recordOf(id), incarnation: ONE });
      };
      const first = come(2);
      await expect.poll(() => writes.length).toBe(1);
      const both = Promise.all([come(3), come(4)]);
      expect(writes.length).toBe(1);
      writes[0]?.settle();
      await first;
      await expect.poll(() => writes.length).toBe(2);
      expect(JSON.parse(writes[1]?.text ?? '').incarnations).toEqual(
        [2, 3, 4].map((id) => [id, ONE]),
      );
      await come(2);
      writes[1]?.settle();
      await both;
      expect(writes.length).toBe(2);
    });

    it('is tried anew when it failed: nobody is let in on what is not durable', async () => {
      const { admission, writes } = await slowDisk();
      const n2 = { ...recordOf(2), incarnation: ONE };
      const failed = admission.admit(n2);
      await expect.poll(() => writes.length).toBe(1);
      writes[0]?.settle(new Error('EIO'));
      await expect(failed).rejects.toThrow('EIO');
      const again = admission.admit(n2);
      await expect.poll(() => writes.length).toBe(2);
      writes[1]?.settle();
      await again;
    });
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
