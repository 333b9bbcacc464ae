/**
 * Membership changes that somebody on this node waits for. One at a time is raft's own rule: a second
 * one that was proposed too early is replaced by an empty entry in the log, which is how it is told
 * here that it did not happen.
 */
import { ClusterError } from '../errors.ts';
import type { ConfChangeV2, LogIndex, RaftId, Term } from '../raft/index.ts';
import { ConfChangeTransition, ConfChangeType } from '../raft/index.ts';
import type { Founder, MemberRecord, MemberTable } from './members.ts';

const NOTHING = new Uint8Array(0);

export function encodeMember(member: MemberRecord): Uint8Array {
  return Buffer.from(JSON.stringify(member));
}

/** `undefined`: the change says nothing about a member. @throws ClusterError CODEC_INVALID. */
export function decodeMember(context: Uint8Array): MemberRecord | undefined {
  if (context.length === 0) return undefined;
  const { raftId, nodeId, address, wantsVote, incarnation } = fieldsOf(context);
  const isId = Number.isSafeInteger(raftId) && (raftId as number) > 0;
  if (!isId || typeof nodeId !== 'string' || typeof address !== 'string') {
    const what = 'a record of a member lacks raft id, node id or address';
    throw new ClusterError('CODEC_INVALID', what);
  }
  return {
    raftId: raftId as number,
    nodeId,
    address,
    ...(wantsVote === true ? { wantsVote } : {}),
    ...(typeof incarnation === 'string' ? { incarnation } : {}),
  };
}

/** What a promotion says of the members that founded. @throws ClusterError CODEC_INVALID. */
export function decodeFounders(context: Uint8Array): readonly Founder[] {
  const { founders = [] } = context.length === 0 ? {} : fieldsOf(context);
  if (Array.isArray(founders) && founders.every(isFounder)) return founders;
  throw new ClusterError('CODEC_INVALID', 'a record of a member lists founders that are none');
}

function isFounder(value: unknown): value is Founder {
  if (!Array.isArray(value)) return false;
  const [raftId, incarnation] = value as unknown[];
  return Number.isSafeInteger(raftId) && typeof incarnation === 'string';
}

function fieldsOf(context: Uint8Array): Partial<MemberRecord> & { readonly founders?: unknown } {
  try {
    return (JSON.parse(Buffer.from(context).toString('utf8')) ?? {}) as object;
  } catch (cause) {
    throw new ClusterError('CODEC_INVALID', 'a record of a member is no JSON', { cause });
  }
}

function single(type: ConfChangeType, nodeId: number, context: Uint8Array): ConfChangeV2 {
  return { transition: ConfChangeTransition.Auto, changes: [{ type, nodeId }], context };
}

export function addLearnerChange(member: MemberRecord): ConfChangeV2 {
  return single(ConfChangeType.AddLearnerNode, member.raftId, encodeMember(member));
}

/**
 * The promotion of a learner; one that waited for its vote waits no more. The vote goes to the data
 * folder that is known here, and with the log everybody knows that it is this one. The new voter has not
 * met the founders from the beginning: so that it lets in none of them that has lost its data since,
 * it is told which data folders are theirs.
 */
export function addVoterChange(
  { raftId, nodeId, address }: MemberRecord,
  incarnation: string | undefined,
  founders: readonly Founder[],
): ConfChangeV2 {
  const voter = {
    raftId,
    nodeId,
    address,
    ...(incarnation === undefined ? {} : { incarnation }),
    ...(founders.length === 0 ? {} : { founders }),
  };
  return single(ConfChangeType.AddNode, raftId, encodeMember(voter));
}

/** Of one that votes already: changes nothing. */
export function sameVoterChange(raftId: number): ConfChangeV2 {
  return single(ConfChangeType.AddNode, raftId, NOTHING);
}

export function removeChange(raftId: number): ConfChangeV2 {
  return single(ConfChangeType.RemoveNode, raftId, NOTHING);
}

/** @throws ClusterError MEMBER_EXISTS. */
export function checkIsNew(members: MemberTable, nodeId: string, address: string): void {
  for (const member of members.records()) {
    if (member.nodeId === nodeId) {
      throw new ClusterError(
        'MEMBER_EXISTS',
        `node ${nodeId} is a member already (raft id ${member.raftId}, at ${member.address}): ` +
          'to replace it, remove it first; to move it, give its new address to all',
        { details: { nodeId, raftId: member.raftId } },
      );
    }
    if (member.address === address) {
      throw new ClusterError(
        'MEMBER_EXISTS',
        `address ${address} is that of member ${member.nodeId}: two members can not share one`,
        { details: { nodeId: member.nodeId, address } },
      );
    }
  }
}

