/**
 * Keys and values under contention: puts, gets, compare-and-set, deletes and increments of few keys by
 * all clients, every value written once, so that a read tells which write it saw. Reads are linearizable
 * at whatever node the client is at; some are `local`, which may lag and must not go back.
 *
 * Judged by: linearizability key by key, the order of revisions, and the nodes' own past (node-views.ts).
 */
import type { SeededRandom } from '../world/seeded-random.ts';
import type { Came } from './fleet.ts';
import { drawDeadline, drawWeighted, numberArg, planOperations, textArg } from './planning.ts';
import type { StoreClient } from './store-client.ts';
import { StoreRun } from './store-run.ts';
import type { PlannedOperation, Workload } from './workload.ts';

const KEYS: readonly string[] = ['kv/0', 'kv/1', 'kv/2', 'kv/3', 'kv/4'];
/** Numbers apart: what is no number can not be counted up. */
const COUNTERS: readonly string[] = ['kv/n0', 'kv/n1'];
/** Compares that name what the client saw last; the others expect nothing to be there. */
const INFORMED_PERCENT = 80;

type Kind = 'put' | 'get' | 'local' | 'cas' | 'delete' | 'increment';

const KINDS: readonly (readonly [number, Kind])[] = [
  [26, 'put'],
  [28, 'get'],
  [10, 'local'],
  [20, 'cas'],
  [6, 'delete'],
  [10, 'increment'],
];

/** In a rush all want the same one. */
function hot(keys: readonly string[], rush: number | undefined): string | undefined {
  return rush === undefined ? undefined : keys[rush % keys.length];
}

function draw(
  random: SeededRandom,
  client: number,
  at: number,
  rush: number | undefined,
): Pick<PlannedOperation, 'kind' | 'args'> {
  const kind = drawWeighted(random, KINDS);
  const deadlineMs = drawDeadline(random);
  const value = `${client}.${at}`;
  if (kind === 'increment') {
    const counter = hot(COUNTERS, rush) ?? random.pick(COUNTERS);
    // Few amounts: commands with the same bytes are two commands all the same.
    return { kind, args: [counter, random.between(1, 3), deadlineMs] };
  }
  const isRead = kind === 'get' || kind === 'local';
  const key = hot(KEYS, rush) ?? random.pick(isRead ? [...KEYS, ...COUNTERS] : KEYS);
  return { kind, args: [key, value, deadlineMs] };
}

/** What each client saw last, by key. */
type Seen = Map<StoreClient, Map<string, string | null>>;

async function perform(
  store: StoreClient,
  operation: PlannedOperation,
  allSeen: Seen,
): Promise<Came> {
  const key = textArg(operation, 0);
  const value = textArg(operation, 1);
  const deadlineMs = numberArg(operation, 2);
  const seen = allSeen.get(store) ?? new Map<string, string | null>();
  allSeen.set(store, seen);
  switch (operation.kind as Kind) {
    case 'put': {
      const { came } = await store.put(key, value, deadlineMs);
      if (came === 'ok') seen.set(key, value);
      return came;
    }
    case 'get':
    case 'local': {
      const isLocal = operation.kind === 'local';
      const { came, told } = isLocal
        ? await store.localGet(key, deadlineMs)
        : await store.get(key, deadlineMs);
      if (told !== undefined) seen.set(key, told.output);
      return came;
    }
    case 'cas': {
      const isInformed = store.client.random.chance(INFORMED_PERCENT);
      const expect = isInformed ? (seen.get(key) ?? null) : null;
      const { came, told } = await store.compareAndSet(key, expect, value, deadlineMs);
      if (told?.output === true) seen.set(key, value);
      return came;
    }
    case 'delete': {
      const { came } = await store.delete(key, deadlineMs);
      if (came === 'ok') seen.set(key, null);
      return came;
    }
    case 'increment':
      return (await store.increment(key, Number(value), deadlineMs)).came;
  }
}

export const kvWorkload: Workload = {
  name: 'kv',
  plan: (options) => planOperations(options, draw),
  begin: (cluster, operations) => {
    const seen: Seen = new Map();
    return new StoreRun({
      name: 'kv',
      cluster,
      operations,
      perform: (store, operation) => perform(store, operation, seen),
      keys: [...KEYS, ...COUNTERS],
    });
  },
};
