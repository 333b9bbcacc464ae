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

export class Recorder<Item, Order extends object = never> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (items: readonly Item[]) => void>();
  #asked = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (answer: RecorderAnswer<Item>) => {
      if ('ready' in answer) return;
      this.#waiting.get(answer.given)?.(answer.items);
      this.#waiting.delete(answer.given);
    });
  }

  /** `program` lies in this folder. `first` is what it is told before it says that it has begun. */
  static async start<Item, Order extends object>(
    program: string,
    first: Order,
  ): Promise<Recorder<Item, Order>> {
    const path = fileURLToPath(new URL(program, import.meta.url));
    const child = fork(path, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    process.on('exit', () => child.kill('SIGKILL'));
    const ready = new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', () => reject(new Error(`${program} did not start`)));
    });
    child.send(first);
    await ready;
    return new Recorder(child);
  }

  /** All that was written down since the last call. */
  take(): Promise<readonly Item[]> {
    const order: RecorderOrder = { give: ++this.#asked };
    return new Promise((resolve) => {
      this.#waiting.set(order.give, resolve);
      this.#child.send(order);
    });
  }

  tell(order: Order): void {
    this.#child.send(order);
  }

  async close(): Promise<void> {
    const gone = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.kill('SIGKILL');
    await gone;
  }
}
