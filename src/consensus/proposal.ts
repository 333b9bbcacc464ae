/**
 * One proposal on its way: of somebody in this process, or of a follower that waits for this node's
 * answer. What may become of it, and when, is in proposals.ts.
 */
import type { LogIndex, RaftId } from '../raft/index.ts';
import type { CommandResult, ProposeResult } from './types.ts';

/** What the leader says of one forwarded proposal. Numbers are on the wire. */
export const ForwardStatus = { Applied: 0, NotProposed: 1, Unknown: 2 } as const;
export type ForwardStatus = (typeof ForwardStatus)[keyof typeof ForwardStatus];

export interface ForwardAnswer {
  readonly id: number;
  readonly status: ForwardStatus;
  readonly index: LogIndex;
  readonly result: CommandResult;
}

/** Somebody in this process waits for it. */
export interface LocalProposal {
  readonly origin: 'local';
  readonly part: Uint8Array;
  /** It carries a request id: trying again is safe. */
  readonly repeatable: boolean;
  /** By `Clock.now()`. */
  readonly deadline: number;
  readonly resolve: (result: ProposeResult) => void;
  readonly reject: (error: Error) => void;
  /**
   * `queued` means for certain: nothing was proposed. `adrift` waits in the same queue, but was on its way
   * before, and nobody knows what came of that.
   */
  stage: 'queued' | 'adrift' | 'appended' | 'forwarded' | 'answered' | 'done';
  /** An earlier try may have put it into the log. */
  mayBeInLog: boolean;
  forwardId: number;
}

/** Nothing is on its way: it may be sent. */
export function isWaiting({ stage }: LocalProposal): boolean {
  return stage === 'queued' || stage === 'adrift';
}

/** A follower waits for it. */
export interface RemoteProposal {
  readonly origin: 'remote';
  readonly part: Uint8Array;
  readonly from: RaftId;
  readonly id: number;
}

export type Proposal = LocalProposal | RemoteProposal;
