/**
 * Goal: each example works as somebody would run it. Method: the built file, in a process of its own,
 * with its output. `npm test` builds before it tests; where the build is missing, the test says so.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

import { freePorts } from '../test/free-ports.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SIMULATION_MS = 180_000;

function run(name: string, ...args: string[]): Promise<{ code: number; output: string }> {
  return node(`dist/examples/${name}.js`, ...args);
}

function node(path: string, ...args: string[]): Promise<{ code: number; output: string }> {
  expect(existsSync(join(ROOT, path)), `${path} is missing: run npm run build`).toBe(true);
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(ROOT, path), ...args],
      { timeout: SIMULATION_MS },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ code, output: `${stdout}${stderr}` });
      },
    );
  });
}

it('smallest.ts counts on three nodes, in under 40 lines', async () => {
  const { code, output } = await run('smallest', String((await freePorts(3, { inRow: true }))[0]));
  const expected = 'a added 1: 1\nb added 2: 3\nc added 3: 6\na counts 6\nb counts 6\nc counts 6\n';
  expect({ code, output }).toEqual({ code: 0, output: expected });
  const lines = readFileSync(join(ROOT, 'examples/smallest.ts'), 'utf8').split('\n').length - 1;
  expect(lines).toBeLessThan(40);
});

it('own-transport.ts carries three nodes, and keeps the contract', async () => {
  const { code, output } = await run('own-transport');
  const expected = 'a has 21\nb has 21\nc has 21\ntransport: 21 passed, 0 failed, 2 skipped\n';
  expect({ code, output }).toEqual({ code: 0, output: expected });
});

it('raw-core.ts: three bare cores agree, the crashed one too, in under 80 lines', async () => {
  const { code, output } = await run('raw-core');
  const all = 'applied red, green, blue\n';
  expect({ code, output }).toEqual({ code: 0, output: `n1 ${all}n2 ${all}n3 ${all}` });
  const lines = readFileSync(join(ROOT, 'examples/raw-core.ts'), 'utf8').split('\n').length - 1;
  expect(lines).toBeLessThan(80);
});

it('own-state-machine-check.ts tells the right one from the wrong one', async () => {
  const { code, output } = await run('own-state-machine-check');
  expect(code, output).toBe(0);
  expect(output).toContain('Jobs: 12 passed, 0 failed, 5 skipped\n');
  expect(output).toMatch(/UnfairJobs: \d passed, [1-9]\d* failed, 5 skipped/);
  expect(output).toContain('state-machine/deterministic: results follow from the commands alone');
});

describe('simulate-a-machine.ts and simulate-a-broken-machine.ts', () => {
  const quorateSim = (name: string, ...flags: string[]) =>
    node('dist/src/cli/main.js', 'sim', join(ROOT, 'dist/examples', `${name}.js`), ...flags);

  /** Restarts and snapshots: what the broken one does not bear. */
  const MODE = ['--mode', 'crashing'];

  it('nothing is found in the one that is right', async () => {
    const { code, output } = await quorateSim('simulate-a-machine', '--seeds', '1..1', ...MODE);
    expect(code, output).toBe(0);
    expect(output).toMatch(/no violation\n$/);
  });

  it('what is not deterministic in the other one is found, named and made small', async () => {
    const flags = ['--seeds', '1..20', '--stop-at-first', ...MODE];
    const { code, output } = await quorateSim('simulate-a-broken-machine', ...flags);
    expect(code, output).toBe(1);
    expect(output).toMatch(/n\d.* and n\d.* applied entry \d+ and gave different results:/);
    expect(output).toContain('The machine is not deterministic');
    expect(output).toContain('snapshot() leaves out something that results depend on');
    expect(output).toMatch(/what it needs: \d nodes, \d rounds?, \d+ faults?, \d+ commands/);
  });

  it('are short', () => {
    for (const name of ['simulate-a-machine', 'simulate-a-broken-machine']) {
      const text = readFileSync(join(ROOT, `examples/${name}.ts`), 'utf8');
      expect(text.split('\n').length - 1).toBeLessThan(60);
    }
  });
});

it('README.md names each of them', () => {
  const page = readFileSync(join(ROOT, 'examples/README.md'), 'utf8');
  for (const name of ['simulate-a-machine', 'simulate-a-broken-machine']) {
    expect(page).toContain(`npx quorate sim dist/examples/${name}.js`);
  }
  for (const name of ['smallest', 'raw-core', 'own-transport', 'own-state-machine-check']) {
    expect(page).toContain(`node dist/examples/${name}.js`);
  }
});
