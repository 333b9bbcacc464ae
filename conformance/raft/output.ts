/**
 * What a command prints: lines, indented by what they are part of. At log level NONE all is silent.
 */
export class Output {
  isSilent = false;
  #lines: string[] = [];
  #indent = '';

  line(text: string): void {
    if (this.isSilent) return;
    for (const line of text.split('\n')) this.#lines.push(this.#indent + line);
  }

  indented(action: () => void): void {
    const outer = this.#indent;
    this.#indent = `${outer}  `;
    try {
      action();
    } finally {
      this.#indent = outer;
    }
  }

  /** What was printed since the last call. */
  take(): string {
    const text = this.#lines.map((line) => `${line}\n`).join('');
    this.#lines = [];
    return text;
  }
}
