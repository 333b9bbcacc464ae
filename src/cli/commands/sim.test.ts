/**
 * Goal: `quorate sim FILE` runs what a file holds, says what came of it by text, JSON and exit code, and tells
 * whose file is wrong what is wrong with it. Method: the real program in this process, with modules in a
 * temporary folder.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { run } from '../program.ts';

const folder = mkdtempSync(join(tmpdir(), 'quorate-cli-sim-'));

/** A sum; `forgets`: what a snapshot leaves out. */
const moduleText = (forgets: boolean): string => `
class Sum {
  sum = 0;
  apply(command) {
    this.sum += command[0];
    return Buffer.from(String(this.sum));
  }
  snapshot() {
    return Buffer.from(String(${forgets ? '0' : 'this.sum'}));
  }
  restore(state) {
    this.sum = Number(Buffer.from(state).toString());
  }
}
export const simulation = { machine: () => new Sum(), command: (random) => random.bytes(1) };
`;

beforeAll(() => {
  writeFileSync(join(folder, 'sum.mjs'), moduleText(false));
  writeFileSync(join(folder, 'forgets.mjs'), moduleText(true));
  writeFileSync(join(folder, 'other.mjs'), 'export const simulate = 1;\n');
  writeFileSync(join(folder, 'empty.mjs'), '\n');
  writeFileSync(join(folder, 'throws.mjs'), "throw new Error('no such table');\n");
  writeFileSync(join(folder, 'shape.mjs'), 'export const simulation = { machine: 5 };\n');
  writeFileSync(join(folder, 'page.unknown'), 'export const simulation = 1;\n');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function sim(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [stdout, stderr, stdin] = [new PassThrough(), new PassThrough(), new PassThrough()];
  let [out, err] = ['', ''];
  stdout.on('data', (chunk) => {
    out += chunk;
  });
  stderr.on('data', (chunk) => {
    err += chunk;
  });
  const code = await run(['sim', ...args], { stdout, stderr, stdin, env: {}, cwd: folder });
  return { code, out, err };
}

it('a machine that is right ends with 0', async () => {
  const { code, out, err } = await sim('sum.mjs', '--seeds', '1..1', '--nodes', '3');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/^seeds 1\.\.1, mode any, 3 nodes\n1 seed, \d+ simulated seconds in/);
  expect(out).toMatch(/no violation\n$/);
});

it('one that is not ends with 1, and the same seed finds it again', async () => {
  const flags = [
    '--seeds',
    '1..3',
    '--mode',
    'crashing',
    '--stop-at-first',
    '--no-shrink',
    '--json',
  ];
  const { code, out } = await sim('forgets.mjs', ...flags);
  expect(code).toBe(1);
  const { isOk, violations } = JSON.parse(out);
  const [{ seed, hash, nodes, checker, shrunk }] = violations;
  expect({ isOk, checker, shrunk }).toEqual({
    isOk: false,
    checker: 'same results on every node',
    shrunk: undefined,
  });
  const replay = ['--seeds', `${seed}`, '--mode', 'crashing', '--nodes', `${nodes}`, '--trace'];
  const again = await sim('forgets.mjs', ...replay);
  expect(again.code).toBe(1);
  expect(again.out).toContain(`seed ${seed}: ${hash}\n`);
  expect(again.out).toContain(
    `again: quorate sim forgets.mjs --seeds ${seed}..${seed} --mode crashing`,
  );
  expect(again.out).toMatch(/^ +\d+\.\d{3} n1 {3}-- process 1 begins$/m);
});

it.each<[string[], string]>([
  [['none.mjs'], 'none.mjs does not exist: give a JavaScript module'],
  [['.'], 'is no file: give a JavaScript module'],
  [['empty.mjs'], 'exports no simulation (it exports nothing). It is to export'],
  [['other.mjs'], 'exports no simulation (it exports simulate). It is to export'],
  [['throws.mjs'], 'throws.mjs can not be loaded: Error: no such table'],
  [['shape.mjs'], 'simulation.machine is 5: give a function that makes a new state machine'],
  [['sum.mjs', '--seeds', '9..2'], 'seeds.to is 2: give a whole number from seeds.from (9)'],
  [['sum.mjs', '--seeds', 'all'], '--seeds all is no range of seeds: give A..B'],
  [['sum.mjs', '--mode', 'lossi'], 'mode is "lossi": give lossy, or another mode'],
  [['sum.mjs', '--nodes', '10'], 'Expected a whole number of 1 to 9'],
  [[], "missing required argument 'file'"],
])('tells what is wrong and ends with 2: %j', async (args, message) => {
  const { code, err } = await sim(...args);
  expect(err).toContain(message);
  expect(err).not.toContain('node:internal');
  expect(code).toBe(2);
});

it('--json that is interrupted prints what is known, and is not ok', async () => {
  const [stdout, stderr, stdin] = [new PassThrough(), new PassThrough(), new PassThrough()];
  let out = '';
  stdout.on('data', (chunk) => {
    out += chunk;
  });
  const signal = AbortSignal.abort('SIGINT');
  const terminal = { stdout, stderr, stdin, env: {}, cwd: folder, signal };
  expect(await run(['sim', 'sum.mjs', '--json'], terminal)).toBe(130);
  expect(JSON.parse(out)).toMatchObject({ isOk: false, runs: [], violations: [] });
});
