/**
 * The systems that are compared, each able to carry one load: Quorate through its network client, etcd
 * through its Go client, the bare pipeline. All stand by, idle, while one of them is measured: that costs
 * each of them the same.
 */
import { Ceiling } from '../ceiling/ceiling.ts';
import type { SyncWay } from '../ceiling/group-log.ts';
import { QuorateCluster } from '../cluster/quorate-cluster.ts';
import { LoadDriver } from '../load/driver.ts';
import type { LoadResult, Operation } from '../load/spec.ts';
import { EtcdCluster } from '../peers/etcd-cluster.ts';
import { etcdLoad } from '../peers/etcd-load.ts';

export const VALUE_BYTES = 256;
export const KEYS = 10_000;
const FILL_INFLIGHT = 200;
/** So that large values, too, are taken in within the time of a call, on a slow disk. */
const FILL_BYTES_INFLIGHT_MAX = 2 * 2 ** 20;

/** To whom the operations go. */
export type Via = 'leader' | 'followers';

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

interface Values {
  readonly keys: number;
  readonly valueBytes: number;
}

type Loading = (load: Load & { readonly total?: number }) => Promise<LoadResult>;

/** Puts each key once; a store that is not full would be another measurement. */
async function fill(load: Loading, { keys, valueBytes }: Values): Promise<void> {
  const fitting = Math.ceil(FILL_BYTES_INFLIGHT_MAX / valueBytes);
  const { failed, failures } = await load({
    operation: 'put',
    via: 'leader',
    inflight: Math.min(FILL_INFLIGHT, keys, fitting),
    total: keys,
    seconds: 0,
    warmSeconds: 0,
  });
  if (failed === 0) return;
  const codes = Object.keys(failures).join(', ');
  throw new Error(`${failed} of ${keys} puts failed while a store was filled: ${codes}`);
}

/** Who is handed no side can not stop one. */
async function filled(side: { load: Loading; stop(): Promise<void> }, of: Values): Promise<void> {
  try {
    await fill(side.load, of);
  } catch (error) {
    await side.stop();
    throw error;
  }
}

function loading(cluster: QuorateCluster, driver: LoadDriver, values: Values): Loading {
  const clientsOf = async (via: Via): Promise<readonly (readonly string[])[]> => {
    const leader = await cluster.leader();
    if (via === 'leader') return [cluster.doorsFrom(leader)];
    return cluster.ids.filter((id) => id !== leader).map((id) => [cluster.door(id)]);
  };
  return async ({ via, ...load }) =>
    await driver.load({
      ...load,
      ...values,
      target: { kind: 'quorate', clients: await clientsOf(via) },
      serverPids: cluster.pids,
    });
}

/** For a cluster that is wanted full, and not under load. */
export async function fillWithKeys(cluster: QuorateCluster, keys: number): Promise<void> {
  const driver = new LoadDriver();
  try {
    const values = { keys, valueBytes: VALUE_BYTES };
    await fill(loading(cluster, driver, values), values);
  } finally {
    await driver.stop();
  }
}

/** Keys to read are there when it resolves. */
export async function quorateSide(
  options: Partial<Values> & { readonly members?: number } = {},
): Promise<Side & { readonly cluster: QuorateCluster; readonly driver: LoadDriver }> {
  const { members = 3, keys = KEYS, valueBytes = VALUE_BYTES } = options;
  const cluster = await QuorateCluster.start({ members });
  const driver = new LoadDriver();
  const load = loading(cluster, driver, { keys, valueBytes });
  const stop = async (): Promise<void> => {
    await driver.stop();
    await cluster.stop();
  };
  await filled({ load, stop }, { keys, valueBytes });
  return { cluster, driver, load, stop };
}

export async function etcdSide(
  loadProgram: string,
): Promise<Side & { readonly cluster: EtcdCluster }> {
  const cluster = await EtcdCluster.start();
  const doorsOf = async (via: Via): Promise<readonly string[]> => {
    const leader = await cluster.leader();
    const ids = cluster.ids.filter((id) => (id === leader) === (via === 'leader'));
    return ids.map((id) => cluster.door(id));
  };
  const load: Loading = async ({ via, operation, ...rest }) =>
    await etcdLoad(loadProgram, {
      ...rest,
      operation: operation === 'get' ? 'get' : 'put',
      endpoints: await doorsOf(via),
      valueBytes: VALUE_BYTES,
      keys: KEYS,
      serverPids: cluster.pids,
    });
  const side = { cluster, load, stop: () => cluster.stop() };
  await filled(side, { keys: KEYS, valueBytes: VALUE_BYTES });
  return side;
}

export async function ceilingSide(way: SyncWay): Promise<Side> {
  const ceiling = await Ceiling.start(way);
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
