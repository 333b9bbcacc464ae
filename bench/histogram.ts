/**
 * A histogram of latencies that stays small however many are recorded: buckets that grow with the value,
 * so that the relative error is bounded (1 % from 10 µs on; below that it is the unit, 0.1 µs). Histograms of
 * several clients are merged by adding, which an average of percentiles could never be.
 *
 * Each power of two is cut into 128 buckets of equal width; a value is reported as the middle of its
 * bucket, so it is off by at most 1/256 of itself. Smallest, largest and sum are kept exactly.
 */

/** 0.1 µs: finer than any clock that is read here. */
const UNITS_PER_MS = 10_000;
const STEP_BITS = 7;
const STEPS = 2 ** STEP_BITS;
/** The largest value that has a bucket of its own, in units: 214 s. Longer ones count as that long. */
const UNITS_MAX = 2 ** 31 - 1;
const BUCKETS = (31 - STEP_BITS) * STEPS + STEPS;

/** As it travels between processes: only the buckets that hold something, as pairs. */
export interface HistogramData {
  readonly count: number;
  readonly minMs: number;
  readonly maxMs: number;
  readonly sumMs: number;
  readonly buckets: readonly (readonly [at: number, count: number])[];
}

function bucketOf(units: number): number {
  if (units < STEPS) return units;
  const shift = 31 - Math.clz32(units) - STEP_BITS;
  return shift * STEPS + (units >>> shift);
}

/** The middle of a bucket, in units. */
function middleOf(bucket: number): number {
  if (bucket < 2 * STEPS) return bucket;
  const shift = Math.floor(bucket / STEPS) - 1;
  const low = (bucket - shift * STEPS) * 2 ** shift;
  return low + 2 ** shift / 2;
}

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #minMs = Number.POSITIVE_INFINITY;
  #maxMs = 0;
  #sumMs = 0;

  static from(data: HistogramData): Histogram {
    const histogram = new Histogram();
    histogram.add(data);
    return histogram;
  }

  get count(): number {
    return this.#count;
  }

  /** 0 when nothing was recorded, as are all that follow. */
  get maxMs(): number {
    return this.#maxMs;
  }

  get minMs(): number {
    return this.#count === 0 ? 0 : this.#minMs;
  }

  get meanMs(): number {
    return this.#count === 0 ? 0 : this.#sumMs / this.#count;
  }

  record(ms: number): void {
    // A clock that is read twice never runs backwards, but its difference may be rounded below 0.
    const value = Math.max(ms, 0);
    const units = Math.min(UNITS_MAX, Math.round(value * UNITS_PER_MS));
    const bucket = bucketOf(units);
    this.#counts[bucket] = this.#counts[bucket]! + 1;
    this.#count++;
    this.#sumMs += value;
    if (value < this.#minMs) this.#minMs = value;
    if (value > this.#maxMs) this.#maxMs = value;
  }

  /** The value that a share (0 to 1) of all are not above. */
  quantileMs(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#count));
    if (rank === 1) return this.minMs;
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen < rank) continue;
      const ms = middleOf(bucket) / UNITS_PER_MS;
      return Math.min(this.#maxMs, Math.max(this.#minMs, ms));
    }
    return this.#maxMs;
  }

  add(other: Histogram | HistogramData): void {
    const data = other instanceof Histogram ? other.toJSON() : other;
    if (data.count === 0) return;
    for (const [at, count] of data.buckets) this.#counts[at] = this.#counts[at]! + count;
    this.#count += data.count;
    this.#sumMs += data.sumMs;
    this.#minMs = Math.min(this.#minMs, data.minMs);
    this.#maxMs = Math.max(this.#maxMs, data.maxMs);
  }

  toJSON(): HistogramData {
    const buckets: [number, number][] = [];
    for (const [at, count] of this.#counts.entries()) if (count > 0) buckets.push([at, count]);
    const { minMs, maxMs } = this;
    return { count: this.#count, minMs, maxMs, sumMs: this.#sumMs, buckets };
  }
}
