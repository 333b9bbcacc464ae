/**
 * What each node has shown of the store's age. Within one life of a process its state only grows: whoever
 * was shown a revision by it must never be shown an older one by it again, not even by a read that promises
 * nothing of the present (`local`). And no node may show what nobody has applied.
 */
import type { SimProcess } from '../cluster/sim-process.ts';
import type { Findings } from './findings.ts';
import type { RevisionLog } from './revision-log.ts';

export class NodeViews {
  readonly #shown: Map<string, { readonly revision: number; readonly what: string }> = new Map();
  readonly #log: RevisionLog;
  readonly #findings: Findings;

  constructor(log: RevisionLog, findings: Findings) {
    this.#log = log;
    this.#findings = findings;
  }

  /** An answer of a write, given on the node in this turn: its own state is at least as new. */
  wrote(process: SimProcess, revision: number, what: string): void {
    const before = this.#before(process);
    if (before === undefined || revision > before.revision) this.#note(process, revision, what);
  }

  /** A read of the node's state in this turn. */
  read(process: SimProcess, revision: number, what: string): void {
    const { node, life, loop } = process;
    const at = `${loop.now().toFixed(3)} ms`;
    const before = this.#before(process);
    if (before !== undefined && revision < before.revision) {
      this.#findings.found(
        'a node never goes back',
        `${what} at ${node} (life ${life}, ${at}) saw revision ${revision}; the same process had ` +
          `shown revision ${before.revision} before: ${before.what}`,
      );
    }
    if (revision > this.#log.revision) {
      this.#findings.found(
        'nothing from the future',
        `${what} at ${node} (life ${life}, ${at}) saw revision ${revision}; ` +
          `no node has applied more than ${this.#log.revision}`,
      );
    }
    this.#note(process, revision, what);
  }

  #before({ node, life }: SimProcess): { revision: number; what: string } | undefined {
    return this.#shown.get(`${node}/${life}`);
  }

  #note({ node, life, loop }: SimProcess, revision: number, what: string): void {
    const told = `${what} at ${loop.now().toFixed(3)} ms`;
    this.#shown.set(`${node}/${life}`, { revision, what: told });
  }
}
