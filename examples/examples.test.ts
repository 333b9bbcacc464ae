/**
 * Goal: each example works as somebody would run it. Method: the built file, in a process of its own,
 * with its output. `npm test` builds before it tests; where the build is missing, the test says so.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

import { freePorts } from '../test/free-ports.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TIMEOUT_MS = 60_000;

function run(name: string, ...args: string[]): Promise<{ code: number; output: string }> {
  const built = join(ROOT, 'dist/examples', `${name}.js`);
  expect(existsSync(built), `dist/examples/${name}.js is missing: run npm run build`).toBe(true);
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [built, ...args],
      { timeout: TIMEOUT_MS },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ code, output: `${stdout}${stderr}` });
      },
    );
  });
}

it('smallest.ts counts on three nodes, in under 40 lines', { timeout: TIMEOUT_MS }, async () => {
  const { code, output } = await run('smallest', String((await freePorts(3, { inRow: true }))[0]));
  const expected = 'a added 1: 1\nb added 2: 3\nc added 3: 6\na counts 6\nb counts 6\nc counts 6\n';
  expect({ code, output }).toEqual({ code: 0, output: expected });
  const lines = readFileSync(join(ROOT, 'examples/smallest.ts'), 'utf8').split('\n').length - 1;
  expect(lines).toBeLessThan(40);
});

it('own-transport.ts carries three nodes, and keeps the contract', {
  timeout: TIMEOUT_MS,
}, async () => {
  const { code, output } = await run('own-transport');
  const expected = 'a has 21\nb has 21\nc has 21\ntransport: 21 passed, 0 failed, 2 skipped\n';
  expect({ code, output }).toEqual({ code: 0, output: expected });
});

it('own-state-machine-check.ts tells the right one from the wrong one', {
  timeout: TIMEOUT_MS,
}, async () => {
  const { code, output } = await run('own-state-machine-check');
  expect(code, output).toBe(0);
  expect(output).toContain('Jobs: 12 passed, 0 failed, 1 skipped\n');
  expect(output).toMatch(/UnfairJobs: \d passed, [1-9]\d* failed, 1 skipped/);
  expect(output).toContain('state-machine/deterministic: results follow from the commands alone');
});

it('README.md names each of them', () => {
  const page = readFileSync(join(ROOT, 'examples/README.md'), 'utf8');
  for (const name of ['smallest', 'own-transport', 'own-state-machine-check']) {
    expect(page).toContain(`node dist/examples/${name}.js`);
  }
});
