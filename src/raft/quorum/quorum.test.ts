/** Majorities against a slow, obvious definition, and the rules of joint ones. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { jointCommitted, jointVote } from './joint.ts';
import { type AckedIndexes, majorityCommitted, majorityVote, VoteResult } from './majority.ts';

class Acked extends Map<number, number> implements AckedIndexes {
  ackedIndex(id: number): number | undefined {
    return this.get(id);
  }
}

const ids = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 9 });
const acks = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat(20)));
const votes = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.boolean()));

it('commits the largest index that more than half have', () => {
  fc.assert(
    fc.property(ids, acks, (voters, pairs) => {
      const acked = new Acked(pairs);
      const committed = majorityCommitted(voters, acked);
      if (voters.length === 0) {
        expect(committed).toBe(Number.POSITIVE_INFINITY);
        return;
      }
      const having = (index: number): number =>
        voters.filter((id) => (acked.get(id) ?? 0) >= index).length;
      expect(having(committed)).toBeGreaterThan(voters.length / 2);
      expect(having(committed + 1)).toBeLessThanOrEqual(voters.length / 2);
    }),
  );
});

it('decides a vote exactly when what is missing can not change it', () => {
  fc.assert(
    fc.property(ids, votes, (voters, pairs) => {
      const given = new Map(pairs);
      const yes = voters.filter((id) => given.get(id) === true).length;
      const missing = voters.filter((id) => !given.has(id)).length;
      const half = voters.length / 2;
      const won = voters.length === 0 || yes > half;
      const lost = voters.length > 0 && yes + missing <= half;
      const expected = won ? VoteResult.Won : lost ? VoteResult.Lost : VoteResult.Pending;
      expect(majorityVote(voters, given)).toBe(expected);
    }),
  );
});

it('joint: both halves must agree, and an empty half holds nothing back', () => {
  fc.assert(
    fc.property(ids, ids, acks, votes, (a, b, pairs, given) => {
      const acked = new Acked(pairs);
      const expected = Math.min(majorityCommitted(a, acked), majorityCommitted(b, acked));
      expect(jointCommitted(a, b, acked)).toBe(expected);
      const cast = new Map(given);
      const won = [a, b].every((half) => majorityVote(half, cast) === VoteResult.Won);
      expect(jointVote(a, b, cast) === VoteResult.Won).toBe(won);
      expect(jointVote(a, [], cast)).toBe(a.length === 0 ? VoteResult.Won : jointVote(a, a, cast));
    }),
  );
});
