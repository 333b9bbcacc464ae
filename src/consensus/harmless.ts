/** Errors of the core and of the transport that are no fault of this node: it goes on as if nothing had been. */
import { ClusterError } from '../errors.ts';

/** What a message of a confused or foreign peer may raise; none of it changes the core. */
export const IGNORED: ReadonlySet<string> = new Set([
  'STEP_LOCAL',
  'STEP_PEER_UNKNOWN',
  'PROPOSAL_DROPPED',
]);

export function codeOf(error: unknown): string | undefined {
  return error instanceof ClusterError ? error.code : undefined;
}

/** A peer that was removed meanwhile is no fault: what was meant for it is dropped. */
export function unlessUnknownPeer<T>(send: () => T): T | undefined {
  try {
    return send();
  } catch (error) {
    if (codeOf(error) === 'PEER_UNKNOWN') return undefined;
    throw error;
  }
}
