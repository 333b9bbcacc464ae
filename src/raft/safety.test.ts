/**
 * The promises of the paper's figure 3 under any sequence of events (see storm.fixture.ts), for the
 * configurations that matter; and the proof that the tests can fail (mutants.test.ts has the rest).
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TestOptions } from './raft.fixture.ts';
import { Storm, type StormEvent, stormOptions, stormProperty } from './storm.fixture.ts';
import { StateType } from './types.ts';

const RUNS = 15;

const VARIANTS: Readonly<Record<string, TestOptions>> = {
  plain: {},
  'synchronous storage': { asyncStorageWrites: false },
  'pre-vote and quorum check': { preVote: true, checkQuorum: true },
  'synchronous storage, pre-vote and quorum check': {
    asyncStorageWrites: false,
    preVote: true,
    checkQuorum: true,
  },
  'small limits': { maxInflightMsgs: 2, maxSizePerMsg: 10, maxCommittedSizePerReady: 15 },
  'small limits in bytes': {
    maxInflightBytes: 12,
    maxSizePerMsg: 12,
    maxUncommittedEntriesSize: 8,
    asyncStorageWrites: false,
  },
  'step-down on removal': { preVote: true, checkQuorum: true, stepDownOnRemoval: true },
};

/** `RaftNode` has these on. */
const OURS: TestOptions = {
  preVote: true,
  checkQuorum: true,
  stepDownOnRemoval: true,
  disableProposalForwarding: true,
  tellCommitInVotes: true,
  postponeCampaigns: true,
  lateFirstAppends: true,
};

describe('safety under any sequence of events', () => {
  for (const [name, options] of Object.entries(VARIANTS)) {
    it(name, () => {
      fc.assert(stormProperty(options), { numRuns: RUNS, endOnFailure: true });
    });
  }

  it('as RaftNode has it', () => {
    fc.assert(stormProperty(OURS), { numRuns: RUNS, endOnFailure: true });
  });

  it.each([true, false])('campaigns that are postponed (asynchronous storage: %s)', (isAsync) => {
    const property = stormProperty({ ...OURS, asyncStorageWrites: isAsync }, ['heirs']);
    fc.assert(property, { numRuns: 4 * RUNS, endOnFailure: true });
  });

  it('reaches what it checks: leaders, commits, snapshots and reads do occur', () => {
    const storm = new Storm(stormOptions({}, 7));
    const rounds = ['tick', 'flush', 'propose', 'flush', 'read', 'flush', 'compact'] as const;
    for (let i = 0; i < 70; i++) {
      const kind: StormEvent['kind'] = rounds[i % rounds.length]!;
      storm.run({ kind, node: (i % 3) + 1, pick: i });
    }
    storm.heal();
    expect(storm.group.node(1).texts.length).toBeGreaterThan(5);
    expect(storm.group.node(1).log.firstIndex()).toBeGreaterThan(3);
    expect(storm.group.leaders[0]?.raw.basicStatus().softState.state).toBe(StateType.Leader);
    expect(storm.checker.readsAnswered).toBeGreaterThan(3);
  });
});
