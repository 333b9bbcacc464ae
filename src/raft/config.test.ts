/** Each wrong value is refused with its field's name, before anything runs. */
import { expect, it } from 'vitest';
import { checkConfig, type RaftConfig } from './config.ts';
import { MemoryLog } from './memory-log.ts';
import { NO_LIMIT } from './types.ts';

const base: RaftConfig = {
  id: 1,
  electionTick: 10,
  heartbeatTick: 1,
  storage: new MemoryLog(),
  random: () => 0,
};

it('fills in what is not given', () => {
  expect(checkConfig(base)).toMatchObject({
    applied: 0,
    asyncStorageWrites: false,
    maxSizePerMsg: 1024 * 1024,
    maxCommittedSizePerReady: 1024 * 1024,
    maxUncommittedEntriesSize: NO_LIMIT,
    maxInflightMsgs: 256,
    readOnlyOption: 'safe',
    preVote: false,
  });
  expect(checkConfig({ ...base, maxSizePerMsg: 0 }).maxCommittedSizePerReady).toBe(NO_LIMIT);
});

it.each<[string, Partial<RaftConfig>]>([
  ['id', { id: 0 }],
  ['id', { id: -1 }],
  ['heartbeatTick', { heartbeatTick: 0 }],
  ['electionTick', { electionTick: 1 }],
  ['electionTick', { electionTick: 10.5 }],
  ['applied', { applied: -1 }],
  ['maxSizePerMsg', { maxSizePerMsg: Number.NaN }],
  ['maxCommittedSizePerReady', { maxCommittedSizePerReady: 0 }],
  ['maxUncommittedEntriesSize', { maxUncommittedEntriesSize: 0 }],
  ['maxInflightMsgs', { maxInflightMsgs: 0 }],
  ['maxInflightBytes', { maxInflightBytes: 10 }],
  ['storage', { storage: undefined as never }],
  ['random', { random: 4 as never }],
  ['readOnlyOption', { readOnlyOption: 'fast' as never }],
  ['readOnlyOption', { readOnlyOption: 'lease-based' }],
  ['preVote', { preVote: 'yes' as never }],
  ['stepDownOnRemoval', { stepDownOnRemoval: 1 as never }],
  ['tellCommitInVotes', { tellCommitInVotes: 1 as never }],
  ['postponeCampaigns', { postponeCampaigns: 1 as never }],
  ['lateFirstAppends', { lateFirstAppends: 1 as never }],
])('refuses a wrong %s', (field, wrong) => {
  const pattern = new RegExp(`^raft config: ${field} `);
  expect(() => checkConfig({ ...base, ...wrong })).toThrow(pattern);
});

it('names the value and the rule with the field', () => {
  const refused = (wrong: Partial<RaftConfig>): unknown => {
    try {
      return checkConfig({ ...base, ...wrong });
    } catch (error) {
      const { code, message, details } = error as Error & { code: string; details: unknown };
      return { code, message, details };
    }
  };
  const rule = 'must be a whole number above heartbeatTick (3)';
  expect(refused({ electionTick: 3, heartbeatTick: 3 })).toEqual({
    code: 'CONFIG_INVALID',
    message: `raft config: electionTick ${rule}, got 3`,
    details: { field: 'electionTick', value: 3, rule },
  });
  expect(refused({ maxSizePerMsg: 100, maxInflightBytes: 99 })).toMatchObject({
    message:
      'raft config: maxInflightBytes must be at least maxSizePerMsg (100), or no message fits, got 99',
  });
});
