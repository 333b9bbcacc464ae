/**
 * The reference pages that are made from the code, and those that quote it, stay in step with it. After a
 * change of errors.ts or limits.ts, write the pages anew with
 * `QUORATE_WRITE_DOCS=1 npx vitest run test/server/reference.test.ts`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { OPERATIONS } from '../../src/api/operations.ts';
import { ERROR_CODES, type ErrorCode } from '../../src/errors.ts';
import * as limits from '../../src/limits.ts';
import { httpRoutes } from '../../src/server/http-routes.ts';
import { httpStatusOf } from '../../src/server/index.ts';

const here = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const read = (path: string): string => readFileSync(here(path), 'utf8');

function expectPage(path: string, page: string): void {
  if (process.env['QUORATE_WRITE_DOCS'] === '1') writeFileSync(here(path), page);
  expect(read(path)).toBe(page);
}

function errorsPage(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, { retryable, meaning }]) => {
    return `| \`${code}\` | ${httpStatusOf(code as ErrorCode)} | ${retryable} | ${meaning} |`;
  });
  return [
    '# Errors',
    '',
    '<!-- Made from src/errors.ts by test/server/reference.test.ts; do not edit. -->',
    '',
    'Every error that Quorate raises on purpose has one of these codes, whichever way it reaches you: thrown as a',
    '`ClusterError`, in the body of an HTTP answer, over the binary protocol, or from the command line. A code keeps its',
    'meaning for ever. Tell errors apart by their code, never by their message.',
    '',
    '`retryable`: **yes**: nothing happened, the same call may succeed later. **no**: it would fail again. **unknown-outcome**: it',
    'may or may not have taken effect; repeat it only with the same request id. "HTTP" is the status that the',
    '[HTTP interface](http.md) gives it, where it can come up there.',
    '',
    '| Code | HTTP | Retryable | Meaning |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

const BYTES = /BYTES/;

function shown(name: string, value: number): string {
  const exact = value.toLocaleString('en-US');
  if (!BYTES.test(name) || value < 1024) return exact;
  const [unit, size] = value % 1024 ** 2 === 0 ? ['MiB', 1024 ** 2] : ['KiB', 1024];
  return value % size === 0 ? `${exact} (${value / size} ${unit})` : exact;
}

/** Sections and reasons are the comments of limits.ts; the values are those that the program has. */
function limitsPage(): string {
  const values = limits as unknown as Readonly<Record<string, unknown>>;
  const lines = [
    '# Limits',
    '',
    '<!-- Made from src/limits.ts by test/server/reference.test.ts; do not edit. -->',
    '',
    'Every queue, message and wait has a bound. These are all of them, with the reason for each; `MS` is milliseconds.',
  ];
  let reason: string[] = [];
  for (const line of read('src/limits.ts').split('\n')) {
    const section = /^\/\/ -+ (.+?) -+$/.exec(line)?.[1];
    if (section !== undefined) {
      const title = section[0]!.toUpperCase() + section.slice(1);
      lines.push('', `## ${title}`, '', '| Name | Value | Why |', '|---|---|---|');
    }
    const comment = /^(?:\/\*\*| \*) ?(.*?)(?: ?\*\/)?$/.exec(line);
    if (comment !== null) {
      if (line.startsWith('/**')) reason = [];
      reason.push(comment[1]!.replace(/\/$/, '').trim());
    }
    const name = /^export const ([A-Z0-9_]+)/.exec(line)?.[1];
    if (name === undefined) continue;
    const value = values[name];
    const why = reason.join(' ').trim();
    if (typeof value === 'number') lines.push(`| \`${name}\` | ${shown(name, value)} | ${why} |`);
  }
  return `${lines.join('\n')}\n`;
}

describe('docs/reference', () => {
  it('errors.md is in step with errors.ts', () => {
    expectPage('docs/reference/errors.md', errorsPage());
  });

  it('limits.md is in step with limits.ts', () => {
    expectPage('docs/reference/limits.md', limitsPage());
  });

  it('http.md has a heading for every route, and for no other', () => {
    const nothing = async () => ({});
    const routes = httpRoutes({ watch: nothing, metrics: nothing });
    const known = routes.map(({ method, path }) => `${method} ${path}`).sort();
    const headings = [...read('docs/reference/http.md').matchAll(/^### `([A-Z]+ \/.*)`$/gm)];
    expect(headings.map((heading) => heading[1]).sort()).toEqual(known);
  });

  it('protocol.md names every operation that can be called', () => {
    const page = read('docs/reference/protocol.md');
    const named = Object.keys(OPERATIONS).filter((name) => !page.includes(`\`${name}\``));
    expect(named).toEqual([]);
  });
});
