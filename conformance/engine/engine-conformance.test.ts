/** The engine suite on the embedded engine: each case must pass in both worlds. */
import { describe, it } from 'vitest';
import { expectBroken, expectEveryCaseFails } from '../kit/expect-broken.fixture.ts';
import { registerCases } from '../kit/index.ts';
import { BROKEN_ENGINES } from './broken-engines.fixture.ts';
import { BROKEN_SUBMITS } from './broken-submits.fixture.ts';
import { loopbackEngineRig, memoryEngineRig } from './engine-rigs.fixture.ts';
import { engineConformance } from './index.ts';

describe('EmbeddedEngine, in a world in memory', () => {
  registerCases(it, engineConformance(memoryEngineRig()));
});

describe('EmbeddedEngine, on disks and loopback', () => {
  registerCases(it, engineConformance(loopbackEngineRig()));
});

const BROKEN = [...BROKEN_ENGINES, ...BROKEN_SUBMITS];

describe('the suite finds, for the right reason, an engine that', () => {
  it.each(BROKEN)('$name', async ({ wrap, ...expected }) => {
    const rig = { ...memoryEngineRig(wrap()), patienceMs: 2_000 };
    await expectBroken(engineConformance(rig), expected);
  });
});

it('every case finds an engine that is broken', () => {
  expectEveryCaseFails(engineConformance(memoryEngineRig()), BROKEN);
});
