/**
 * What to do when the leader's address answers that nobody listens there: its process is dead, and
 * nobody need wait for the election timeout. The node forgets its leader and stands for election.
 *
 * It is a preference about who campaigns when, never a decision: pre-vote keeps it harmless where only
 * this node lost sight of a leader that lives, because the others still follow it and refuse. The
 * members stand one after the other, so that they do not split the vote.
 */
import { NONE, type RaftId } from '../raft/index.ts';
import type { Clock, Random, Timer } from '../world/index.ts';

/** Each heir waits that much longer than the one before it. */
const STEP_MS = 25;

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
    const delayMs = rank * STEP_MS + host.random.below(STEP_MS);
    this.#timer = host.clock.after(delayMs, () => {
      this.#timer = undefined;
      if (host.leaderId() === NONE) host.campaign();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
