/**
 * The Raft algorithm as a pure state machine: no clock, no disk, no network, no randomness of its
 * own, nothing asynchronous. One `RawNode` is one member of one group. This is its contract;
 * docs/guides/raw-core.md leads in, with a program that keeps it.
 *
 * ## What goes in
 *
 * `tick` in regular intervals; `step` for each message from a peer; `propose`, `proposeConfChange`,
 * `readIndex`, `transferLeadership`, `campaign` for what the caller wants; `reportUnreachable`,
 * `reportSnapshot`, `forgetLeader` for what the transport knows. None of them does anything outside;
 * they change what `ready()` will hold.
 *
 * ## What comes out, and in which order it must be dealt with
 *
 * While `hasReady()`, take `ready()`. Synchronous mode:
 *
 * 1. Write `hardState`, `entries` and `snapshot` (a snapshot first, then the entries, which replace
 *    stored entries from the first new index on), and sync them if `mustSync` is set. The three must
 *    be durable together or in that order; a vote without its term must not be seen after a crash.
 * 2. Send `messages`. A leader may do this beside step 1; anybody else after it.
 * 3. Apply `snapshot`, then `committedEntries`, in order. For each membership change, call
 *    `applyConfChange` - always, or the members drift apart. Entries without data are the algorithm's
 *    own; they are applied by doing nothing.
 * 4. `advance()`. Only then take the next Ready.
 *
 * Asynchronous mode (`asyncStorageWrites`), where a slow disk holds up nobody: `entries`,
 * `hardState`, `snapshot` and `committedEntries` of the Ready are for information. The work is in
 * `messages`:
 *
 * - Messages to a peer may leave at once, but for `Vote`: those leave when the write of the same Ready is
 *   durable, before its responses. A candidate that forgot that it asked could lead one term twice.
 * - A message to APPEND_THREAD is a write: its hard state (term, vote, commit, unless all are 0),
 *   snapshot and entries. Writes are done in the order in which they came. When one is durable, its
 *   `responses` are sent, or stepped where they are for this node, in their order.
 * - A message to APPLY_THREAD is committed entries to apply, in the order in which they came; its
 *   responses are stepped when that is done. The two threads are independent of each other.
 *   But finish what waits to be applied before you step a `Snap`: the snapshot's members hold from
 *   then on, and an older membership change that is applied to them makes the members drift apart.
 * - `advance` is not used. The next Ready may be taken at any time.
 *
 * `readStates` (both modes): a read asked for with `context` may be served once `index` is applied.
 * A read may get no answer at all: nobody leads, a message was lost, or RAFT_READS_WAITING_MAX wait in
 * the leader already. Ask again then, with a new context.
 *
 * `logReads` (both modes): the core needs entries that `LogStorage.entries` did not have in memory.
 * Each range is asked for once. Load what you like of it from its beginning, then call
 * `logReadDone()`; call it also when the range is gone. Meanwhile all else goes on.
 *
 * ## After a crash
 *
 * Make a new RawNode over what was durable: hard state, entries, snapshot, and `applied` as far as
 * the state machine itself is durable. Committed entries above `applied` are handed out again.
 *
 * ## What the core promises, if that is kept
 *
 * At most one leader in a term; a leader never rewrites its own log; logs that agree on the term of
 * an entry agree on everything before it; what was committed is in the log of every later leader;
 * no two members apply different entries at an index (paper, figure 3). Messages may be lost,
 * doubled, delayed and reordered at will, those to and from the two storage threads excepted.
 *
 * It speaks and decides message for message as etcd's raft v3.7 does, and its bytes are raftpb's. Where it
 * differs on purpose is listed in docs/guides/conformance.md.
 *
 * ## Errors
 *
 * `step` and the proposing calls throw what the caller should know (PROPOSAL_DROPPED, STEP_LOCAL,
 * STEP_PEER_UNKNOWN, CODEC_INVALID for a malformed change); nothing has changed then. A message that
 * no peer can have sent - no sender, no term, in this node's own name - is passed over. INVARIANT
 * means that a rule was broken, by a bug or by a disk that lost what it had synced: stop the node.
 *
 * @module quorate/raft
 */
export {
  DecodeBudget,
  decodeConfChange,
  decodeConfChangeV2,
  decodeConfState,
  decodeEntry,
  decodeHardState,
  decodeMessage,
  decodeSnapshot,
  encodeAround,
  encodeConfChange,
  encodeConfChangeV2,
  encodeConfState,
  encodedEntrySize,
  encodeEntry,
  encodeEntryInto,
  encodeHardState,
  encodeInto,
  encodeMessage,
  encodeSnapshot,
  type LentBytes,
  lentSize,
  messageSize,
} from './codec/index.ts';
export { Changer, type Membership } from './confchange/changer.ts';
export { isConfChangeV2, toConfChangeV2 } from './confchange/conf-change.ts';
export { restoreMembership } from './confchange/restore.ts';
export { type CheckedConfig, checkConfig, type RaftConfig, type ReadOnlyOption } from './config.ts';
export { limitEntries, makeEntry } from './entries.ts';
export { EMPTY_CONF_STATE, MemoryLog } from './memory-log.ts';
export { isLocalType, isResponseType, isStorageThread, makeMessage } from './messages.ts';
export { jointCommitted, jointVote } from './quorum/joint.ts';
export {
  type AckedIndexes,
  majorityCommitted,
  majorityVote,
  VoteResult,
} from './quorum/majority.ts';
export { RawNode } from './raw-node.ts';
export { type Configuration, EMPTY_CONFIGURATION } from './tracker/configuration.ts';
export { Inflights } from './tracker/inflights.ts';
export { Progress } from './tracker/progress.ts';
export { type ProgressMap, ProgressTracker } from './tracker/progress-tracker.ts';
export * from './types.ts';
