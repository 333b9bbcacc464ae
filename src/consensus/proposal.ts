/**
 * One proposal on its way: of somebody in this process, or of a follower that waits for this node's
 * answer. What may become of it, and when, is in proposals.ts.
 *
 * Its bytes lie in the draft of an envelope, from `start` to `end`, encoded as a part. They stay there for as
 * long as it may have to be sent again.
 */
import { BATCH_BYTES_MAX } from '../limits.ts';
import type { LogIndex, RaftId } from '../raft/index.ts';
import { CommandKind, encodeEnvelope } from './envelope.ts';
import { type Draft, NOWHERE } from './envelope-draft.ts';
import type { CommandResult, ProposalListener, RequestId } from './types.ts';

/** What the leader says of one forwarded proposal. Numbers are on the wire. */
export const ForwardStatus = { Applied: 0, NotProposed: 1, Unknown: 2 } as const;
export type ForwardStatus = (typeof ForwardStatus)[keyof typeof ForwardStatus];

export interface ForwardAnswer {
  readonly id: number;
  readonly status: ForwardStatus;
  readonly index: LogIndex;
  readonly result: CommandResult;
}

/**
 * `queued` means for certain: nothing was proposed. `adrift` waits in the same queue, but was on its way
 * before, and nobody knows what came of that.
 */
export type Stage = 'queued' | 'adrift' | 'appended' | 'forwarded' | 'answered' | 'done';

/** Where the bytes of a proposal are. */
export interface PlacedBytes {
  readonly envelope: Pick<Draft, 'bytes'>;
  readonly start: number;
  readonly end: number;
}

export function sizeOf({ start, end }: PlacedBytes): number {
  return end - start;
}

export function partBytesOf({ envelope, start, end }: PlacedBytes): Uint8Array {
  return envelope.bytes.subarray(start, end);
}

/** Asking again for a session, or for its end, does no harm: one that nobody uses ends by itself. */
const REPEATABLE: ReadonlySet<CommandKind> = new Set([
  CommandKind.OpenSession,
  CommandKind.CloseSession,
  CommandKind.ExpireSession,
]);

/** Somebody in this process waits for it. */
export class LocalProposal implements PlacedBytes {
  readonly origin = 'local';
  readonly kind: CommandKind;
  readonly request: RequestId | undefined;
  /** By `Clock.now()`. */
  readonly deadline: number;
  listener: ProposalListener;
  envelope: Draft = NOWHERE;
  start = 0;
  end = 0;
  stage: Stage = 'queued';
  /** An earlier try may have put it into the log. */
  mayBeInLog = false;
  forwardId = 0;
  /** Of the entry that held it; once there is a result. */
  index: LogIndex = 0;
  result: CommandResult | undefined = undefined;

  constructor(
    kind: CommandKind,
    request: RequestId | undefined,
    deadline: number,
    listener: ProposalListener,
  ) {
    this.kind = kind;
    this.request = request;
    this.deadline = deadline;
    this.listener = listener;
  }

  /** Its part is the last one of that draft, of so many bytes. */
  place(draft: Draft, bytes: number): void {
    this.envelope = draft;
    this.start = draft.length - bytes;
    this.end = draft.length;
  }

  /** Trying again is safe. */
  get repeatable(): boolean {
    return this.request !== undefined || REPEATABLE.has(this.kind);
  }

  /** Nothing is on its way: it may be sent. */
  get isWaiting(): boolean {
    return this.stage === 'queued' || this.stage === 'adrift';
  }
}

/** A follower waits for it. */
export interface RemoteProposal extends PlacedBytes {
  readonly origin: 'remote';
  readonly envelope: Draft;
  readonly from: RaftId;
  readonly id: number;
}

export type Proposal = LocalProposal | RemoteProposal;

/** Index behind the last of those that go together: BATCH_BYTES_MAX at most, one in any case. */
export function batchEnd(proposals: readonly PlacedBytes[], from: number): number {
  let bytes = 0;
  for (let to = from; to < proposals.length; to++) {
    bytes += sizeOf(proposals[to] as PlacedBytes);
    if (to > from && bytes > BATCH_BYTES_MAX) return to;
  }
  return proposals.length;
}

/**
 * The data of an entry for them: the draft as it stands, if all that is in it waits, and in its order; otherwise
 * made anew of those that wait.
 */
export function envelopeOf(proposals: readonly Proposal[]): Uint8Array {
  const { envelope } = proposals[0] as Proposal;
  if (proposals.length === envelope.count && isWhole(envelope, proposals)) return envelope.bytes;
  const parts = proposals.map(partBytesOf);
  return encodeEnvelope(
    parts,
    parts.reduce((sum, part) => sum + part.length, 0),
  );
}

function isWhole(envelope: Draft, proposals: readonly Proposal[]): boolean {
  let end = 0;
  for (const proposal of proposals) {
    if (proposal.envelope !== envelope || proposal.start < end) return false;
    end = proposal.end;
  }
  return true;
}
