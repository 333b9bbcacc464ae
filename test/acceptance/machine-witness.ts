/**
 * Whether the machine stood still: a process that does nothing but look at the clock, and is late. On a
 * shared machine both processors are taken away for tenths of a second, and whoever is measured then
 * looks guilty of it.
 */
import type { Span } from './machine-witness-process.ts';
import { Recorder } from './recorder.ts';

export type { Span };

/** A time in which what was waited for did not come; `ownMs`: without the machine's standstills. */
export interface Gap {
  readonly allMs: number;
  readonly ownMs: number;
}

export class MachineWitness {
  readonly #recorder: Recorder<Span>;

  private constructor(recorder: Recorder<Span>) {
    this.#recorder = recorder;
  }

  static async start(): Promise<MachineWitness> {
    return new MachineWitness(await Recorder.start('machine-witness-process.js', {}));
  }

  /** All standstills since the last call. */
  take(): Promise<readonly Span[]> {
    return this.#recorder.take();
  }

  close(): Promise<void> {
    return this.#recorder.close();
  }
}

/** Now, by the clock of spans. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export function gapOf([beginMs, endMs]: Span, standstills: readonly Span[]): Gap {
  let ownMs = endMs - beginMs;
  for (const [fromMs, toMs] of standstills) {
    ownMs -= Math.max(0, Math.min(toMs, endMs) - Math.max(fromMs, beginMs));
  }
  return { allMs: endMs - beginMs, ownMs };
}

/** Of all that are not the machine's doing. */
export function longest(gaps: readonly Gap[]): Gap {
  return gaps.reduce((most, gap) => (gap.ownMs > most.ownMs ? gap : most), { allMs: 0, ownMs: 0 });
}

/** `120 ms`, and how long it was with the machine's standstills if there were any. */
export function told({ allMs, ownMs }: Gap): string {
  const own = `${Math.round(ownMs)} ms`;
  return allMs - ownMs < 1 ? own : `${own} (${Math.round(allMs)} with the machine's standstills)`;
}
