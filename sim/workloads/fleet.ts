/**
 * The clients of a workload, each with its part of the plan: one operation at a time, each not before its
 * time, at once where the one before it took longer. Nothing is left out: after a quiet phase has begun
 * the clients catch up, and `pending` tells when they have.
 *
 * A client's own chance comes from a stream of its number, so that taking out one client's operations
 * moves no other client (shrinking lives on that).
 */
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { Findings } from './findings.ts';
import { SimClient } from './sim-client.ts';
import type { PlannedOperation, WorkloadRun } from './workload.ts';

export type Came = 'ok' | 'failed' | 'unknown';

export interface FleetOptions {
  /** Of the workload. */
  readonly name: string;
  readonly cluster: SimCluster;
  readonly operations: readonly PlannedOperation[];
  /** Runs one operation to its end. What it throws is a bug of the workload, or a violation. */
  readonly perform: (client: SimClient, operation: PlannedOperation) => Promise<Came>;
}

interface Lane {
  readonly client: SimClient;
  readonly operations: readonly PlannedOperation[];
  at: number;
  isBusy: boolean;
}

export class Fleet {
  readonly counts: { ok: number; failed: number; unknown: number } = {
    ok: 0,
    failed: 0,
    unknown: 0,
  };
  readonly findings: Findings;
  readonly #options: FleetOptions;
  readonly #lanes: Lane[];
  #begunAtMs = 0;

  constructor(options: FleetOptions) {
    this.#options = options;
    const { cluster, operations } = options;
    this.findings = new Findings(cluster);
    const numbers = [...new Set(operations.map(({ client }) => client))].sort((a, b) => a - b);
    this.#lanes = numbers.map((number) => ({
      client: this.makeClient(number),
      operations: operations.filter(({ client }) => client === number),
      at: 0,
      isBusy: false,
    }));
  }

  /** A client on the host of that number; more than one may live there. */
  makeClient(number: number, purpose = 'client'): SimClient {
    const { name, cluster } = this.#options;
    const random = cluster.random.stream(`${name}/${purpose} ${number}`);
    return new SimClient({
      cluster,
      number,
      random,
      // Most repeat their writes under ids.
      repeats: number % 5 < 3,
      findings: this.findings,
    });
  }

  /** Operations that are due and not over. */
  get pending(): number {
    const now = this.#options.cluster.nowMs - this.#begunAtMs;
    let pending = 0;
    for (const { operations, at, isBusy } of this.#lanes) {
      if (isBusy) pending += 1;
      for (let next = at; next < operations.length; next++) {
        if ((operations[next] as PlannedOperation).atMs > now) break;
        pending += 1;
      }
    }
    return pending;
  }

  start(): void {
    this.#begunAtMs = this.#options.cluster.nowMs;
    for (const lane of this.#lanes) this.#next(lane);
  }

  #next(lane: Lane): void {
    const operation = lane.operations[lane.at];
    if (operation === undefined) return;
    const { cluster } = this.#options;
    const waitMs = Math.max(0, this.#begunAtMs + operation.atMs - cluster.nowMs);
    cluster.caller(lane.client.name).loop.after(waitMs, () => {
      lane.at += 1;
      lane.isBusy = true;
      this.#run(lane, operation);
    });
  }

  async #run(lane: Lane, operation: PlannedOperation): Promise<void> {
    const { perform } = this.#options;
    const { client } = lane;
    const begunAt = client.nowMs;
    try {
      this.counts[await perform(client, operation)] += 1;
    } catch (error) {
      const { name, message, stack } = error as Error;
      const what = `${operation.kind} ${operation.args.join(' ')}`;
      this.findings.found(
        'operations end in answers',
        `${client.name}: ${what}, begun at ${begunAt.toFixed(3)} ms, threw ${name}: ${stack ?? message}`,
      );
    }
    lane.isBusy = false;
    this.#next(lane);
  }
}

/** The run of clients alone. `judge`: looks at what came of all that they did; findings are told afterwards. */
export function fleetRun(fleet: Fleet, judge: () => void): WorkloadRun {
  return {
    get pending() {
      return fleet.pending;
    },
    get counts() {
      return fleet.counts;
    },
    start: () => fleet.start(),
    check: async () => {
      judge();
      fleet.findings.check();
    },
  };
}
