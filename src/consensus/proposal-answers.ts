/**
 * What those who wait for a proposal are told: the machine's result, or why there is none.
 *
 * The rule that it protects: whoever is told can do no harm to the node or to those who are told next. What
 * a listener throws is thrown again outside, where it is what an uncaught error of the program always is.
 */
import type { ClusterError } from '../errors.ts';
import { throwOutside } from '../throw-outside.ts';
import { sequenceStale, sessionExpired } from './complaints.ts';
import { CommandKind } from './envelope.ts';
import { resultTooLarge } from './machine-results.ts';
import type { LocalProposal } from './proposal.ts';
import { NODE_CODES_FROM, NodeResultCode } from './sessions.ts';
import type { CommandResult } from './types.ts';

export function tellApplied(proposal: LocalProposal): void {
  const { index } = proposal;
  const result = proposal.result as CommandResult;
  const refusal = result.code < NODE_CODES_FROM ? undefined : refusalOf(proposal);
  if (refusal !== undefined) {
    tellFailed(proposal, refusal);
    return;
  }
  try {
    proposal.listener.applied(index, result);
  } catch (error) {
    throwOutside(error);
  }
}

export function tellFailed({ listener }: LocalProposal, error: Error): void {
  try {
    listener.failed(error);
  } catch (fault) {
    throwOutside(fault);
  }
}

/** Of an application's command: the node's own answer in the place of a result. */
function refusalOf({ kind, request, index, result }: LocalProposal): ClusterError | undefined {
  if (kind !== CommandKind.Application || result === undefined) return undefined;
  if (result.code === NodeResultCode.ResultTooLarge) return resultTooLarge(result, index);
  if (request === undefined) return undefined;
  if (result.code === NodeResultCode.SessionExpired) return sessionExpired(request);
  if (result.code === NodeResultCode.SequenceStale) return sequenceStale(request);
  return undefined;
}
