/**
 * Goal: what interrupts a script interrupts what it has started, and the script ends with its code; what was asked
 * wrongly is told in lines, with exit code 2. Method: small scripts in processes of their own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const STEPS = pathToFileURL(join(import.meta.dirname, '../../scripts/steps.mjs')).href;
const folder = mkdtempSync(join(tmpdir(), 'quorate-steps-test-'));

afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `signal`: sent when it has printed something. */
async function script(body: string, signal?: NodeJS.Signals): Promise<Ended> {
  const path = join(folder, 'script.mjs');
  const names = 'endOf, main, runNode, StepFailed, WrongArguments';
  writeFileSync(path, `import { ${names} } from '${STEPS}';\n${body}`);
  const child = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    if (out === '' && signal !== undefined) child.kill(signal);
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, out, err };
}

function childThat(text: string): string {
  const path = join(folder, 'child.mjs');
  writeFileSync(path, text);
  const then = "console.log('and the next step');";
  return `await main(async () => { await runNode(['${path}']); ${then} });`;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s ends what was started, and nothing is begun after it', async (signal, code) => {
  const ended = await script(
    childThat('console.log(process.pid); setInterval(() => {}, 1_000);'),
    signal,
  );
  expect(ended).toMatchObject({ code, err: '' });
  expect(ended.out).toMatch(/^\d+\n$/);
  expect(isAlive(Number(ended.out))).toBe(false);
});

it('what was started says how it ended, also when it calls that well', async () => {
  const tidies = (code: number): string =>
    `process.on('SIGTERM', () => { console.log('tidied'); process.exit(${code}); });
    console.log('begun'); setInterval(() => {}, 1_000);`;
  const busy = await script(childThat(tidies(7)), 'SIGTERM');
  expect(busy).toMatchObject({ code: 7, out: 'begun\ntidied\n' });
  const well = await script(childThat(tidies(0)), 'SIGTERM');
  expect(well).toMatchObject({ code: 143, out: 'begun\ntidied\n' });
});

it('goes on to the next step when nothing interrupts it', async () => {
  const ended = await script(childThat("console.log('one');"));
  expect(ended).toEqual({ code: 0, out: 'one\nand the next step\n', err: '' });
});

it.each([
  ["throw new WrongArguments('give one')", 2, 'give one\nsim --help tells what can be asked\n'],
  [
    "throw Object.assign(new Error('e'), { name: 'UsageError' })",
    2,
    'e\nsim --help tells what can be asked\n',
  ],
  ["throw new StepFailed('it failed')", 1, 'it failed\n'],
])('%s', async (body, code, err) => {
  const ended = await script(`await main(() => { ${body}; }, 'sim --help');`);
  expect(ended).toEqual({ code, out: '', err });
});
