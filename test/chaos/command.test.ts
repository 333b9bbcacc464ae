/** Goal: whoever calls it from a script can go by its exit code. Method: histories good, planted, and none. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

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

async function check(...lines: readonly unknown[]): Promise<number> {
  const path = join(folder, 'history.jsonl');
  const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  writeFileSync(path, texts.map((text) => `${text}\n`).join(''));
  return await runChaos(['--check', path], 1, () => {});
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

it('fails for what is no history, and for an empty one', async () => {
  expect(await check()).toBe(1);
  expect(await check('{"client":1')).toBe(1);
  expect(await check({ ...PUT, call: 10, return: 0 })).toBe(1);
});

it('says so where the order by revisions was not found, and goes by the search key by key', () => {
  const path = join(folder, 'history.jsonl');
  const cas = { ...PUT, op: 'cas', client: 2, expect: 'v1', value: 'v2', output: true };
  const lines = [
    { ...PUT, ok: null, call: 0, return: null },
    { ...cas, call: 10, return: 20, revision: 2 },
  ];
  writeFileSync(path, lines.map((line) => JSON.stringify(line)).join('\n'));
  expect(judge(path)).toMatchObject({ isOk: true, verdict: 'linearizable' });
  const verdict = 'linearizable key by key; by revisions not decided';
  expect(judge(path, { revisions: { stepsMax: 0 } })).toMatchObject({ isOk: true, verdict });
  const undecided = judge(path, { linearizability: { stepsMax: 0 } });
  expect(undecided).toMatchObject({ isOk: false });
});

it('says what it can not do, and how it is called', async () => {
  const said: string[] = [];
  const complain = (text: string) => said.push(text);
  expect(await runChaos(['--nodes', '2'], 1, complain)).toBe(2);
  expect(await runChaos(['--check', join(folder, 'none')], 1, complain)).toBe(2);
  expect(said[0]).toContain('usage: npm run chaos');
  expect(said[1]).toContain('there is no file');
});
