/**
 * Has the history in a file judged by our own checker, in words.
 *
 * Put, get, cas and delete touch one key each, and linearizability is a matter of each object alone: the
 * search key by key is one verdict. The replay in the order of the revisions is the other. Both must be
 * content: one that gave up has approved of nothing, and a run where that happens is to be looked at, not
 * excused. A write that nobody looked for afterwards may be lost unseen, and the verdict says of which keys
 * that holds. A history without operations is no proof, and one in which a client does two things at a time
 * is no history.
 */
import { readFileSync } from 'node:fs';

import { checkHistoryFile, type HistoryOptions } from '../../sim/history/index.ts';
import type { Report } from '../acceptance/report.ts';

export interface Judgement {
  readonly isOk: boolean;
  readonly operations: number;
  /** Keys of whose last acknowledged write nobody saw what became. */
  readonly unread: readonly string[];
  /** In words. */
  readonly lines: readonly string[];
  readonly verdict: string;
}

/** @throws for what can not be read, and for what is no history. */
export function judge(path: string, options: HistoryOptions = {}): Judgement {
  const report = checkHistoryFile(readFileSync(path, 'utf8').split('\n'), options);
  const { operations, unread, lines } = report;
  const isOk = report.isOk && operations > 0;
  return { isOk, operations, unread, lines: lines.slice(0, -1), verdict: lines.at(-1) ?? '' };
}

export function reportJudgement(report: Report, path: string): boolean {
  const begin = performance.now();
  return reportVerdict(report, judge(path), performance.now() - begin);
}

/** Without operations there is one finding: that there are none. */
export function reportVerdict(report: Report, judgement: Judgement, tookMs: number): boolean {
  const { isOk, operations, unread, lines, verdict } = judgement;
  for (const line of lines) report.note(line);
  const seen = `${operations}, judged in ${(tookMs / 1_000).toFixed(1)} s`;
  const hasSome = report.check(operations > 0, 'the history holds operations', seen);
  const where = unread.length === 0 ? '' : ' of what was read afterwards';
  const name = `linearizable, and nothing acknowledged lost${where}`;
  return hasSome && report.check(isOk, name, verdict);
}
