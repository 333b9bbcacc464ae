/**
 * A light load that goes on while members come and go: records and counters, each write acknowledged before
 * the next of its writer. The client repeats by itself what was refused or lost on the way; what it can not
 * bring to a certain end is a failed write, and there must be none.
 */
import { connect, type QuorateClient } from '../../src/client/index.ts';
import { pause } from '../waiting.ts';
import { Ledger } from './ledger.ts';

const WRITERS = 8;
const CLIENTS = 2;
const REST_MS = 5;
/** Each write has so long: more than an election, and than a node that falls silent. */
const WRITE_MS = 15_000;

export class MembersLoad {
  readonly ledger: Ledger = new Ledger();
  readonly failures: string[] = [];
  readonly #clients: QuorateClient[] = [];
  #isEnding = false;
  #running: Promise<unknown> = Promise.resolve();

  /** `nodes`: client addresses of all that there will ever be. */
  async start(nodes: readonly string[]): Promise<void> {
    for (let i = 0; i < CLIENTS; i++) {
      const order = [...nodes.slice(i), ...nodes.slice(0, i)];
      this.#clients.push(await connect({ nodes: order, timeoutMs: WRITE_MS }));
    }
    this.#running = Promise.all(Array.from({ length: WRITERS }, (_, i) => this.#write(i)));
  }

  async finish(): Promise<void> {
    this.#isEnding = true;
    await this.#running;
    await Promise.all(this.#clients.map((client) => client.close()));
    this.ledger.settleTotals();
  }

  async #write(writer: number): Promise<void> {
    const client = this.#clients[writer % CLIENTS] as QuorateClient;
    for (let turn = 0; !this.#isEnding; turn++) {
      try {
        if (turn % 4 === 0) await this.#increment(client, `counter/${writer}`);
        else await this.#put(client, `record/${writer}/${turn}`);
      } catch (error) {
        this.failures.push(error instanceof Error ? error.message : String(error));
      }
      await pause(REST_MS);
    }
  }

  async #put(client: QuorateClient, key: string): Promise<void> {
    const value = `${key} `.repeat(20);
    const { revision } = await client.put(key, value);
    this.ledger.expected.set(key, value);
    this.ledger.recordRevisions.set(key, revision);
    this.ledger.acknowledge(revision);
  }

  async #increment(client: QuorateClient, key: string): Promise<void> {
    const { value, revision } = await client.increment(key);
    const before = this.ledger.counters.get(key) ?? 0;
    if (Number(value) !== before + 1) this.ledger.problems.push(`${key}: ${before}, then ${value}`);
    this.ledger.counters.set(key, Number(value));
    this.ledger.acknowledge(revision);
  }
}
