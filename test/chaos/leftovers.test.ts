/** Goal: whoever interrupts a run is told that nothing is judged, and finds no rubbish afterwards. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { Leftovers } from './leftovers.ts';

function made(isKept: boolean) {
  const told: string[] = [];
  const before = process.listeners('exit').length;
  const leftovers = new Leftovers({ isKept, tell: (text) => told.push(text) });
  const cluster = mkdtempSync(join(tmpdir(), 'quorate-left-'));
  const history = leftovers.folder();
  writeFileSync(join(history, 'history.jsonl'), '');
  let released = 0;
  leftovers.add(cluster, () => released++);
  const hooks = (): number => process.listeners('exit').length - before;
  return { leftovers, told, cluster, history, hooks, released: () => released };
}

it('removes the folders of an interrupted run, and says so', () => {
  const { leftovers, told, cluster, history, hooks, released } = made(false);
  leftovers.keep('history: mine.jsonl');
  expect(hooks()).toBe(1);
  leftovers.interrupted();
  expect([existsSync(cluster), existsSync(history), released(), hooks()]).toEqual([
    false,
    false,
    1,
    0,
  ]);
  expect(told[0]).toContain('not judged');
  expect(told[1]).toContain(`removed: ${cluster}, ${history}`);
  expect(told[2]).toBe('kept: history: mine.jsonl');
});

it('keeps them where that was asked for', () => {
  const { leftovers, told, cluster, history, released } = made(true);
  leftovers.interrupted();
  try {
    expect([existsSync(cluster), existsSync(history), released()]).toEqual([true, true, 0]);
    expect(told[1]).toBe(`kept: ${cluster}, ${history}`);
  } finally {
    for (const folder of [cluster, history]) rmSync(folder, { recursive: true });
  }
});

it('has nothing to do with a run that came to its end', () => {
  const { leftovers, cluster, history, hooks } = made(false);
  leftovers.settled();
  expect([existsSync(cluster), existsSync(history), hooks()]).toEqual([true, true, 0]);
  for (const folder of [cluster, history]) rmSync(folder, { recursive: true });
});

it('removes the folder of a history that is of no use any more, and no other', () => {
  const { leftovers, cluster, history } = made(false);
  leftovers.settled();
  expect([leftovers.removeFolder(), leftovers.removeFolder()]).toEqual([true, false]);
  expect([existsSync(cluster), existsSync(history)]).toEqual([true, false]);
  rmSync(cluster, { recursive: true });
});
