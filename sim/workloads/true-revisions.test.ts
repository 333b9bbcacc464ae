/** Goal: the judge is told which revisions unknown writes took, and then has nothing to search for. */
import { expect, it } from 'vitest';
import { ClusterError } from '../../src/errors.ts';
import { checkRevisionOrder, type HistoryOperation } from '../history/index.ts';
import { WORKLOADS } from './index.ts';
import type { LoggedChange } from './revision-log.ts';
import { StoreRun } from './store-run.ts';
import { withTrueRevisions } from './true-revisions.ts';
import { plantApi, tryWorkload } from './workload.fixture.ts';
import type { Workload } from './workload.ts';

const change = (revision: number, command: string): LoggedChange => ({
  revision,
  command,
  events: [],
  atMs: 0,
});

function put(call: number, rest: Partial<HistoryOperation>): HistoryOperation {
  const asked = { client: call, op: 'put', key: 'a', value: '1', expect: null } as const;
  return { ...asked, output: null, ok: null, call, return: null, ...rest };
}

it('gives what no answer claims to the equal write that was called first', () => {
  const changes = ['p', 'q', 'p', 'p'].map((command, i) => change(i + 1, command));
  const operations = [
    put(0, {}),
    put(1, { ok: true, return: 9, revision: 1 }),
    put(2, { op: 'get', value: null, output: '1', ok: true, return: 9, revision: 3 }),
    put(3, {}),
    put(4, { ok: false, return: 9 }),
    put(5, {}),
    put(6, {}),
  ];
  const commands = ['p', 'p', undefined, 'p', 'p', 'p', 'r'];
  const told = withTrueRevisions(operations, commands, changes);
  expect(told.map(({ revision }) => revision)).toEqual([
    3,
    1,
    3,
    4,
    undefined,
    undefined,
    undefined,
  ]);
});

it('spares every search where answers get lost', async () => {
  let writes = 0;
  const { run } = await tryWorkload(WORKLOADS['transactions'] as Workload, {
    plant: plantApi((api) => ({
      write: async (...asked: Parameters<typeof api.write>) => {
        const result = await api.write(...asked);
        if (++writes % 4 === 0) throw new ClusterError('OUTCOME_UNKNOWN', 'the answer got lost');
        return result;
      },
    })),
  });
  expect(run).toBeInstanceOf(StoreRun);
  const { ledger, log } = run as StoreRun;
  const verdict = checkRevisionOrder(ledger.operationsAsApplied(log.changes));
  expect(verdict).toMatchObject({ kind: 'ok', isWhole: true });
  expect(verdict.kind === 'ok' && verdict.filled).toBeGreaterThan(2);
  expect(verdict.steps).toBeLessThanOrEqual(ledger.operations().length);
});
