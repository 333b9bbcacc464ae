/**
 * What the core waits for because the stored log does not hold it in memory: ranges to be loaded,
 * each asked for once, and who waits.
 *
 * The core never blocks on a disk. A follower whose next entries are not in memory is simply not
 * sent any until they are; heartbeats go on. When the shell says that something was loaded, all who
 * wait try again, and who misses again asks again.
 */
import type { LogIndex, LogRead, RaftId } from './types.ts';

const NO_READS: readonly LogRead[] = [];
const NOBODY: readonly RaftId[] = [];

export class LogReads {
  /** Not handed out yet. */
  #wanted: LogRead[] = [];
  /** Start of each range that was handed out and not answered yet. */
  readonly #outstanding = new Set<LogIndex>();
  /** For each waiting follower, the index that it waits for. */
  readonly #peers = new Map<RaftId, LogIndex>();
  /** The index that applying waits for, 0 for none. */
  #applyAt: LogIndex = 0;

  get hasWanted(): boolean {
    return this.#wanted.length > 0;
  }

  isPeerWaiting(id: RaftId, next: LogIndex): boolean {
    return this.#peers.size > 0 && this.#peers.get(id) === next;
  }

  isApplyWaiting(next: LogIndex): boolean {
    return this.#applyAt === next;
  }

  wantForPeer(id: RaftId, lo: LogIndex, hi: LogIndex): void {
    this.#peers.set(id, lo);
    this.#want(lo, hi);
  }

  wantForApply(lo: LogIndex, hi: LogIndex): void {
    this.#applyAt = lo;
    this.#want(lo, hi);
  }

  /** Leadership ended: nobody is fed from here any more. */
  forgetPeers(): void {
    this.#peers.clear();
  }

  /** Hands the wanted ranges out. */
  take(): readonly LogRead[] {
    if (this.#wanted.length === 0) return NO_READS;
    const wanted = this.#wanted;
    this.#wanted = [];
    for (const { lo } of wanted) this.#outstanding.add(lo);
    return wanted;
  }

  /** Something was loaded: nobody waits any more. Returns who waited, in ascending order. */
  done(): readonly RaftId[] {
    this.#outstanding.clear();
    this.#applyAt = 0;
    if (this.#peers.size === 0) return NOBODY;
    const peers = [...this.#peers.keys()].sort((a, b) => a - b);
    this.#peers.clear();
    return peers;
  }

  #want(lo: LogIndex, hi: LogIndex): void {
    if (this.#outstanding.has(lo)) return;
    if (this.#wanted.some((read) => read.lo === lo)) return;
    this.#wanted.push({ lo, hi });
  }
}
