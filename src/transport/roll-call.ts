/**
 * Asks the process at the other end of a connection whether it still lives, and waits for its answer.
 *
 * A ping does not do for that: it may have been on its way when its sender died. Each question has a
 * number, and the answer carries it, so an answer proves that the process ran after the question was
 * put. That is what tells a twin (a second process on one data folder, or on a copy of it) from a
 * process that was started again: two that are there at the same time can not be one.
 *
 * Silence is judged as everywhere here (watchdog.ts): our own pauses do not count, and whoever is
 * heard at all meanwhile is not dead, the answer waits behind what it had to say before. But that does
 * not go on for ever: the newcomer's handshake has a deadline, and after TWIN_VERDICT_MS_MAX nothing
 * is concluded.
 */
import { TWIN_SILENCE_MS_MAX, TWIN_VERDICT_MS_MAX } from '../limits.ts';
import type { Clock, Timer } from '../world/index.ts';
import { Watchdog } from './watchdog.ts';

const NUMBER_BYTES = 8;

/** `gone`: the connection ended, or was given up for silence. `unclear`: it speaks, but does not answer. */
export type LifeSign = 'answers' | 'gone' | 'unclear';

interface Call {
  readonly number: bigint;
  readonly watchdog: Watchdog;
  readonly deadline: Timer;
  readonly resolve: (sign: LifeSign) => void;
}

export interface RollCallParts {
  readonly clock: Clock;
  ask(question: Uint8Array): void;
  /** Nothing was heard: the connection is to be given up, and `stop` to be called. */
  silent(silentMs: number): void;
}

export class RollCall {
  readonly #parts: RollCallParts;
  readonly #open = new Set<Call>();
  #lastNumber = 0n;

  constructor(parts: RollCallParts) {
    this.#parts = parts;
  }

  call(): Promise<LifeSign> {
    const { clock } = this.#parts;
    this.#lastNumber += 1n;
    const number = this.#lastNumber;
    return new Promise((resolve) => {
      const call: Call = {
        number,
        watchdog: new Watchdog(clock, TWIN_SILENCE_MS_MAX, (ms) => this.#parts.silent(ms)),
        deadline: clock.after(TWIN_VERDICT_MS_MAX, () => this.#end(call, 'unclear')),
        resolve,
      };
      this.#open.add(call);
      call.watchdog.start();
      const question = Buffer.alloc(NUMBER_BYTES);
      question.writeBigUInt64BE(number);
      this.#parts.ask(question);
    });
  }

  /** Something came. */
  heard(): void {
    for (const { watchdog } of this.#open) watchdog.heard();
  }

  answered(payload: Uint8Array): void {
    if (payload.length !== NUMBER_BYTES) return;
    const number = Buffer.from(payload).readBigUInt64BE();
    for (const call of [...this.#open]) if (call.number <= number) this.#end(call, 'answers');
  }

  /** The connection is gone. */
  stop(): void {
    for (const call of [...this.#open]) this.#end(call, 'gone');
  }

  #end(call: Call, sign: LifeSign): void {
    if (!this.#open.delete(call)) return;
    call.watchdog.stop();
    call.deadline.cancel();
    call.resolve(sign);
  }
}

/** Whether a question is one: what is answered is sent back as it came, so it must be small. */
export function isQuestion(payload: Uint8Array): boolean {
  return payload.length === NUMBER_BYTES;
}
