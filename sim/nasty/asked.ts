/**
 * A request under way, which nobody need wait for: whether, when and how it was answered. It never rejects
 * by itself, so that a script may let it fail.
 */
import { ClusterError } from '../../src/errors.ts';

export class Asked<T> {
  value: T | undefined;
  error: Error | undefined;
  isSettled = false;
  readonly settled: Promise<void>;

  constructor(work: Promise<T>) {
    this.settled = work.then(
      (value) => {
        this.value = value;
        this.isSettled = true;
      },
      (error: unknown) => {
        this.error = error as Error;
        this.isSettled = true;
      },
    );
  }

  get isAnswered(): boolean {
    return this.isSettled && this.error === undefined;
  }

  /** The code of the error that it ended with. */
  get code(): string | undefined {
    return this.error instanceof ClusterError ? this.error.code : this.error?.message;
  }
}
