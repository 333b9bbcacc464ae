/**
 * Counts and latencies of requests by door and operation, for `/metrics`. Plain arrays: recording one
 * must cost next to nothing, because the binary door does it for each of many thousand requests a
 * second. The bounds of the buckets are fixed, so that nodes and releases can be added up.
 */

/** Upper bounds of the buckets in milliseconds; the last bucket has none. */
export const LATENCY_BUCKETS_MS: readonly number[] = [
  0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000,
];

export type Door = 'http' | 'binary';

export interface OperationStats {
  readonly door: Door;
  readonly operation: string;
  /** By `OK` or error code. */
  readonly codes: Map<string, number>;
  /** Not cumulative; one longer than LATENCY_BUCKETS_MS. */
  readonly buckets: number[];
  sumMs: number;
  count: number;
}

export class CallStats {
  readonly #byName: Map<string, OperationStats> = new Map();

  /** To be kept by a door that records often. */
  of(door: Door, operation: string): OperationStats {
    const name = `${door} ${operation}`;
    let stats = this.#byName.get(name);
    if (stats === undefined) {
      const buckets = new Array<number>(LATENCY_BUCKETS_MS.length + 1).fill(0);
      stats = { door, operation, codes: new Map(), buckets, sumMs: 0, count: 0 };
      this.#byName.set(name, stats);
    }
    return stats;
  }

  all(): readonly OperationStats[] {
    return [...this.#byName.values()];
  }
}

export function recordCall(stats: OperationStats, code: string, elapsedMs: number): void {
  stats.codes.set(code, (stats.codes.get(code) ?? 0) + 1);
  let bucket = 0;
  while (bucket < LATENCY_BUCKETS_MS.length && elapsedMs > LATENCY_BUCKETS_MS[bucket]!) bucket++;
  stats.buckets[bucket]!++;
  stats.sumMs += elapsedMs;
  stats.count++;
}
