/** What a leader knows of its followers: flow control, and that nothing late lowers `match`. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProgressState } from '../types.ts';
import { Inflights } from './inflights.ts';
import { Progress } from './progress.ts';
import { ProgressTracker } from './progress-tracker.ts';

function progress(match: number, next: number, window = 3): Progress {
  const inflights = new Inflights(window, 1000);
  return new Progress({ match, next, isLearner: false, recentActive: false, inflights });
}

describe('Inflights', () => {
  it('is full by number, and frees what is acknowledged', () => {
    const inflights = new Inflights(3, 1000);
    for (const index of [4, 7, 9]) inflights.add(index, 1);
    expect(inflights.isFull).toBe(true);
    expect(() => inflights.add(10, 1)).toThrow(/full/);
    inflights.freeUpTo(3);
    expect(inflights.count).toBe(3);
    inflights.freeUpTo(7);
    expect(inflights.count).toBe(1);
    inflights.freeUpTo(100);
    expect(inflights.count).toBe(0);
  });

  it('is full by bytes, over which one message may go', () => {
    const inflights = new Inflights(10, 100);
    inflights.add(1, 99);
    expect(inflights.isFull).toBe(false);
    inflights.add(2, 99);
    expect(inflights.isFull).toBe(true);
    inflights.freeUpTo(1);
    expect(inflights.isFull).toBe(false);
  });

  it('behaves like a list, whatever the order of adding and freeing', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(30), { maxLength: 200 }), (steps) => {
        const inflights = new Inflights(20, 10_000);
        let list: number[] = [];
        let index = 0;
        for (const step of steps) {
          if (step > 8 && list.length < 20) {
            index += 1;
            list.push(index);
            inflights.add(index, 1);
          } else {
            const upTo = index - step;
            list = list.filter((other) => other > upTo);
            inflights.freeUpTo(upTo);
          }
          expect(inflights.count).toBe(list.length);
          expect(inflights.isFull).toBe(list.length === 20);
        }
      }),
    );
  });
});

describe('Progress', () => {
  it('NASTY 15 acknowledgements out of order never lower match', () => {
    const p = progress(5, 6);
    expect(p.maybeUpdate(9)).toBe(true);
    expect(p.maybeUpdate(7)).toBe(false);
    expect(p.maybeUpdate(9)).toBe(false);
    expect(p).toMatchObject({ match: 9, next: 10 });
  });

  it('NASTY 14 a stale refusal changes nothing', () => {
    const probing = progress(3, 8);
    expect(probing.maybeDecreaseTo(5, 4)).toBe(false);
    const replicating = progress(5, 6);
    replicating.becomeReplicate();
    expect(replicating.maybeDecreaseTo(5, 2)).toBe(false);
    expect(replicating.next).toBe(6);
  });

  it('a refusal that answers the probe moves back, by the hint, never to match or below', () => {
    const probing = progress(3, 20);
    expect(probing.maybeDecreaseTo(19, 9)).toBe(true);
    expect(probing.next).toBe(10);
    expect(probing.maybeDecreaseTo(9, 0)).toBe(true);
    expect(probing.next).toBe(4);
  });

  it('probes with one message at a time', () => {
    const p = progress(0, 1);
    p.sentEntries(2, 10);
    expect(p.isPaused).toBe(true);
    p.maybeUpdate(2);
    expect(p.isPaused).toBe(false);
  });

  it('streams until the window is full', () => {
    const p = progress(0, 1, 2);
    p.becomeReplicate();
    p.sentEntries(1, 1);
    expect(p.isPaused).toBe(false);
    p.sentEntries(1, 1);
    expect(p).toMatchObject({ isPaused: true, next: 3 });
  });

  it('goes on after a snapshot from its index, or from match when it was refused', () => {
    const arrived = progress(2, 3);
    arrived.becomeSnapshot(10);
    expect(arrived.isPaused).toBe(true);
    arrived.becomeProbe();
    expect(arrived).toMatchObject({ next: 11, state: ProgressState.Probe, isPaused: false });
    const refused = progress(2, 3);
    refused.becomeSnapshot(10);
    refused.pendingSnapshot = 0;
    refused.becomeProbe();
    expect(refused.next).toBe(3);
  });

  it('tells the commit index only when that is news', () => {
    const p = progress(5, 8);
    p.sentCommit = 5;
    expect(p.canBumpCommit(5)).toBe(false);
    expect(p.canBumpCommit(6)).toBe(true);
    p.sentCommit = 7;
    expect(p.canBumpCommit(9)).toBe(false);
  });
});

describe('ProgressTracker', () => {
  it('visits members in ascending order, and counts active voters only', () => {
    const tracker = new ProgressTracker(3, 1000);
    const members = new Map([3, 1, 2].map((id) => [id, progress(id * 10, 100)]));
    const config = {
      voters: [1, 2],
      votersOutgoing: [],
      learners: [3],
      learnersNext: [],
      autoLeave: false,
    };
    members.set(3, members.get(3)!.withLearner(true));
    tracker.adopt(config, members);
    expect([...tracker.progress.keys()]).toEqual([1, 2, 3]);
    expect(tracker.committed()).toBe(10);
    tracker.get(3)!.recentActive = true;
    tracker.get(1)!.recentActive = true;
    expect(tracker.isQuorumActive()).toBe(false);
    tracker.get(2)!.recentActive = true;
    expect(tracker.isQuorumActive()).toBe(true);
  });
});
