/**
 * Time of a whole simulated world: which process runs next, and nothing else moves it.
 *
 * One loop per process and one for nature (devices, faults, operators, observers). The kernel picks the
 * loop whose next thing is due first, moves the clock there, and lets it do one turn; between any two
 * callbacks all promises settle, and the observers look. No real time passes and nothing is drawn at
 * random here: the same callbacks in the same order give the same run.
 *
 * What must hold for that: code under simulation settles by promises alone. Real I/O, real timers and
 * worker threads would let the outside in; the house check keeps them out of the rooms above world/.
 *
 * An exception that leaves a callback is what would end a real process: it is kept and told
 * (`onUncaught`), and the run is to be called broken.
 */
import { EventLoop, type RunOne } from './event-loop.ts';

/** Turns at one instant: beyond it something asks for itself again without letting time pass. */
const TURNS_PER_INSTANT_MAX = 20_000;
/** The real loop gets a chance several times a second, so that a run can be interrupted at once. */
const CALLBACKS_PER_BREATH = 2_000;

export class Kernel {
  nowMs = 0;
  /** Callbacks run so far. */
  callbacks = 0;
  /** What happens by itself: devices, faults, operators. It is never blocked and never dies. */
  readonly nature: EventLoop;
  /** Called after each callback, when all promises have settled. */
  afterEach: (loop: EventLoop) => void = () => {};
  onUncaught: (error: unknown, loop: EventLoop) => void = (error) => {
    throw error;
  };
  #order = 0;
  readonly #loops: EventLoop[] = [];
  #turnsAtInstant = 0;

  constructor() {
    this.nature = this.loop('nature');
  }

  nextOrder(): number {
    return this.#order++;
  }

  /** A new process. */
  loop(name: string): EventLoop {
    const loop = new EventLoop(name, this);
    this.#loops.push(loop);
    return loop;
  }

  /** Runs until `untilMs`, or until `isReached`, which is asked after each turn. Answers whether it was. */
  async run(untilMs: number, isReached: () => boolean = () => false): Promise<boolean> {
    await settle();
    while (!isReached()) {
      const next = this.#next();
      if (next === undefined || next.atMs > untilMs) {
        this.nowMs = Math.max(this.nowMs, untilMs);
        return isReached();
      }
      this.#moveTo(next.atMs);
      await next.loop.turn(this.#runOne);
    }
    return true;
  }

  readonly #runOne: RunOne = async (loop, callback) => {
    try {
      callback();
    } catch (error) {
      this.onUncaught(error, loop);
    }
    this.callbacks += 1;
    if (this.callbacks % CALLBACKS_PER_BREATH === 0) await breathe();
    await settle();
    this.afterEach(loop);
  };

  #moveTo(atMs: number): void {
    if (atMs > this.nowMs) {
      this.nowMs = atMs;
      this.#turnsAtInstant = 0;
      return;
    }
    this.#turnsAtInstant += 1;
    if (this.#turnsAtInstant > TURNS_PER_INSTANT_MAX) {
      throw new Error(`time stands still at ${this.nowMs} ms: something asks for itself for ever`);
    }
  }

  #next(): { readonly loop: EventLoop; readonly atMs: number } | undefined {
    let first: EventLoop | undefined;
    let firstMs = Number.POSITIVE_INFINITY;
    let dead = 0;
    for (const loop of this.#loops) {
      if (loop.isDead) dead += 1;
      const atMs = loop.nextMs();
      if (atMs === undefined || atMs >= firstMs) continue;
      first = loop;
      firstMs = atMs;
    }
    if (dead > 0) this.#bury();
    return first === undefined ? undefined : { loop: first, atMs: firstMs };
  }

  #bury(): void {
    const living = this.#loops.filter((loop) => !loop.isDead);
    this.#loops.splice(0, this.#loops.length, ...living);
  }
}

/**
 * All promises that can settle have settled: a tick comes when the queue of microtasks is empty, and
 * costs a tenth of a way round the real loop.
 */
export function settle(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
