/** The storage suite on our own storages: each case must pass on both. */
import { describe, expect, it } from 'vitest';
import { expectBroken, expectEveryCaseFails } from '../kit/expect-broken.fixture.ts';
import { registerCases } from '../kit/index.ts';
import { BROKEN_LOGS } from './broken-logs.fixture.ts';
import { BROKEN_SNAPSHOTS } from './broken-snapshots.fixture.ts';
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

const BROKEN_STORAGES = [...BROKEN_LOGS, ...BROKEN_SNAPSHOTS];

describe('the suite finds, for the right reason, a storage that', () => {
  it.each(BROKEN_STORAGES)('$name', async ({ wrap, disk, ...expected }) => {
    await expectBroken(storageConformance(diskRig(wrap, disk)), expected);
  });
});

it('every case finds a storage that is broken', () => {
  expectEveryCaseFails(storageConformance(diskRig()), BROKEN_STORAGES);
});