/** A group without a voter could never decide anything again. @throws ClusterError CONF_CHANGE_INVALID. */
export function checkLeavesVoter(members: MemberTable, { raftId, nodeId }: MemberRecord): void {
  const { voters } = members.confState;
  if (voters.some((voter) => voter !== raftId)) return;
  throw new ClusterError(
    'CONF_CHANGE_INVALID',
    `node ${nodeId} is the only voter: add another one, and promote it, before this one is removed`,
    { details: { nodeId } },
  );
}

/**
 * Whoever votes after the change must be able to decide: with a majority of them out of reach, the very
 * change could not be undone any more. @throws ClusterError CONF_CHANGE_INVALID.
 */
export function checkKeepsQuorum(
  members: MemberTable,
  votersAfter: readonly RaftId[],
  what: string,
  isReachable: (voter: RaftId) => boolean,
): void {
  const needed = Math.floor(votersAfter.length / 2) + 1;
  const missing = votersAfter.filter((voter) => !isReachable(voter));
  if (votersAfter.length - missing.length >= needed) return;
  const names = missing.map((voter) => members.get(voter)?.nodeId ?? String(voter)).join(', ');
  throw new ClusterError(
    'CONF_CHANGE_INVALID',
    `${what} ${needed} of ${votersAfter.length} voters are needed, and ${names} can not be ` +
      'reached: start what is down, or remove what is gone for good, first',
    { details: { needed, voters: votersAfter.length, missing: names } },
  );
}

/**
 * A leader that removes itself can not wait until the others can do without it, and may be switched off
 * right after it has said so. Two voters that remain have a majority of the old members too, and find out
 * by an election; one alone would need the vote of the one that is gone, for ever, if that news was lost.
 * @throws ClusterError CONF_CHANGE_INVALID.
 */
export function checkHeirIsTold(
  members: MemberTable,
  votersAfter: readonly RaftId[],
  { nodeId }: MemberRecord,
): void {
  const [heir, ...others] = votersAfter;
  if (heir === undefined || others.length > 0) return;
  const name = members.get(heir)?.nodeId ?? String(heir);
  throw new ClusterError(
    'CONF_CHANGE_INVALID',
    `node ${nodeId} leads, and ${name} alone would be left: if it did not hear of it, it would wait ` +
      `for the vote of ${nodeId} for ever. Hand leadership to ${name} first, then remove ${nodeId}`,
    { details: { nodeId, heir: name } },
  );
}

/** A change in the log that somebody waits for. */
export interface WaitingChange {
  readonly index: LogIndex;
  readonly term: Term;
  readonly deadline: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class MembershipChanges {
  /** Few; two can stand at one index, put there in two leaderships. */
  readonly #waiting = new Set<WaitingChange>();

  wait(
    index: LogIndex,
    term: Term,
    deadline: number,
  ): { promise: Promise<void>; change: WaitingChange } {
    let resolve!: () => void;
    let reject!: (error: Error) => void;
    const promise = new Promise<void>((ok, fail) => {
      resolve = ok;
      reject = fail;
    });
    const change: WaitingChange = { index, term, deadline, resolve, reject };
    this.#waiting.add(change);
    return { promise, change };
  }

  applied(index: LogIndex, term: Term, isChange: boolean): void {
    for (const change of this.#waiting) {
      if (change.index !== index) continue;
      if (change.term === term && isChange) {
        this.#waiting.delete(change);
        change.resolve();
        continue;
      }
      const why =
        'the membership change was not made: another one was not finished yet, or the leader ' +
        'changed; try again';
      this.abandon(change, new ClusterError('CHANGE_IN_PROGRESS', why));
    }
  }

  /** A snapshot took the place of all entries up to `index`. */
  skippedTo(index: LogIndex): void {
    for (const change of this.#waiting) {
      if (change.index > index) continue;
      const why = 'a snapshot took the place of the membership change: see who is a member now';
      this.abandon(change, new ClusterError('OUTCOME_UNKNOWN', why));
    }
  }

  /** Ends what is past its deadline; answers the earliest deadline that is left. */
  expire(now: number, error: () => Error): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const change of this.#waiting) {
      if (change.deadline <= now) this.abandon(change, error());
      else earliest = Math.min(earliest, change.deadline);
    }
    return earliest;
  }

  /** Its caller is told, and waits no longer. */
  abandon(change: WaitingChange, error: Error): void {
    this.#waiting.delete(change);
    change.reject(error);
  }

  /** This node ends. What stands in the log may be done by the others. */
  failAll(why: ClusterError): void {
    const text = `${why.message}; the membership change was in the log and may take effect`;
    for (const change of this.#waiting) {
      this.abandon(change, new ClusterError('OUTCOME_UNKNOWN', text, { cause: why }));
    }
  }
}
