/**
 * What TCP never does to messages, done to them all the same: dropped, doubled (also seconds later),
 * delayed, and so reordered. Raft promises to bear it (thesis 3.2: the network may do all of these), and
 * nothing tests that promise as long as a stream keeps order. It stands between a node's transport and
 * the node, on the receiving side.
 *
 * What is touched and what not:
 * - Messages of raft, each by itself. What comes late comes after whatever has come meanwhile, whoever
 *   was reported as unreachable meanwhile. Raft needs no report of a loss: the next heartbeat's answer
 *   makes a leader send what is missing (see the test), so none is made up.
 * - Frames of the node's own protocols, bulk, `connected` and `unreachable` pass as they are: their order
 *   and "at most once" are promised by the transport, and relied on.
 * - Nothing outlives the receiver: what is held back dies with its process or its `stop`, and with the
 *   removal of the peer. A message of an earlier life of the sender may still come: raft's messages say
 *   only what is durable.
 */
import type { Message, RaftId } from '../../src/raft/index.ts';
import type { Transport, TransportEvents } from '../../src/transport/index.ts';
import type { Timer } from '../../src/world/index.ts';
import type { IoLoop } from './event-loop.ts';
import { forwarding } from './forwarding.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Read at each message, so they may be changed at any time. Whole percent. */
export interface ManglerConditions {
  dropPercent: number;
  duplicatePercent: number;
  delayPercent: number;
  /** Most are delayed by a sixteenth of that. */
  delayMaxMs: number;
}

export type Mangling = 'dropped' | 'duplicated' | 'delayed';

export interface ManglerParts {
  /** A stream of its own. */
  readonly random: SeededRandom;
  /** Of the process that receives. */
  readonly loop: IoLoop;
  readonly conditions: ManglerConditions;
  /** Told each fault, for those who count them. */
  readonly count?: (what: Mangling) => void;
}

const TYPICAL_OF = 16;
/** The other half of the duplicates comes right behind the original. */
const LATE_DUPLICATE_MS = 1_000;
const LATE_DUPLICATE_MS_MAX = 8_000;

/** Conditions under which nothing is touched. */
export function calmMangling(): ManglerConditions {
  return { dropPercent: 0, duplicatePercent: 0, delayPercent: 0, delayMaxMs: 0 };
}

/** The transport, with messages mangled on their way to whoever starts it. */
export function mangle(transport: Transport, parts: ManglerParts): Transport {
  const mangler = new Mangler(parts);
  return forwarding(transport, {
    events: (to) => mangler.between(to),
    stop: () => {
      mangler.stop();
      return transport.stop();
    },
    removePeer: (raftId) => {
      mangler.forget(raftId);
      transport.removePeer(raftId);
    },
  });
}

/** A message that is held back. */
interface Held {
  readonly from: RaftId;
  timer: Timer | undefined;
}

class Mangler {
  readonly #parts: ManglerParts;
  readonly #held = new Set<Held>();
  #isStopped = false;

  constructor(parts: ManglerParts) {
    this.#parts = parts;
  }

  between(events: TransportEvents): Partial<TransportEvents> {
    return {
      messages: (from, messages) => {
        const now = this.#isCalm ? messages : this.#passing(events, from, messages);
        if (now.length > 0) events.messages(from, now);
      },
    };
  }

  stop(): void {
    this.#isStopped = true;
    for (const held of this.#held) held.timer?.cancel();
    this.#held.clear();
  }

  forget(peer: RaftId): void {
    for (const held of this.#held) {
      if (held.from !== peer) continue;
      held.timer?.cancel();
      this.#held.delete(held);
    }
  }

  get #isCalm(): boolean {
    const { dropPercent, duplicatePercent, delayPercent } = this.#parts.conditions;
    return dropPercent === 0 && duplicatePercent === 0 && delayPercent === 0;
  }

  /** Those that come now, in order; the others are held back, or gone. */
  #passing(events: TransportEvents, from: RaftId, messages: readonly Message[]): Message[] {
    const { random, conditions } = this.#parts;
    const passing: Message[] = [];
    for (const message of messages) {
      // As many draws for each message, whatever comes of them.
      const isDropped = random.chance(conditions.dropPercent);
      const isDuplicated = random.chance(conditions.duplicatePercent);
      const isDelayed = random.chance(conditions.delayPercent);
      if (isDropped) {
        this.#parts.count?.('dropped');
        continue;
      }
      if (isDelayed) {
        this.#parts.count?.('delayed');
        const { delayMaxMs } = conditions;
        this.#hold(events, from, message, random.heavyTailed(delayMaxMs / TYPICAL_OF, delayMaxMs));
      } else passing.push(message);
      if (!isDuplicated) continue;
      this.#parts.count?.('duplicated');
      if (random.chance(1, 2)) passing.push(message);
      else {
        const lateMs = random.heavyTailed(LATE_DUPLICATE_MS, LATE_DUPLICATE_MS_MAX);
        this.#hold(events, from, message, lateMs);
      }
    }
    return passing;
  }

  #hold(events: TransportEvents, from: RaftId, message: Message, delayMs: number): void {
    if (this.#isStopped) return;
    const held: Held = { from, timer: undefined };
    this.#held.add(held);
    held.timer = this.#parts.loop.io(delayMs, () => {
      this.#held.delete(held);
      events.messages(from, [message]);
    });
  }
}
