/**
 * What the leader knows of one follower, and therefore what it sends next.
 *
 * - Probe: it is not known where the follower's log ends. One message at a time, then wait.
 * - Replicate: the logs are known to match. Messages go out without waiting for answers; `next` is
 *   raised as they leave, so a lost one shows as a rejection.
 * - Snapshot: what the follower needs was compacted away; nothing is sent until it has a snapshot.
 *
 * Always: match < next. `match` never falls within a term (NASTY 15), whatever arrives late; that is
 * what commit decisions rest on. `next` is a guess, and only costs round trips when it is wrong.
 */
import { assert } from '../../errors.ts';
import { type LogIndex, type PeerProgress, ProgressState } from '../types.ts';
import type { Inflights } from './inflights.ts';

/** What the leader knows of one follower: how far its log matches, and what to send next. */
export class Progress {
  match: LogIndex;
  next: LogIndex;
  state: ProgressState = ProgressState.Probe;
  /** The highest commit index told to the follower; sparing messages that would say nothing new. */
  sentCommit: LogIndex = 0;
  /** Index of the snapshot under way, in the Snapshot state only. */
  pendingSnapshot: LogIndex = 0;
  /** Heard of since the last quorum check. */
  recentActive: boolean;
  /** Probe: a probe is out. Replicate: the window is full. Cleared by an answer. */
  isPausedForAnswer = false;
  readonly inflights: Inflights;
  readonly isLearner: boolean;

  constructor(options: {
    match: LogIndex;
    next: LogIndex;
    isLearner: boolean;
    recentActive: boolean;
    inflights: Inflights;
  }) {
    this.match = options.match;
    this.next = options.next;
    this.isLearner = options.isLearner;
    this.recentActive = options.recentActive;
    this.inflights = options.inflights;
  }

  /** The same follower in another role; flow control goes on where it was. */
  withLearner(isLearner: boolean): Progress {
    if (isLearner === this.isLearner) return this;
    const { match, next, recentActive, inflights } = this;
    const copy = new Progress({ match, next, isLearner, recentActive, inflights });
    copy.state = this.state;
    copy.sentCommit = this.sentCommit;
    copy.pendingSnapshot = this.pendingSnapshot;
    copy.isPausedForAnswer = this.isPausedForAnswer;
    return copy;
  }

  /** From here on one message at a time, until an answer says where the logs match. */
  becomeProbe(): void {
    // A snapshot that was sent is taken to have arrived: the next probe then tells. If it was
    // refused, the caller has cleared `pendingSnapshot` before.
    const next = Math.max(this.match, this.pendingSnapshot) + 1;
    this.#enter(ProgressState.Probe);
    this.next = next;
    this.sentCommit = Math.min(this.sentCommit, next - 1);
  }

  /** The logs match: messages go out without waiting for answers. */
  becomeReplicate(): void {
    this.#enter(ProgressState.Replicate);
    this.next = this.match + 1;
  }

  /** Nothing is sent until the snapshot at that index has arrived, or its failure was reported. */
  becomeSnapshot(index: LogIndex): void {
    this.#enter(ProgressState.Snapshot);
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.sentCommit = index;
  }

  /** An append message with `count` entries of `bytes` data bytes has left. */
  sentEntries(count: number, bytes: number): void {
    if (this.state === ProgressState.Replicate) {
      if (count > 0) {
        this.next += count;
        this.inflights.add(this.next - 1, bytes);
      }
      // With a full window this message serves as a probe: one, then silence until an answer.
      this.isPausedForAnswer = this.inflights.isFull;
      return;
    }
    assert(this.state === ProgressState.Probe, 'entries were sent to a follower in Snapshot state');
    if (count > 0) this.isPausedForAnswer = true;
  }

  /** Whether telling `commit` now would let the follower commit more than it was told before. */
  canBumpCommit(commit: LogIndex): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** The follower has everything up to `index`. False when that is no news. */
  maybeUpdate(index: LogIndex): boolean {
    if (index <= this.match) return false;
    this.match = index;
    if (this.next <= index) this.next = index + 1;
    this.isPausedForAnswer = false;
    return true;
  }

  /**
   * The follower refused the append after `rejected`; `matchHint` is the highest index where the
   * logs may match. False when the refusal is stale (NASTY 14), and then nothing changes.
   */
  maybeDecreaseTo(rejected: LogIndex, matchHint: LogIndex): boolean {
    if (this.state === ProgressState.Replicate) {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      this.sentCommit = Math.min(this.sentCommit, this.next - 1);
      return true;
    }
    // Outside Replicate there is one probe at a time, so another index is an answer to an older one.
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, matchHint + 1), this.match + 1);
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
    this.isPausedForAnswer = false;
    return true;
  }

  /** Nothing more may be sent at this moment. */
  get isPaused(): boolean {
    return this.state === ProgressState.Snapshot || this.isPausedForAnswer;
  }

  /** A copy for outside readers. */
  report(): PeerProgress {
    return {
      match: this.match,
      next: this.next,
      state: this.state,
      recentActive: this.recentActive,
      isLearner: this.isLearner,
      pendingSnapshot: this.pendingSnapshot,
      inflightCount: this.inflights.count,
      inflightFull: this.inflights.isFull,
      paused: this.isPaused,
    };
  }

  #enter(state: ProgressState): void {
    this.isPausedForAnswer = false;
    this.pendingSnapshot = 0;
    this.state = state;
    this.inflights.reset();
  }
}
