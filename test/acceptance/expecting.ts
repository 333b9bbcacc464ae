/**
 * One row of the table: what was done, what was seen (printed as a user sees it), what must be in it.
 */
import { request } from 'node:http';

import type { CommandProcess } from './daemon-process.ts';
import { type RunOptions, runCommand } from './daemon-process.ts';
import type { Report } from './report.ts';

export interface Expected {
  readonly code: number;
  /** Each must be in the output. */
  readonly says: readonly string[];
}

export function judge(
  report: Report,
  name: string,
  seen: { readonly code: number | null | undefined; readonly text: string },
  expected: Expected,
): void {
  const missing = expected.says.filter((part) => !seen.text.includes(part));
  const isGood = seen.code === expected.code && missing.length === 0;
  const faults = [
    seen.code === expected.code ? '' : `expected ${expected.code}`,
    missing.length === 0 ? '' : `does not say ${missing.map((part) => `"${part}"`).join(', ')}`,
  ];
  report.check(
    isGood,
    name,
    [`got ${seen.code}`, ...faults.filter((fault) => fault !== '')].join('; '),
  );
  const lines = seen.text.trim().split('\n').slice(0, 8);
  for (const line of lines) report.note(`  | ${line.slice(0, 400)}`);
}

/** Runs a command to its end and judges exit code and what it said. */
export async function expectCommand(
  report: Report,
  name: string,
  args: readonly string[],
  expected: Expected,
  options: RunOptions & { readonly timeoutMs?: number } = {},
): Promise<void> {
  await report.step(name, async () => {
    const { code, stdout, stderr } = await runCommand(args, options);
    judge(report, name, { code, text: stderr + stdout }, expected);
  });
}

export async function expectEnd(
  report: Report,
  name: string,
  process: CommandProcess,
  expected: Expected,
  timeoutMs = 20_000,
): Promise<void> {
  await report.step(name, async () => {
    const { code } = await process.ended(timeoutMs);
    judge(report, name, { code, text: process.stderr }, expected);
  });
}

export interface HttpRequest {
  readonly method?: string;
  readonly path: string;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface HttpSeen {
  readonly status: number;
  readonly text: string;
}

/** Over `node:http` and not `fetch`, which would tidy up what is to be malformed. */
export function http(address: string, what: HttpRequest): Promise<HttpSeen> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const { method = 'GET', path, headers = {}, body } = what;
    const sent = request({ host, port, method, path, headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      answer.on('error', reject);
    });
    sent.setTimeout(40_000, () => sent.destroy(new Error('no answer within 40 s')));
    sent.on('error', reject);
    sent.end(body);
  });
}

export async function expectHttp(
  report: Report,
  name: string,
  address: string,
  what: HttpRequest,
  expected: Expected,
): Promise<void> {
  await report.step(name, async () => {
    const { status, text } = await http(address, what);
    judge(report, name, { code: status, text }, expected);
  });
}
