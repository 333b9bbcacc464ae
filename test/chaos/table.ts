/** What is printed at the end: the faults by kind with their gaps. Columns in step, numbers to the right. */
import { type FaultWindow, longestGap, median } from './gaps.ts';

interface Row {
  readonly kind: string;
  readonly gaps: readonly number[];
}

/** Kinds in the order in which they first came; `calm` is what lay between the faults. */
export function faultTable(
  windows: readonly FaultWindow[],
  acknowledgedAt: readonly number[],
): string[] {
  const rows = new Map<string, number[]>();
  for (const window of windows) {
    const gaps = rows.get(window.kind) ?? [];
    gaps.push(longestGap(acknowledgedAt, window));
    rows.set(window.kind, gaps);
  }
  const calm = calmBetween(windows).map((window) => longestGap(acknowledgedAt, window));
  const all: Row[] = [...rows].map(([kind, gaps]) => ({ kind, gaps }));
  if (calm.length > 0) all.push({ kind: 'calm', gaps: calm });
  return aligned([
    ['fault', 'times', 'longest gap', 'median gap'],
    ...all.map(({ kind, gaps }) => [
      kind,
      String(gaps.length),
      inMs(Math.max(...gaps)),
      inMs(median(gaps)),
    ]),
  ]);
}

function calmBetween(windows: readonly FaultWindow[]): FaultWindow[] {
  return windows.slice(1).map((window, i) => ({
    kind: 'calm',
    beginMs: windows[i]?.endMs ?? window.beginMs,
    endMs: window.beginMs,
  }));
}

function inMs(ms: number): string {
  return `${Math.round(ms)} ms`;
}

/** The first column to the left, the others to the right. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
}
