/**
 * What a core is made with. Everything that it will ever know of the outside is in here: its id, the
 * stored log, the bounds, and a source of random numbers. Checked once, at construction, so that no
 * handler has to doubt a value later. Errors name field and value.
 *
 * A wrong value shows late and elsewhere: an election timeout that is not well above the heartbeat
 * interval makes leaders fall for nothing; lease reads without the quorum check return stale data.
 */
import { ClusterError } from '../errors.ts';
import { RAFT_INFLIGHT_MESSAGES_DEFAULT, RAFT_MESSAGE_BYTES_DEFAULT } from '../limits.ts';
import { type LogIndex, type LogStorage, NO_LIMIT, type RaftId } from './types.ts';

/**
 * How reads are confirmed: `safe` by a round of heartbeats each, `lease-based` by the leader's
 * lease.
 */
export type ReadOnlyOption = 'safe' | 'lease-based';

/**
 * What a core is made with. Ticks are counted by `RawNode.tick`; bounds are bytes or messages,
 * `NO_LIMIT` for none.
 */
export interface RaftConfig {
  /** This node's id in its group; above 0. */
  readonly id: RaftId;
  /** Ticks without a leader before a campaign; the timeout used is random in [n, 2n - 1]. */
  readonly electionTick: number;
  /** Ticks between a leader's heartbeats. Below `electionTick`, best by a factor of ten. */
  readonly heartbeatTick: number;
  readonly storage: LogStorage;
  /** Last index that the state machine has applied already; nothing up to it is handed out again. */
  readonly applied?: LogIndex;
  /** Storage work leaves as messages to APPEND_THREAD / APPLY_THREAD; `advance` is not used. */
  readonly asyncStorageWrites?: boolean;
  /** Encoded bytes of entries in one append message; at least one entry always goes. Default 1 MiB. */
  readonly maxSizePerMsg?: number;
  /** Encoded bytes of committed entries in flight to the state machine. Default `maxSizePerMsg`. */
  readonly maxCommittedSizePerReady?: number;
  /** Data bytes of a leader's uncommitted entries; proposals beyond are dropped. Default no limit. */
  readonly maxUncommittedEntriesSize?: number;
  /** Append messages on their way to one follower. Default 256. */
  readonly maxInflightMsgs?: number;
  /** Data bytes on their way to one follower; at least `maxSizePerMsg`. Default no limit. */
  readonly maxInflightBytes?: number;
  /** Ask before raising the term: a returning node then disturbs nobody. Default off. */
  readonly preVote?: boolean;
  /** A leader that does not hear a majority for an election timeout steps down. Default off. */
  readonly checkQuorum?: boolean;
  /** `lease-based` trusts ticks as a clock and needs `checkQuorum`. Default `safe`. */
  readonly readOnlyOption?: ReadOnlyOption;
  /** A follower drops proposals instead of passing them on to the leader. Default off. */
  readonly disableProposalForwarding?: boolean;
  /** The caller vouches for the validity of membership changes. Default off. */
  readonly disableConfChangeValidation?: boolean;
  /** A leader that was removed or became a learner steps down at once. Default off. */
  readonly stepDownOnRemoval?: boolean;
  /**
   * Whoever is asked for a vote says what it knows to be committed. Needed where somebody who is asked can
   * not stand for election itself, with the longer log: one that has applied its own removal. Default off.
   */
  readonly tellCommitInVotes?: boolean;
  /**
   * A campaign that may not begin, or not go on, because a committed change of the members is not applied yet
   * begins when it is. Otherwise nothing comes of it, also where the leader itself has asked for it to hand
   * over, and all wait for an election timeout. Default off.
   */
  readonly postponeCampaigns?: boolean;
  /**
   * A new leader's first appends are made by its next `ready`, and take along what was proposed since the
   * election. Otherwise they hold its empty entry alone, and all else waits for their answers. Default off.
   */
  readonly lateFirstAppends?: boolean;
  /** A random integer in [0, bound). */
  readonly random: (bound: number) => number;
}

/** Every field present. */
export type CheckedConfig = Required<RaftConfig>;

