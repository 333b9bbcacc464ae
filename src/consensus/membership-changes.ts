/**
 * Membership changes that somebody on this node waits for. One at a time is raft's own rule: a second
 * one that was proposed too early is replaced by an empty entry in the log, which is how it is told
 * here that it did not happen.
 */
import { ClusterError } from '../errors.ts';
import type { ConfChangeV2, LogIndex, Term } from '../raft/index.ts';
import { ConfChangeTransition, ConfChangeType } from '../raft/index.ts';
import type { MemberRecord } from './members.ts';

const NOTHING = new Uint8Array(0);

export function encodeMember(member: MemberRecord): Uint8Array {
  return Buffer.from(JSON.stringify(member));
}

export function decodeMember(context: Uint8Array): MemberRecord | undefined {
  if (context.length === 0) return undefined;
  return JSON.parse(Buffer.from(context).toString('utf8')) as MemberRecord;
}

function single(type: ConfChangeType, nodeId: number, context: Uint8Array): ConfChangeV2 {
  return { transition: ConfChangeTransition.Auto, changes: [{ type, nodeId }], context };
}

export function addLearnerChange(member: MemberRecord): ConfChangeV2 {
  return single(ConfChangeType.AddLearnerNode, member.raftId, encodeMember(member));
}

export function addVoterChange(member: MemberRecord): ConfChangeV2 {
  return single(ConfChangeType.AddNode, member.raftId, encodeMember(member));
}

export function removeChange(raftId: number): ConfChangeV2 {
  return single(ConfChangeType.RemoveNode, raftId, NOTHING);
}

interface Waiting {
  readonly term: Term;
  readonly deadline: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class MembershipChanges {
  readonly #waiting = new Map<LogIndex, Waiting>();

  wait(index: LogIndex, term: Term, deadline: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(index, { term, deadline, resolve, reject });
    });
  }

  applied(index: LogIndex, term: Term, isChange: boolean): void {
    const waiting = this.#waiting.get(index);
    if (waiting === undefined) return;
    this.#waiting.delete(index);
    if (waiting.term === term && isChange) waiting.resolve();
    else {
      waiting.reject(
        new ClusterError(
          'CHANGE_IN_PROGRESS',
          'the membership change was not made: another one was not finished yet, or the leader ' +
            'changed; try again',
        ),
      );
    }
  }

  expire(now: number, error: () => Error): void {
    for (const [index, waiting] of this.#waiting) {
      if (waiting.deadline > now) continue;
      this.#waiting.delete(index);
      waiting.reject(error());
    }
  }

  failAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
