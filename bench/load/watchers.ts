/**
 * Many watches on a few connections, each on a key of its own; counts what they are told. The connections go to
 * the nodes in turn, as clients of a service spread: all watches on one node would be another measurement.
 */
import { connect, type QuorateClient, type Watch } from '../../src/client/index.ts';
import { rotated } from '../rotated.ts';
import { keyName } from './spec.ts';

/** A connection takes no more watches than this (CLIENT_WATCHES_MAX). */
const WATCHES_PER_CLIENT = 250;

type WatchingClient = Pick<QuorateClient, 'watch' | 'close'>;
/** Of a client that takes the first of the nodes that answers. */
type Connect = (nodes: readonly string[]) => Promise<WatchingClient>;

export class Watchers {
  readonly #connect: Connect;
  readonly #clients: WatchingClient[] = [];
  #open = 0;
  #told = 0;

  constructor(connectTo: Connect = (nodes) => connect({ nodes })) {
    this.#connect = connectTo;
  }

  /** Open and confirmed when it resolves. */
  async add(nodes: readonly string[], count: number, keys: number): Promise<void> {
    const starting: Promise<unknown>[] = [];
    for (let at = 0; at < count; at++) {
      if (this.#open % WATCHES_PER_CLIENT === 0) {
        this.#clients.push(await this.#connect(rotated(nodes, this.#clients.length)));
      }
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
