/**
 * Judges a history in the form of a file: lines in, a report and its words out. Opening the file is the
 * caller's business.
 */
import { checkHistory, type HistoryOptions, type HistoryReport } from './check-history.ts';
import { readHistory } from './json-lines.ts';
import { checkOneAtATime } from './one-at-a-time.ts';

/** Keys that are named in a line. */
const NAMED_KEYS_MAX = 8;

export interface HistoryFileReport extends HistoryReport {
  /** The report in words, a line each. */
  readonly lines: readonly string[];
}

/**
 * @throws ClusterError REQUEST_INVALID, naming the line, for what is no history: a field that does not say
 * what it must, or a client that does two things at a time.
 */
export function checkHistoryFile(
  lines: Iterable<string>,
  options: HistoryOptions = {},
): HistoryFileReport {
  const kept = [...lines];
  const operations = readHistory(kept);
  const numbers = kept.flatMap((line, i) => (line.trim() === '' ? [] : [i + 1]));
  checkOneAtATime(operations, (place) => numbers[place] as number);
  const report = checkHistory(operations, options);
  return { ...report, lines: historyReportLines(report) };
}

/** The verdict for people, with the first few findings. */
export function historyReportLines(report: HistoryReport): string[] {
  const { operations, failed, unknown, keys, withRevision, violations, undecided } = report;
  const revisions =
    withRevision === 0 ? 'no revisions to go by' : `${withRevision} told a revision`;
  const lines = [
    `${operations} operations on ${keys} keys (${failed} failed, ${unknown} unknown); ${revisions}`,
  ];
  for (const finding of report.findings) lines.push(...finding.lines);
  const unsaid = violations + undecided - report.findings.length;
  if (unsaid > 0) lines.push(`and ${unsaid} more of that kind`);
  if (report.unread.length > 0) lines.push(unreadLine(report));
  lines.push(verdictLine(report));
  return lines;
}

function unreadLine({ unread, keys }: HistoryReport): string {
  const names = unread.slice(0, NAMED_KEYS_MAX).map((key) => JSON.stringify(key));
  const more = unread.length > names.length ? ` and ${unread.length - names.length} more` : '';
  const which = `${names.join(', ')}${more} (${unread.length} of ${keys} keys)`;
  return `nothing can be said of the last acknowledged write to ${which}: no read of it follows`;
}

function verdictLine({ isOk, operations, violations, undecided }: HistoryReport): string {
  if (operations === 0) return 'NOTHING TO JUDGE: it holds no operations';
  if (isOk) return 'linearizable';
  if (violations === 0)
    return `NOT DECIDED (${undecided}): allow more steps, or use fewer operations a key`;
  return `NOT LINEARIZABLE: ${violations} violations${undecided > 0 ? `, ${undecided} undecided` : ''}`;
}
