/**
 * The property tests must be able to fail. Each mutant here breaks one rule of the algorithm in the
 * running core - a method of a class is replaced for the time of one test - and some sequence of
 * events must show it, as a broken promise or as an assertion of the core itself.
 *
 * These are the mutants that chance finds soon. Subtler ones, where three things must meet, have a
 * test of their own each: the paper's and those that carry a NASTY number.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { RaftLog } from './log.ts';
import { MemoryLog } from './memory-log.ts';
import type { TestOptions } from './raft.fixture.ts';
import { Raft } from './raft.ts';
import { stormProperty, type Theme } from './storm.fixture.ts';
import { Inflights } from './tracker/inflights.ts';
import { Progress } from './tracker/progress.ts';
import { ProgressTracker } from './tracker/progress-tracker.ts';

const RUNS_MAX = 100;
const SEED = 20_141;

const undone: (() => void)[] = [];

/** Puts `make(original)` in the place of a method. */
function replace<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  make: (original: T[K]) => T[K],
): void {
  const before = Object.getOwnPropertyDescriptor(prototype, name)!;
  const original = (before.value ?? before.get) as T[K];
  const value = make(original);
  const changed =
    before.get === undefined ? { ...before, value } : { ...before, get: value as () => unknown };
  Object.defineProperty(prototype, name, changed);
  undone.push(() => Object.defineProperty(prototype, name, before));
}

afterEach(() => {
  for (const undo of undone.splice(0)) undo();
});

function expectCaught(options: TestOptions = {}, theme?: Theme): void {
  const themes = theme === undefined ? undefined : [theme];
  const result = fc.check(stormProperty(options, themes), {
    numRuns: RUNS_MAX,
    seed: SEED,
    endOnFailure: true,
  });
  expect(result.failed, `survived ${result.numRuns} runs`).toBe(true);
}

interface Mutant {
  readonly rule: string;
  readonly plant: () => void;
  readonly options?: TestOptions;
  readonly theme?: Theme;
}

const MUTANTS: readonly Mutant[] = [
  {
    rule: 'commits what one member alone has',
    theme: 'logs',
    plant: () =>
      replace(
        ProgressTracker.prototype,
        'committed',
        () =>
          function (this: ProgressTracker) {
            return Math.max(...[...this.progress.values()].map(({ match }) => match));
          },
      ),
  },
  {
    rule: 'wins an election with less than a majority (§5.2)',
    theme: 'elections',
    plant: () => replace(ProgressTracker.prototype, 'voteResult', () => () => 3),
  },
  {
    rule: 'votes for a log that is behind its own (§5.4.1)',
    theme: 'logs',
    plant: () => replace(RaftLog.prototype, 'isUpToDate', () => () => true),
  },
  {
    rule: 'forgets its vote when it steps down in the same term (NASTY 1)',
    theme: 'elections',
    plant: () =>
      replace(
        Raft.prototype,
        'reset',
        (original) =>
          function (this: Raft, term) {
            original.call(this, term);
            this.vote = 0;
          },
      ),
  },
  {
    rule: 'answers before it has written (NASTY 2, 19)',
    theme: 'elections',
    plant: () =>
      replace(
        Raft.prototype,
        'send',
        () =>
          function (this: Raft, message) {
            (message.to === this.id ? this.messagesAfterAppend : this.messages).push(message);
          },
      ),
  },
  {
    rule: 'does not store its vote (NASTY 2)',
    theme: 'elections',
    plant: () =>
      replace(
        MemoryLog.prototype,
        'setHardState',
        (original) =>
          function (this: MemoryLog, state) {
            original.call(this, { ...state, vote: 0 });
          },
      ),
  },
  {
    rule: 'accepts entries without looking at the one before them (§5.3)',
    theme: 'logs',
    plant: () =>
      replace(
        RaftLog.prototype,
        'matchTerm',
        () =>
          function (this: RaftLog, index) {
            return this.term(index) !== undefined;
          },
      ),
  },
  {
    rule: 'lets match fall (NASTY 15)',
    plant: () =>
      replace(
        Progress.prototype,
        'maybeUpdate',
        () =>
          function (this: Progress, index) {
            this.match = index;
            this.isPausedForAnswer = false;
            return true;
          },
      ),
  },
  {
    rule: 'sends on although the window is full',
    options: { maxInflightMsgs: 2, maxSizePerMsg: 10 },
    plant: () => {
      replace(Inflights.prototype, 'isFull', () => (() => false) as never);
    },
  },
  {
    rule: 'trusts ticks as a clock, which they are not here (thesis §6.4.1, NASTY 24)',
    theme: 'reads',
    options: { readOnlyOption: 'lease-based', checkQuorum: true },
    plant: () => {},
  },
];

describe('a core that breaks a rule is found out', () => {
  for (const { rule, plant, options, theme } of MUTANTS) {
    it(rule, () => {
      plant();
      expectCaught(options, theme);
    });
  }
});

it('and the one that keeps them all is not', () => {
  const result = fc.check(stormProperty({}), { numRuns: 10, seed: SEED });
  expect(result.failed).toBe(false);
});
