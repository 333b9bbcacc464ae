/**
 * Judges a history of the whole store by the revisions that it told: transactions and ranges too, which
 * checking key by key can not.
 *
 * Each request that changes something takes the next revision, so the revisions say in which order all
 * writes took effect. That makes this check cheap: no order is searched for, the told one is replayed.
 * Every answer must come out of the replay at its revision: compares, branches and reads of transactions,
 * sums, gets and ranges. Revisions must respect real time (revision-events.ts). Revisions that belong to
 * no answered write must be those of writes whose outcome is unknown (revision-search.ts).
 *
 * Reads of one node's own state (`consistency: local`) are judged at their revision, and excused from real
 * time. What told no revision is judged only by the other checker. The history must hold every write that
 * anybody made to the store; where others write too, say `isComplete: false`, and only times and double
 * revisions are judged.
 */
import type { HistoryOperation } from './operation.ts';
import { revisionEvents } from './revision-events.ts';
import { RevisionSearch } from './revision-search.ts';

/** Operations replayed, again and again where unknown writes are placed; seconds at most. */
export const REVISION_STEPS_MAX = 5_000_000;

/** Bounds of the search. */
export interface RevisionOrderOptions {
  readonly stepsMax?: number;
  /** The history holds all writes since the store was empty; default true. */
  readonly isComplete?: boolean;
}

/** All revisions fit together; they contradict each other; or the search was given up. */
export type RevisionVerdict =
  | {
      readonly kind: 'ok';
      readonly steps: number;
      /** Operations that told a revision. */
      readonly told: number;
      /** Nobody was answered without a revision: what was found is an order of the whole history. */
      readonly isWhole: boolean;
      /** Unknown writes that were found to have taken effect, in one way that explains all. */
      readonly filled: number;
    }
  | { readonly kind: 'violation'; readonly steps: number; readonly lines: readonly string[] }
  | { readonly kind: 'undecided'; readonly steps: number; readonly lines: readonly string[] };

/** Judges the store as a whole by the revisions that its answers name: ranges and transactions, too. */
export function checkRevisionOrder(
  history: readonly HistoryOperation[],
  options: RevisionOrderOptions = {},
): RevisionVerdict {
  const { stepsMax = REVISION_STEPS_MAX, isComplete = true } = options;
  const events = revisionEvents(history, isComplete);
  if ('lines' in events) return { kind: 'violation', steps: 0, lines: events.lines };
  const { told, untold } = events;
  if (!isComplete) return { kind: 'ok', steps: 0, told, isWhole: false, filled: 0 };
  const search = new RevisionSearch(events, history, stepsMax);
  const found = search.run();
  const { steps } = search;
  if (found === 'found') {
    return { kind: 'ok', steps, told, isWhole: untold === 0, filled: events.missing.length };
  }
  const lines = search.mismatch?.lines ?? [];
  const unknown = `${events.candidates.length} writes of unknown outcome`;
  const missing = `${events.missing.length} revisions that belong to no answered write`;
  if (found === 'gave up') {
    const why = `given up after ${steps} steps: ${missing}, ${unknown} to fill them`;
    return { kind: 'undecided', steps, lines: [why, ...lines] };
  }
  if (found === 'hopeless') return { kind: 'violation', steps, lines };
  const why = `${missing} can not be filled with ${unknown} so that all answers fit; nearest:`;
  return { kind: 'violation', steps, lines: [why, ...lines] };
}
