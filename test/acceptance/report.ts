/**
 * What an acceptance program says: checks with a name, each passed or failed, and at the very end the one
 * plain line `N passed, M failed`. A failed check does not end the run: one run tells everything.
 */
export class Report {
  #passed = 0;
  #failed = 0;
  readonly #begin: number = performance.now();
  readonly #tell: (text: string) => void;

  /** `tell` is given lines, one or some, without the end of the last one. */
  constructor(tell: (text: string) => void) {
    this.#tell = tell;
  }

  get failed(): number {
    return this.#failed;
  }

  section(title: string): void {
    this.#tell(`\n== ${title}`);
  }

  note(text: string): void {
    this.#tell(`   ${text}`);
  }

  /** `detail` is shown in both cases: what was seen. */
  check(isGood: boolean, name: string, detail = ''): boolean {
    if (isGood) this.#passed++;
    else this.#failed++;
    const shown = detail === '' ? '' : `: ${detail}`;
    this.#tell(`${isGood ? 'ok  ' : 'FAIL'} ${name}${shown}`);
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
    this.#tell(`\ntook ${seconds} s\n${this.#passed} passed, ${this.#failed} failed`);
    return this.#failed === 0 && this.#passed > 0 ? 0 : 1;
  }
}
