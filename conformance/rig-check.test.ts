/** A rig with a slip in it is told once, by the name of the field, before any case runs. */
import { describe, expect, it } from 'vitest';
import {
  engineConformance,
  runConformance,
  stateMachineConformance,
  storageConformance,
  transportConformance,
} from './index.ts';
import { ledgerRig } from './machine/machine-rigs.fixture.ts';
import { memoryRig } from './storage/storage-rigs.fixture.ts';

type Make = (rig: never) => unknown;

const MACHINE = ledgerRig(() => ({}) as never);

const BAD_RIGS: readonly [string, Make, unknown, RegExp][] = [
  ['no rig', storageConformance, undefined, /^rig is missing: it must be an object with place/],
  ['null', engineConformance, null, /^rig is null: it must be an object/],
  [
    'no command',
    stateMachineConformance,
    { machine: MACHINE.machine },
    /^rig\.command is missing: it must be a function that draws the bytes of a command/,
  ],
  [
    'no machine',
    stateMachineConformance,
    { command: MACHINE.command, machine: 'x' },
    /^rig\.machine is "x": it must be a function that makes/,
  ],
  ['rounds', stateMachineConformance, { ...MACHINE, rounds: 1.5 }, /^rig\.rounds is 1\.5: it must/],
  [
    'large',
    stateMachineConformance,
    { ...MACHINE, large: {} },
    /^rig\.large\.commands is missing: it must be a whole number/,
  ],
  ['no place', storageConformance, { offers: [] }, /^rig\.place is missing: .*fresh, empty/],
  ['no offers', storageConformance, { place: () => ({}) }, /^rig\.offers is missing: .*\[\]/],
  [
    'an ability that is none',
    storageConformance,
    { place: () => ({}), offers: ['crash', 'holds'] },
    /^rig\.offers\[1\] is "holds": it must be one of "crash", "hold", "failWrites"/,
  ],
  ['no net', transportConformance, { offers: [] }, /^rig\.net is missing: it must be a function/],
  ['no cluster', engineConformance, { offers: [] }, /^rig\.cluster is missing: it must be a func/],
];

describe('a wrong rig is refused by name', () => {
  it.each(BAD_RIGS)('%s', (_, make, rig, message) => {
    const error = (() => {
      try {
        return make(rig as never);
      } catch (thrown) {
        return thrown as { code: string; message: string };
      }
    })();
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
  });
});

describe('what a rig makes is looked at, too', () => {
  it.each([
    [{}, ['crash'], /rig\.place\(\)\.open is missing: it must be a function that opens/],
    [{ open: () => {} }, ['crash'], /crash is missing: it must be a function, as rig.offers lists/],
  ] as const)('a place: %j', async (place, offers, message) => {
    const cases = storageConformance({ ...memoryRig(), offers, place: () => place as never });
    const { results } = await runConformance(cases.slice(0, 1));
    expect(results[0]?.failure?.message).toMatch(message);
  });

  it('a machine without applyBatch, and a command that is a string', async () => {
    const report = await runConformance(stateMachineConformance(MACHINE).slice(0, 1));
    expect(report.results[0]?.failure?.message).toMatch(/rig\.machine\(\)\.applyBatch is missing/);
    const cases = stateMachineConformance({ ...MACHINE, command: () => 'x' as never });
    const other = await runConformance(cases.slice(0, 1));
    const message = /rig\.command\(dice\) is "x": it must be a Uint8Array/;
    expect(other.results[0]?.failure?.message).toMatch(message);
  });

  it('a machine whose applyBatch is async', async () => {
    const machine = { applyBatch: async () => [], snapshot: () => [], restore: async () => {} };
    const cases = stateMachineConformance({ ...MACHINE, machine: () => machine as never });
    const { results } = await runConformance(cases);
    const message = /applyBatch returned a promise: it must return a list with one .* at once/;
    expect(results[0]?.failure?.message).toMatch(message);
  });
});
