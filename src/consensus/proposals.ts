/**
 * The life of a proposal, from the call to its answer.
 *
 *     queued ──► appended (this node leads) ──► applied here: answered
 *        │   └─► forwarded to the leader ────► answered by it ──► applied here: answered
 *        └─ no leader: waits, until its deadline
 *
 * A request with an id whose answer was lost goes back to the queue, and is `adrift` from then on.
 *
 * The rules that it protects:
 * - An answer is given only after the command was applied on this node.
 * - "Nothing was proposed" is said only when that is certain: the command never left the queue, the
 *   leader said so, or another entry was committed in its place. Then it is queued again by itself,
 *   until its deadline.
 * - Whatever else goes wrong is OUTCOME_UNKNOWN; only a request with an id is tried again by itself.
 *
 * Who waits is a listener, told at the end of the turn in which the command was applied; a refusal is told
 * at once. What was proposed lies in envelopes under construction (envelope-draft.ts), and the next entry is
 * one of these as it stands: nothing is copied or made per command, unless some of its commands are not
 * wanted any more or come from somewhere else.
 *
 * Places in the log are told apart by (index, term): another term at the index means that the entry
 * of ours can never be committed (log matching).
 */
import { assert, ClusterError } from '../errors.ts';
import { BATCH_BYTES_MAX, PROPOSAL_BYTES_WAITING_MAX, PROPOSALS_WAITING_MAX } from '../limits.ts';
import { type LogIndex, NONE, type RaftId, type Term } from '../raft/index.ts';
import { partBytes } from './envelope.ts';
import { EnvelopeDrafts, NOWHERE } from './envelope-draft.ts';
import { ForwardedProposals } from './forwarded-proposals.ts';
import {
  envelopeOf,
  type ForwardAnswer,
  ForwardStatus,
  type LocalProposal,
  type Proposal,
  partBytesOf,
  type Stage,
  sizeOf,
} from './proposal.ts';
import { tellApplied, tellFailed } from './proposal-answers.ts';
import type { CommandResult } from './types.ts';
import { Unanswered } from './unanswered.ts';

export interface ProposalHost {
  now(): number;
  /** A batch goes into the log as one entry; its place, or `undefined` when the core refused it. */
  append(envelope: Uint8Array): { readonly index: LogIndex; readonly term: Term } | undefined;
  /** False: it could not be sent, for certain. */
  forward(to: RaftId, proposals: readonly LocalProposal[]): boolean;
  answer(to: RaftId, answer: ForwardAnswer): void;
  appliedIndex(): LogIndex;
  /** Why a proposal that waited for a leader or for a majority got none. */
  explainWaiting(stage: Stage): ClusterError;
}

interface Placed {
  readonly term: Term;
  readonly proposals: readonly Proposal[];
}

const { Applied, NotProposed, Unknown } = ForwardStatus;
const NO_RESULT: CommandResult = { code: 0, bytes: new Uint8Array(0) };

export class Proposals {
  readonly #host: ProposalHost;
  readonly #drafts: EnvelopeDrafts = new EnvelopeDrafts();
  #queue: Proposal[] = [];
  #queuedBytes = 0;
  /**
   * Entries of ours in the log, by index. Several at one index: a leader that was deposed and leads
   * again may have put another one there; the older one may still be on other nodes, so only what is
   * applied at the index decides between them.
   */
  readonly #placed = new Map<LogIndex, Placed[]>();
  /** Those that another node was given, until they have their results or come back. */
  readonly forwarded: ForwardedProposals;
  /** Everything local that has no answer yet, for deadlines. */
  readonly #local: Unanswered = new Unanswered();
  /** They have their results; who waits for them is told at the end of the turn. */
  #applied: LocalProposal[] = [];

