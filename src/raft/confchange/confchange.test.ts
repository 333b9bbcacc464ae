/** Membership arithmetic: any sequence of changes keeps the rules, and any result can be restored. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeConfChange } from '../codec/index.ts';
import { makeEntry } from '../entries.ts';
import { toConfState } from '../tracker/configuration.ts';
import { ProgressTracker } from '../tracker/progress-tracker.ts';
import { type ConfChangeSingle, ConfChangeTransition, type ConfChangeType } from '../types.ts';
import { Changer } from './changer.ts';
import { changeMembership, decodeConfChangeEntry, toConfChangeV2 } from './conf-change.ts';
import { restoreMembership } from './restore.ts';

const NONE = new Uint8Array(0);
const single: fc.Arbitrary<ConfChangeSingle> = fc.record({
  type: fc.nat(3) as fc.Arbitrary<ConfChangeType>,
  nodeId: fc.nat(5),
});
const change = fc.record({
  transition: fc.constantFrom(0, 1, 2) as fc.Arbitrary<ConfChangeTransition>,
  changes: fc.array(single, { maxLength: 3 }),
  context: fc.constant(NONE),
});

function isRefused(action: () => void): boolean {
  try {
    action();
    return false;
  } catch (error) {
    expect((error as { code?: string }).code).toBe('CONF_CHANGE_INVALID');
    return true;
  }
}

it('keeps the invariants, moves one voter at a time outside joint, and survives restoring', () => {
  const first = {
    transition: ConfChangeTransition.Auto,
    changes: [{ type: 0 as const, nodeId: 1 }],
    context: NONE,
  };
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const tracker = new ProgressTracker(10, 1000);
      for (const [at, next] of [first, ...changes].entries()) {
        const before = tracker.config;
        const refused = isRefused(() => {
          const { config, progress } = changeMembership(new Changer(tracker, at), next);
          tracker.adopt(config, progress);
        });
        if (refused) {
          expect(tracker.config).toBe(before);
          continue;
        }
        const { voters, votersOutgoing, learners } = tracker.config;
        const members = new Set([...voters, ...votersOutgoing, ...learners]);
        expect([...tracker.progress.keys()]).toEqual([...members].sort((a, b) => a - b));
        if (votersOutgoing.length === 0 && before.votersOutgoing.length === 0) {
          const moved = [...voters, ...before.voters].filter(
            (id) => voters.includes(id) !== before.voters.includes(id),
          );
          expect(moved.length).toBeLessThanOrEqual(1);
        }
        const again = new ProgressTracker(10, 1000);
        restoreMembership(again, toConfState(tracker.config), 10);
        expect(again.config).toEqual(tracker.config);
        expect([...again.progress].map(([id, p]) => [id, p.isLearner])).toEqual(
          [...tracker.progress].map(([id, p]) => [id, p.isLearner]),
        );
      }
    }),
    { numRuns: 200 },
  );
});

it('reads both forms of a change from an entry, and refuses an ordinary entry', () => {
  const old = { type: 3, nodeId: 7, context: NONE, id: 1 } as const;
  const entry = makeEntry(1, 1, 1, encodeConfChange(old));
  expect(decodeConfChangeEntry(entry)).toEqual(toConfChangeV2(old));
  expect(() => decodeConfChangeEntry(makeEntry(1, 1, 0, NONE))).toThrow(/no membership change/);
});
