/**
 * The end of a member that was removed, on its own side: it leaves, and then it is gone.
 *
 * By its own log it knows that it is no member any more; not that the others can do without it. They may
 * still have to ask it for its vote, because what made its removal known was lost with the power. So it runs
 * on and answers them, but takes no calls, and stands for no election: no configuration that it knows names
 * it. It goes on like that when it is started again.
 *
 * It is gone when it is told: a peer refuses it by name, which none does before the removal is safe (see
 * members.ts), or its own log says so. Then it leaves a mark in its folder, and ends. One that missed its own
 * removal is told in the same way, by a majority.
 *
 * What may go wrong: all whom it knows are gone before they told it. Then nobody ever will. It can not find
 * out by itself, for silence is no proof; it does no harm, and its status says that it leaves and what to do.
 */
import { ClusterError } from '../errors.ts';
import type { Identity } from '../storage/index.ts';
import type { Timer } from '../world/index.ts';
import { removedFrom } from './complaints.ts';
import { failCalls, type NodeParts } from './node-parts.ts';
import { markRemoved } from './removed-mark.ts';

/** Between the moment in which a node learns that it was removed and the end of what it waits for, in ms. */
const REMOVED_GRACE_MS = 50;

export type DepartureHost = Pick<
  NodeParts,
  | 'world'
  | 'storage'
  | 'replica'
  | 'takesPart'
  | 'fail'
  | 'proposals'
  | 'reads'
  | 'changes'
  | 'leaderCalls'
>;

export class Departure {
  readonly #host: DepartureHost;
  #leavesAs: Identity | undefined;
  /** The others can do without it; it is about to end. */
  #isGone = false;
  #timer: Timer | undefined;
  #marking: Promise<void> | undefined;

  constructor(host: DepartureHost) {
    this.#host = host;
  }

  /** It was removed, and runs on for the others. */
  get isLeaving(): boolean {
    return this.#leavesAs !== undefined;
  }

  /** Settles when no mark is being written. */
  get marked(): Promise<void> | undefined {
    return this.#marking;
  }

  /** Before it takes part. @throws ClusterError MEMBER_REMOVED where it is out, and not needed any more. */
  checkIsWanted(identity: Identity): void {
    if (this.#isOut(identity) && !this.#isNeeded(identity)) throw removedFrom(identity);
  }

  /** The members are others now. */
  look(identity: Identity): void {
    if (this.#isGone || !this.#isOut(identity) || !this.#host.takesPart()) return;
    const isNeeded = this.#isNeeded(identity);
    if (isNeeded && this.#leavesAs !== undefined) return;
    this.#leavesAs = identity;
    this.#isGone = !isNeeded;
    const { clock, logger } = this.#host.world;
    if (isNeeded) logger.info('member.leaving', { member: identity.nodeId });
    else this.mark(identity);
    // What it has to say last (a commit that the others wait for), and what it is told last, comes first.
    this.#timer?.cancel();
    this.#timer = clock.after(REMOVED_GRACE_MS, () => {
      if (isNeeded) failCalls(this.#host, onlyLeaves(identity));
      else this.#host.fail(removedFrom(identity));
    });
  }

  /** @throws ClusterError NODE_FAILED on a node that only waits for its end. */
  checkStays(): void {
    if (this.#leavesAs !== undefined) throw onlyLeaves(this.#leavesAs);
  }

  /** It was told, by its peers or by the log. */
  mark(identity: Identity): void {
    const { storage, world } = this.#host;
    this.#marking ??= markRemoved({ storage, logger: world.logger }, identity);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #isOut({ raftId }: Identity): boolean {
    const { members } = this.#host.replica;
    return !members.isEmpty && members.get(raftId) === undefined;
  }

  #isNeeded({ raftId }: Identity): boolean {
    return this.#host.replica.members.leavingOf(raftId) !== undefined;
  }
}

/** As of a node that has ended: another one may do it, and nothing was begun here. */
function onlyLeaves(identity: Identity): ClusterError {
  const text = `node ${identity.nodeId} was removed, and runs on only until the others can do without it`;
  return new ClusterError('NODE_FAILED', `${text}: ask one of them`, {
    cause: removedFrom(identity),
  });
}
