/**
 * A process that died had asked its leader for something; the answer comes when its successor runs. It
 * goes to the same member, and must not be taken for the answer to what the successor has asked.
 */
import { expect, it } from 'vitest';
import type { KvResult } from '../../src/state/index.ts';
import { SimCluster } from './sim-cluster.ts';
import type { SimProcess } from './sim-process.ts';

const KEY = Buffer.from('counter');
const TIMEOUT_MS = 5_000;

function add(by: bigint): (process: SimProcess) => Promise<KvResult> {
  return async ({ api }) => {
    if (api === undefined) throw new Error('this test wants the key-value machine');
    return await api.write({ kind: 'increment', key: KEY, by }, { timeoutMs: TIMEOUT_MS });
  };
}

it('the answer to what an earlier process had forwarded answers nothing else', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const cluster = new SimCluster({ seed, size: 3 });
    cluster.startAll();
    await cluster.until(() => cluster.agreedLeader !== undefined, 10_000);
    const leader = cluster.agreedLeader ?? 'n1';
    const [asked = '', away = ''] = cluster.founders.filter((name) => name !== leader);
    // Nothing can be committed without the one that is asked.
    for (const [from, to] of [
      [leader, away],
      [away, leader],
      [asked, away],
      [away, asked],
    ]) {
      cluster.network.link(from ?? '', to ?? '').isCut = true;
    }
    const lastIndex = (): number => {
      return cluster.machine(leader).process?.engine.status().lastIndex ?? 0;
    };
    const before = lastIndex();
    cluster.ask(asked, add(1n)).catch(() => undefined);
    expect(await cluster.until(() => lastIndex() > before, 1_000)).toBe(true);
    cluster.kill(asked);
    cluster.start(asked);
    await cluster.until(() => cluster.machine(asked).process?.isStarted === true, 1_000);
    const result = await cluster.settled(cluster.ask(asked, add(10n)));
    expect([seed, result]).toMatchObject([seed, { kind: 'increment', value: 11n }]);
  }
});
