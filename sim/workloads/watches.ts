/**
 * Watchers on any node, while clients write, and now and then somebody compacts the history: they must
 * miss nothing and repeat nothing, wherever they have to go on (sim-watcher.ts).
 *
 * One is there for the whole, one for a part, one for a single key, one that begins at the first revision,
 * one that asks no node whether it is up to date. Most of their nodes fall behind, are restored from
 * snapshots or restarted under them.
 */
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { apiOf } from '../cluster/sim-process.ts';
import type { SeededRandom } from '../world/seeded-random.ts';
import type { Came } from './fleet.ts';
import { drawDeadline, drawWeighted, numberArg, planOperations, textArg } from './planning.ts';
import { codeOf } from './sim-client.ts';
import { SimWatcher, type WatchedKeys } from './sim-watcher.ts';
import { cameOf, type StoreClient } from './store-client.ts';
import { StoreRun } from './store-run.ts';
import type { PlannedOperation, Workload, WorkloadRun } from './workload.ts';

const KEYS: readonly string[] = Array.from({ length: 8 }, (_, at) => `w/${at}`);
/** All are caught up so long after everything is healed. */
const CATCH_UP_MS = 30_000;
/** A compaction leaves so many revisions, at most. */
const LEFT_MAX = 40;

type Kind = 'put' | 'delete' | 'several' | 'cas' | 'count' | 'compact';
/** Watched by nobody; what it comes to must not depend on who watches something else. */
const COUNTER = 'count/w';

const KINDS: readonly (readonly [number, Kind])[] = [
  [50, 'put'],
  [15, 'delete'],
  [20, 'several'],
  [8, 'cas'],
  [4, 'count'],
  [3, 'compact'],
];

interface WatcherPlan {
  readonly keys: WatchedKeys;
  readonly from: number | undefined;
  readonly isLocal: boolean;
}

const WATCHERS: readonly WatcherPlan[] = [
  { keys: { start: 'w/', end: 'w0' }, from: 1, isLocal: false },
  { keys: { start: 'w/2', end: 'w/5' }, from: undefined, isLocal: false },
  { keys: { start: 'w/3' }, from: 1, isLocal: true },
  { keys: { start: 'w/', end: 'w0' }, from: undefined, isLocal: true },
];

function draw(
  random: SeededRandom,
  client: number,
  at: number,
): Pick<PlannedOperation, 'kind' | 'args'> {
  const kind = drawWeighted(random, KINDS);
  const deadlineMs = drawDeadline(random);
  if (kind === 'compact') return { kind, args: [random.below(LEFT_MAX), '', deadlineMs] };
  const [one = '', two = '', three = ''] = random.shuffled(KEYS);
  const args = [one, `${client}.${at}`, deadlineMs];
  return { kind, args: kind === 'several' ? [...args, two, three] : args };
}

async function perform(
  store: StoreClient,
  operation: PlannedOperation,
  run: StoreRun,
): Promise<Came> {
  const key = textArg(operation, 0);
  const value = textArg(operation, 1);
  const deadlineMs = numberArg(operation, 2);
  switch (operation.kind as Kind) {
    case 'put':
      return (await store.put(key, value, deadlineMs)).came;
    case 'delete':
      return (await store.delete(key, deadlineMs)).came;
    case 'cas':
      return (await store.compareAndSet(key, null, value, deadlineMs)).came;
    case 'count':
      return (await store.increment(COUNTER, 1, deadlineMs)).came;
    case 'several': {
      const then = [
        { op: 'put', key, value },
        { op: 'put', key: textArg(operation, 3), value },
        { op: 'delete', key: textArg(operation, 4), value: null },
      ] as const;
      return (await store.transaction({ guards: [], then, else: [] }, deadlineMs)).came;
    }
    case 'compact':
      return await compact(
        store,
        Math.max(1, run.log.revision - numberArg(operation, 0)),
        deadlineMs,
      );
  }
}

/** Another one may have compacted further meanwhile: that is an answer, too. */
async function compact(store: StoreClient, revision: number, deadlineMs: number): Promise<Came> {
  const outcome = await store.client.write(
    (process, sent) => apiOf(process).write({ kind: 'compact', revision }, sent),
    deadlineMs,
  );
  const isCompacted = outcome.kind !== 'done' && codeOf(outcome.error) === 'REVISION_COMPACTED';
  return isCompacted ? 'ok' : cameOf(outcome);
}

class WatchesRun implements WorkloadRun {
  readonly watchers: readonly SimWatcher[];
  readonly #run: StoreRun;
  readonly #cluster: SimCluster;

  constructor(cluster: SimCluster, operations: readonly PlannedOperation[]) {
    this.#cluster = cluster;
    this.#run = new StoreRun({
      name: 'watches',
      cluster,
      operations,
      perform: (store, operation) => perform(store, operation, this.#run),
      keys: [...KEYS, COUNTER],
    });
    const { fleet, ledger, log } = this.#run;
    this.watchers = WATCHERS.map((plan, at) => {
      const client = fleet.makeClient(at + 1, 'watcher');
      const told = (): number => ledger.revision;
      return new SimWatcher({ cluster, client, log, findings: fleet.findings, told, ...plan });
    });
  }

  get pending(): number {
    return this.#run.pending;
  }

  get counts(): WorkloadRun['counts'] {
    return this.#run.counts;
  }

  start(): void {
    this.#run.start();
    for (const watcher of this.watchers) watcher.start();
  }

  async check(): Promise<void> {
    const { findings } = this.#run.fleet;
    findings.check();
    const haveAll = (): boolean => this.watchers.every(({ hasAll }) => hasAll);
    await this.#cluster.until(haveAll, CATCH_UP_MS);
    for (const watcher of this.watchers) {
      if (!watcher.hasAll) {
        const since = `${CATCH_UP_MS} ms after all was healed`;
        findings.found('watches miss and repeat nothing', `${since}: ${watcher.describe()}`);
      }
      watcher.stop();
    }
    await this.#run.check();
  }
}

export const watchesWorkload: Workload = {
  name: 'watches',
  plan: (options) => planOperations(options, draw),
  begin: (cluster, operations) => new WatchesRun(cluster, operations),
};
