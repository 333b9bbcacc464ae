/**
 * What a Raft node can be told, with the defaults. Each option says what breaks when it is wrong.
 *
 * Times are counted in ticks because the algorithm counts them so; a tick is `tickIntervalMs` long.
 * With the defaults a silent leader is replaced after 1 to 2 seconds; one whose process died is
 * replaced at once, because its address refuses connections.
 */
import { COMMAND_BYTES_MAX } from '../limits.ts';
import type { Invitation } from './types.ts';

/** One of those who found a cluster. */
export interface FoundingMember {
  readonly nodeId: string;
  /** `host:port` of the member's door for peers. Names are resolved at each dial. */
  readonly address: string;
}

/** Which cluster it is, and who founds it. */
export interface ClusterConfig {
  /** For people, and in every handshake: strangers are refused by it. */
  readonly name: string;
  /**
   * 32 hexadecimal digits. Default: derived from the name and the founding members. Give one to tell
   * clusters apart that have the same name and addresses (test beds that are founded again and again).
   */
  readonly id?: string;
  /**
   * Those who found the cluster: the same list on each of them. Once the data folder is founded only the
   * addresses count: they take the place of those in the log.
   */
  readonly members: readonly FoundingMember[];
}

/**
 * What a node is told. `defaultConfig` gives every default; `validateConfig` names the first
 * mistake.
 */
export interface RaftNodeConfig {
  /** 1 to 128 of `A-Za-z0-9._-`; one of the founding members, or the one that `join` invites. */
  readonly nodeId: string;
  readonly cluster: ClusterConfig;
  /**
   * Joins a cluster that others founded, instead of founding one: what `addNode` or `addLearner` gave, or
   * how to get it, which is asked for only when the data folder is empty. An invitation that is given
   * with a folder in use must only not contradict it.
   */
  readonly join?: Invitation | (() => Promise<Invitation>);
  /** Length of a tick in ms. Below about 10 the timers of a busy process are too coarse for it. */
  readonly tickIntervalMs: number;
  /**
   * Ticks without a leader before an election; the actual timeout is drawn from [1, 2) times this.
   * Must exceed `heartbeatTicks`, and by far: a slow disk or a busy loop otherwise starts elections.
   */
  readonly electionTicks: number;
  /** Ticks between heartbeats. */
  readonly heartbeatTicks: number;
  /** Bound on the entries of one message; one larger entry still travels alone. */
  readonly maxBytesPerMessage: number;
  /** Append messages on their way to one follower, before the leader waits for an answer. */
  readonly maxInflightMessages: number;
  /** Bytes on their way to one follower, likewise; at least `maxBytesPerMessage`. */
  readonly maxInflightBytes: number;
  /** Bytes appended by the leader and not committed yet; beyond it proposals wait in the queue. */
  readonly maxUncommittedBytes: number;
  /**
   * Entries applied between two snapshots. Small: more work; large: longer restarts. A state above 16 MiB
   * waits until the log has also grown by half of it, or for 50 times as many entries.
   */
  readonly snapshotIntervalEntries: number;
  /**
   * Bytes of entries applied between two snapshots, whichever comes first; likewise. Where commands come in
   * batches this is what bounds a restart: to apply 32 MiB of small commands again takes half a second.
   */
  readonly snapshotIntervalBytes: number;
  /** Entries kept behind a snapshot, of large ones fewer: a follower that lags by more gets the snapshot instead. */
  readonly snapshotCatchUpEntries: number;
  /**
   * Ask before raising the term: a node that comes back does not depose a healthy leader. Where it
   * is off, a leader whose process died is replaced after the election timeout, as a silent one,
   * and not at once.
   */
  readonly preVote: boolean;
  /**
   * A leader that does not hear a majority for an election timeout steps down; and who hears a
   * leader votes for nobody else. Where it is off, a dead leader is replaced after the election
   * timeout only, as without `preVote`.
   */
  readonly checkQuorum: boolean;
  /** Refuse proposals on followers instead of sending them to the leader. */
  readonly disableProposalForwarding: boolean;
  /** The largest command, in bytes. */
  readonly commandBytesMax: number;
  /** A session that nobody used for that long is ended by the leader, in ms. */
  readonly sessionIdleMs: number;
  /** Bound on handing over leadership and finishing work in `stop`, in ms. */
  readonly stopTimeoutMs: number;
}

const MIB = 1024 * 1024;

/** Every default of a node; what only the caller can know is empty and must be filled in. */
export function defaultConfig(): RaftNodeConfig {
  return {
    nodeId: '',
    cluster: { name: '', members: [] },
    tickIntervalMs: 100,
    electionTicks: 10,
    heartbeatTicks: 1,
    maxBytesPerMessage: 1 * MIB,
    maxInflightMessages: 256,
    maxInflightBytes: 16 * MIB,
    maxUncommittedBytes: 64 * MIB,
    snapshotIntervalEntries: 10_000,
    snapshotIntervalBytes: 32 * MIB,
    snapshotCatchUpEntries: 5_000,
    preVote: true,
    checkQuorum: true,
    disableProposalForwarding: false,
    commandBytesMax: COMMAND_BYTES_MAX,
    sessionIdleMs: 60 * 60 * 1000,
    stopTimeoutMs: 3_000,
  };
}

/** A copy that shares no list with the original. */
export function cloneConfig(config: RaftNodeConfig): RaftNodeConfig {
  const members = config.cluster.members.map((member) => ({ ...member }));
  const join = typeof config.join === 'object' ? { join: structuredClone(config.join) } : {};
  return { ...config, ...join, cluster: { ...config.cluster, members } };
}
