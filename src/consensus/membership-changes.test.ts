/**
 * Membership changes: what would harm every member once it is committed is refused before, and who
 * waits for a change is always told.
 */
import { describe, expect, it } from 'vitest';
import { TestCluster, until } from '../../sim/rigs/test-cluster.ts';
import { ClusterError } from '../errors.ts';
import {
  decodeFounders,
  decodeMember,
  encodeMember,
  MembershipChanges,
} from './membership-changes.ts';

async function codeOf(promise: Promise<unknown> | undefined): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof ClusterError ? error.code : String(error);
  }
  return 'resolved';
}

describe('a change', () => {
  it('that would leave no voter is refused, and the node lives on, over a restart too', async () => {
    await using cluster = new TestCluster(1);
    const { node } = await cluster.start('n1');
    await node.readIndex();
    expect(await codeOf(node.removeNode('n1'))).toBe('CONF_CHANGE_INVALID');
    await node.addLearner('n2', 'n2:1');
    expect(await codeOf(node.removeNode('n1'))).toBe('CONF_CHANGE_INVALID');
    await node.removeNode('n2');
    expect(node.phase).toBe('running');
  });

  it('with an address that is none is refused', async () => {
    await using cluster = new TestCluster(1);
    const { node } = await cluster.start('n1');
    await node.readIndex();
    for (const address of ['', 'nowhere', 'host:0', 'host:99999', 'a b:1']) {
      expect(await codeOf(node.addLearner('n2', address))).toBe('PEER_ADDRESS_INVALID');
    }
    expect(node.status().members.length).toBe(1);
  });

  it('that adds the same node twice at once happens once', async () => {
    await using cluster = new TestCluster(3);
    await cluster.startAll();
    const { node } = await cluster.leader();
    const codes = await Promise.all([
      codeOf(node.addLearner('n9', 'n9:1')),
      codeOf(node.addLearner('n9', 'n9:1')),
    ]);
    expect(codes).toContain('resolved');
    expect(node.status().members.filter(({ nodeId }) => nodeId === 'n9').length).toBe(1);
  });

  it('hands leadership to nobody who is down, and says so at once', async () => {
    await using cluster = new TestCluster(3);
    await Promise.all(['n1', 'n2'].map((name) => cluster.start(name)));
    const leader = await cluster.leader();
    const { node } = leader;
    const options = { timeoutMs: 3_600_000 };
    const refused = node.transferLeadership('n3', options);
    await expect(refused).rejects.toMatchObject({
      code: 'TRANSFER_TIMED_OUT',
      message: expect.stringMatching(
        /^n3 can not take over: n[12], which leads, has no connection/,
      ),
    });
    const heir = cluster.followers(leader)[0]?.node.nodeId as string;
    await node.transferLeadership(heir, options);
    await until('it leads no more', () => !node.isLeader);
  });

  it('does not hand leadership to a learner', async () => {
    await using cluster = new TestCluster(3);
    await cluster.startAll();
    const { node } = await cluster.leader();
    await node.addLearner('n9', 'n9:1');
    expect(await codeOf(node.transferLeadership('n9'))).toBe('CONF_CHANGE_INVALID');
  });
});

describe('those who wait', () => {
  it('two at one index, of two leaderships, are both told', async () => {
    const changes = new MembershipChanges();
    const older = codeOf(changes.wait(7, 3, 100).promise);
    const newer = codeOf(changes.wait(7, 5, 100).promise);
    changes.applied(7, 5, true);
    expect([await older, await newer]).toEqual(['CHANGE_IN_PROGRESS', 'resolved']);
  });

  it('are told that it may happen all the same when their own node ends', async () => {
    const changes = new MembershipChanges();
    const waiting = changes.wait(7, 3, 100).promise;
    const why = new ClusterError('NODE_FAILED', 'the disk failed');
    changes.failAll(why);
    await expect(waiting).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN', cause: why });
  });

  it('are told at the deadline, and when a snapshot took the place of the change', async () => {
    const changes = new MembershipChanges();
    const late = codeOf(changes.wait(7, 3, 100).promise);
    const skipped = codeOf(changes.wait(8, 3, 200).promise);
    changes.expire(100, () => new ClusterError('NO_QUORUM', 'late'));
    changes.skippedTo(8);
    expect([await late, await skipped]).toEqual(['NO_QUORUM', 'OUTCOME_UNKNOWN']);
  });
});

describe('a record of a member', () => {
  const member = { raftId: 4, nodeId: 'n4', address: 'n4:7000' } as const;

  it('comes back as it was', () => {
    for (const each of [member, { ...member, wantsVote: true as const }]) {
      expect(decodeMember(encodeMember(each))).toEqual(each);
    }
    expect(decodeMember(new Uint8Array(0))).toBeUndefined();
  });

  it.each(['{', 'null', '7', '{}', '{"raftId":0,"nodeId":"a","address":"b:1"}'])(
    '%s is refused by code',
    (text) => {
      const refusal = expect.objectContaining({ code: 'CODEC_INVALID' });
      expect(() => decodeMember(Buffer.from(text))).toThrow(refusal);
    },
  );

  it.each(['{"founders":7}', '{"founders":[1]}', '{"founders":[["1","a"]]}'])(
    'founders that are none are refused by code: %s',
    (text) => {
      const refusal = expect.objectContaining({ code: 'CODEC_INVALID' });
      const context = Buffer.from(text);
      expect(() => decodeFounders(context)).toThrow(refusal);
    },
  );
});
