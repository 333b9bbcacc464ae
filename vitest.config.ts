/**
 * Tests lie beside what they test. No test sleeps, so a test that takes 20 s hangs; those that start
 * processes say so with a timeout of their own.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{src,sim,conformance,test,bench,examples,fuzz}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    pool: 'forks',
    // A failed property prints its seed; a stack beyond our own files helps nobody.
    reporters: ['default'],
  },
});
