/**
 * The live table at the bottom of a terminal. Lines printed while it is shown go above it: the table
 * is taken away, the line is written, the table is drawn again. Nothing here knows what the lines mean.
 */
import type { Writable } from 'node:stream';

export class Screen {
  readonly #out: Writable;
  #table: readonly string[] = [];

  constructor(out: Writable) {
    this.#out = out;
  }

  print(line: string): void {
    this.#erase();
    this.#out.write(`${line}\n`);
    this.#paint();
  }

  show(table: readonly string[]): void {
    const isSame =
      table.length === this.#table.length && table.every((l, i) => l === this.#table[i]);
    if (isSame) return;
    this.#erase();
    this.#table = table;
    this.#paint();
  }

  /** Leaves the table as it is and forgets it. */
  leave(): void {
    this.#table = [];
  }

  #erase(): void {
    if (this.#table.length > 0) this.#out.write(`\u001b[${this.#table.length}A\u001b[0J`);
  }

  #paint(): void {
    if (this.#table.length > 0) this.#out.write(`${this.#table.join('\n')}\n`);
  }
}
