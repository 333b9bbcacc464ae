/** Every suite on parts with which nothing works, and on parts that break in the middle. */
import { describe, expect, it } from 'vitest';
import type { StateMachine } from '../src/consensus/index.ts';
import type { Engine } from '../src/engine/index.ts';
import type { Storage } from '../src/storage/index.ts';
import type { Transport } from '../src/transport/index.ts';
import { memoryEngineRig } from './engine/engine-rigs.fixture.ts';
import { engineConformance } from './engine/index.ts';
import { breaking, hopeless, MANNERS, type Manner, unhandledIn } from './hopeless.fixture.ts';
import { type ConformanceCase, type ConformanceReport, runConformance } from './kit/index.ts';
import { stateMachineConformance } from './machine/index.ts';
import { ledgerRig } from './machine/machine-rigs.fixture.ts';
import { storageConformance } from './storage/index.ts';
import { memoryRig } from './storage/storage-rigs.fixture.ts';
import { transportConformance } from './transport/index.ts';
import { memoryTcpRig } from './transport/transport-rigs.fixture.ts';

const CASE_MS_MAX = 60;
const ENGINE_OF_THREE = { nodeIds: ['n1', 'n2', 'n3'], address: () => '', close: () => {} };

const SUITES: Readonly<Record<string, (manner: Manner) => readonly ConformanceCase[]>> = {
  storage: (manner) => storageConformance(memoryRig(() => hopeless<Storage>(manner))),
  transport: (manner) => {
    const rig = memoryTcpRig(() => hopeless<Transport>(manner));
    return transportConformance({ ...rig, patienceMs: 200 });
  },
  'state machine': (manner) => {
    const rig = ledgerRig(() => hopeless<StateMachine>(manner));
    const large = { commands: 5, chunkBytesMax: 9 };
    return stateMachineConformance({ ...rig, checks: true, large });
  },
  engine: (manner) => {
    const engine = (): Engine => hopeless<Engine>(manner);
    return engineConformance({
      offers: ['restart', 'join'],
      cluster: (size) => {
        const nodeIds = ENGINE_OF_THREE.nodeIds.slice(0, size);
        return { ...ENGINE_OF_THREE, nodeIds, engine, invited: engine };
      },
      patienceMs: 200,
    });
  },
};

describe.each(Object.keys(SUITES))('on a %s of which every method', (suite) => {
  it.each(MANNERS)('%s, all cases fail, and nothing is left unhandled', async (manner) => {
    const cases = SUITES[suite]?.(manner) ?? [];
    let report: ConformanceReport | undefined;
    const unhandled = await unhandledIn(async () => {
      report = await runConformance(cases, { caseMsMax: CASE_MS_MAX });
    });
    const others = report?.results.filter(({ status }) => status !== 'failed') ?? [];
    expect(others.map(({ id, status }) => `${id} ${status}`)).toEqual([]);
    expect(report?.failed).toBe(cases.length);
    expect(unhandled).toEqual([]);
  });
});

describe('a part that rejects everything from some call on', () => {
  it('a storage', async () => {
    const unhandled = await unhandledIn(async () => {
      for (let after = 1; after <= 16; after++) {
        const rig = memoryRig((storage) => breaking(storage, after));
        const report = await runConformance(storageConformance({ ...rig, crashRounds: 3 }), {
          caseMsMax: 500,
        });
        if (after <= 8) expect(report.failed).toBeGreaterThan(0);
      }
    });
    expect(unhandled).toEqual([]);
  });

  it('a transport', async () => {
    const unhandled = await unhandledIn(async () => {
      for (const after of [0, 1, 2]) {
        const rig = memoryTcpRig((transport) => breaking(transport, after));
        const cases = transportConformance({ ...rig, patienceMs: 300 });
        await runConformance(cases, { caseMsMax: 1_000 });
      }
    });
    expect(unhandled).toEqual([]);
  });

  it('an engine', async () => {
    const unhandled = await unhandledIn(async () => {
      for (const after of [1, 2, 3, 5]) {
        const rig = memoryEngineRig((engine) => breaking(engine, after));
        const cases = engineConformance({ ...rig, patienceMs: 300 });
        await runConformance(cases, { caseMsMax: 1_000 });
      }
    });
    expect(unhandled).toEqual([]);
  });
});
