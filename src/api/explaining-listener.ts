/** Between the engine and a door: a failure is explained on its way, a result goes through as it is. */
import type { CommandResult, ProposalListener } from '../consensus/index.ts';
import type { Engine } from '../engine/index.ts';
import { explainFailure } from './explain.ts';

/** One for each proposal: a door hears errors in the api's words. */
export class ExplainingListener implements ProposalListener {
  readonly #listener: ProposalListener;
  readonly #engine: Engine;

  constructor(listener: ProposalListener, engine: Engine) {
    this.#listener = listener;
    this.#engine = engine;
  }

  applied(index: number, result: CommandResult): void {
    this.#listener.applied(index, result);
  }

  failed(error: Error): void {
    this.#listener.failed(explainFailure(error, () => this.#engine.status()));
  }
}
