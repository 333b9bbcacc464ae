/**
 * Whether the nodes still agree on what the commands were and did. The state machine's determinism is its
 * author's duty; a clock, a random number or an iteration order in it forks the state without a trace.
 * So each node tells the others, at fixed indexes, the rolling hash of all commands and results up to there.
 *
 * The rule: whoever disagrees with a majority of the voters is wrong, and takes no further part. Where
 * no majority agrees, or not yet, nobody can know who is right; then every node says so, and goes on.
 *
 * A frame may be lost, a node may be far behind: the hash rolls on, so a difference shows at every
 * later index too. Claims about indexes that are not applied here wait, a bounded number of them.
 */
import { ClusterError } from '../errors.ts';
import { STATE_HASH_INTERVAL_ENTRIES, STATE_HASHES_KEPT } from '../limits.ts';
import type { LogIndex, RaftId } from '../raft/index.ts';

const VERSION = 1;
const FRAME_BYTES = 16;

export interface StateClaim {
  readonly index: LogIndex;
  readonly hash: number;
}

/** `u8 version (1) | 3 zero | u32 hash | f64 index`, little endian. */
export function encodeStateClaim({ index, hash }: StateClaim): Uint8Array {
  const bytes = new Uint8Array(FRAME_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = VERSION;
  view.setUint32(4, hash, true);
  view.setFloat64(8, index, true);
  return bytes;
}

/** @throws ClusterError CODEC_INVALID. */
export function decodeStateClaim(payload: Uint8Array): StateClaim {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const isWhole = payload.length === FRAME_BYTES && payload[0] === VERSION;
  const index = isWhole ? view.getFloat64(8, true) : -1;
  if (Number.isSafeInteger(index) && index > 0 && index % STATE_HASH_INTERVAL_ENTRIES === 0) {
    return { index, hash: view.getUint32(4, true) };
  }
  const what = `version ${payload[0]}, ${payload.length} bytes, index ${index}`;
  throw new ClusterError('CODEC_INVALID', `frame of a state hash has ${what}`);
}

/**
 * What the claims about one index say: all voters agree; too few have spoken; this node is wrong; another
 * one is; somebody is, and who has not spoken yet may decide; nobody can decide it.
 */
export type StateVerdict =
  | 'agreed'
  | 'open'
  | 'we-differ'
  | 'other-differs'
  | 'undecided'
  | 'no-majority';

export interface StateHashesHost {
  readonly self: RaftId;
  voters(): readonly RaftId[];
  /** To every other member. */
  broadcast(claim: StateClaim): void;
  /** Once for each index and verdict that says something; `open` does not. */
  judged(verdict: StateVerdict, index: LogIndex, claims: ReadonlyMap<RaftId, number>): void;
}

export class StateHashes {
  readonly #host: StateHashesHost;
  /** By index, who claims what; this node's own claim among them. The lowest index comes first. */
  readonly #claims = new Map<LogIndex, Map<RaftId, number>>();
  readonly #told = new Map<LogIndex, StateVerdict>();
  #newest: StateClaim | undefined;

  constructor(host: StateHashesHost) {
    this.#host = host;
  }

  static isDue(index: LogIndex): boolean {
    return index % STATE_HASH_INTERVAL_ENTRIES === 0;
  }

  /** The newest claim of this node, for a peer that has just come. */
  get newest(): StateClaim | undefined {
    return this.#newest;
  }

  /** This node has applied everything up to `index`. */
  applied(index: LogIndex, hash: number): void {
    this.#newest = { index, hash };
    this.#host.broadcast(this.#newest);
    this.#note(this.#host.self, this.#newest);
  }

  claimed(from: RaftId, claim: StateClaim): void {
    const isOld = this.#newest !== undefined && claim.index < this.#oldestKept(this.#newest.index);
    if (!isOld) this.#note(from, claim);
  }

  #oldestKept(newest: LogIndex): LogIndex {
    return newest - STATE_HASHES_KEPT * STATE_HASH_INTERVAL_ENTRIES;
  }

  #note(from: RaftId, { index, hash }: StateClaim): void {
    let claims = this.#claims.get(index);
    if (claims === undefined) {
      claims = new Map();
      this.#claims.set(index, claims);
      this.#forgetSome();
    }
    claims.set(from, hash);
    this.#judge(index, claims);
  }

  /** Below the lowest that this node still has to reach nothing is lost: the hash rolls on. */
  #forgetSome(): void {
    if (this.#claims.size <= 2 * STATE_HASHES_KEPT) return;
    const lowest = Math.min(...this.#claims.keys());
    this.#claims.delete(lowest);
    this.#told.delete(lowest);
  }

  #judge(index: LogIndex, claims: ReadonlyMap<RaftId, number>): void {
    const own = claims.get(this.#host.self);
    if (own === undefined) return;
    const verdict = judgeClaims(own, claims, this.#host.voters());
    if (verdict === 'open' || this.#told.get(index) === verdict) return;
    this.#told.set(index, verdict);
    this.#host.judged(verdict, index, claims);
  }
}

/** Pure: learners may be judged, but do not count. */
export function judgeClaims(
  own: number,
  claims: ReadonlyMap<RaftId, number>,
  voters: readonly RaftId[],
): StateVerdict {
  const needed = Math.floor(voters.length / 2) + 1;
  const counts = new Map<number, number>();
  let claimed = 0;
  for (const voter of voters) {
    const hash = claims.get(voter);
    if (hash === undefined) continue;
    claimed++;
    counts.set(hash, (counts.get(hash) ?? 0) + 1);
  }
  const differs = [...claims.values()].some((hash) => hash !== own);
  for (const [hash, count] of counts) {
    if (count < needed) continue;
    if (hash !== own) return 'we-differ';
    if (differs) return 'other-differs';
    return claimed === voters.length ? 'agreed' : 'open';
  }
  if (!differs) return 'open';
  const mostPossible = Math.max(0, ...counts.values()) + voters.length - claimed;
  return mostPossible < needed ? 'no-majority' : 'undecided';
}
