/**
 * Listeners of `submit` that the node brings itself: one that keeps a promise, for `propose`, and one that
 * ends the wait when its caller's signal fires.
 */
import { offAbort, onAbort } from '../abort-signals.ts';
import type { LogIndex } from '../raft/index.ts';
import { abandoned } from './complaints.ts';
import type { LocalProposal } from './proposal.ts';
import type { Proposals } from './proposals.ts';
import type { CommandResult, ProposalListener, ProposeResult } from './types.ts';

/** What `submit` takes, as a promise: also what it refuses at once. */
export function promiseOf(submit: (listener: ProposalListener) => void): Promise<ProposeResult> {
  return new Promise((resolve, reject) => {
    submit({
      applied: (index, { code, bytes }) => resolve({ index, code, bytes }),
      failed: reject,
    });
  });
}

/** Ends the proposal's wait when the signal fires, unless it has ended by then. */
export function abandonOnAbort(
  proposals: Proposals,
  proposal: LocalProposal,
  signal: AbortSignal,
): void {
  const abort = (): void => proposals.abandon(proposal, abandoned(signal));
  proposal.listener = new SignedOff(proposal.listener, signal, abort);
  onAbort(signal, abort);
}

/** Hands on what it is told; nobody waits for the signal any more then. */
class SignedOff implements ProposalListener {
  readonly #listener: ProposalListener;
  readonly #signal: AbortSignal;
  readonly #abort: () => void;

  constructor(listener: ProposalListener, signal: AbortSignal, abort: () => void) {
    this.#listener = listener;
    this.#signal = signal;
    this.#abort = abort;
  }

  applied(index: LogIndex, result: CommandResult): void {
    offAbort(this.#signal, this.#abort);
    this.#listener.applied(index, result);
  }

  failed(error: Error): void {
    offAbort(this.#signal, this.#abort);
    this.#listener.failed(error);
  }
}
