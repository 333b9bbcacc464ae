/**
 * Attempts to reach one peer, one at a time: when to dial, how long to wait after a failure, and what
 * an attempt comes to. Whether there is a reason to dial at all is the owner's to say (`target`).
 *
 * - The first dial does not wait, nor does the first one after a connection broke: if the process of
 *   the peer died, the refusal that comes back within a round trip says so (SD-21).
 * - After a failure the backoff decides, and after several in a row the breaker, which lets one probe
 *   through at a time (S-50, S-53). Both begin anew with a connection, whoever dialed it.
 * - A connection that breaks as soon as it is there did not work: from the second one in a row on the
 *   next dial waits as after a failure. Otherwise two nodes that disagree would dial in a tight loop.
 * - Connecting and handshake together have one deadline (HANDSHAKE_MS_MAX), so nothing that hangs
 *   here, a name server, a black hole or our own `admit`, keeps the next attempt from being made.
 * - Who is told `duplicate` (see remote-peer.ts) and does not know the connection named gives it a
 *   moment to appear, and says in its next hello that it is lost. That ends it, if both sides keep to
 *   the rule: who is told so again and again takes it for a failure.
 */
import { type Address, NetworkError, type Timer } from '../world/index.ts';
import { Backoff } from './backoff.ts';
import type { Channel } from './channel.ts';
import { CircuitBreaker, type CircuitState } from './circuit-breaker.ts';
import { dialHandshake, type Established, HandshakeCutOff, Refusal } from './handshake.ts';
import type { Hello, Identity } from './handshake-codec.ts';
import type { PeerContext } from './peer-context.ts';
import type { UnreachableReason } from './types.ts';

/** Whoever is told of a connection that it does not know gives that one time to appear. */
const DUPLICATE_RETRY_MS = 100;
/** After so many in a row no such connection will appear: the answer is a failure like others. */
const DUPLICATES_MAX = 10;
/** A connection that lived no longer did not work. */
const WORKING_LINK_MS = 1_000;
/** Doublings after which any backoff has reached its cap. */
const SHORT_LIVED_MAX = 32;

export interface DialerHost {
  /** Where to dial; `undefined`: there is no reason to, now. */
  target(): Address | undefined;
  hello(nonce: string, lost: string | undefined): Hello;
  /** Who answered must be who was dialed. @throws Refusal. */
  checkAnswer(theirs: Identity): void;
  /** Resolves when no other process is connected as that peer. @throws Refusal. */
  outlive(theirs: Identity): Promise<void>;
  /** Whether a connection of that name is there, or about to be. */
  knows(nonce: string | undefined): boolean;
  isLinked(): boolean;
  established(channel: Channel, established: Established): void;
  failed(reason: UnreachableReason, error: Error): void;
}

/** An attempt to connect, from dialing to the confirmation. */
interface Attempt {
  readonly nonce: string;
  /** `undefined` while the network dials: the other side knows nothing of it yet. */
  channel: Channel | undefined;
  /** Aborted when nobody wants it any more. */
  readonly calledOff: AbortController;
}

export class Dialer {
  readonly #context: PeerContext;
  readonly #host: DialerHost;
  readonly #backoff: Backoff;
  readonly #breaker: CircuitBreaker;
  #attempt: Attempt | undefined;
  #retry: Timer | undefined;
  /** A connection that the other side holds and that we know nothing of. */
  #lost: string | undefined;
  /** Answers in a row that another connection counts. */
  #duplicates = 0;
  /** Connections in a row that broke soon. */
  #shortLived = 0;

  constructor(context: PeerContext, host: DialerHost) {
    this.#context = context;
    this.#host = host;
    this.#backoff = new Backoff(context.random, context.options.backoff);
    this.#breaker = new CircuitBreaker(context.clock, context.options.breaker);
  }

  get breaker(): CircuitState {
    return this.#breaker.state;
  }

  /** The name of an attempt that the other side may know of. */
  get helloNonce(): string | undefined {
    return this.#attempt?.channel === undefined ? undefined : this.#attempt.nonce;
  }

