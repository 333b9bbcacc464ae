/**
 * Values from one byte to 200 KiB, on nodes that take a snapshot every few dozen entries: messages of many
 * fragments, records of many sectors, snapshots of many chunks, so that faults fall into the middle of
 * them. Followers that were away long enough come back by snapshot.
 *
 * A value is told apart by its beginning, length and checksum: a byte that was changed anywhere is a value
 * that nobody wrote. Judged by linearizability and the order of revisions.
 */
import { VALUE_BYTES_MAX } from '../../src/limits.ts';
import type { SeededRandom } from '../world/seeded-random.ts';
import type { Came } from './fleet.ts';
import { drawDeadline, drawWeighted, numberArg, planOperations, textArg } from './planning.ts';
import { bytesOf, fingerprint } from './revision-log.ts';
import { codeOf } from './sim-client.ts';
import type { StoreClient } from './store-client.ts';
import { StoreRun } from './store-run.ts';
import type { PlannedOperation, Workload } from './workload.ts';

const KEYS: readonly string[] = ['big/0', 'big/1', 'big/2', 'big/3', 'big/4', 'big/5'];
const RANGE_END = 'big/9';
const KIB = 1024;

/** Mostly small; a few that fill frames, sectors and segments. Bytes from and to. */
const SIZES: readonly (readonly [number, readonly [number, number]])[] = [
  [30, [1, 64]],
  [40, [65, 2 * KIB]],
  [18, [2 * KIB, 20 * KIB]],
  [9, [20 * KIB, 80 * KIB]],
  [3, [80 * KIB, 200 * KIB]],
];

type Kind = 'put' | 'get' | 'delete' | 'range' | 'too-large';

const KINDS: readonly (readonly [number, Kind])[] = [
  [52, 'put'],
  [30, 'get'],
  [8, 'delete'],
  [9, 'range'],
  [1, 'too-large'],
];

function draw(
  random: SeededRandom,
  client: number,
  at: number,
): Pick<PlannedOperation, 'kind' | 'args'> {
  const [from, to] = drawWeighted(random, SIZES);
  const size = random.between(from, to);
  const args = [random.pick(KEYS), `${client}.${at}.`, size, drawDeadline(random)];
  return { kind: drawWeighted(random, KINDS), args };
}

/** `size` bytes that begin with the name, as far as there is room. */
function makeValue(name: string, size: number): Uint8Array {
  const value = new Uint8Array(size);
  const head = bytesOf(name);
  for (let at = 0; at < size; at++) value[at] = 97 + ((at * 7 + (at >> 8)) % 26);
  value.set(head.subarray(0, Math.min(head.length, size)));
  return value;
}

async function perform(store: StoreClient, operation: PlannedOperation): Promise<Came> {
  const key = textArg(operation, 0);
  const deadlineMs = numberArg(operation, 3);
  switch (operation.kind as Kind) {
    case 'put': {
      const value = makeValue(textArg(operation, 1), numberArg(operation, 2));
      return (await store.put(key, fingerprint(value), deadlineMs, value)).came;
    }
    case 'get':
      return (await store.get(key, deadlineMs)).came;
    case 'delete':
      return (await store.delete(key, deadlineMs)).came;
    case 'range':
      return (await store.range(KEYS[0] as string, RANGE_END, deadlineMs)).came;
    case 'too-large': {
      const value = new Uint8Array(VALUE_BYTES_MAX + 1);
      const { came, error } = await store.put(key, fingerprint(value), deadlineMs, value);
      if (came === 'ok') throw new Error(`a value of ${value.length} bytes was taken`);
      // The nodes may have been away; what answers has to say the reason.
      return codeOf(error as Error) === 'VALUE_TOO_LARGE' ? 'ok' : came;
    }
  }
}

export const largeValuesWorkload: Workload = {
  name: 'large-values',
  tuning: {
    snapshotIntervalEntries: 40,
    snapshotCatchUpEntries: 15,
    snapshotIntervalBytes: 512 * KIB,
    maxBytesPerMessage: 64 * KIB,
  },
  plan: (options) => planOperations(options, draw),
  begin: (cluster, operations) =>
    new StoreRun({ name: 'large-values', cluster, operations, perform, keys: KEYS }),
};
