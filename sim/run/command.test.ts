/**
 * Goal: the command that people type runs seeds, takes the same way twice, prints what was asked of it, and ends
 * with the code that command.ts says, also when it is interrupted or nobody reads it. Method: the built program in a process of its own; `npm test` builds before it tests.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'dist/sim/run/main.js');
const NASTY = join(ROOT, 'dist/sim/nasty/main.js');
const TIMEOUT_MS = 180_000;

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function sim(...args: string[]): Promise<Ended> {
  return run(MAIN, ...args);
}

function run(program: string, ...args: string[]): Promise<Ended> {
  expect(existsSync(program), 'dist/sim is missing: run npm run build').toBe(true);
  return new Promise((resolve) => {
    const options = { timeout: TIMEOUT_MS, maxBuffer: 2 ** 26 };
    execFile(process.execPath, [program, ...args], options, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, out, err });
    });
  });
}

/** Until its output holds `text`. */
function printed(child: ChildProcess, text: string): Promise<void> {
  let out = '';
  return new Promise((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk;
      if (out.includes(text)) resolve();
    });
    child.once('close', () => reject(new Error(`it ended without "${text}": ${out}`)));
  });
}

interface Interrupted {
  readonly code: number | null;
  readonly out: string;
}

/** A program that is sent `signal` when it has begun to tell something. */
async function interrupted(
  signal: NodeJS.Signals,
  program: string,
  ...args: string[]
): Promise<Interrupted> {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  await printed(child, '\n');
  child.kill(signal);
  return { code: await ended, out };
}

it('runs seeds, each twice, and says what it did', async () => {
  const { code, out, err } = await sim(
    '--seeds',
    '1..2',
    '--mode',
    'all',
    '--workload',
    'kv',
    '--twice',
  );
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/^seeds 1\.\.2, mode all, workload kv$/m);
  expect(out).toContain('each of 2 seeds took the same way twice');
  expect(out).toMatch(/^2 seeds, \d+ simulated seconds in .* times as fast as time$/m);
  for (const what of ['operations', 'elections', 'crashes', 'faults']) {
    expect(out).toMatch(new RegExp(`^${what} +[1-9]`, 'm'));
  }
  const [, seconds, operations, faults] =
    /^each seed +>= (\d+) s, (\d+) operations, (\d+) faults$/m.exec(out) ?? [];
  expect(Number(seconds)).toBeGreaterThanOrEqual(60);
  expect(Number(operations)).toBeGreaterThanOrEqual(500);
  expect(Number(faults)).toBeGreaterThanOrEqual(10);
  expect(out).toMatch(/no violation\n$/);
});

it('prints the whole course of a seed, the same in each process', async () => {
  const args = ['--seeds', '3', '--mode', 'calm', '--workload', 'kv', '--nodes', '3'];
  const [one, other] = [await sim(...args, '--trace'), await sim(...args, '--trace')];
  const [, hash] = /^seed 3: ([0-9a-f]{16})$/m.exec(one.out) ?? [];
  expect(hash).toBeDefined();
  expect(one.out).toMatch(/^ +\d+\.\d{3} n1 +info {2}leader\.changed/m);
  expect(one).toEqual(other);
  expect(one.out).toMatch(/\nno violation\n$/);
  // And on a thread of its own, for programs to read.
  const { out } = await sim(...args, '--json');
  const { simulatedMs, operations, ...rest } = JSON.parse(out);
  expect(rest).toEqual({
    isOk: true,
    isInterrupted: false,
    seeds: 1,
    runs: [{ seed: 3, hash }],
    faults: expect.any(Object),
    elections: expect.any(Number),
    crashes: expect.any(Number),
    crashesWithLoss: expect.any(Number),
    different: 0,
    violations: [],
  });
  expect(simulatedMs).toBeGreaterThanOrEqual(60_000);
  expect(operations.ok).toBeGreaterThan(500);
  expect(Object.keys(rest.faults).length).toBeGreaterThan(0);
});

it('tells what it does not take, in a line, and where the rest is', async () => {
  expect(await sim('--seeds', '5..1')).toEqual({
    code: 2,
    out: '',
    err: '--seeds 5..1: the range ends before it begins\nnpm run sim -- --help tells what can be asked\n',
  });
  const help = await sim('--help');
  expect(help).toMatchObject({ code: 0, err: '' });
  expect(help.out).toMatch(/^usage: npm run sim/);
});

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('ends at %s with what is known by then', async (signal, code) => {
  const ended = await interrupted(signal, MAIN, '--seeds', '1..100000', '--threads', '1');
  expect(ended.code, ended.out).toBe(code);
  expect(ended.out).toMatch(/^\d+ seeds?, \d+ simulated seconds in /m);
  expect(ended.out).toMatch(/^operations +\d+/m);
  expect(ended.out).toMatch(/\ninterrupted after \d+ seeds?: 0 violations so far\n$/);
});

it('ends at a signal in the middle of a seed that is traced, or of a scenario', async () => {
  const traced = await interrupted('SIGTERM', MAIN, '--seeds', '1', '--trace');
  expect(traced.code).toBe(143);
  expect(traced.out).toMatch(/\ninterrupted after 0 seeds: 0 violations so far\n$/);
  const nasty = await interrupted('SIGINT', NASTY);
  expect(nasty.code).toBe(130);
  expect(nasty.out).toMatch(/\ninterrupted after \d+ scenarios?, 0 failed\n$/);
});

it('ends quietly when nobody reads any more', async () => {
  const child = spawn(process.execPath, [MAIN, '--seeds', '1', '--trace']);
  let err = '';
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  await printed(child, '\n');
  child.stdout.destroy();
  expect(await ended).toBe(141);
  expect(err).toBe('');
});

it('plays the scenarios that are named, and refuses what is none', async () => {
  const { code, out } = await run(NASTY, 'N-3', '--seed', '2');
  expect(code, out).toBe(0);
  expect(out).toMatch(/^N-3 +ok +1 seed +\w.*\n1 scenario, 0 failed\n$/);
  const { out: json } = await run(NASTY, 'N-3', 'N-1', '--seed', '2', '--json');
  expect(JSON.parse(json)).toEqual({
    isOk: true,
    isInterrupted: false,
    scenarios: ['N-1', 'N-3'].map((scenario) => {
      return { scenario, title: expect.any(String), seeds: 1, isOk: true };
    }),
    violations: [],
  });
  expect(await run(NASTY, 'n-3')).toEqual({
    code: 2,
    out: '',
    err: 'n-3 is no scenario: did you mean N-3?\nnpm run sim -- --nasty --help tells what can be asked\n',
  });
  expect(await run(NASTY, '--help')).toMatchObject({ code: 0, err: '' });
});
