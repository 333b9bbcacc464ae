/** Agreement of states, with nodes that say what the test makes them say and real key-value machines. */
import { expect, it } from 'vitest';
import { encodeCommand, KvMachine } from '../../src/state/index.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SimProcess } from '../cluster/sim-process.ts';
import { bytes, violationOf } from './checkers.fixture.ts';
import { StateAgreement } from './state-agreement.ts';

function processOf(
  node: string,
  appliedIndex: number,
  stateHash: string,
  keys: string[],
): SimProcess {
  const machine = new KvMachine();
  for (const [at, key] of keys.entries()) {
    const command = encodeCommand({ kind: 'put', key: bytes(key), value: bytes('v') });
    machine.applyBatch([command], { index: at + 2, term: 1 });
  }
  const status = { appliedIndex, stateHash, members: [{ nodeId: node }] };
  const engine = { status: () => status };
  const process = { node, life: 1, machine, engine, isStarted: true, isStopping: false };
  return process as unknown as SimProcess;
}

function clusterOf(...processes: SimProcess[]): SimCluster {
  return { processes } as unknown as SimCluster;
}

it('is content with equal nodes', () => {
  const [one, other] = [processOf('n1', 9, 'aa', ['x', 'y']), processOf('n2', 9, 'aa', ['x', 'y'])];
  new StateAgreement().end(clusterOf(one, other));
});

it('finds other hashes, a node that lags at rest, and other contents under one hash', () => {
  const one = processOf('n1', 9, 'aa', ['x', 'y']);
  const found = (other: SimProcess): string =>
    violationOf(() => new StateAgreement().end(clusterOf(one, other)));
  const hash = found(processOf('n2', 9, 'bb', ['x', 'y']));
  expect(hash).toBe('having applied 9, n1 (life 1) has state hash aa and n2 (life 1) has bb');
  const lag = found(processOf('n2', 8, 'cc', ['x', 'y']));
  expect(lag).toContain('has applied 9 and n2 (life 1) 8');
  const contents = found(processOf('n2', 9, 'aa', ['x', 'z']));
  expect(contents).toContain('holds key "y" version 1');
});
