/**
 * Randomness from the operating system. Election timeouts need none that nobody can guess, but
 * identities, cluster ids and incarnations do, and one source is simpler than two. `randomInt` has no
 * modulo bias and serves itself from a cache, so that it costs less than a microsecond.
 */
import { randomBytes, randomInt } from 'node:crypto';

import type { Random } from './types.ts';

const BOUND_MAX = 2 ** 32;

/** The operating system's randomness. */
export function realRandom(): Random {
  return {
    below: (bound) => {
      if (!Number.isInteger(bound) || bound < 1 || bound > BOUND_MAX) {
        throw new RangeError(`random.below takes a whole number from 1 to 2^32, not ${bound}`);
      }
      return randomInt(bound);
    },
    bytes: (length) => new Uint8Array(randomBytes(length)),
  };
}
