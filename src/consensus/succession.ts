/**
 * What to do when the leader's address answers that nobody listens there: its process is dead, and
 * nobody need wait for the election timeout. The node forgets its leader and stands for election.
 * The same when the log says that the leader is no member any more (NASTY 6).
 *
 * It is a preference about who campaigns when, never a decision: pre-vote keeps it harmless where
 * only this node lost sight of a leader that lives, because the others still follow it and refuse.
 * Whether they do is up to check-quorum; without either of the two one node would depose a leader
 * that serves all others, so then a refusal tells nothing, and the election timeout is waited for.
 * The members stand one after the other, so that they do not split the vote; and again until
 * somebody leads, because the first to stand may be refused by one who has not noticed yet, or has
 * the longer log, and because a vote may be split all the same: two candidates who wait for a
 * third, dead one would wait for the election timeout. The rounds grow, so that votes have time to
 * reach a slow disk and come back.
 */
import { NONE, type RaftId, type Term } from '../raft/index.ts';
import type { Clock, Random, Timer } from '../world/index.ts';

/** Each heir waits that much longer than the one before it. */
const STEP_MS = 25;
/** Random part of the first wait: less than a step, or two heirs stand at the same moment. */
const JITTER_MS = 10;
/** Rounds grow to about what an election timeout is by default, and no further. */
const ROUND_MS_MAX = 1_000;

export interface SuccessionHost {
  readonly clock: Clock;
  readonly random: Random;
  /**
   * Nobody is elected against a leader that a majority hears: pre-vote and check-quorum are both
   * on.
   */
  readonly sparesLiving: boolean;
  leaderId(): RaftId;
  voters(): readonly RaftId[];
  /** The term in which this node waits for votes; `undefined` when it does not. */
  candidacy(): Term | undefined;
  forgetLeader(): void;
  campaign(): void;
}

export class Succession {
  readonly #host: SuccessionHost;
  readonly #self: RaftId;
  #timer: Timer | undefined;
  /** The candidacy that the last look found under way. */
  #seen: Term | undefined;

  constructor(host: SuccessionHost, self: RaftId) {
    this.#host = host;
    this.#self = self;
  }

  /** The peer's address refuses connections, as seen from here. */
  refused(peer: RaftId): void {
    if (this.#host.sparesLiving && peer === this.#host.leaderId()) this.leaderGone();
  }

  /** The leader is dead, or no member any more. */
  leaderGone(): void {
    const host = this.#host;
    const gone = host.leaderId();
    const heirs = host.voters().filter((id) => id !== gone);
    const rank = heirs.indexOf(this.#self);
    if (rank < 0) return;
    // What is left of an earlier succession is over: that one has found its leader, who is dead now.
    this.stop();
    host.forgetLeader();
    const { random } = host;
    this.#standAfter(rank * STEP_MS + random.below(JITTER_MS), heirs.length * STEP_MS);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#seen = undefined;
  }

  #standAfter(delayMs: number, roundMs: number): void {
    const { clock, random } = this.#host;
    this.#timer = clock.after(delayMs, () => {
      this.#timer = undefined;
      if (this.#host.leaderId() !== NONE) return;
      this.#stand();
      // As random as an election timeout: who split a vote shall not split the next one.
      const nextMs = Math.min(roundMs * 2, ROUND_MS_MAX);
      this.#standAfter(roundMs + random.below(roundMs), nextMs);
    });
  }

  /** Votes that are on their way are not thrown away; those that a whole round did not bring are. */
  #stand(): void {
    const term = this.#host.candidacy();
    const isUnderWay = term !== undefined && term !== this.#seen;
    this.#seen = term;
    if (!isUnderWay) this.#host.campaign();
  }
}
