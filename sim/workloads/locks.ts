/**
 * Locks by compare-and-set, with the revision of the key as fencing token.
 *
 * Two kinds. An exclusive lock is let go by its holder and by nobody else: two may never be inside at once,
 * whatever the clocks say. A lease is taken from its holder by whoever is tired of waiting; then two may
 * believe in it at once, and the resource's tokens decide.
 *
 * Who does not know whether he got a lock looks (linearizably), and takes it that he has it only if his own
 * mark is there. An attempt that takes effect even later leaves a lock without a holder; its owner finds
 * his old mark at his next try, and clears it away. Marks are used once, so that clears no one else's.
 */
import type { SeededRandom } from '../world/seeded-random.ts';
import { FencedResource } from './fenced-resource.ts';
import type { Came } from './fleet.ts';
import { drawDeadline, numberArg, planOperations, textArg } from './planning.ts';
import type { StoreClient } from './store-client.ts';
import { StoreRun } from './store-run.ts';
import type { PlannedOperation, Workload } from './workload.ts';

const EXCLUSIVE: readonly string[] = ['lock/x', 'lock/y'];
const LEASES: readonly string[] = ['lease/a'];
const LEASE_PERCENT = 40;
const HOLD_MS_MAX = 250;
/** On its way to the resource a write may be overtaken. */
const WAY_MS_MAX = 40;

function draw(random: SeededRandom): Pick<PlannedOperation, 'kind' | 'args'> {
  const isLease = random.chance(LEASE_PERCENT);
  const lock = random.pick(isLease ? LEASES : EXCLUSIVE);
  const args = [lock, random.below(HOLD_MS_MAX), drawDeadline(random)];
  return { kind: isLease ? 'lease' : 'lock', args };
}

interface Held {
  readonly lock: string;
  readonly mark: string;
  readonly token: number;
}

class Locksmith {
  readonly run: StoreRun;
  readonly resource: FencedResource;
  readonly #marks: Map<StoreClient, number> = new Map();
  /** The highest token that anybody was told, by lock, and who. */
  readonly #told: Map<string, Held> = new Map();

  constructor(run: StoreRun) {
    this.run = run;
    this.resource = new FencedResource(run.fleet.findings);
  }

  async perform(store: StoreClient, operation: PlannedOperation): Promise<Came> {
    const lock = textArg(operation, 0);
    const holdMs = numberArg(operation, 1);
    const deadlineMs = numberArg(operation, 2);
    const isLease = operation.kind === 'lease';
    const floor = this.#told.get(lock);
    const acquired = await this.#acquire(store, lock, isLease, deadlineMs);
    if (typeof acquired === 'string') return acquired;
    this.#checkToken(store, acquired, floor);
    await this.#use(store, acquired, isLease, holdMs);
    await this.#clear(store, lock, acquired.mark, deadlineMs);
    return 'ok';
  }

  async #acquire(
    store: StoreClient,
    lock: string,
    isLease: boolean,
    deadlineMs: number,
  ): Promise<Held | Came> {
    const count = (this.#marks.get(store) ?? 0) + 1;
    this.#marks.set(store, count);
    const own = `${store.client.name}#`;
    const mark = `${own}${count}`;
    const first = await store.compareAndSet(lock, null, mark, deadlineMs);
    if (first.told?.output === true) return { lock, mark, token: first.told.revision };
    if (first.came === 'failed') return 'failed';
    const present = await this.#look(store, lock, deadlineMs);
    if (present === undefined) return first.came;
    if (present.mark === mark) return present;
    if (first.came === 'unknown') return 'unknown';
    if (present.mark.startsWith(own)) await this.#clear(store, lock, present.mark, deadlineMs);
    if (!isLease || present.mark === '') return 'ok';
    const second = await store.compareAndSet(lock, present.mark, mark, deadlineMs);
    if (second.told?.output === true) return { lock, mark, token: second.told.revision };
    return second.came;
  }

  /** Whose mark is there; the empty one: nobody's. Undefined: no answer. */
  async #look(store: StoreClient, lock: string, deadlineMs: number): Promise<Held | undefined> {
    const { told } = await store.get(lock, deadlineMs);
    return told && { lock, mark: told.output ?? '', token: told.modRevision ?? 0 };
  }

  async #use(store: StoreClient, held: Held, isLease: boolean, holdMs: number): Promise<void> {
    const { lock, mark, token } = held;
    const { client } = store;
    if (!isLease) this.resource.enter(lock, mark, token, client.nowMs);
    for (const share of [0, 0.5, 0.5]) {
      await client.sleep(holdMs * share + (isLease ? client.random.below(WAY_MS_MAX) : 0));
      if (this.resource.write(lock, mark, token, client.nowMs) || isLease) continue;
      this.run.fleet.findings.found(
        'one holder at a time',
        `${mark} holds ${lock} by token ${token} and nobody may take it away, ` +
          `but the resource has seen a newer token (${client.nowMs.toFixed(3)} ms)`,
      );
    }
    if (!isLease) this.resource.leave(lock, mark);
  }

  /** Takes a mark away, if it is there. */
  async #clear(store: StoreClient, lock: string, mark: string, deadlineMs: number): Promise<void> {
    const guard = { key: lock, target: 'value', operator: 'equal', operand: mark } as const;
    const step = { op: 'delete', key: lock, value: null } as const;
    await store.transaction({ guards: [guard], then: [step], else: [] }, deadlineMs);
  }

  /** A lock that was asked for after another one was had has a higher token. */
  #checkToken(store: StoreClient, held: Held, floor: Held | undefined): void {
    const { lock, mark, token } = held;
    const newest = this.#told.get(lock);
    if (newest === undefined || token > newest.token) this.#told.set(lock, held);
    if (floor === undefined || token > floor.token) return;
    this.run.fleet.findings.found(
      'tokens grow',
      `${mark} got ${lock} with token ${token} at ${store.client.nowMs.toFixed(3)} ms, ` +
        `having asked after ${floor.mark} had got token ${floor.token}\n` +
        this.run.ledger.tellKey(lock).join('\n'),
    );
  }
}

export const locksWorkload: Workload = {
  name: 'locks',
  plan: (options) => planOperations(options, draw),
  begin: (cluster, operations) => {
    const run: StoreRun = new StoreRun({
      name: 'locks',
      cluster,
      operations,
      perform: (store, operation) => smith.perform(store, operation),
      keys: [...EXCLUSIVE, ...LEASES],
    });
    const smith = new Locksmith(run);
    return run;
  },
};
