/** Goal: whoever calls it from a script can go by its exit code. Method: histories good, planted, and none. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { runChaos } from './command.ts';
import { judge } from './judge.ts';

const PUT = { client: 1, op: 'put', key: 'a', value: 'v1', expect: null, output: null, ok: true };
const GET = { client: 2, op: 'get', key: 'a', value: null, expect: null, output: 'v1', ok: true };

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-verdict-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

let told: string[];
let said: string[];

async function run(...args: readonly string[]): Promise<number> {
  told = [];
  said = [];
  const [tell, complain] = [told, said].map((list) => (text: string) => void list.push(text));
  if (tell === undefined || complain === undefined) throw new Error('nobody to tell');
  return await runChaos(args, { freshSeed: 1, folder, tell, complain });
}

async function check(...lines: readonly unknown[]): Promise<number> {
  const path = join(folder, 'history.jsonl');
  const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  writeFileSync(path, texts.map((text) => `${text}\n`).join(''));
  return await run('--check', path);
}

it('is content with a history that is linearizable', async () => {
  const lost = { ...PUT, client: 3, value: 'v2', ok: null, call: 5, return: null };
  const read = { ...GET, output: 'v2', call: 50, return: 60 };
  expect(await check({ ...PUT, call: 0, return: 10 }, { ...GET, call: 20, return: 30 })).toBe(0);
  expect(await check({ ...PUT, call: 0, return: 10 }, lost, read)).toBe(0);
});

it('fails for a planted violation: a lost write, a stale read, an effect of what had none', async () => {
  const first = { ...PUT, call: 0, return: 10 };
  const second = { ...PUT, value: 'v2', call: 20, return: 30 };
  expect(await check(first, { ...GET, output: null, call: 20, return: 30 })).toBe(1);
  expect(await check(first, second, { ...GET, call: 40, return: 50 })).toBe(1);
  expect(await check({ ...first, ok: false }, { ...GET, call: 20, return: 30 })).toBe(1);
});

it('judges nothing, and says why, where there is no history', async () => {
  const first = { ...PUT, call: 0, return: 10 };
  expect(await check()).toBe(2);
  expect(said).toEqual([expect.stringContaining('holds no operations: there is nothing to judge')]);
  expect(await check(first, '{"client":1')).toBe(2);
  expect(said).toEqual([expect.stringMatching(/is no history: history line 2: .*one JSON object/)]);
  expect(await check({ ...PUT, call: 10, return: 0 })).toBe(2);
  expect(await check(first, first)).toBe(2);
  expect(said).toEqual([expect.stringContaining('line 2 is the operation of line 1 once more')]);
  expect(await check(first, { ...GET, client: 1, call: 5, return: 20 })).toBe(2);
  expect(said).toEqual([expect.stringContaining('overlap')]);
  expect(await run('--check', '.')).toBe(2);
  expect(said).toEqual([`--check: ${folder} is a folder: give the file of a history`]);
  expect(await run('--check', 'none')).toBe(2);
  expect(said).toEqual([`--check: there is no file ${join(folder, 'none')}`]);
});

it('is not content with a check that gave up, of whichever of the two', () => {
  const path = join(folder, 'history.jsonl');
  const cas = { ...PUT, op: 'cas', client: 2, expect: 'v1', value: 'v2', output: true };
  const lines = [
    { ...PUT, ok: null, call: 0, return: null },
    { ...cas, call: 10, return: 20, revision: 2 },
  ];
  writeFileSync(path, lines.map((line) => JSON.stringify(line)).join('\n'));
  expect(judge(path)).toMatchObject({ isOk: true, verdict: 'linearizable' });
  const undecided = { isOk: false, verdict: expect.stringContaining('NOT DECIDED (1)') };
  expect(judge(path, { revisions: { stepsMax: 0 } })).toMatchObject(undecided);
  writeFileSync(
    path,
    lines.map((line) => JSON.stringify({ ...line, revision: undefined })).join('\n'),
  );
  expect(judge(path, { linearizability: { stepsMax: 0 } })).toMatchObject(undecided);
});

it('says of which keys a lost write would not show, and has not failed then', async () => {
  expect(await check({ ...PUT, call: 0, return: 10 })).toBe(0);
  const printed = told.join('\n');
  expect(printed).toContain(
    'nothing can be said of the last acknowledged write to "a" (1 of 1 keys)',
  );
  expect(printed).toContain('nothing acknowledged lost of what was read afterwards: linearizable');
});

it('counts the time that judging takes', async () => {
  let now = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
    now += 60_000;
    return now;
  });
  await check({ ...PUT, call: 0, return: 10 });
  clock.mockRestore();
  expect(told.at(-1)).toMatch(/took 180 s/);
});

it('says what it can not do, and how it is called, before anything is started', async () => {
  expect(await run('--nodes', '2')).toBe(2);
  expect(said[0]).toContain('usage: npm run chaos');
  expect(await run('--history', 'no/x.jsonl')).toBe(2);
  expect(said).toEqual([`--history: there is no folder ${join(folder, 'no')}: make it first`]);
  expect(await run('--history', '.')).toBe(2);
  expect(said).toEqual([`--history: ${folder} is a folder: give a file in it`]);
});

it('tells how it is called when asked, and has not failed then', async () => {
  expect(await run('--quick', '--help')).toBe(0);
  expect([told[0], said]).toEqual([expect.stringContaining('usage: npm run chaos'), []]);
});
