/** Has the history in a file judged by our own checker, in words. A history without operations is no proof. */
import { readFileSync } from 'node:fs';

import { checkHistoryFile } from '../../sim/history/index.ts';
import type { Report } from '../acceptance/report.ts';

export interface Judgement {
  readonly isOk: boolean;
  readonly operations: number;
  /** In words, the last one is the verdict. */
  readonly lines: readonly string[];
}

/** @throws for what is no history. */
export function judge(path: string): Judgement {
  const { isOk, operations, lines } = checkHistoryFile(readFileSync(path, 'utf8').split('\n'));
  return { isOk: isOk && operations > 0, operations, lines };
}

export function reportJudgement(report: Report, path: string): boolean {
  const begin = performance.now();
  const { isOk, operations, lines } = judge(path);
  for (const line of lines) report.note(line);
  const took = `judged in ${((performance.now() - begin) / 1_000).toFixed(1)} s`;
  report.check(operations > 0, 'the history holds operations', `${operations}, ${took}`);
  return report.check(isOk, 'linearizable, and nothing acknowledged lost', lines.at(-1));
}
