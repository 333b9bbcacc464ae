/**
 * Answers to candidates that say what is committed (`tellCommitInVotes`). The rule: whoever lost the news
 * that a removal is committed gets it from the one that was removed, whatever its vote would be (N-31).
 */
import { describe, expect, it } from 'vitest';
import { makeMessage } from './messages.ts';
import { bytes, TestGroup, type TestNode, type TestOptions } from './raft.fixture.ts';
import {
  ConfChangeTransition,
  ConfChangeType,
  type Message,
  MessageType,
  StateType,
} from './types.ts';

const { App, Heartbeat, PreVoteResp, VoteResp } = MessageType;
const ON: TestOptions = { preVote: true, checkQuorum: true, tellCommitInVotes: true };

function removal(nodeId: number): Parameters<TestNode['raw']['proposeConfChange']>[0] {
  const changes = [{ type: ConfChangeType.RemoveNode, nodeId }];
  return { transition: ConfChangeTransition.Auto, changes, context: bytes('') };
}

/**
 * Of two voters 1 leads and removes 2; both have the entry, only 2 knows that it is committed, and 2 has one
 * more entry. Then 1 starts again, and 2 has forgotten its leader.
 */
function parted(options: TestOptions): TestGroup {
  const group = new TestGroup([1, 2], options);
  const [one, two] = [group.elect(1), group.node(2)];
  one.raw.proposeConfChange(removal(2));
  group.work(one);
  group.isLost = ({ to }) => to === 1;
  one.raw.propose(bytes('more'));
  const { lastIndex } = one.raw;
  group.settle();
  // The leader has written down neither that, nor its last entry.
  const { term, vote, commit } = one.log.initialState().hardState;
  expect(commit).toBeLessThan(lastIndex - 1);
  one.log.append([{ ...two.log.allEntries().at(-2)! }]);
  one.log.setHardState({ term, vote, commit });
  const told = { type: Heartbeat, from: 1, to: 2, term, commit: lastIndex - 1 };
  two.raw.step(makeMessage(told));
  group.settle();
  expect(two.confState.voters).toEqual([1]);
  one.restart();
  group.isLost = () => false;
  two.raw.forgetLeader();
  expect([one.raw.lastIndex, two.raw.lastIndex]).toEqual([lastIndex - 1, lastIndex]);
  return group;
}

describe('an answer to a candidate', () => {
  it('says by a no, too, that the members are others; then nobody need be asked', () => {
    const group = parted(ON);
    const one = group.node(1);
    one.raw.campaign();
    group.settle();
    expect(one.confState.voters).toEqual([1]);
    expect(one.isLeader).toBe(false);
    one.raw.campaign();
    group.settle();
    expect(one.isLeader).toBe(true);
  });

  it('says nothing unless it is to; and then the two are stuck', () => {
    const group = parted({ preVote: true, checkQuorum: true });
    group.tick(60);
    expect(group.leaders).toEqual([]);
    expect(group.node(1).confState.voters).toEqual([1, 2]);
  });

  it('is believed late and in any role but that of a leader, only for the very entry', () => {
    const group = new TestGroup([1, 2, 3], ON);
    const [one, two] = [group.elect(1), group.node(2)];
    const isNews = ({ type }: Message): boolean => type === App || type === Heartbeat;
    one.raw.propose(bytes('x'));
    group.work(one);
    const [append] = group.wire.filter(({ to, type }) => to === 2 && type === App);
    group.isLost = isNews;
    group.settle();
    two.raw.step(append!);
    group.settle();
    const { lastIndex } = two.raw;
    const committed = (): number => two.raw.basicStatus().hardState.commit;
    const before = committed();
    expect(before).toBeLessThan(lastIndex);
    const answer = { from: 3, to: 2, term: one.raw.term, reject: true, commit: lastIndex };
    two.raw.step(makeMessage({ ...answer, type: VoteResp, logTerm: one.raw.term - 1 }));
    two.raw.step(makeMessage({ ...answer, type: VoteResp, logTerm: 1, commit: lastIndex + 9 }));
    expect(committed()).toBe(before);
    two.raw.step(makeMessage({ ...answer, type: PreVoteResp, logTerm: one.raw.term }));
    expect(committed()).toBe(lastIndex);
    expect(two.raw.basicStatus()).toMatchObject({
      softState: { lead: 1, state: StateType.Follower },
    });
  });
});
