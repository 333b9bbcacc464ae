/**
 * What a leader does when its own disk does not answer. Its heartbeats go on and the followers commit
 * without it, so nobody would replace it; but it applies nothing that is not durable here, and so answers
 * nobody. When its oldest append is older than the election timeout it hands leadership to the voter
 * that is furthest (WISHES 2), and tries again each election timeout while it still leads.
 *
 * Age is counted in ticks: a process that was stopped finds its disk's answers when it wakes up, and
 * must not take its own absence for the disk's.
 */
import type { Logger } from '../world/index.ts';

export interface DiskWatchHost {
  readonly logger: Logger;
  isLeader(): boolean;
  /** The name of the one who shall lead; `undefined`: there is nobody. */
  handOver(): string | undefined;
}

/** An append under way. */
interface Append {
  readonly begunAtTick: number;
}

export class DiskWatch {
  readonly #host: DiskWatchHost;
  readonly #ageTicksMax: number;
  /** In the order in which they began. */
  readonly #appends = new Set<Append>();
  #ticks = 0;
  #lastTriedAtTick = Number.NEGATIVE_INFINITY;

  constructor(host: DiskWatchHost, ageTicksMax: number) {
    this.#host = host;
    this.#ageTicksMax = ageTicksMax;
  }

  /** An append begins; call what it returns when it is durable. */
  begin(): () => void {
    const append = { begunAtTick: this.#ticks };
    this.#appends.add(append);
    return () => this.#appends.delete(append);
  }

  tick(): void {
    this.#ticks++;
    const [oldest] = this.#appends;
    if (oldest === undefined || !this.#host.isLeader()) return;
    const ageTicks = this.#ticks - oldest.begunAtTick;
    if (ageTicks <= this.#ageTicksMax) return;
    if (this.#ticks - this.#lastTriedAtTick <= this.#ageTicksMax) return;
    this.#lastTriedAtTick = this.#ticks;
    const to = this.#host.handOver();
    this.#host.logger.warn('leader.diskStalled', {
      ageTicks,
      appends: this.#appends.size,
      handingOverTo: to ?? null,
    });
  }
}
