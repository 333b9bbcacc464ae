/**
 * Whether the machine stood still: a process that does nothing but look at the clock, and is late. A shared
 * machine takes processors away for tenths of a second, and whoever is measured then looks guilty of it.
 *
 * A witness can be wrong: only its own processor may have been taken, or the machine is slow because of what
 * is measured on it. So what is taken out of a time has a bound (`isWithin`), and is always told.
 */
import type { Span } from './machine-clock.ts';
import type { WitnessOrder } from './machine-witness-process.ts';
import { Recorder } from './recorder.ts';

/** A time in which what was waited for did not come; `ownMs`: without the machine's standstills. */
export interface Gap {
  readonly allMs: number;
  readonly ownMs: number;
}

/** With standstills and all, a time may take so many times its bound. */
const EXCUSED_TIMES = 3;

export class MachineWitness {
  readonly #recorder: Recorder<Span, WitnessOrder>;

  private constructor(recorder: Recorder<Span, WitnessOrder>) {
    this.#recorder = recorder;
  }

  static async start(): Promise<MachineWitness> {
    return new MachineWitness(await Recorder.start('machine-witness-process.js', { begin: true }));
  }

  /** All standstills since the last call. */
  take(): Promise<readonly Span[]> {
    return this.#recorder.take();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#recorder[Symbol.asyncDispose]();
  }
}

/** Standstills do not overlap. */
export function gapOf([beginMs, endMs]: Span, standstills: readonly Span[]): Gap {
  let ownMs = endMs - beginMs;
  for (const [fromMs, toMs] of standstills) {
    ownMs -= Math.max(0, Math.min(toMs, endMs) - Math.max(fromMs, beginMs));
  }
  return { allMs: endMs - beginMs, ownMs };
}

export function isWithin({ allMs, ownMs }: Gap, maxMs: number): boolean {
  return ownMs <= maxMs && allMs <= EXCUSED_TIMES * maxMs;
}

/** The gap that is hardest to bear: the longest without standstills. */
export function longest(gaps: readonly Gap[]): Gap {
  return gaps.reduce((most, gap) => (gap.ownMs > most.ownMs ? gap : most), { allMs: 0, ownMs: 0 });
}

/** `120 ms`, and how long it was with the machine's standstills if there were any. */
export function told({ allMs, ownMs }: Gap): string {
  const own = `${Math.round(ownMs)} ms`;
  return allMs - ownMs < 1 ? own : `${own} (${Math.round(allMs)} with the machine's standstills)`;
}
