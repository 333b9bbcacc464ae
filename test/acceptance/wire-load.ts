/**
 * The load of `wire`: 64 small writes in flight, and a few large ones, through the nodes that are not
 * going to be stopped. The keys are few, so that the state stays small while the log grows.
 */
import { connect, type QuorateClient } from '../../src/client/index.ts';
import { pause } from '../waiting.ts';

const SMALL_IN_FLIGHT = 64;
const SMALL_BYTES = 256;
const SMALL_KEYS = 1_024;
const LARGE_BYTES = 64 * 1024;
const LARGE_KEYS = 64;
/** Between two large values: 20 a second, 1.3 MB. */
const LARGE_PAUSE_MS = 50;
const POURERS = 8;
const CALL_MS = 5_000;

export class WireLoad {
  readonly #client: QuorateClient;
  readonly #small: Uint8Array = Buffer.alloc(SMALL_BYTES, 's');
  readonly #large: Uint8Array = Buffer.alloc(LARGE_BYTES, 'L');
  #isEnding = false;
  #running: Promise<unknown> = Promise.resolve();
  #written = 0;
  /** What was not acknowledged in time, or at all. */
  readonly errors: string[] = [];

  private constructor(client: QuorateClient) {
    this.#client = client;
  }

  static async start(nodes: readonly string[]): Promise<WireLoad> {
    const load = new WireLoad(await connect({ nodes, timeoutMs: CALL_MS }));
    const small = Array.from({ length: SMALL_IN_FLIGHT }, (_, i) => load.#writeSmall(i));
    load.#running = Promise.all([...small, load.#writeLarge()]);
    return load;
  }

  get written(): number {
    return this.#written;
  }

  async #writeSmall(writer: number): Promise<void> {
    for (let i = writer; !this.#isEnding; i += SMALL_IN_FLIGHT) {
      await this.#put(`small/${i % SMALL_KEYS}`, this.#small);
    }
  }

  async #writeLarge(): Promise<void> {
    for (let i = 0; !this.#isEnding; i++) {
      await this.#put(`large/${i % LARGE_KEYS}`, this.#large);
      await pause(LARGE_PAUSE_MS);
    }
  }

  async #put(key: string, value: Uint8Array): Promise<boolean> {
    try {
      await this.#client.put(key, value);
      this.#written += 1;
      return true;
    } catch (error) {
      this.errors.push(String(error));
      await pause(LARGE_PAUSE_MS);
      return false;
    }
  }

  /** So many bytes of further large values, a few at a time; answers how many were acknowledged. */
  async pour(bytes: number): Promise<number> {
    let left = Math.ceil(bytes / LARGE_BYTES);
    let acknowledged = 0;
    const pourer = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const key = `large/${left % LARGE_KEYS}`;
        if (await this.#put(key, this.#large)) acknowledged += LARGE_BYTES;
      }
    };
    await Promise.all(Array.from({ length: POURERS }, pourer));
    return acknowledged;
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    await this.#running;
    await this.#client.close();
  }
}
