/**
 * The whole judgement of a history: the whole store by revisions, and key by key for linearizability.
 *
 * Where every answer told its revision, and the replay by revisions explains them all, that replay is an
 * order of the whole history, true to real time: it is linearizable, and so is each key. The search key by
 * key is then a second opinion, and a short one; where it finds something all the same one of the two is
 * wrong, and it is reported. It matters where a search would have to find out which of many unknown increments
 * add up to what was seen, which the revisions tell for nothing.
 *
 * `undecided` is not ok. A check that gave up has approved of nothing, and `isOk` says so.
 */
import { checkOperation } from './json-lines.ts';
import { checkLinearizable, type LinearizabilityOptions } from './linearizability.ts';
import type { HistoryOperation } from './operation.ts';
import { registerModel } from './register-model.ts';
import { partsByKey } from './register-parts.ts';
import { checkRevisionOrder, type RevisionOrderOptions } from './revision-order.ts';
import { unreadKeys } from './unread-keys.ts';

/** Findings that are explained; a broken store breaks on every key in the same way. */
const FINDINGS_MAX = 5;

/** Steps of a second opinion on a key; histories of a minute take a fraction of it. */
const SECOND_OPINION_STEPS_MAX = 20_000;

/** Bounds of the searches. */
export interface HistoryOptions {
  readonly linearizability?: LinearizabilityOptions;
  readonly revisions?: RevisionOrderOptions;
}

/** One thing that is wrong with a history, or could not be decided. */
export interface HistoryFinding {
  readonly kind: 'violation' | 'undecided';
  /** Undefined: it is about the store as a whole. */
  readonly key?: string;
  /** For people, the first line says it. */
  readonly lines: readonly string[];
}

/** What was found in a history; look at `isOk`. */
export interface HistoryReport {
  /** No violation, and nothing undecided. */
  readonly isOk: boolean;
  readonly operations: number;
  readonly failed: number;
  readonly unknown: number;
  readonly keys: number;
  /** Operations that told a revision, and are judged by it too. */
  readonly withRevision: number;
  readonly steps: number;
  /** Keys, and the store as a whole, that are not linearizable; and those not decided. */
  readonly violations: number;
  readonly undecided: number;
  /** Keys that nobody read after their last acknowledged write: whether it was kept does not show. */
  readonly unread: readonly string[];
  /** The first few, in words. */
  readonly findings: readonly HistoryFinding[];
}

/** @throws ClusterError REQUEST_INVALID for an operation that is no operation, with its place from 1. */
export function checkHistory(
  history: readonly HistoryOperation[],
  options: HistoryOptions = {},
): HistoryReport {
  for (const [i, operation] of history.entries()) checkOperation(operation, i + 1);
  const findings: HistoryFinding[] = [];
  const counts = { violation: 0, undecided: 0 };
  let steps = 0;
  const note = (finding: HistoryFinding): void => {
    counts[finding.kind]++;
    if (findings.length < FINDINGS_MAX) findings.push(finding);
  };
  const order = checkRevisionOrder(history, options.revisions);
  steps += order.steps;
  const isOrdered = order.kind === 'ok' && order.isWhole;
  const bounds = isOrdered ? secondOpinion(options.linearizability) : options.linearizability;
  const parts = partsByKey(history);
  for (const [key, intervals] of parts) {
    const verdict = checkLinearizable(registerModel, intervals, bounds);
    steps += verdict.steps;
    const name = `key ${JSON.stringify(key)}`;
    if (verdict.kind === 'undecided') {
      if (isOrdered) continue;
      const line = `${name}: not decided within ${verdict.steps} steps`;
      note({ kind: 'undecided', key, lines: [line] });
    } else if (verdict.kind === 'violation') {
      const lines = [`${name}: not linearizable`, ...verdict.violation.lines];
      note({ kind: 'violation', key, lines });
    }
  }
  if (order.kind !== 'ok') note({ kind: order.kind, lines: order.lines });
  return {
    isOk: counts.violation + counts.undecided === 0,
    operations: history.length,
    failed: history.filter(({ ok }) => ok === false).length,
    unknown: history.filter(({ ok }) => ok === null).length,
    keys: parts.size,
    withRevision: history.filter(({ ok, revision }) => ok === true && revision !== undefined)
      .length,
    steps,
    violations: counts.violation,
    undecided: counts.undecided,
    unread: unreadKeys(parts),
    findings,
  };
}

function secondOpinion(given: LinearizabilityOptions = {}): LinearizabilityOptions {
  const { stepsMax = SECOND_OPINION_STEPS_MAX } = given;
  return { stepsMax: Math.min(stepsMax, SECOND_OPINION_STEPS_MAX) };
}
