/** Many watches on a few connections, each on a key of its own; counts what they are told. */
import { connect, type QuorateClient, type Watch } from '../../src/client/index.ts';
import { keyName } from './spec.ts';

/** A connection takes no more watches than this (CLIENT_WATCHES_MAX). */
const WATCHES_PER_CLIENT = 250;

export class Watchers {
  readonly #clients: QuorateClient[] = [];
  #open = 0;
  #told = 0;

  /** Open and confirmed when it resolves. */
  async add(nodes: readonly string[], count: number, keys: number): Promise<void> {
    const starting: Promise<unknown>[] = [];
    for (let at = 0; at < count; at++) {
      if (this.#open % WATCHES_PER_CLIENT === 0) this.#clients.push(await connect({ nodes }));
      const watch = this.#clients.at(-1)!.watch({ key: keyName(this.#open++ % keys) });
      starting.push(watch.started);
      void this.#follow(watch);
    }
    await Promise.all(starting);
  }

  get told(): number {
    return this.#told;
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async #follow(watch: Watch): Promise<void> {
    try {
      for await (const _change of watch) this.#told++;
    } catch {
      // The client was closed, or the cluster is going: nobody waits for more.
    }
  }
}
