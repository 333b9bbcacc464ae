/**
 * Goal: the history says what happened, and a store that breaks its promises is convicted by it. Method:
 * the clients work on doors of fake nodes over one store; then on nodes of which one has a store of its own
 * (a split brain), or forgets an acknowledged write.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { type HistoryOperation, readHistory } from '../../sim/history/index.ts';
import { Seeded } from '../acceptance/seeded.ts';
import { FakeCluster } from '../server/fake-engine.ts';
import { type BinaryNode, binaryNode } from '../server/harness.ts';
import { until } from '../waiting.ts';
import { HistoryFile } from './history-file.ts';
import { judge } from './judge.ts';
import { KEY_OPERATIONS_MAX, KeySpace } from './key-space.ts';
import { Workload } from './workload.ts';

let folder: string;
let path: string;
let nodes: BinaryNode[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-workload-'));
  path = join(folder, 'history.jsonl');
  nodes = [];
});

afterEach(async () => {
  await Promise.all(nodes.map((node) => node.server.stop()));
  rmSync(folder, { recursive: true, force: true });
});

/** Clients work until `isEnough`. */
async function work(
  stores: readonly FakeCluster[],
  isEnough: (file: HistoryFile) => boolean,
): Promise<HistoryOperation[]> {
  for (const [at, store] of stores.entries()) nodes.push(await binaryNode(`n${at + 1}`, store));
  const history = new HistoryFile(path);
  const seeded = new Seeded(1);
  const workload = new Workload({
    history,
    seeded,
    keys: new KeySpace(seeded),
    nodes: nodes.map(({ address }) => address),
    clients: 8,
  });
  await workload.start();
  await until('enough', 15_000, () => isEnough(history));
  for (const { engine } of nodes) engine.mode = 'serving';
  await workload.stop();
  await workload.readAll();
  history.close();
  return readHistory(readFileSync(path, 'utf8').split('\n'));
}

it('records each operation once, one at a time for each client, and nothing after an unknown one', async () => {
  const store = new FakeCluster();
  const history = await work([store, store, store], (file) => {
    const [first, second] = nodes;
    const total = file.ok + file.failed + file.unknown;
    // Outcomes are lost on one node and leaders on another, now and then.
    if (first !== undefined) first.engine.mode = total % 3 === 0 ? 'apply-then-unknown' : 'serving';
    if (second !== undefined) second.engine.mode = total % 5 === 0 ? 'no-leader' : 'serving';
    return file.ok > 600;
  });
  expect(new Set(history.map(({ op }) => op))).toEqual(new Set(['put', 'get', 'cas', 'delete']));
  const values = history.filter(({ op }) => op === 'put' || op === 'cas').map(({ value }) => value);
  expect(new Set(values).size).toBe(values.length);
  for (const number of new Set(history.map(({ client }) => client))) {
    const mine = history.filter(({ client }) => client === number);
    for (const [at, one] of mine.toSorted((a, b) => a.call - b.call).entries()) {
      const before = mine[at - 1];
      if (before === undefined) continue;
      expect(before.return).not.toBeNull();
      expect(one.call).toBeGreaterThanOrEqual(before.return ?? 0);
    }
  }
  expect(judge(path).isOk).toBe(true);
});

it('convicts a split brain', async () => {
  const store = new FakeCluster();
  await work([store, store, new FakeCluster()], (file) => file.ok > 300);
  expect(judge(path).isOk).toBe(false);
});

it('convicts a store that loses what it acknowledged', async () => {
  const history = await work([new FakeCluster()], (file) => file.ok > 300);
  const end = Math.max(...history.map((one) => one.return ?? one.call));
  // One write more, of a key that nobody else has, and a read behind it.
  const own = { client: 9_999, key: 'last', expect: null, ok: true } as const;
  const put = { ...own, op: 'put', value: 'v', output: null } as const;
  const get = { ...own, op: 'get', value: null } as const;
  const isOkWith = (output: string | null): boolean => {
    const file = new HistoryFile(path);
    for (const one of history) file.add(one);
    file.add({ ...put, call: end + 1, return: end + 2 });
    file.add({ ...get, output, call: end + 3, return: end + 4 });
    file.close();
    return judge(path).isOk;
  };
  expect(isOkWith('v')).toBe(true);
  expect(isOkWith(null)).toBe(false);
});

it('is convinced by nothing less than operations', () => {
  new HistoryFile(path).close();
  expect(judge(path)).toMatchObject({ isOk: false, operations: 0 });
});

it('gives no key more operations than a checker can bear, and lets one rest that is unsure', () => {
  const keys = new KeySpace(new Seeded(3));
  const counts = new Map<string, number>();
  for (let i = 0; i < 20_000; i++) {
    const { name } = keys.take();
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  // One more for the read at the end.
  expect(Math.max(...counts.values())).toBe(KEY_OPERATIONS_MAX - 1);
  const before = keys.names.length;
  for (let i = 0; i < 1_000; i++) keys.take().unknown++;
  expect(keys.names.length).toBeGreaterThan(before + 40);
});
