/** Whatever a message may hold, for property tests of the codec. */
import fc from 'fast-check';
import { makeEntry } from '../entries.ts';
import { makeMessage } from '../messages.ts';
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type ConfChange,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type HardState,
  type Message,
  type Snapshot,
} from '../types.ts';

/** Safe integers, the lengths of whose varints all occur. */
export const number: fc.Arbitrary<number> = fc.oneof(
  fc.nat(300),
  fc.nat(9).map((bytes) => Math.min(2 ** (7 * bytes), Number.MAX_SAFE_INTEGER)),
  fc.nat(9).map((bytes) => Math.min(2 ** (7 * bytes) - 1, Number.MAX_SAFE_INTEGER)),
  fc.constantFrom(2 ** 31, 2 ** 32, 2 ** 32 - 1, Number.MAX_SAFE_INTEGER),
  fc.maxSafeNat(),
);
const id = fc.oneof(number, fc.constantFrom(APPEND_THREAD, APPLY_THREAD));
const data = fc.uint8Array({ maxLength: 200 });
const ids = fc.array(number, { maxLength: 4 });

export const entry: fc.Arbitrary<Entry> = fc
  .tuple(number, number, fc.constantFrom(0, 1, 2), data)
  .map(([term, index, type, bytes]) => makeEntry(term, index, type as Entry['type'], bytes));

export const hardState: fc.Arbitrary<HardState> = fc.record({
  term: number,
  vote: number,
  commit: number,
});

export const confState: fc.Arbitrary<ConfState> = fc.record({
  voters: ids,
  learners: ids,
  votersOutgoing: ids,
  learnersNext: ids,
  autoLeave: fc.boolean(),
});

export const snapshot: fc.Arbitrary<Snapshot> = fc.record({
  metadata: fc.record({ confState, index: number.map((n) => Math.max(1, n)), term: number }),
  data,
});

export const confChange: fc.Arbitrary<ConfChange> = fc.record({
  type: fc.nat(3) as fc.Arbitrary<ConfChange['type']>,
  nodeId: number,
  context: data,
  id: number,
});

export const confChangeV2: fc.Arbitrary<ConfChangeV2> = fc.record({
  transition: fc.nat(2) as fc.Arbitrary<ConfChangeV2['transition']>,
  changes: fc.array(
    fc.record({ type: fc.nat(3) as fc.Arbitrary<ConfChange['type']>, nodeId: number }),
  ),
  context: data,
});

const flat = fc.record({
  type: fc.nat(23) as fc.Arbitrary<Message['type']>,
  to: id,
  from: id,
  term: number,
  logTerm: number,
  index: number,
  entries: fc.array(entry, { maxLength: 3 }),
  commit: number,
  vote: number,
  snapshot: fc.option(snapshot, { nil: undefined }),
  reject: fc.boolean(),
  rejectHint: number,
  context: fc.option(fc.uint8Array({ minLength: 1, maxLength: 9 }), { nil: undefined }),
});
const responses = fc.option(fc.array(flat.map(makeMessage), { minLength: 1, maxLength: 2 }), {
  nil: undefined,
});

export const message: fc.Arbitrary<Message> = fc
  .tuple(flat, responses)
  .map(([fields, answers]) => makeMessage({ ...fields, responses: answers }));