  /** `firstForwardId`: random per start; the leader may still answer what an earlier life forwarded. */
  constructor(host: ProposalHost, firstForwardId: number) {
    this.#host = host;
    this.forwarded = new ForwardedProposals(
      {
        appliedIndex: () => host.appliedIndex(),
        forward: (to, proposals) => host.forward(to, proposals),
        resolve: (proposal, index, result) => this.#resolve(proposal, index, result),
        comesBack: (proposal) => this.#requeue(proposal, false),
        lost: (proposal, why) => this.#lost(proposal, why),
      },
      firstForwardId,
    );
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** Local proposals without an answer. */
  get unanswered(): number {
    return this.#local.size;
  }

  /** Takes a copy of the command's body. @throws ClusterError OVERLOADED. */
  add(proposal: LocalProposal, body: Uint8Array): void {
    const { kind, request } = proposal;
    const bytes = partBytes(body.length, request);
    if (
      this.#local.size >= PROPOSALS_WAITING_MAX ||
      this.#queuedBytes + bytes > PROPOSAL_BYTES_WAITING_MAX
    ) {
      throw new ClusterError(
        'OVERLOADED',
        `${this.#local.size} proposals (${this.#queuedBytes} bytes) wait already: ` +
          'slow down and try again; nothing was proposed',
      );
    }
    proposal.place(this.#drafts.add(kind, body, request), bytes);
    this.#local.add(proposal);
    this.#push(proposal);
  }

  addRemote(from: RaftId, id: number, part: Uint8Array): void {
    const full =
      this.#queue.length >= PROPOSALS_WAITING_MAX ||
      this.#queuedBytes + part.length > PROPOSAL_BYTES_WAITING_MAX;
    if (full) {
      this.#answerNothing(from, id, NotProposed);
      return;
    }
    const envelope = this.#drafts.addPart(part);
    const end = envelope.length;
    this.#push({ origin: 'remote', from, id, envelope, start: end - part.length, end });
  }

  /** What a follower sent can not be proposed at all. */
  refuseRemote(from: RaftId, id: number): void {
    this.#answerNothing(from, id, NotProposed);
  }

  /** This node leads: everything that waits goes into the log, in few entries. */
  appendQueued(): void {
    this.forwarded.destination = NONE;
    this.#drafts.close();
    while (this.#queue.length > 0) {
      const proposals = this.#takeBatch();
      if (proposals.length === 0) continue;
      const place = this.#host.append(envelopeOf(proposals));
      if (place === undefined) {
        this.#putBack(proposals);
        return;
      }
      for (const proposal of proposals) {
        if (proposal.origin === 'local') proposal.stage = 'appended';
      }
      const placed = this.#placed.get(place.index);
      if (placed === undefined) this.#placed.set(place.index, [{ term: place.term, proposals }]);
      else placed.push({ term: place.term, proposals });
    }
  }

  /** This node may lead in a moment: what waits stays here. */
  keepQueued(): void {
    this.forwarded.destination = NONE;
  }

  /** Another node leads, or will in a moment; or (`leader` NONE) nobody. */
  forwardQueued(leader: RaftId): void {
    this.forwarded.destination = leader;
    const queue = this.#queue;
    if (queue.length === 0) return;
    this.#drafts.close();
    this.#queue = [];
    this.#queuedBytes = 0;
    const mine: LocalProposal[] = [];
    for (const proposal of queue) {
      if (proposal.origin === 'remote') {
        this.#answerNothing(proposal.from, proposal.id, NotProposed);
      } else if (proposal.isWaiting) mine.push(proposal);
    }
    this.#putBack(leader === NONE ? mine : this.forwarded.send(leader, mine));
  }

  /** An entry was applied. `results` is undefined for entries that hold no commands. */
  applied(index: LogIndex, term: Term, results: readonly CommandResult[] | undefined): void {
    const allPlaced = this.#placed.get(index);
    if (allPlaced !== undefined) this.#placed.delete(index);
    for (const placed of allPlaced ?? []) {
      if (placed.term === term && results !== undefined) this.#settle(placed, index, results);
      else for (const proposal of placed.proposals) this.#replaced(proposal);
    }
    this.forwarded.applied(index);
  }

  /** A snapshot took the place of all entries up to `index`; their results were not seen here. */
  skippedTo(index: LogIndex): void {
    for (const [at, allPlaced] of this.#placed) {
      if (at > index) continue;
      this.#placed.delete(at);
      for (const proposal of allPlaced.flatMap(({ proposals }) => proposals)) {
        this.#lost(proposal, 'a snapshot took its place');
      }
    }
    this.forwarded.skippedTo(index);
  }

  /** A tick has passed. */
  tick(): void {
    this.#dropDone();
    this.forwarded.retryParked();
  }

  /** Ends what is past its deadline; answers the earliest deadline that is left. */
  expire(): number {
    const now = this.#host.now();
    let earliest = Number.POSITIVE_INFINITY;
    // Thousands may be late at once, and all for the same reason: it is worked out once.
    const reasons = new Map<Stage, ClusterError>();
    for (const proposal of this.#local.all()) {
      const { stage, deadline } = proposal;
      if (deadline > now) {
        earliest = Math.min(earliest, deadline);
        continue;
      }
      const reason = reasons.get(stage) ?? this.#host.explainWaiting(stage);
      reasons.set(stage, reason);
      this.#fail(proposal, reason);
    }
    this.#dropDone();
    return earliest;
  }

  /** Tells those whose results are here. Not while the core works: who is told may ask for the next thing. */
  tellApplied(): void {
    if (this.#applied.length === 0) return;
    const applied = this.#applied;
    this.#applied = [];
    for (const proposal of applied) tellApplied(proposal);
  }

  /** The caller gave up. What it proposed may still happen, unless it never left the queue. */
  abandon(proposal: LocalProposal, error: Error): void {
    this.#fail(proposal, error);
  }

  /** The node ends: nobody will be answered any more. */
  failAll(notProposed: ClusterError): void {
    this.tellApplied();
    for (const proposal of this.#local.all()) {
      const error =
        proposal.stage === 'queued'
          ? notProposed
          : new ClusterError(
              'OUTCOME_UNKNOWN',
              `${notProposed.message}; the proposal was on its way and may take effect`,
            );
      this.#fail(proposal, error);
    }
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#placed.clear();
    this.forwarded.clear();
  }

  #push(proposal: Proposal): void {
    this.#queue.push(proposal);
    this.#queuedBytes += sizeOf(proposal);
  }

  #putBack(proposals: readonly Proposal[]): void {
    this.#queue = [...proposals, ...this.#queue];
    for (const proposal of proposals) this.#queuedBytes += sizeOf(proposal);
  }

  /** What nobody waits for any more makes room in the queue, also while nothing leaves it. */
  #dropDone(): void {
    const left = this.#queue.filter((it) => it.origin === 'remote' || it.isWaiting);
    if (left.length === this.#queue.length) return;
    this.#queue = [];
    this.#queuedBytes = 0;
    // Where one of thousands is left, it would keep all their bytes: those are counted no more.
    this.#drafts.close();
    for (const it of left) {
      if (it.origin === 'local') it.place(this.#drafts.addPart(partBytesOf(it)), sizeOf(it));
    }
    this.#putBack(left);
  }

  #takeBatch(): Proposal[] {
    const proposals: Proposal[] = [];
    let bytes = 0;
    let taken = 0;
    for (const proposal of this.#queue) {
      const size = sizeOf(proposal);
      if (bytes > 0 && bytes + size > BATCH_BYTES_MAX) break;
      taken++;
      this.#queuedBytes -= size;
      if (proposal.origin === 'local' && !proposal.isWaiting) continue;
      proposals.push(proposal);
      bytes += size;
    }
    this.#queue = taken === this.#queue.length ? [] : this.#queue.slice(taken);
    return proposals;
  }

  #settle(placed: Placed, index: LogIndex, results: readonly CommandResult[]): void {
    const { proposals } = placed;
    assert(proposals.length === results.length, 'one result for each proposal of an entry', {
      index,
      proposals: proposals.length,
      results: results.length,
    });
    for (let i = 0; i < proposals.length; i++) {
      const proposal = proposals[i] as Proposal;
      const result = results[i] as CommandResult;
      if (proposal.origin === 'local') this.#resolve(proposal, index, result);
      else {
        const { id } = proposal;
        this.#host.answer(proposal.from, { id, status: Applied, index, result });
      }
    }
  }