  /** Dials, unless there is a reason not to. */
  ensure(): void {
    if (this.#attempt !== undefined || this.#retry !== undefined) return;
    const address = this.#context.isRunning ? this.#host.target() : undefined;
    if (address === undefined) return;
    if (!this.#breaker.call()) {
      this.#retryAfter(this.#breaker.waitMs);
      return;
    }
    const attempt: Attempt = {
      nonce: this.#context.nonce(),
      channel: undefined,
      calledOff: new AbortController(),
    };
    this.#attempt = attempt;
    this.#dial(attempt, address).then(
      (established) => this.#dialed(attempt, established),
      (error: unknown) => this.#dialFailed(attempt, error as Error),
    );
  }

  /** The address is another one now: what was learned about the old one says nothing. */
  reset(): void {
    this.stop();
    this.#backoff.reset();
    this.#breaker.recordSuccess();
  }

  /** Gives up the attempt that is under way. */
  cancelAttempt(): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    this.#attempt = undefined;
    attempt.calledOff.abort();
    attempt.channel?.destroy();
  }

  stop(): void {
    this.cancelAttempt();
    this.#cancelRetry();
  }

  /** There is a connection, whoever dialed it. */
  connected(): void {
    this.reset();
    this.#lost = undefined;
    this.#duplicates = 0;
  }

  /** It broke. */
  disconnected(livedMs: number): void {
    this.#shortLived = livedMs >= WORKING_LINK_MS ? 0 : this.#shortLived + 1;
    if (this.#shortLived > 1) this.#retryAfter(this.#backoffOfShortLived());
    this.ensure();
  }

  async #dial(attempt: Attempt, address: Address): Promise<Established> {
    const context = this.#context;
    const { clock } = context;
    const { handshakeTimeoutMs } = context.options;
    const deadlineMs = clock.now() + handshakeTimeoutMs;
    const { signal } = attempt.calledOff;
    const dialed = await context.network.dial(address, handshakeTimeoutMs, signal);
    const channel = context.open(dialed);
    if (signal.aborted) {
      channel.destroy();
      throw new Error('the attempt was given up');
    }
    attempt.channel = channel;
    const hello = this.#host.hello(attempt.nonce, this.#lost);
    this.#lost = undefined;
    const leftMs = Math.max(1, deadlineMs - clock.now());
    const parts = context.handshakeParts((theirs) => this.#host.outlive(theirs), leftMs);
    return await dialHandshake(channel, hello, parts, (theirs) => this.#host.checkAnswer(theirs));
  }

  #dialed(attempt: Attempt, established: Established): void {
    const { channel } = attempt;
    if (attempt.calledOff.signal.aborted || this.#attempt !== attempt || channel === undefined) {
      channel?.destroy();
      return;
    }
    this.#attempt = undefined;
    this.#host.established(channel, established);
  }

  #dialFailed(attempt: Attempt, error: Error): void {
    if (attempt.calledOff.signal.aborted || this.#attempt !== attempt) return;
    this.#attempt = undefined;
    if (!this.#context.isRunning) return;
    const isDuplicate = error instanceof Refusal && error.refusal === 'duplicate';
    this.#duplicates = isDuplicate ? this.#duplicates + 1 : 0;
    if (isDuplicate && !this.#host.knows(error.holding)) this.#lost = error.holding;
    if (isDuplicate && this.#duplicates <= DUPLICATES_MAX) {
      this.#waitForOther();
      return;
    }
    this.#breaker.recordFailure();
    this.#retryAfter(this.#backoff.next());
    this.#host.failed(reasonOf(error), error);
  }

  /** The other side prefers a connection that we have, or are about to have, or have lost. */
  #waitForOther(): void {
    this.#breaker.recordSuccess();
    if (!this.#host.isLinked()) this.#retryAfter(DUPLICATE_RETRY_MS);
  }

  /** The backoff was reset when the connection came about, so it is counted here. */
  #backoffOfShortLived(): number {
    for (let i = 2; i < Math.min(this.#shortLived, SHORT_LIVED_MAX); i++) this.#backoff.next();
    return this.#backoff.next();
  }

  #retryAfter(delayMs: number): void {
    this.#cancelRetry();
    this.#retry = this.#context.clock.after(delayMs, () => {
      this.#retry = undefined;
      this.ensure();
    });
  }

  #cancelRetry(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
  }
}

function reasonOf(error: Error): UnreachableReason {
  if (error instanceof Refusal) return 'rejected';
  if (error instanceof HandshakeCutOff) return error.fault;
  if (!(error instanceof NetworkError)) return 'closed';
  if (error.fault === 'refused') return 'refused';
  return error.fault === 'reset' ? 'closed' : 'timeout';
}
