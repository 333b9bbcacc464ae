/**
 * For every test: two entries of the log are equal when term, index, type and data are. `toEqual` looks at own
 * fields only, and an entry that was decoded has none for its data, so it would compare equal to one with
 * other data of the same length. Told by its fields and not by its class: this runs before each file.
 */
import { expect } from 'vitest';

import type { Entry } from '../src/raft/index.ts';

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && 'term' in value && 'data' in value;
}

function isDecoded(value: unknown): boolean {
  return isEntry(value) && !Object.hasOwn(value, 'data');
}

expect.addEqualityTesters([
  (one: unknown, other: unknown) => {
    if (!isDecoded(one) && !isDecoded(other)) return undefined;
    if (!isEntry(one) || !isEntry(other)) return false;
    const isSamePlace = one.term === other.term && one.index === other.index;
    if (!isSamePlace || one.type !== other.type) return false;
    return Buffer.compare(one.data, other.data) === 0;
  },
]);
