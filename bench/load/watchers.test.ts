/** Goal: watchers are spread over the nodes. Method: clients that only say where they were connected to. */
import { expect, it } from 'vitest';
import { Watchers } from './watchers.ts';

const NODES = ['n1', 'n2', 'n3'] as const;

it('has as many on each node, however they are added', async () => {
  const watches = new Map<string, number>();
  const watchers = new Watchers(async ([first = '']) => ({
    watch: () => {
      watches.set(first, (watches.get(first) ?? 0) + 1);
      return { started: Promise.resolve(), async *[Symbol.asyncIterator]() {} } as never;
    },
    close: async () => {},
  }));
  await watchers.add(NODES, 1, 10);
  await watchers.add(NODES, 499, 10);
  await watchers.add(NODES, 250, 10);
  expect([...watches]).toEqual(NODES.map((node) => [node, 250]));
  await watchers.close();
});
