/**
 * The load: 64 writers in flight over 8 clients that know the nodes in different orders. Records from the
 * machine, and a mix of what must not be applied twice: increments, transfers between accounts, chains of
 * compare-and-set.
 *
 * Every write has a request id from the start and is tried with it until its outcome is certain, after an
 * unknown outcome through another client (so: another node). A few are cut off on purpose right after they
 * were sent, so that there are unknown outcomes even where the cluster recovers too fast to leave any.
 */
import { type ClientTransaction, connect, type QuorateClient } from '../../src/client/index.ts';
import type { RequestId } from '../../src/consensus/index.ts';
import { ClusterError } from '../../src/errors.ts';
import { pause } from '../waiting.ts';
import type { Ledger } from './ledger.ts';
import type { RealRecord } from './real-records.ts';
import type { Seeded } from './seeded.ts';

const WRITERS = 64;
const CLIENTS = 8;
const TRY_MS = 500;
/** A write whose outcome is not certain by then is a failure of the whole run. */
const SETTLE_MS = 60_000;
/** One write in so many is cut off after it was sent. */
const CUT_ONE_IN = 200;
const CUT_AFTER_MS_MAX = 3;
const COUNTERS = 32;
export const ACCOUNTS = 20;
const CHAINS = 8;
export const BALANCE_AT_FIRST = 1_000;

interface WriteOptions {
  readonly request: RequestId;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

type Attempt<T> = (client: QuorateClient, options: WriteOptions) => Promise<T>;

export class Writers {
  readonly #ledger: Ledger;
  readonly #seeded: Seeded;
  readonly #records: readonly RealRecord[];
  readonly #clients: QuorateClient[] = [];
  #nextRecord = 0;
  #isEnding = false;
  #running: Promise<void> = Promise.resolve();

  constructor(ledger: Ledger, seeded: Seeded, records: readonly RealRecord[]) {
    this.#ledger = ledger;
    this.#seeded = seeded;
    this.#records = records;
  }

  get recordsWritten(): number {
    return this.#ledger.recordRevisions.size;
  }

  async start(nodes: readonly string[]): Promise<void> {
    for (let i = 0; i < CLIENTS; i++) {
      const turn = i % nodes.length;
      const order = [...nodes.slice(turn), ...nodes.slice(0, turn)];
      this.#clients.push(await connect({ nodes: order, timeoutMs: 10_000 }));
    }
    for (let i = 0; i < ACCOUNTS; i++) await this.#openAccount(`account/${i}`);
    const writers = Array.from({ length: WRITERS }, (_, i) => this.#write(i));
    this.#running = Promise.all(writers).then(() => {});
    this.#running.catch(() => {});
  }

  /** Goes on until every record is written, then ends; resolves when every outcome is certain. */
  async finish(): Promise<void> {
    this.#isEnding = true;
    await this.#running;
    await Promise.all(this.#clients.map((client) => client.close()));
    this.#ledger.settleTotals();
  }

  async #openAccount(key: string): Promise<void> {
    const { revision } = await this.#settle(0, (client, options) =>
      client.put(key, String(BALANCE_AT_FIRST), options),
    );
    this.#ledger.balances.set(key, BALANCE_AT_FIRST);
    this.#ledger.acknowledge(revision);
  }

  async #write(writer: number): Promise<void> {
    for (let turn = 0; ; turn++) {
      const isRecordLeft = this.#nextRecord < this.#records.length;
      if (this.#isEnding && !isRecordLeft) return;
      const dice = this.#seeded.below(10);
      if (isRecordLeft && dice < 7) await this.#putRecord(writer);
      else if (dice % 3 === 0) await this.#increment(writer);
      else if (dice % 3 === 1) await this.#transfer(writer);
      else await this.#swap(writer, turn);
    }
  }

