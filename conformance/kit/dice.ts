/** Repeatable randomness for suites: same seed, same run, so that a failure can be looked at again. */

/** Chance that a seed brings back. */
export interface ConformanceDice {
  /** A whole number in `[0, bound)`. */
  below(bound: number): number;
  /** So many bytes. */
  bytes(length: number): Uint8Array;
  /** One of the list. */
  pick<T>(list: readonly [T, ...T[]]): T;
}

/** xorshift32 behind a mixing step. Good enough to vary tests, and for nothing else. */
export function conformanceDice(seed: number): ConformanceDice {
  let state = (seed ^ 0x5bd1e995) >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return Math.imul(state, 0x9e3779b1) >>> 0;
  };
  // The first numbers of neighbouring seeds are alike.
  for (let i = 0; i < 4; i++) next();
  const below = (bound: number): number => Math.floor((next() / 2 ** 32) * bound);
  return {
    below,
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
    pick: (list) => list[below(list.length)] ?? list[0],
  };
}
