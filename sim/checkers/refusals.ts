/**
 * Explained refusals: an error that says "no leader" or "no majority" names true facts.
 *
 * To be called by whoever asked a node and was refused, in the process itself and in the turn of the refusal:
 * later, the node may rightly say something else. `process` is the one that answered. What an error of
 * another node says (a follower passes on its leader's words) is held to what is true of any node.
 */

import type { NodeStatus } from '../../src/consensus/index.ts';
import { ClusterError, type ErrorCode } from '../../src/errors.ts';
import type { SimProcess } from '../cluster/sim-process.ts';
import { Violation } from './checker.ts';
import { nameOf } from './cluster-records.ts';

const NAME = 'refusals name true facts';
const ABOUT_LEADERS: ReadonlySet<ErrorCode> = new Set(['NO_LEADER', 'NO_QUORUM', 'NOT_LEADER']);

/** What such an error says, in whichever of the two forms. */
interface Facts {
  readonly node: string | undefined;
  readonly leader: string | null | undefined;
  readonly needed: number;
  readonly reached: number;
  readonly missing: readonly string[];
}

/** @throws Violation. Errors of other kinds pass. */
export function checkRefusal(error: unknown, process: SimProcess): void {
  if (!(error instanceof ClusterError) || !ABOUT_LEADERS.has(error.code)) return;
  const fail = (what: string): never => {
    throw new Violation(
      NAME,
      `${nameOf(process)} answered ${error.code}: ${error.message}; ${what}`,
    );
  };
  const status = process.engine.status();
  const { leader } = error.details as { leader?: string | null };
  if (typeof leader === 'string' && !isKnown(status, leader)) {
    fail(`it names ${leader} as leader, which is no member: ${namesOf(status)}`);
  }
  if (error.code === 'NOT_LEADER') return;
  const facts = factsOf(error);
  if (facts === undefined) {
    // The answer of a call that was passed on says who did not answer, in words.
    if (error.message.length === 0) fail('it says nothing');
    return;
  }
  const wrong = contradictionIn(error.code, facts);
  if (wrong !== undefined) fail(wrong);
  if (facts.node === undefined || facts.node === status.nodeId) checkAgainst(status, facts, fail);
}

function factsOf({ details }: ClusterError): Facts | undefined {
  const quorum = details.quorum as
    | { needed: number; reached: number; leader?: string; missing?: { nodeId: string }[] }
    | undefined;
  if (quorum === undefined) return undefined;
  const missing = (details.missing as { nodeId: string }[] | undefined) ?? quorum.missing ?? [];
  return {
    node: details.node as string | undefined,
    leader: 'leader' in details ? (details.leader as string | null) : quorum.leader,
    needed: quorum.needed,
    reached: quorum.reached,
    missing: missing.map(({ nodeId }) => nodeId),
  };
}

/** What can be wrong in itself. */
function contradictionIn(code: ErrorCode, facts: Facts): string | undefined {
  const { needed, reached, leader } = facts;
  if (code === 'NO_QUORUM' && reached >= needed) return 'a majority is reached by its own words';
  if (code === 'NO_LEADER' && typeof leader === 'string') return `${leader} leads by its own words`;
  return undefined;
}

function checkAgainst(status: NodeStatus, facts: Facts, fail: (what: string) => never): void {
  const voters = status.members.filter(({ role }) => role === 'voter');
  const needed = Math.floor(voters.length / 2) + 1;
  if (facts.needed !== needed) fail(`of ${voters.length} voters ${needed} are needed`);
  const { reached } = status.quorum;
  if (facts.reached !== reached) fail(`at this moment it reaches ${reached} voters`);
  for (const name of facts.missing) {
    const voter = voters.find(({ nodeId }) => nodeId === name);
    if (voter === undefined) fail(`${name} is no voter: ${namesOf(status)}`);
    else if (voter.connected) fail(`${name} is connected`);
  }
  const away = voters.filter(({ connected }) => !connected).map(({ nodeId }) => nodeId);
  const unnamed = away.filter((name) => !facts.missing.includes(name));
  if (unnamed.length > 0) fail(`it does not name ${unnamed.join(', ')}, which it does not reach`);
}

function isKnown(status: NodeStatus, nodeId: string): boolean {
  // One that joins has no members yet, and knows whom it was introduced to.
  return status.members.length === 0 || status.members.some((member) => member.nodeId === nodeId);
}

function namesOf({ members }: NodeStatus): string {
  return members.map(({ nodeId, role }) => `${nodeId} (${role})`).join(', ');
}
