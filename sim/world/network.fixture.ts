/**
 * Two simulated processes, `a` and `b`, each on a loop of its own, and a connection between them that `a`
 * has dialed. Each end writes down what it heard, and when.
 */
import type { Connection } from '../../src/world/index.ts';
import type { EventLoop } from './event-loop.ts';
import { Kernel } from './kernel.ts';
import { MemoryNetwork, type MemoryNetworkOptions } from './memory-network.ts';

export class End {
  readonly connection: Connection;
  readonly chunks: Uint8Array[] = [];
  /** When each chunk came. */
  readonly atMs: number[] = [];
  drains = 0;
  closed: string | undefined;
  closedAtMs = 0;
  /** Called at each chunk. */
  onChunk: () => void = () => {};

  constructor(connection: Connection, loop: EventLoop) {
    this.connection = connection;
    connection.attach({
      data: (chunk) => {
        this.chunks.push(chunk);
        this.atMs.push(loop.now());
        this.onChunk();
      },
      drain: () => {
        this.drains += 1;
      },
      close: (error) => {
        this.closed = error?.message ?? 'in order';
        this.closedAtMs = loop.now();
      },
    });
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  say(text: string): boolean {
    return this.connection.write([Buffer.from(text)]);
  }
}

export interface Wired {
  readonly kernel: Kernel;
  readonly network: MemoryNetwork;
  readonly loops: { readonly a: EventLoop; readonly b: EventLoop };
  readonly a: End;
  readonly b: End;
  /** Lets `ms` pass. */
  pass(ms: number): Promise<void>;
  /** What a dial of `b`'s port, made by `a` now, comes to. */
  dial(timeoutMs: number, signal?: AbortSignal): { outcome: string | undefined; atMs: number };
}

export const PORT = 7;

export async function wired(options: MemoryNetworkOptions = {}): Promise<Wired> {
  const kernel = new Kernel();
  const network = new MemoryNetwork(kernel.nature, options);
  const loops = { a: kernel.loop('a'), b: kernel.loop('b') };
  const accepted: End[] = [];
  await network
    .host('b', loops.b)
    .listen({ host: 'b', port: PORT }, (it) => accepted.push(new End(it, loops.b)));
  const hostA = network.host('a', loops.a);
  let dialed: End | undefined;
  void hostA.dial({ host: 'b', port: PORT }, 60_000).then((it) => {
    dialed = new End(it, loops.a);
  });
  const pass = async (ms: number): Promise<void> => {
    await kernel.run(kernel.nowMs + ms);
  };
  await pass(1_000);
  const [b] = accepted;
  if (dialed === undefined || b === undefined) throw new Error('the two did not connect');
  const dial: Wired['dial'] = (timeoutMs, signal) => {
    const result = { outcome: undefined as string | undefined, atMs: 0 };
    const settled = (outcome: string): void => {
      Object.assign(result, { outcome, atMs: kernel.nowMs });
    };
    hostA.dial({ host: 'b', port: PORT }, timeoutMs, signal).then(
      (it) => {
        new End(it, loops.a);
        settled('connected');
      },
      (error: { fault?: string; message: string }) => settled(error.fault ?? error.message),
    );
    return result;
  };
  return { kernel, network, loops, a: dialed, b, pass, dial };
}
