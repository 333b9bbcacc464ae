/** The state machine suite on our own machines: each case must pass on all of them. */
import { describe, it } from 'vitest';
import { expectBroken, expectEveryCaseFails } from '../kit/expect-broken.fixture.ts';
import { registerCases } from '../kit/index.ts';
import { BROKEN_MACHINES, brokenRig } from './broken-machines.fixture.ts';
import { stateMachineConformance } from './index.ts';
import { COMPOSITE_RIG, KV_RIG, SIMPLE_RIG } from './machine-rigs.fixture.ts';

describe('KvMachine', () => {
  registerCases(it, stateMachineConformance(KV_RIG));
});

describe('CompositeMachine', () => {
  registerCases(it, stateMachineConformance(COMPOSITE_RIG));
});

describe('simpleMachine', () => {
  registerCases(it, stateMachineConformance(SIMPLE_RIG));
});

describe('the suite finds, for the right reason, a machine that', () => {
  it.each(BROKEN_MACHINES)('$name', async ({ machine, ...expected }) => {
    await expectBroken(stateMachineConformance(brokenRig(machine)), expected);
  });
});

it('every case finds a machine that is broken', () => {
  const { machine } = BROKEN_MACHINES[0]!; // the list is not empty
  expectEveryCaseFails(stateMachineConformance(brokenRig(machine)), BROKEN_MACHINES);
});
