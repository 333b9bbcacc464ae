/**
 * Writes the history of a run to a file while it happens: what each client asked, when, and what came of
 * it, as JSON lines that any checker can judge. docs/guides/chaos.md is the contract.
 *
 * The rules that it protects: `call` is taken before the request leaves and `return` after the answer has
 * come, by one monotonic clock, so that an operation took effect between the two, if it did. A client does
 * one thing at a time; after an outcome that stays unknown it goes on under another number, since that
 * operation may still take effect at any time.
 */
import { closeSync, openSync, writeSync } from 'node:fs';

import { type HistoryOperation, operationLine } from '../../sim/history/index.ts';

const FLUSH_LINES = 500;

export class HistoryFile {
  readonly #file: number;
  readonly #origin: bigint = process.hrtime.bigint();
  #lines: string[] = [];
  ok = 0;
  failed = 0;
  unknown = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w');
  }

  /** Nanoseconds since the beginning; exact for 104 days. */
  now(): number {
    return Number(process.hrtime.bigint() - this.#origin);
  }

  add(operation: HistoryOperation): void {
    if (operation.ok === true) this.ok++;
    else if (operation.ok === false) this.failed++;
    else this.unknown++;
    this.#lines.push(operationLine(operation));
    if (this.#lines.length >= FLUSH_LINES) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    if (this.#lines.length === 0) return;
    writeSync(this.#file, `${this.#lines.join('\n')}\n`);
    this.#lines = [];
  }
}
