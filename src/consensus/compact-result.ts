/**
 * A result that holds what its bytes are made of, and writes them where they are wanted.
 *
 * A small array of bytes costs more than what most commands do, to make and in the memory that the
 * sessions keep for retries (docs/internals/performance.md). Most results are never wanted as an array of their own: they are hashed, and
 * the leader copies them into an answer. A machine may answer with results of this kind; `bytes` then
 * makes the array for whoever asks. The rule: what `write` writes is `byteLength` long, and never changes.
 */
import type { CommandResult } from './types.ts';

export abstract class CompactResult implements CommandResult {
  abstract readonly code: number;
  /** Length of `bytes`. */
  abstract readonly byteLength: number;

  /** Writes the bytes at `at`, where there is room for them. */
  abstract write(target: Uint8Array, at: number): void;

  /** Made anew each time. */
  get bytes(): Uint8Array {
    const bytes = new Uint8Array(this.byteLength);
    this.write(bytes, 0);
    return bytes;
  }
}

/** Length of a result's bytes, whatever its kind. */
export function resultLength(result: CommandResult): number {
  return result instanceof CompactResult ? result.byteLength : result.bytes.length;
}

/** Writes a result's bytes at `at`, where there is room for them. */
export function writeResult(result: CommandResult, target: Uint8Array, at: number): void {
  if (result instanceof CompactResult) result.write(target, at);
  else target.set(result.bytes, at);
}
