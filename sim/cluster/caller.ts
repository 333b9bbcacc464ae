/**
 * A process outside of the cluster that asks nodes for things, over the links between its host and
 * theirs. A call is what one request of a client is: it may be refused (nobody runs there), get lost on
 * the way in or on the way out, be broken off by the death of the node, or time out; of all but the
 * first nobody can know whether it took effect.
 */
import type { EventLoop } from '../world/event-loop.ts';
import type { MemoryNetwork } from '../world/memory-network.ts';
import type { EndOfLife } from './events.ts';
import type { SimMachine } from './sim-machine.ts';
import type { SimProcess } from './sim-process.ts';

export interface CallOptions {
  /** Default 10 s. */
  readonly timeoutMs?: number;
}

/** The call itself came to nothing; what the node answers is rejected as it is. */
export class CallFailed extends Error {
  /** `refused`: it never reached the node. The others: nobody knows. */
  readonly how: 'refused' | 'broken' | 'timeout';

  constructor(how: 'refused' | 'broken' | 'timeout', message: string) {
    super(message);
    this.name = 'CallFailed';
    this.how = how;
  }
}

/** What a caller needs of its cluster. */
interface Surroundings {
  readonly network: MemoryNetwork;
  machine(name: string): SimMachine;
}

interface Pending {
  readonly process: SimProcess;
  readonly broken: () => void;
}

const TIMEOUT_MS = 10_000;

export class Caller {
  /** Also its host's name. */
  readonly name: string;
  readonly loop: EventLoop;
  readonly #cluster: Surroundings;
  readonly #pending: Set<Pending> = new Set();

  constructor(name: string, loop: EventLoop, cluster: Surroundings) {
    this.name = name;
    this.loop = loop;
    this.#cluster = cluster;
  }

  /**
   * Has `work` done in the process that runs on the machine when the request arrives.
   * @throws CallFailed, or what `work` threw.
   */
  call<T>(
    to: string,
    work: (process: SimProcess) => Promise<T>,
    options: CallOptions = {},
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let isOver = false;
      let pending: Pending | undefined;
      const { timeoutMs = TIMEOUT_MS } = options;
      const finish = (settle: () => void): void => {
        if (isOver) return;
        isOver = true;
        timer.cancel();
        if (pending !== undefined) this.#pending.delete(pending);
        settle();
      };
      const fail = (how: CallFailed['how'], why: string) => (): void =>
        finish(() => reject(new CallFailed(how, `${this.name} called ${to}: ${why}`)));
      const timer = this.loop.after(timeoutMs, fail('timeout', `no answer within ${timeoutMs} ms`));
      /** Something on its way back; lost where the link is cut. */
      const answer = (deliver: () => void): void => {
        if (this.#isCut(to, this.name)) return;
        this.loop.io(this.#latencyMs(to, this.name), deliver);
      };
      const arrive = (): void => {
        const { process } = this.#cluster.machine(to);
        if (process === undefined) {
          if (!this.#cluster.network.isDead(to)) answer(fail('refused', 'nobody runs there'));
          return;
        }
        pending = { process, broken: () => answer(fail('broken', 'the process died')) };
        if (!isOver) this.#pending.add(pending);
        process.callsWaiting += 1;
        process.loop.io(0, () => {
          process.callsWaiting -= 1;
          work(process).then(
            (value) => answer(() => finish(() => resolve(value))),
            (error: unknown) => answer(() => finish(() => reject(error as Error))),
          );
        });
      };
      if (this.#isCut(this.name, to)) return;
      this.#cluster.network.clock.io(this.#latencyMs(this.name, to), arrive);
    });
  }

  /** The process is gone: the calls that it had are broken off, unless nobody tells. */
  lost(process: SimProcess, how: EndOfLife): void {
    for (const pending of [...this.#pending]) {
      if (pending.process !== process) continue;
      this.#pending.delete(pending);
      if (how !== 'power-cut') pending.broken();
    }
  }

  /** Calls under way. */
  get waiting(): number {
    return this.#pending.size;
  }

  #isCut(from: string, to: string): boolean {
    return this.#cluster.network.link(from, to).isCut;
  }

  #latencyMs(from: string, to: string): number {
    return this.#cluster.network.sampleLatencyMs(from, to);
  }
}
