/** The storage suite on our own storages: each case must pass on both. */
import { describe, expect, it } from 'vitest';
import { expectBroken } from '../kit/expect-broken.fixture.ts';
import { registerCases } from '../kit/index.ts';
import { BROKEN_STORAGES } from './broken-storages.fixture.ts';
import { storageConformance } from './index.ts';
import { diskRig, memoryRig } from './storage-rigs.fixture.ts';

describe('DiskStorage, on a disk that forgets', () => {
  registerCases(it, storageConformance(diskRig()));
});

describe('MemoryStorage', () => {
  registerCases(it, storageConformance(memoryRig()));
});

it('cases that a rig can not serve are skipped, and say why', () => {
  const cases = storageConformance({ ...memoryRig(), offers: [] });
  const skipped = cases.filter(({ skip }) => skip !== undefined);
  expect(skipped.map(({ id }) => id)).toContain('storage/append/durable-on-resolve');
  expect(skipped.every(({ skip }) => /does not offer/.test(skip ?? ''))).toBe(true);
  expect(cases.length - skipped.length).toBeGreaterThan(20);
});

describe('the suite finds, for the right reason, a storage that', () => {
  it.each(BROKEN_STORAGES)('$name', async ({ wrap, ...expected }) => {
    await expectBroken(storageConformance(diskRig(wrap)), expected);
  });
});
