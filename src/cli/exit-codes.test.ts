/** Goal: the table of exit codes in the code and in docs/reference/cli.md are the same one. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

import { ClusterError } from '../errors.ts';
import { ExitCode, exitCodeOf, STAY_DOWN_CODES } from './exit-codes.ts';

it('documents every exit code once', () => {
  const page = readFileSync(new URL('../../docs/reference/cli.md', import.meta.url), 'utf8');
  const documented = [...page.matchAll(/^\| (\d+) \|/gm)].map((match) => Number(match[1]));
  expect(documented).toEqual([...Object.values(ExitCode)].sort((a, b) => a - b));
});

it('maps each fault of a node to a code that supervisors leave alone', () => {
  const faults = [
    'DISK_FULL',
    'DISK_FAILED',
    'DATA_CORRUPT',
    'STATE_DIVERGED',
    'INVARIANT',
  ] as const;
  for (const code of faults) {
    expect(STAY_DOWN_CODES).toContain(exitCodeOf(new ClusterError(code, 'x')));
  }
  expect(exitCodeOf(new ClusterError('ADDRESS_IN_USE', 'x'))).toBe(3);
  expect(exitCodeOf(new ClusterError('DATA_DIR_IN_USE', 'x'))).toBe(4);
  expect(exitCodeOf(new Error('x'))).toBe(1);
});

it('looks at the cause when the outer code says nothing', () => {
  const cause = new ClusterError('DISK_FULL', 'x');
  expect(exitCodeOf(new ClusterError('NODE_FAILED', 'y', { cause }))).toBe(6);
});
