/**
 * What a run leaves behind when it is interrupted: by Ctrl-C, by a signal, by a pipe that nobody reads any
 * more, by a mistake of its own. The processes are killed by who started them; here are the folders.
 *
 * The rule: an interrupted run is never judged, and says so, and what of it is kept; nothing is left in
 * temporary folders, unless `--keep` asks for it. A program that ends can not wait, so all of that is done
 * at once; and removing is tried again for a while, as processes that were killed a moment ago may still write.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const RETRIES = 20;
const RETRY_MS = 50;

export interface LeftoversOptions {
  readonly isKept: boolean;
  readonly tell: (text: string) => void;
}

interface Leftover {
  readonly folder: string;
  /** First. */
  readonly release: () => void;
}

export class Leftovers {
  readonly #options: LeftoversOptions;
  readonly #folders: Leftover[] = [];
  readonly #kept: string[] = [];
  #own: string | undefined;
  readonly #onExit = (): void => this.interrupted();

  constructor(options: LeftoversOptions) {
    this.#options = options;
    process.on('exit', this.#onExit);
  }

  /** A new one, for the history. */
  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'quorate-'));
    this.add(folder);
    this.#own = folder;
    return folder;
  }

  /** The one for the history, of which nobody has use any more; false: there was none. */
  removeFolder(): boolean {
    if (this.#own === undefined) return false;
    rmSync(this.#own, { recursive: true, force: true });
    this.#own = undefined;
    return true;
  }

  add(folder: string, release: () => void = () => {}): void {
    this.#folders.push({ folder, release });
  }

  /** Somebody asked for it, so it stays whatever happens. */
  keep(what: string): void {
    this.#kept.push(what);
  }

  /** The run has come to its end, and has seen to what it leaves. */
  settled(): void {
    process.off('exit', this.#onExit);
  }

  /** The program ends before that. */
  interrupted(): void {
    this.settled();
    const { isKept, tell } = this.#options;
    const kept = [...this.#kept];
    const lost: string[] = [];
    // The last one first, as what was made later may lie on what was made before.
    for (const { folder, release } of this.#folders.reverse()) {
      if (isKept) {
        kept.push(folder);
        continue;
      }
      try {
        release();
        rmSync(folder, { recursive: true, force: true, maxRetries: RETRIES, retryDelay: RETRY_MS });
        lost.push(folder);
      } catch (error) {
        kept.push(`${folder} (it could not be removed: ${(error as Error).message})`);
      }
    }
    tell('INTERRUPTED: what happened so far is not judged, neither for good nor for bad');
    if (lost.length > 0) tell(`removed: ${lost.join(', ')} (--keep keeps it)`);
    if (kept.length > 0) tell(`kept: ${kept.join(', ')}`);
  }
}
