/**
 * A process of its own that writes something down, and hands it over when it is asked: what it records is
 * then not moved by what its parent does meanwhile. Talks over the channel of `fork`, and ends with it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** To a recorder: hand over what you have. */
export interface RecorderOrder {
  readonly give: number;
}

/** From a recorder: it has begun, or what it has written down since the last time. */
export type RecorderAnswer<Item> =
  | { readonly ready: true }
  | { readonly given: number; readonly items: readonly Item[] };

interface Asked<Item> {
  readonly resolve: (items: readonly Item[]) => void;
  readonly reject: (error: Error) => void;
}

export class Recorder<Item, Order extends object> {
  readonly #child: ChildProcess;
  readonly #begun: Promise<void>;
  readonly #ended: Promise<void>;
  readonly #waiting = new Map<number, Asked<Item>>();
  #asked = 0;

  private constructor(program: string) {
    const path = fileURLToPath(new URL(program, import.meta.url));
    const child = fork(path, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#child = child;
    const kill = (): void => void child.kill('SIGKILL');
    process.on('exit', kill);
    this.#ended = new Promise((resolve) => child.once('exit', () => resolve()));
    this.#begun = new Promise((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', () => reject(new Error(`${program} did not start`)));
    });
    child.on('message', (answer: RecorderAnswer<Item>) => {
      if ('ready' in answer) return;
      this.#waiting.get(answer.given)?.resolve(answer.items);
      this.#waiting.delete(answer.given);
    });
    child.once('exit', () => {
      process.off('exit', kill);
      const error = new Error(`${program} has ended: what it recorded is lost`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  /** `program` lies in this folder. `first` is what it is told before it says that it has begun. */
  static async start<Item, Order extends object>(
    program: string,
    first: Order,
  ): Promise<Recorder<Item, Order>> {
    const recorder = new Recorder<Item, Order>(program);
    recorder.tell(first);
    await recorder.#begun;
    return recorder;
  }

  /** All that was written down since the last call. @throws Error when the process has ended. */
  take(): Promise<readonly Item[]> {
    const order: RecorderOrder = { give: ++this.#asked };
    return new Promise((resolve, reject) => {
      this.#waiting.set(order.give, { resolve, reject });
      this.#child.send(order, (error) => {
        if (error !== null) reject(error);
      });
    });
  }

  /** To one that has ended it is told in vain; `take` says so. */
  tell(order: Order): void {
    this.#child.send(order, () => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
