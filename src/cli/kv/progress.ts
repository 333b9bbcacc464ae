/**
 * How far a long piece of work is: count, share, rate, time left. Redrawn in place on a terminal; a line
 * every two seconds elsewhere, so that a log of an hour stays readable. The clock is a parameter.
 */
import type { Terminal } from '../terminal.ts';

export interface ProgressOptions {
  readonly terminal: Terminal;
  /** What is counted: "records". */
  readonly noun: string;
  /** Share that is done, 0 to 1, if it can be known. */
  readonly share: () => number | undefined;
  readonly now?: () => number;
}

const REDRAW_MS = 200;
const LINE_MS = 2_000;

export class Progress {
  readonly #options: ProgressOptions;
  readonly #now: () => number;
  readonly #begin: number;
  #shownAt: number;
  #count = 0;
  #isDrawn = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#begin = this.#now();
    this.#shownAt = this.#begin;
  }

  get count(): number {
    return this.#count;
  }

  add(): void {
    this.#count++;
    const now = this.#now();
    const { stderr } = this.#options.terminal;
    const isTerminal = stderr.isTTY === true;
    if (now - this.#shownAt < (isTerminal ? REDRAW_MS : LINE_MS)) return;
    this.#shownAt = now;
    stderr.write(isTerminal ? `\r\u001b[K${this.text()}` : `${this.text()}\n`);
    this.#isDrawn = isTerminal;
  }

  /** Takes the drawn line away. */
  end(): void {
    if (this.#isDrawn) this.#options.terminal.stderr.write('\r\u001b[K');
    this.#isDrawn = false;
  }

  get seconds(): number {
    return (this.#now() - this.#begin) / 1000;
  }

  get ratePerSecond(): number {
    return this.#count / Math.max(this.seconds, 0.001);
  }

  text(): string {
    const share = this.#options.share();
    const rate = `${Math.round(this.ratePerSecond)}/s`;
    const parts = [`${this.#count} ${this.#options.noun}`, rate];
    if (share !== undefined && share > 0) {
      parts.unshift(`${Math.floor(share * 100)} %`);
      parts.push(`${durationText((this.seconds / share) * (1 - share))} left`);
    }
    return parts.join(', ');
  }
}

export function durationText(seconds: number): string {
  if (seconds < 1) return 'less than 1 s';
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}
