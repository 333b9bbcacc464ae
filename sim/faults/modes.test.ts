/** What is planned: enough of it, the same for the same seed, and no more destroyed than the cluster bears. */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../world/seeded-random.ts';
import type { PlannedFault } from './fault.ts';
import { FAULT_KINDS, MODES } from './index.ts';

const FAULTS = 10;
const FROM_MS = 5_000;
const UNTIL_MS = 40_000;

function planned(mode: string, seed: number, size = 3): readonly PlannedFault[] {
  return (
    MODES[mode]?.plan({
      random: new SeededRandom(seed, mode),
      nodes: Array.from({ length: size }, (_, at) => `n${at + 1}`),
      fromMs: FROM_MS,
      untilMs: UNTIL_MS,
      faults: FAULTS,
    }) ?? []
  );
}

describe('the modes', () => {
  it('are those that are known', () => {
    expect(Object.keys(MODES)).toEqual([
      'calm',
      'lossy',
      'partitioned',
      'crashing',
      'disk-ridden',
      'members',
      'slow',
      'all',
    ]);
  });

  it.each(Object.keys(MODES))(
    '%s plans the same for the same seed, and another for another',
    (mode) => {
      expect(planned(mode, 7)).toEqual(planned(mode, 7));
      expect(planned(mode, 7)).not.toEqual(planned(mode, 8));
      // It is data: it can be printed and read back.
      expect(JSON.parse(JSON.stringify(planned(mode, 7)))).toEqual(planned(mode, 7));
    },
  );

  it.each(Object.keys(MODES))('%s plans enough, in order, within its time', (mode) => {
    for (let seed = 1; seed <= 50; seed++) {
      const faults = planned(mode, seed);
      expect(faults.length).toBeGreaterThanOrEqual(FAULTS);
      const times = faults.map(({ atMs }) => atMs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      for (const at of times) expect(at >= FROM_MS && at < UNTIL_MS).toBe(true);
      for (const { kind } of faults) expect(FAULT_KINDS.has(kind)).toBe(true);
    }
  });

  it('every kind of fault is planned by some mode', () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 100; seed++) {
      for (const { kind } of planned('all', seed)) seen.add(kind);
    }
    expect([...FAULT_KINDS.keys()].filter((kind) => !seen.has(kind))).toEqual([]);
  });

  it('the calm one hurts nobody', () => {
    const harmful = new Set(['kill', 'isolate', 'wipe', 'loss', 'pause', 'remove-member']);
    for (let seed = 1; seed <= 100; seed++) {
      expect(planned('calm', seed).filter(({ kind }) => harmful.has(kind))).toEqual([]);
    }
  });

  it('destroy data on a minority of the founders at most, over 1,000 seeds of each size', () => {
    let most = 0;
    const modes = ['all', 'crashing', 'disk-ridden'];
    for (let seed = 1; seed <= 1_000; seed++) {
      for (const size of [1, 2, 3, 5]) {
        const faults = planned(modes[seed % modes.length] ?? '', seed, size);
        const destroying = faults.filter(({ kind }) => FAULT_KINDS.get(kind)?.destroysData);
        expect(2 * destroying.length).toBeLessThan(size);
        most = Math.max(most, destroying.length);
      }
    }
    expect(most).toBe(2);
  });

  it('misplace sectors only by the kind that counts as destroying data', () => {
    const misplacing = new Set<string>();
    for (let seed = 1; seed <= 200; seed++) {
      for (const { kind, args } of planned('disk-ridden', seed)) {
        if (args['misplaces'] === 1) misplacing.add(kind);
      }
    }
    expect([...misplacing]).toEqual(['misplaced-sectors']);
    expect(FAULT_KINDS.get('misplaced-sectors')?.destroysData).toBe(true);
  });
});
