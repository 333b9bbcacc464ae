/**
 * The systems that are compared, each able to carry one load: Quorate through its network client, etcd
 * through its Go client, the bare pipeline. All stand by, idle, while one of them is measured: that costs
 * each of them the same.
 */
import { Ceiling } from '../ceiling/ceiling.ts';
import { QuorateCluster } from '../cluster/quorate-cluster.ts';
import { LoadDriver } from '../load/driver.ts';
import type { LoadResult, Operation } from '../load/spec.ts';
import { EtcdCluster } from '../peers/etcd-cluster.ts';
import { etcdLoad } from '../peers/etcd-load.ts';

export const VALUE_BYTES = 256;
export const KEYS = 10_000;
const FILL_INFLIGHT = 200;

/** To whom the operations go. */
export type Via = 'leader' | 'followers' | 'all';

export interface Load {
  readonly operation: Operation;
  readonly inflight: number;
  readonly via: Via;
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly rate?: number;
}

export interface Side {
  load(load: Load): Promise<LoadResult>;
  stop(): Promise<void>;
}

/** Keys to read are there when it resolves. */
export async function quorateSide(
  options: { readonly members?: number; readonly keys?: number; readonly valueBytes?: number } = {},
): Promise<Side & { readonly cluster: QuorateCluster; readonly driver: LoadDriver }> {
  const { members = 3, keys = KEYS, valueBytes = VALUE_BYTES } = options;
  const cluster = await QuorateCluster.start({ members });
  const driver = new LoadDriver();
  const clientsOf = async (via: Via): Promise<readonly (readonly string[])[]> => {
    const leader = await cluster.leader();
    if (via === 'leader') return [cluster.doorsFrom(leader)];
    const ids = via === 'all' ? cluster.ids : cluster.ids.filter((id) => id !== leader);
    return ids.map((id) => [cluster.door(id)]);
  };
  const side = {
    cluster,
    driver,
    load: async ({ via, ...load }: Load & { readonly total?: number }) =>
      await driver.load({
        ...load,
        target: { kind: 'quorate', clients: await clientsOf(via) },
        valueBytes,
        keys,
        serverPids: cluster.pids,
      }),
    stop: async () => {
      await driver.stop();
      await cluster.stop();
    },
  };
  await side.load({ ...FILL, inflight: Math.min(FILL_INFLIGHT, keys), total: keys });
  return side;
}

const FILL = { operation: 'put', via: 'leader', seconds: 0, warmSeconds: 0 } as const;

export async function etcdSide(
  loadProgram: string,
): Promise<Side & { readonly cluster: EtcdCluster }> {
  const cluster = await EtcdCluster.start();
  const doorsOf = async (via: Via): Promise<readonly string[]> => {
    if (via === 'all') return cluster.ids.map((id) => cluster.door(id));
    const leader = await cluster.leader();
    const ids = cluster.ids.filter((id) => (id === leader) === (via === 'leader'));
    return ids.map((id) => cluster.door(id));
  };
  const side = {
    cluster,
    load: async ({ via, operation, ...load }: Load & { readonly total?: number }) =>
      await etcdLoad(loadProgram, {
        ...load,
        operation: operation === 'get' ? 'get' : 'put',
        endpoints: await doorsOf(via),
        valueBytes: VALUE_BYTES,
        keys: KEYS,
        serverPids: cluster.pids,
      }),
    stop: () => cluster.stop(),
  };
  await side.load({ ...FILL, inflight: FILL_INFLIGHT, total: KEYS });
  return side;
}

export async function ceilingSide(): Promise<Side> {
  const ceiling = await Ceiling.start();
  const driver = new LoadDriver();
  return {
    load: async ({ via: _via, operation: _operation, ...load }) =>
      await driver.load({
        ...load,
        target: { kind: 'ceiling', port: ceiling.port },
        operation: 'append',
        valueBytes: VALUE_BYTES,
        keys: 1,
        serverPids: ceiling.pids,
      }),
    stop: async () => {
      await driver.stop();
      await ceiling.stop();
    },
  };
}
