/** Goal: the functions named are those that spent it. Method: small profiles written by hand. */
import { expect, it } from 'vitest';
import { type HeapNode, topOfCpuProfile, topOfHeapProfile } from './top-functions.ts';

const frame = (functionName: string, url = 'file:///x/dist/a.js', lineNumber = 9) => ({
  functionName,
  url,
  lineNumber,
});

it('counts the time of a function wherever it was called, and idle time for nothing', () => {
  const nodes = [
    { id: 1, callFrame: frame('apply') },
    { id: 2, callFrame: frame('(idle)', '') },
    { id: 3, callFrame: frame('apply') },
    { id: 4, callFrame: frame('', 'node:net', 0) },
  ];
  const samples = [1, 2, 3, 4, 1];
  const timeDeltas = [100, 10_000, 200, 100, 700];
  const profile = { nodes, samples, timeDeltas, startTime: 5_000 };
  expect(topOfCpuProfile(profile, 5, { from: 5_000, to: 15_400 })).toEqual([
    { name: 'apply a.js:10', amount: 300, share: 0.75 },
    { name: '(nameless) node:net:1', amount: 100, share: 0.25 },
  ]);
  expect(topOfCpuProfile(profile, 1, { from: 15_350, to: 20_000 })[0]?.amount).toBe(700);
});

it('counts what each function allocated itself', () => {
  const node = (name: string, selfSize: number, children: HeapNode[] = []): HeapNode => ({
    callFrame: frame(name),
    selfSize,
    children,
  });
  const head = node('(root)', 0, [node('a', 10, [node('b', 30)]), node('b', 60)]);
  expect(topOfHeapProfile({ head }, 1)).toEqual([{ name: 'b a.js:10', amount: 90, share: 0.9 }]);
});