/** @throws ClusterError CONFIG_INVALID with field and value. */
export function checkConfig(config: RaftConfig): CheckedConfig {
  const maxSizePerMsg = config.maxSizePerMsg ?? RAFT_MESSAGE_BYTES_DEFAULT;
  const checked: CheckedConfig = {
    id: config.id,
    electionTick: config.electionTick,
    heartbeatTick: config.heartbeatTick,
    storage: config.storage,
    applied: config.applied ?? 0,
    asyncStorageWrites: config.asyncStorageWrites ?? false,
    maxSizePerMsg,
    maxCommittedSizePerReady: config.maxCommittedSizePerReady ?? (maxSizePerMsg || NO_LIMIT),
    maxUncommittedEntriesSize: config.maxUncommittedEntriesSize ?? NO_LIMIT,
    maxInflightMsgs: config.maxInflightMsgs ?? RAFT_INFLIGHT_MESSAGES_DEFAULT,
    maxInflightBytes: config.maxInflightBytes ?? NO_LIMIT,
    preVote: config.preVote ?? false,
    checkQuorum: config.checkQuorum ?? false,
    readOnlyOption: config.readOnlyOption ?? 'safe',
    disableProposalForwarding: config.disableProposalForwarding ?? false,
    disableConfChangeValidation: config.disableConfChangeValidation ?? false,
    stepDownOnRemoval: config.stepDownOnRemoval ?? false,
    tellCommitInVotes: config.tellCommitInVotes ?? false,
    postponeCampaigns: config.postponeCampaigns ?? false,
    lateFirstAppends: config.lateFirstAppends ?? false,
    random: config.random,
  };
  checkNumbers(checked);
  for (const field of SWITCHES) {
    if (typeof checked[field] !== 'boolean') refuse(field, checked[field], 'must be true or false');
  }
  if (checked.storage === undefined || checked.storage === null) {
    refuse('storage', checked.storage, 'must be a LogStorage');
  }
  if (typeof checked.random !== 'function') {
    refuse('random', typeof checked.random, 'must be a function that returns an integer below n');
  }
  const option: string = checked.readOnlyOption;
  if (option !== 'safe' && option !== 'lease-based') {
    refuse('readOnlyOption', option, "must be 'safe' or 'lease-based'");
  }
  if (option === 'lease-based' && !checked.checkQuorum) {
    refuse('readOnlyOption', option, 'needs checkQuorum, without which a lease means nothing');
  }
  return checked;
}

const SWITCHES = [
  'asyncStorageWrites',
  'preVote',
  'checkQuorum',
  'disableProposalForwarding',
  'disableConfChangeValidation',
  'stepDownOnRemoval',
  'tellCommitInVotes',
  'postponeCampaigns',
  'lateFirstAppends',
] as const;

function checkNumbers(config: CheckedConfig): void {
  atLeast(config, 'id', 1);
  atLeast(config, 'heartbeatTick', 1);
  const { heartbeatTick } = config;
  const rule = `must be a whole number above heartbeatTick (${heartbeatTick})`;
  atLeast(config, 'electionTick', heartbeatTick + 1, rule);
  atLeast(config, 'applied', 0);
  atLeast(config, 'maxSizePerMsg', 0);
  atLeast(config, 'maxCommittedSizePerReady', 1);
  atLeast(config, 'maxUncommittedEntriesSize', 1);
  atLeast(config, 'maxInflightMsgs', 1);
  atLeast(config, 'maxInflightBytes', 1);
  if (config.maxInflightBytes < config.maxSizePerMsg) {
    refuse(
      'maxInflightBytes',
      config.maxInflightBytes,
      `must be at least maxSizePerMsg (${config.maxSizePerMsg}), or no message fits`,
    );
  }
}

type NumberField = {
  [K in keyof CheckedConfig]: CheckedConfig[K] extends number ? K : never;
}[keyof CheckedConfig];

function atLeast(config: CheckedConfig, field: NumberField, least: number, why?: string): void {
  const value = config[field];
  if (Number.isSafeInteger(value) && value >= least) return;
  refuse(field, value, why ?? `must be a whole number of at least ${least}`);
}

function refuse(field: string, value: unknown, rule: string): never {
  throw new ClusterError('CONFIG_INVALID', `raft config: ${field} ${rule}, got ${String(value)}`, {
    details: { field, value: typeof value === 'number' ? value : String(value), rule },
  });
}
