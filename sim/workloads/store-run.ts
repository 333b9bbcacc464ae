/**
 * What every workload on the key-value store has: clients, the history of what they did, the yardstick of
 * what was applied, and a judge at the end.
 *
 * The judge reads every key once more, linearizably, before it looks at the history: a write that was
 * acknowledged last and lost would be missed otherwise. All is healed then, so these reads must succeed.
 */
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { type Came, Fleet } from './fleet.ts';
import { Ledger } from './ledger.ts';
import { NodeViews } from './node-views.ts';
import { RevisionLog } from './revision-log.ts';
import type { SimClient } from './sim-client.ts';
import { StoreClient } from './store-client.ts';
import type { PlannedOperation, WorkloadRun } from './workload.ts';

export type StorePerform = (store: StoreClient, operation: PlannedOperation) => Promise<Came>;

export interface StoreRunOptions {
  readonly name: string;
  readonly cluster: SimCluster;
  readonly operations: readonly PlannedOperation[];
  readonly perform: StorePerform;
  /** Keys that are read at the end. */
  readonly keys: readonly string[];
  /** What else must hold, when the history was found good. */
  readonly checkMore?: (run: StoreRun) => Promise<void> | void;
}

/** A healed cluster answers within that; it may have to elect a leader first. */
const FINAL_READ_MS = 20_000;
/** The host of whoever judges: no fault cuts it off. */
const JUDGE = 9_000;

export class StoreRun implements WorkloadRun {
  readonly cluster: SimCluster;
  readonly fleet: Fleet;
  readonly ledger: Ledger = new Ledger();
  readonly log: RevisionLog;
  readonly judge: StoreClient;
  readonly #options: StoreRunOptions;
  readonly #views: NodeViews;
  readonly #stores: Map<SimClient, StoreClient> = new Map();

  constructor(options: StoreRunOptions) {
    this.#options = options;
    const { cluster, name, operations, perform } = options;
    this.cluster = cluster;
    this.fleet = new Fleet({
      name,
      cluster,
      operations,
      perform: (client, operation) => perform(this.store(client), operation),
    });
    this.log = new RevisionLog(cluster, this.fleet.findings);
    this.#views = new NodeViews(this.log, this.fleet.findings);
    this.judge = this.store(this.fleet.makeClient(JUDGE, 'judge'));
  }

  get pending(): number {
    return this.fleet.pending;
  }

  get counts(): WorkloadRun['counts'] {
    return this.fleet.counts;
  }

  /** The store as that client uses it; everything goes into the one history. */
  store(client: SimClient): StoreClient {
    let store = this.#stores.get(client);
    if (store === undefined) {
      store = new StoreClient(client, this.ledger, this.#views);
      this.#stores.set(client, store);
    }
    return store;
  }

  start(): void {
    this.fleet.start();
  }

  async check(): Promise<void> {
    const { findings } = this.fleet;
    findings.check();
    await this.cluster.settled(this.#readAll(), FINAL_READ_MS * (this.#options.keys.length + 1));
    findings.check();
    this.ledger.check(findings, this.log.changes);
    findings.check();
    await this.#options.checkMore?.(this);
    findings.check();
  }

  async #readAll(): Promise<void> {
    for (const key of this.#options.keys) {
      const { told, error } = await this.judge.get(key, FINAL_READ_MS);
      if (told !== undefined) continue;
      this.fleet.findings.found(
        'a healed cluster answers',
        `the last read of ${key} got no answer within ${FINAL_READ_MS} ms, ` +
          `when all was healed: ${error?.message}`,
      );
    }
  }
}
