/**
 * Goal: the command that people type runs seeds, takes the same way twice, prints what was asked of it, and ends
 * with 0 and 2 as it says. Method: the built program in a process of its own; `npm test` builds before it tests.
 */
import { execFile } from 'node:child_process';
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

it('runs seeds, each twice, and says what it did', { timeout: TIMEOUT_MS }, async () => {
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
  expect(out).toMatch(/^seeds 1\.\.2, mode all$/m);
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

it('prints the whole course of a seed, the same in each process', {
  timeout: TIMEOUT_MS,
}, async () => {
  const args = ['--seeds', '3', '--mode', 'calm', '--workload', 'kv', '--nodes', '3'];
  const [one, other] = [await sim(...args, '--trace'), await sim(...args, '--trace')];
  const [, hash] = /^seed 3: ([0-9a-f]{16})$/m.exec(one.out) ?? [];
  expect(hash).toBeDefined();
  expect(one.out).toMatch(/^ +\d+\.\d{3} n1 +info {2}leader\.changed/m);
  expect(one).toEqual(other);
  // And on a thread of its own, for programs to read.
  const { out } = await sim(...args, '--json');
  expect(JSON.parse(out)).toEqual({ seeds: 1, runs: [{ seed: 3, hash }], violations: [] });
});

it('tells what it does not take, with its usage', { timeout: TIMEOUT_MS }, async () => {
  const { code, err } = await sim('--seeds', '5..1');
  expect(code).toBe(2);
  expect(err).toContain('the range ends before it begins');
  expect(err).toContain('usage: npm run sim');
});

it('plays the scenarios that are named, and refuses what is none', {
  timeout: TIMEOUT_MS,
}, async () => {
  const { code, out } = await run(NASTY, 'N-3', '--seed', '2');
  expect(code, out).toBe(0);
  expect(out).toMatch(/^N-3 +ok +1 seed +\w.*\n1 scenario, 0 failed\n$/);
  const wrong = await run(NASTY, 'n-3');
  expect(wrong).toMatchObject({ code: 2, out: '' });
  expect(wrong.err).toMatch(/^n-3 is no scenario: there are N-1 to N-40\n\nusage: npm run sim/);
  expect(await run(NASTY, '--help')).toMatchObject({ code: 0, err: '' });
});
