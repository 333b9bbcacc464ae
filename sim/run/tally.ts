/** What a run has seen, counted: for those who ask whether it tried anything at all. */
import { MessageType, type RaftId, type Term } from '../../src/raft/index.ts';
import type { SimEvent } from '../cluster/events.ts';

export interface Totals {
  readonly faults: Readonly<Record<string, number>>;
  readonly elections: number;
  readonly crashes: number;
  readonly crashesWithLoss: number;
  readonly applied: number;
}

export class Tally {
  readonly #faults: Map<string, number> = new Map();
  readonly #leaders: Map<Term, RaftId> = new Map();
  #crashes = 0;
  #crashesWithLoss = 0;
  #applied = 0;

  event(event: SimEvent): void {
    if (event.kind === 'applied') this.#applied += event.commands.length;
    if (event.kind === 'sent') {
      const { type, term, from } = event.message;
      if (type === MessageType.App || type === MessageType.Heartbeat) this.#leaders.set(term, from);
    }
    if (event.kind !== 'ended') return;
    if (event.how === 'killed' || event.how === 'power-cut') this.#crashes += 1;
    if (event.lost > 0) this.#crashesWithLoss += 1;
  }

  faults(struck: ReadonlyMap<string, number>): void {
    for (const [kind, count] of struck) {
      this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + count);
    }
  }

  /** Of all kinds, in the rounds that are over. */
  get faultsStruck(): number {
    return [...this.#faults.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Terms in which somebody led. */
  get elections(): number {
    return this.#leaders.size;
  }

  get totals(): Totals {
    return {
      faults: Object.fromEntries([...this.#faults].sort()),
      elections: this.elections,
      crashes: this.#crashes,
      crashesWithLoss: this.#crashesWithLoss,
      applied: this.#applied,
    };
  }
}
