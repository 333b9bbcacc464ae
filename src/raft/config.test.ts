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
])('refuses a wrong %s', (field, wrong) => {
  const pattern = new RegExp(`^raft config: ${field} `);
  expect(() => checkConfig({ ...base, ...wrong })).toThrow(pattern);
});