  /** Another entry was committed in its place: certainly without effect. */
  #replaced(proposal: Proposal): void {
    if (proposal.origin === 'remote') this.#answerNothing(proposal.from, proposal.id, NotProposed);
    else this.#requeue(proposal, false);
  }

  #requeue(proposal: LocalProposal, mayBeInLog = true): void {
    if (proposal.stage === 'done') return;
    proposal.mayBeInLog ||= mayBeInLog;
    proposal.stage = proposal.mayBeInLog ? 'adrift' : 'queued';
    this.#push(proposal);
  }

  #lost(proposal: Proposal, why: string): void {
    if (proposal.origin === 'remote') {
      this.#answerNothing(proposal.from, proposal.id, Unknown);
    } else if (proposal.repeatable) this.#requeue(proposal);
    else {
      const advice = 'it may or may not take effect; give a request id to make retries safe';
      this.#fail(proposal, new ClusterError('OUTCOME_UNKNOWN', `${why}: ${advice}`));
    }
  }

  #answerNothing(from: RaftId, id: number, status: ForwardStatus): void {
    this.#host.answer(from, { id, status, index: 0, result: NO_RESULT });
  }

  #resolve(proposal: LocalProposal, index: LogIndex, result: CommandResult): void {
    if (proposal.stage === 'done') return;
    this.#finish(proposal);
    proposal.index = index;
    proposal.result = result;
    this.#applied.push(proposal);
  }

  #fail(proposal: LocalProposal, error: Error): void {
    if (proposal.stage === 'done') return;
    this.#finish(proposal);
    this.forwarded.forget(proposal);
    tellFailed(proposal, error);
  }

  #finish(proposal: LocalProposal): void {
    this.#local.finish(proposal);
    // Its size in the queue counts on; its bytes need not be kept for it.
    proposal.envelope = NOWHERE;
  }
}
