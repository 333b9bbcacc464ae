/**
 * What to do when the leader's address answers that nobody listens there: its process is dead, and
 * nobody need wait for the election timeout. The node forgets its leader and stands for election.
 *
 * It is a preference about who campaigns when, never a decision: pre-vote keeps it harmless where only
 * this node lost sight of a leader that lives, because the others still follow it and refuse. The
 * members stand one after the other, so that they do not split the vote; and a few times, because the
 * first to stand may be refused by one who has not noticed yet, or has the longer log.
 */
import { NONE, type RaftId } from '../raft/index.ts';
import type { Clock, Random, Timer } from '../world/index.ts';

/** Each heir waits that much longer than the one before it. */
const STEP_MS = 25;
/** After that the election timeout decides. */
const ATTEMPTS_MAX = 5;

export interface SuccessionHost {
  readonly clock: Clock;
  readonly random: Random;
  leaderId(): RaftId;
  voters(): readonly RaftId[];
  forgetLeader(): void;
  campaign(): void;
}

export class Succession {
  readonly #host: SuccessionHost;
  readonly #self: RaftId;
  #timer: Timer | undefined;

  constructor(host: SuccessionHost, self: RaftId) {
    this.#host = host;
    this.#self = self;
  }

  /** The peer's address refuses connections. */
  refused(peer: RaftId): void {
    const host = this.#host;
    if (peer !== host.leaderId() || this.#timer !== undefined) return;
    const heirs = host.voters().filter((id) => id !== peer);
    const rank = heirs.indexOf(this.#self);
    if (rank < 0) return;
    host.forgetLeader();
    this.#standAfter(rank * STEP_MS, heirs.length * STEP_MS, ATTEMPTS_MAX);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #standAfter(delayMs: number, roundMs: number, attemptsLeft: number): void {
    const { clock, random } = this.#host;
    this.#timer = clock.after(delayMs + random.below(STEP_MS), () => {
      this.#timer = undefined;
      if (this.#host.leaderId() !== NONE) return;
      this.#host.campaign();
      if (attemptsLeft > 1) this.#standAfter(roundMs, roundMs, attemptsLeft - 1);
    });
  }
}
