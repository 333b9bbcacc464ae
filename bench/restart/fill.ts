/** Puts each key once. */
import type { QuorateCluster } from '../cluster/quorate-cluster.ts';
import { LoadDriver } from '../load/driver.ts';
import { VALUE_BYTES } from '../throughput/sides.ts';

const INFLIGHT = 256;

export async function fillWithKeys(cluster: QuorateCluster, keys: number): Promise<void> {
  const driver = new LoadDriver();
  try {
    const { failed } = await driver.load({
      target: { kind: 'quorate', clients: [cluster.doorsFrom(await cluster.leader())] },
      operation: 'put',
      inflight: INFLIGHT,
      total: keys,
      keys,
      valueBytes: VALUE_BYTES,
      seconds: 0,
      warmSeconds: 0,
      serverPids: [],
    });
    if (failed > 0) throw new Error(`${failed} of ${keys} puts failed while a cluster was filled`);
  } finally {
    await driver.stop();
  }
}
