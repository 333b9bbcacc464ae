/**
 * What an acceptance program says: checks with a name, each passed or failed, and at the very end the one
 * plain line `N passed, M failed`. A failed check does not end the run: one run tells everything.
 */
export class Report {
  #passed = 0;
  #failed = 0;
  readonly #begin: number = performance.now();

  get failed(): number {
    return this.#failed;
  }

  section(title: string): void {
    process.stdout.write(`\n== ${title}\n`);
  }

  note(text: string): void {
    process.stdout.write(`   ${text}\n`);
  }

  /** `detail` is shown in both cases: what was seen. */
  check(isGood: boolean, name: string, detail = ''): boolean {
    if (isGood) this.#passed++;
    else this.#failed++;
    const shown = detail === '' ? '' : `: ${detail}`;
    process.stdout.write(`${isGood ? 'ok  ' : 'FAIL'} ${name}${shown}\n`);
    return isGood;
  }

  /** A step that must not throw. */
  async step<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.check(
        false,
        name,
        error instanceof Error ? (error.stack ?? error.message) : String(error),
      );
      return undefined;
    }
  }

  /** The last line; answers the exit code. */
  summary(): number {
    const seconds = Math.round((performance.now() - this.#begin) / 1000);
    process.stdout.write(`\ntook ${seconds} s\n${this.#passed} passed, ${this.#failed} failed\n`);
    return this.#failed === 0 && this.#passed > 0 ? 0 : 1;
  }
}
