/** What a client does after a refusal, for the codes about which a node and a client think differently. */
import { describe, expect, it } from 'vitest';
import { ClusterError } from '../errors.ts';
import { verdictOf } from './retry-policy.ts';

describe('a node that failed for good', () => {
  const error = new ClusterError('NODE_FAILED', 'the disk is full');

  it('is no use any more, and says so', () => {
    expect(error.retryable).toBe('no');
  });

  it('is left for another one, also by what may not be repeated: nothing was begun', () => {
    expect(verdictOf(error, true)).toBe('elsewhere');
    expect(verdictOf(error, false)).toBe('elsewhere');
  });
});

it('a transfer that failed is not tried again unasked: each try stops all writes for a while', () => {
  const error = new ClusterError('TRANSFER_TIMED_OUT', 'n2 did not take over');
  expect(error.retryable).toBe('yes');
  expect(verdictOf(error, true)).toBe('settle');
});
