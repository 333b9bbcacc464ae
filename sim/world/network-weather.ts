/**
 * How the links of a simulated network are doing, one direction between two hosts at a time: what is
 * cut, how late bytes are, what gets lost. Small primitives; a plan of faults composes them.
 *
 * What TCP makes of a bad link is what a process sees, so that is what is drawn here: a lost segment is
 * not gone but late, by a retransmission timeout of 200 ms that doubles with each further loss, and all
 * that follows waits behind it. Order and content never suffer; only a reset loses bytes.
 *
 * Each link draws from a stream of its own: what one carries does not move the luck of another. Without
 * a stream nothing is drawn: typical latency, no loss, no odd pieces; that is what unit tests want.
 */
import type { SeededRandom } from './seeded-random.ts';

/** What may be changed at any time. Whoever changes `isCut` back has to wake the network. */
export interface LinkConditions {
  /** Nothing gets through. */
  isCut: boolean;
  latencyMs: number;
  /** Now and then it is up to so late; not below `latencyMs`. */
  latencyMaxMs: number;
  /** On top of the latency. */
  extraMs: number;
  /** Whole percent of the segments, at each attempt. */
  lossPercent: number;
  /** What a connection carries in a millisecond; absent: everything at once. */
  bytesPerMs: number | undefined;
  /** The connections of the link break after so many more bytes, wherever in a frame that is. */
  resetAfterBytes: number | undefined;
}

/** The first retransmission comes after so long, each further one after twice the time. */
const RETRANSMISSION_MS = 200;
const RETRANSMISSION_MS_MAX = 60_000;
/** Losses in a row of one segment; the next attempt gets through. */
const LOSSES_MAX = 8;
/** Of so many segments one is a single byte, and some more are cut at an odd place. */
const PIECES_OF = 64;
const ODD_PIECES = 8;

/** One direction between two hosts. */
export class LinkState implements LinkConditions {
  isCut: boolean;
  latencyMs: number;
  latencyMaxMs: number;
  extraMs: number;
  lossPercent: number;
  bytesPerMs: number | undefined;
  resetAfterBytes: number | undefined;
  /** Segments that were lost, and connections that broke by `resetAfterBytes`, so far. */
  readonly struck: { losses: number; resets: number } = { losses: 0, resets: 0 };
  readonly #random: SeededRandom | undefined;

  constructor(conditions: LinkConditions, random: SeededRandom | undefined) {
    this.isCut = conditions.isCut;
    this.latencyMs = conditions.latencyMs;
    this.latencyMaxMs = conditions.latencyMaxMs;
    this.extraMs = conditions.extraMs;
    this.lossPercent = conditions.lossPercent;
    this.bytesPerMs = conditions.bytesPerMs;
    this.resetAfterBytes = conditions.resetAfterBytes;
    this.#random = random;
  }

  /** How long a segment takes when it is not lost. */
  latency(): number {
    const { latencyMs, latencyMaxMs, extraMs } = this;
    if (this.#random === undefined || latencyMaxMs <= latencyMs) return latencyMs + extraMs;
    return this.#random.heavyTailed(latencyMs, latencyMaxMs) + extraMs;
  }

  /** Whether one attempt gets lost. */
  loses(): boolean {
    if (this.#random === undefined || this.lossPercent === 0) return false;
    const isLost = this.#random.chance(this.lossPercent);
    if (isLost) this.struck.losses += 1;
    return isLost;
  }

  /** How long it takes until a segment is there, with all the attempts that it needs. */
  transit(): number {
    let lateMs = 0;
    let timeoutMs = RETRANSMISSION_MS;
    for (let losses = 0; losses < LOSSES_MAX && this.loses(); losses++) {
      lateMs += timeoutMs;
      timeoutMs *= 2;
    }
    return this.latency() + lateMs;
  }

  /** Where a stream of `left` bytes is cut: anywhere, one byte alone now and then. */
  pieceBytes(left: number, max: number): number {
    const whole = Math.min(left, max);
    if (this.#random === undefined || whole <= 1) return whole;
    const draw = this.#random.below(PIECES_OF);
    if (draw === 0) return 1;
    return draw <= ODD_PIECES ? 1 + this.#random.below(whole) : whole;
  }
}

/** When a kernel that gets no answer since `sinceMs` sends again, the next time after `nowMs`. */
export function nextRetransmission(sinceMs: number, nowMs: number): number {
  let atMs = sinceMs;
  let timeoutMs = RETRANSMISSION_MS;
  do {
    atMs += timeoutMs;
    timeoutMs = Math.min(2 * timeoutMs, RETRANSMISSION_MS_MAX);
  } while (atMs <= nowMs);
  return atMs;
}

/** All links. They come into being when they are first asked for, and stay the same objects. */
export class NetworkWeather {
  readonly #usual: Readonly<LinkConditions>;
  /** As every link is that nobody said anything else about. */
  #base: Readonly<LinkConditions>;
  readonly #random: SeededRandom | undefined;
  readonly #links = new Map<string, Map<string, LinkState>>();

  constructor(usual: Pick<LinkConditions, 'latencyMs' | 'latencyMaxMs'>, random?: SeededRandom) {
    const { latencyMs, latencyMaxMs } = usual;
    this.#usual = {
      isCut: false,
      latencyMs,
      latencyMaxMs,
      extraMs: 0,
      lossPercent: 0,
      bytesPerMs: undefined,
      resetAfterBytes: undefined,
    };
    this.#base = this.#usual;
    this.#random = random;
  }

  link(from: string, to: string): LinkState {
    let links = this.#links.get(from);
    if (links === undefined) {
      links = new Map();
      this.#links.set(from, links);
    }
    let state = links.get(to);
    if (state === undefined) {
      state = new LinkState(this.#base, this.#random?.stream(`${from}>${to}`));
      links.set(to, state);
    }
    return state;
  }

  /** Every link, also those that are used for the first time later. */
  setAll(changes: Partial<LinkConditions>): void {
    this.#base = { ...this.#base, ...changes };
    for (const state of this.#all()) Object.assign(state, changes);
  }

  /** All links are as they were in the beginning. */
  calm(): void {
    this.#base = this.#usual;
    for (const state of this.#all()) Object.assign(state, this.#usual);
  }

  *#all(): Iterable<LinkState> {
    for (const links of this.#links.values()) yield* links.values();
  }
}
