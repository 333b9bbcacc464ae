/** Goal: nothing is called "certainly without effect" but what the contract of the code promises. */
import { expect, it } from 'vitest';

import { ClusterError, ERROR_CODES, type ErrorCode } from '../../src/errors.ts';
import { outcomeOf } from './outcome.ts';

it('takes for certain what the table of codes calls safe to try again, and plain refusals', () => {
  const codes = Object.keys(ERROR_CODES) as ErrorCode[];
  const certain = codes.filter((code) => outcomeOf(new ClusterError(code, 'x')) !== 'unknown');
  const retryable = codes.filter((code) => ERROR_CODES[code].retryable === 'yes');
  const refusals = [
    'COMMAND_TOO_LARGE',
    'CONFIG_INVALID',
    'KEY_INVALID',
    'REQUEST_INVALID',
    'VALUE_TOO_LARGE',
  ];
  expect(certain.toSorted()).toEqual([...retryable, ...refusals].toSorted());
});

it.each([
  'OUTCOME_UNKNOWN',
  'SESSION_EXPIRED',
  'SEQUENCE_STALE',
  'INTERNAL',
  'ABORTED',
  'RESULT_TOO_LARGE',
  'DISK_FULL',
  'NODE_FAILED',
  'CLIENT_CLOSED',
] as const)('calls %s unknown', (code) => {
  expect(outcomeOf(new ClusterError(code, 'x'))).toBe('unknown');
});

it('goes by what the error says of itself', () => {
  const unsent = new ClusterError('ABORTED', 'given up before it was sent', { retryable: 'yes' });
  expect(outcomeOf(unsent)).toBe('certainly-not');
  const sent = new ClusterError('NO_LEADER', 'x', { retryable: 'unknown-outcome' });
  expect(outcomeOf(sent)).toBe('unknown');
  expect(outcomeOf(new TypeError('a bug'))).toBe('unknown');
});
