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
const TIMEOUT_MS = 180_000;

function sim(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  expect(existsSync(MAIN), 'dist/sim is missing: run npm run build').toBe(true);
  return new Promise((resolve) => {
    const options = { timeout: TIMEOUT_MS, maxBuffer: 2 ** 26 };
    execFile(process.execPath, [MAIN, ...args], options, (error, out, err) => {
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
  const args = ['--seeds', '3', '--mode', 'calm', '--workload', 'kv', '--nodes', '3', '--trace'];
  const [one, other] = [await sim(...args), await sim(...args)];
  expect(one.out).toMatch(/^seed 3: [0-9a-f]{16}$/m);
  expect(one.out).toMatch(/^ +\d+\.\d{3} n1 +info {2}leader\.changed/m);
  expect(one).toEqual(other);
});

it('tells what it does not take, with its usage', { timeout: TIMEOUT_MS }, async () => {
  const { code, err } = await sim('--seeds', '5..1');
  expect(code).toBe(2);
  expect(err).toContain('the range ends before it begins');
  expect(err).toContain('usage: npm run sim');
});
