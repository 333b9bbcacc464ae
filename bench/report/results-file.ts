/** Results as JSON, with everything that is needed to read them a year later. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../processes/paths.ts';
import { holds, type Section, seriesSummary } from './findings.ts';

export interface ResultsHead {
  readonly benchmarks: readonly string[];
  readonly machine: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly warmSeconds: number;
}

/** Where results go that nobody named a file for; not kept by git. */
export function defaultResultsFile(names: readonly string[], when: Date): string {
  const stamp = when.toISOString().replace(/[:.]/g, '-');
  return join(ROOT, 'bench', 'results', `${names.join('+')}-${stamp}.json`);
}

export function writeResults(
  path: string,
  head: ResultsHead,
  sections: readonly Section[],
  when: Date,
): void {
  const judged = sections.map((section) => ({
    ...section,
    series: section.series.map((series) => ({ ...series, ...seriesSummary(series) })),
    findings: section.findings.map((finding) => ({ ...finding, holds: holds(finding) ?? null })),
  }));
  mkdirSync(dirname(path), { recursive: true });
  const text = JSON.stringify({ when: when.toISOString(), ...head, sections: judged }, null, 2);
  writeFileSync(path, `${text}\n`);
}
