/** The longest time in which nothing was acknowledged, without what the machine itself stood still. */
import type { Ledger } from './ledger.ts';
import { type Gap, gapOf, longest, type MachineWitness } from './machine-witness.ts';

export class SilenceWatch {
  readonly #ledger: Ledger;
  readonly #witness: MachineWitness;

  constructor(ledger: Ledger, witness: MachineWitness) {
    this.#ledger = ledger;
    this.#witness = witness;
  }

  async begin(): Promise<void> {
    this.#ledger.forgetSilences();
    await this.#witness.take();
  }

  /** Since `begin`; once for each. */
  async longest(): Promise<Gap> {
    const { silences } = this.#ledger;
    const standstills = await this.#witness.take();
    return longest(silences.map((span) => gapOf(span, standstills)));
  }
}
