/**
 * Has the history in a file judged by our own checker, in words.
 *
 * Put, get, cas and delete touch one key each, and linearizability is a matter of each object alone: the
 * search key by key is the verdict. The replay in the order of the revisions comes on top; what it finds
 * wrong is wrong, but where it gives up (it has to guess at which revision each write of unknown outcome took
 * effect, if it did) it takes nothing back, and that is said. A history without operations is no proof.
 */
import { readFileSync } from 'node:fs';

import {
  checkHistory,
  type HistoryOptions,
  historyReportLines,
  readHistory,
} from '../../sim/history/index.ts';
import type { Report } from '../acceptance/report.ts';

export interface Judgement {
  readonly isOk: boolean;
  readonly operations: number;
  /** In words. */
  readonly lines: readonly string[];
  readonly verdict: string;
}

/** @throws for what is no history. */
export function judge(path: string, options: HistoryOptions = {}): Judgement {
  const report = checkHistory(readHistory(readFileSync(path, 'utf8').split('\n')), options);
  const { violations, undecided, operations, findings } = report;
  const isOrderOnly = violations === 0 && undecided === 1 && findings[0]?.key === undefined;
  const lines = historyReportLines(report);
  const words = lines.at(-1) ?? '';
  const isOk = (report.isOk || isOrderOnly) && operations > 0;
  const verdict = isOrderOnly ? 'linearizable key by key; by revisions not decided' : words;
  return { isOk, operations, lines: lines.slice(0, -1), verdict };
}

export function reportJudgement(report: Report, path: string): boolean {
  const begin = performance.now();
  const { isOk, operations, lines, verdict } = judge(path);
  for (const line of lines) report.note(line);
  const took = `judged in ${((performance.now() - begin) / 1_000).toFixed(1)} s`;
  report.check(operations > 0, 'the history holds operations', `${operations}, ${took}`);
  return report.check(isOk, 'linearizable, and nothing acknowledged lost', verdict);
}