  async #putRecord(writer: number): Promise<void> {
    const record = this.#records[this.#nextRecord++] as RealRecord;
    const { revision } = await this.#settle(writer, (client, options) =>
      client.put(record.key, record.value, options),
    );
    this.#ledger.expected.set(record.key, record.value);
    this.#ledger.recordRevisions.set(record.key, revision);
    this.#ledger.acknowledge(revision);
  }

  async #increment(writer: number): Promise<void> {
    const key = `counter/${this.#seeded.below(COUNTERS)}`;
    const by = this.#seeded.between(1, 9);
    const { revision } = await this.#settle(writer, (client, options) =>
      client.increment(key, by, options),
    );
    this.#ledger.counters.set(key, (this.#ledger.counters.get(key) ?? 0) + by);
    this.#ledger.acknowledge(revision);
  }

  /** Both accounts in one transaction, if nobody has touched the first meanwhile. */
  async #transfer(writer: number): Promise<void> {
    const from = this.#seeded.below(ACCOUNTS);
    const to = (from + 1 + this.#seeded.below(ACCOUNTS - 1)) % ACCOUNTS;
    const [source, target] = [`account/${from}`, `account/${to}`];
    const amount = this.#seeded.between(1, 50);
    const isGuarded = this.#seeded.below(2) === 0;
    const seen = isGuarded ? await this.#read(writer, source) : undefined;
    const transaction: ClientTransaction = {
      compare: isGuarded
        ? [
            {
              key: source,
              target: 'modRevision',
              operator: 'equal',
              operand: seen?.modRevision ?? 0,
            },
          ]
        : [{ key: source, target: 'version', operator: 'greater', operand: 0 }],
      then: [
        { kind: 'increment', key: source, by: -amount },
        { kind: 'increment', key: target, by: amount },
      ],
      else: [{ kind: 'get', key: source }],
    };
    const { succeeded, revision } = await this.#settle(writer, (client, options) =>
      client.transaction(transaction, options),
    );
    if (succeeded) {
      const { balances } = this.#ledger;
      balances.set(source, (balances.get(source) ?? 0) - amount);
      balances.set(target, (balances.get(target) ?? 0) + amount);
    }
    this.#ledger.acknowledge(succeeded ? revision : undefined);
  }

  async #swap(writer: number, turn: number): Promise<void> {
    const key = `chain/${this.#seeded.below(CHAINS)}`;
    const item = await this.#read(writer, key);
    const found = item === undefined ? undefined : Buffer.from(item.value).toString();
    const value = `${Number(found?.split(':')[0] ?? 0) + 1}:${writer}:${turn}`;
    const { swapped, revision } = await this.#settle(writer, (client, options) =>
      client.compareAndSet(key, found, value, options),
    );
    if (swapped) {
      const chain = this.#ledger.chains.get(key) ?? { swaps: new Map<string, string>() };
      if (chain.swaps.has(found ?? '')) {
        this.#ledger.problems.push(`${key}: two swaps found "${found}"`);
      }
      chain.swaps.set(found ?? '', value);
      this.#ledger.chains.set(key, chain);
    }
    this.#ledger.acknowledge(swapped ? revision : undefined);
  }

  async #read(writer: number, key: string) {
    const limit = performance.now() + SETTLE_MS;
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#client(writer + attempt).get(key, { timeoutMs: TRY_MS });
      } catch (error) {
        await this.#mayGoOn(error, limit);
      }
    }
  }

  /** The same request id until the outcome is certain. */
  async #settle<T>(writer: number, attempt: Attempt<T>): Promise<T> {
    const limit = performance.now() + SETTLE_MS;
    const request = await this.#requestId(writer, limit);
    let isCut = this.#seeded.below(CUT_ONE_IN) === 0;
    for (let tries = 0; ; tries++) {
      const cut = new AbortController();
      let timer: NodeJS.Timeout | undefined;
      if (isCut) timer = setTimeout(() => cut.abort(), this.#seeded.below(CUT_AFTER_MS_MAX));
      try {
        const signal = isCut ? { signal: cut.signal } : {};
        return await attempt(this.#client(writer + tries), {
          request,
          timeoutMs: TRY_MS,
          ...signal,
        });
      } catch (error) {
        if (error instanceof ClusterError && error.retryable === 'unknown-outcome') {
          if (isCut) this.#ledger.forcedUnknown++;
          else this.#ledger.retriedUnknown++;
        }
        isCut = false;
        await this.#mayGoOn(error, limit);
      } finally {
        clearTimeout(timer);
      }
    }
  }

  async #requestId(writer: number, limit: number): Promise<RequestId> {
    for (;;) {
      try {
        return await this.#client(writer).nextRequest({ timeoutMs: 5_000 });
      } catch (error) {
        await this.#mayGoOn(error, limit);
      }
    }
  }

  async #mayGoOn(error: unknown, limit: number): Promise<void> {
    const isKnown = error instanceof ClusterError && error.code !== 'SESSION_EXPIRED';
    if (!isKnown || error.retryable === 'no' || performance.now() > limit) throw error;
    if (error.retryable === 'yes') this.#ledger.refused++;
    await pause(10);
  }

  #client(number: number): QuorateClient {
    return this.#clients[number % CLIENTS] as QuorateClient;
  }
}
