/**
 * Whether the machine stood still: a process that does nothing but look at the clock, and is late. On a
 * shared machine both processors are taken away for tenths of a second, and whoever is measured then
 * looks guilty of it.
 */
import type { Standstill } from './machine-witness-process.ts';
import { Recorder } from './recorder.ts';

export type { Standstill };

export class MachineWitness {
  readonly #recorder: Recorder<Standstill>;

  private constructor(recorder: Recorder<Standstill>) {
    this.#recorder = recorder;
  }

  static async start(): Promise<MachineWitness> {
    return new MachineWitness(await Recorder.start('machine-witness-process.js', {}));
  }

  /** All since the last call. */
  take(): Promise<readonly Standstill[]> {
    return this.#recorder.take();
  }

  close(): Promise<void> {
    return this.#recorder.close();
  }
}

/** How much of a span of time the machine stood still, in ms. */
export function stoodStill(
  standstills: readonly Standstill[],
  beginMs: number,
  endMs: number,
): number {
  let sum = 0;
  for (const [fromMs, toMs] of standstills) {
    sum += Math.max(0, Math.min(toMs, endMs) - Math.max(fromMs, beginMs));
  }
  return sum;
}
