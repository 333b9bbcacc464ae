/** Sequence numbers: never twice, and acknowledged only when certain. */
import { describe, expect, it } from 'vitest';
import { ClusterError } from '../errors.ts';
import { CLIENT_RETRY_WINDOW, SESSION_RESULTS_MAX } from '../limits.ts';
import { RequestIds } from './request-ids.ts';
import { verdictOf } from './retry-policy.ts';

describe('RequestIds', () => {
  it('acknowledges below the oldest write that is not certain', () => {
    const ids = new RequestIds(7);
    const [one, two, three] = [ids.take(false), ids.take(false), ids.take(false)];
    expect(one).toEqual({ session: 7, sequence: 1 });
    ids.settled(two, true);
    ids.settled(three, true);
    expect(ids.take(false)).toEqual({ session: 7, sequence: 4 });
    ids.settled(one, true);
    expect(ids.take(false)).toEqual({ session: 7, sequence: 5, acknowledgedBelow: 4 });
  });

  it('keeps an id of unknown outcome for a retry, and lets it go after the window', () => {
    const ids = new RequestIds(1);
    const lost = ids.take(false);
    ids.settled(lost, false);
    for (let turn = 0; turn < CLIENT_RETRY_WINDOW - 1; turn++) ids.settled(ids.take(false), true);
    expect(ids.take(false).acknowledgedBelow).toBeUndefined();
    // The retry is under way: it must not be acknowledged under its feet.
    expect(ids.refreshed(lost)).toEqual(lost);
    expect(ids.take(false).acknowledgedBelow).toBeUndefined();
    ids.settled(lost, false);
    expect(ids.take(false).acknowledgedBelow).toBe(CLIENT_RETRY_WINDOW + 1);
  });

  it('stops before the window of the cluster is full', () => {
    const ids = new RequestIds(1);
    const first = ids.take(false);
    let taken = 1;
    for (; ids.hasRoom; taken++) ids.settled(ids.take(false), true);
    expect(taken).toBeLessThan(SESSION_RESULTS_MAX);
    expect(taken).toBeGreaterThan(SESSION_RESULTS_MAX - 100);
    ids.settled(first, true);
    expect(ids.hasRoom).toBe(true);
  });

  it('has room again when a full window was left behind by an outage', () => {
    const ids = new RequestIds(1);
    const taken = [];
    while (ids.hasRoom) taken.push(ids.take(false));
    // A thousand were sent and lost; the others never left.
    for (const [at, request] of taken.entries()) ids.settled(request, at >= 1_000);
    expect(ids.hasRoom).toBe(true);
    expect(ids.take(false).acknowledgedBelow).toBeGreaterThan(1_000);
  });

  it('leaves the ids of another session alone', () => {
    const ids = new RequestIds(2);
    expect(ids.refreshed({ session: 1, sequence: 9 })).toEqual({ session: 1, sequence: 9 });
  });
});

describe('verdictOf', () => {
  const verdict = (code: ConstructorParameters<typeof ClusterError>[0], mayRepeat: boolean) =>
    verdictOf(new ClusterError(code, ''), mayRepeat);

  it('repeats what had no effect, and what is safe; nothing else', () => {
    expect(verdict('NO_LEADER', false)).toBe('elsewhere');
    expect(verdict('CONNECTION_FAILED', false)).toBe('elsewhere');
    expect(verdict('PROPOSAL_DROPPED', false)).toBe('again');
    expect(verdict('OUTCOME_UNKNOWN', true)).toBe('again');
    expect(verdict('OUTCOME_UNKNOWN', false)).toBe('settle');
    expect(verdict('DISK_FULL', true)).toBe('elsewhere');
    expect(verdict('DISK_FULL', false)).toBe('settle');
    expect(verdict('SESSION_EXPIRED', true)).toBe('settle');
    expect(verdict('KEY_INVALID', true)).toBe('settle');
  });
});
