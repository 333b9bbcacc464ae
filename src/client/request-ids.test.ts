/** Sequence numbers: never twice, and acknowledged only when certain. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RequestId } from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
import { CLIENT_RETRY_WINDOW, SESSION_RESULTS_MAX } from '../limits.ts';
import { RequestIds } from './request-ids.ts';
import { verdictOf } from './retry-policy.ts';

/** The meaning, as plainly as it can be written. */
class SetsOfIds {
  readonly open: Set<number> = new Set();
  readonly adrift: Set<number> = new Set();
  next = 1;

  get lowest(): number {
    // A set goes through its members in the order in which they came: in ascending order.
    for (const sequence of this.open) return sequence;
    return this.next;
  }

  get hasRoom(): boolean {
    this.#letGo();
    return this.next - this.lowest < SESSION_RESULTS_MAX - 64;
  }

  take(kind: 'take' | 'adrift'): RequestId {
    this.#letGo();
    const sequence = this.next++;
    this.open.add(sequence);
    if (kind === 'adrift') this.adrift.add(sequence);
    return this.named(sequence);
  }

  refreshed(sequence: number): RequestId {
    this.adrift.delete(sequence);
    return this.named(sequence);
  }

  settled(sequence: number, certain: boolean): void {
    if (!this.open.has(sequence)) return;
    if (certain) {
      this.open.delete(sequence);
      this.adrift.delete(sequence);
    } else {
      this.adrift.add(sequence);
    }
  }

  named(sequence: number): RequestId {
    const { lowest } = this;
    const id = { session: 3, sequence };
    return lowest > 1 && lowest <= sequence ? { ...id, acknowledgedBelow: lowest } : id;
  }

  #letGo(): void {
    for (;;) {
      const { lowest } = this;
      if (!this.adrift.has(lowest) || this.next - lowest <= CLIENT_RETRY_WINDOW) return;
      this.open.delete(lowest);
      this.adrift.delete(lowest);
    }
  }
}

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

  it('means what two sets mean', () => {
    const step = fc.record({
      kind: fc.constantFrom('take', 'take', 'adrift', 'certain', 'certain', 'lost', 'refresh'),
      pick: fc.nat(),
      times: fc.constantFrom(1, 1, 1, 700),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const ids = new RequestIds(3);
        const model = new SetsOfIds();
        for (const { kind, pick, times } of steps) {
          for (let turn = 0; turn < times; turn++) {
            if (ids.hasRoom !== model.hasRoom) expect.fail('one has room, the other not');
            if (kind === 'take' || kind === 'adrift') {
              if (ids.hasRoom) expect(ids.take(kind === 'adrift')).toEqual(model.take(kind));
              continue;
            }
            // Mostly the oldest, as answers come nearly in order; also some that are not there.
            const sequence = model.lowest + (turn % 5) + (pick % 4) * (pick % 300);
            const request = { session: 3, sequence };
            if (kind === 'refresh')
              expect(ids.refreshed(request)).toEqual(model.refreshed(sequence));
            else ids.settled(request, kind === 'certain');
            if (kind !== 'refresh') model.settled(sequence, kind === 'certain');
          }
          expect(ids.isSettled).toBe(model.open.size === 0);
          expect(ids.named(model.next)).toEqual(model.named(model.next));
        }
      }),
      { numRuns: 30 },
    );
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
