/** Errors of the core and of the transport that are no fault of this node: it goes on as if nothing had been. */
import { codeOf } from '../errors.ts';

/** What a message of a confused or foreign peer may raise; none of it changes the core. */
export const IGNORED_STEP_ERRORS: ReadonlySet<string | undefined> = new Set([
  'STEP_LOCAL',
  'STEP_PEER_UNKNOWN',
  'PROPOSAL_DROPPED',
]);

/** A peer that was removed meanwhile is no fault: what was meant for it is dropped. */
export function unlessUnknownPeer<T>(send: () => T): T | undefined {
  try {
    return send();
  } catch (error) {
    if (codeOf(error) === 'PEER_UNKNOWN') return undefined;
    throw error;
  }
}
