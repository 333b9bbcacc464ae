/**
 * Tests lie beside what they test. No test sleeps, and one bound holds for all: a test that takes five minutes hangs,
 * also on a shared machine that gets a tenth of its processors. It finds hangs and nothing else: where the point is that
 * something is done soon, let the wrong way take an hour, or bound it in the test.
 *
 * Two kinds of files, one kind after the other. Most stay in the process of their worker: as many of these run at a
 * time as there are processors, and each has one to itself. Those that start processes or threads of their own have half
 * as many workers, so that what they start finds the other half: who is late for want of a processor proves nothing.
 */
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const MANY_PROCESSES = [
  'bench/**/*.test.ts',
  'examples/**/*.test.ts',
  'fuzz/**/*.test.ts',
  'sim/{mutants,run}/**/*.test.ts',
  'src/cli/**/*.test.ts',
  'test/**/*.test.ts',
];
const HANGS_MS = 300_000;
const PROCESSORS = availableParallelism();

export default defineConfig({
  test: {
    testTimeout: HANGS_MS,
    hookTimeout: HANGS_MS,
    expect: { poll: { timeout: HANGS_MS / 2 } },
    pool: 'forks',
    // A failed property prints its seed; a stack beyond our own files helps nobody.
    reporters: ['default'],
    projects: [
      {
        extends: true,
        test: {
          name: 'one process',
          include: ['{src,sim,conformance,test,bench,examples,fuzz}/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**', ...MANY_PROCESSES],
          maxWorkers: PROCESSORS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'many processes',
          include: MANY_PROCESSES,
          exclude: ['**/node_modules/**', '**/dist/**'],
          maxWorkers: Math.max(1, Math.floor(PROCESSORS / 2)),
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
