/**
 * Every bound, with its unit and its reason. Documented for users in docs/reference/limits.md.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

// ---- commands -----------------------------------------------------------------------------------

/** One command. Larger ones would hold up a heartbeat behind them and blow up the log's memory. */
export const COMMAND_BYTES_MAX: number = 1 * MIB;
/** A key: long enough for paths, short enough that indexes stay small. */
export const KEY_BYTES_MAX: number = 1 * KIB;
/** A value: the largest that still fits into one command with its key and framing. */
export const VALUE_BYTES_MAX: number = 1 * MIB - 4 * KIB;
/** Node ids: 1 to 128 of `A-Za-z0-9._-`. */
export const NODE_ID_CHARS_MAX: number = 128;

// ---- consensus ----------------------------------------------------------------------------------

/** Bytes of commands packed into one log entry: one batch is one frame, one record, one fsync. */
export const BATCH_BYTES_MAX: number = 256 * KIB;
/** Commands waiting for a place in the log; beyond it a proposal is refused as OVERLOADED. */
export const PROPOSALS_WAITING_MAX: number = 65_536;
/** Bytes of commands waiting for a place in the log. */
export const PROPOSAL_BYTES_WAITING_MAX: number = 64 * MIB;
/** Client sessions kept; the least recently used is closed beyond it. */
export const SESSIONS_MAX: number = 10_000;
/** Results kept per session for retries: requests that one client may have in flight. */
export const SESSION_RESULTS_MAX: number = 4_096;

// ---- peers --------------------------------------------------------------------------------------

/** One frame between peers. Both sides hold the same bound. */
export const FRAME_BYTES_MAX: number = 8 * MIB;
/** Bytes handed to the kernel on the message connection and not taken yet: a heartbeat waits behind no more. */
export const KERNEL_BYTES_OUTSTANDING_MAX: number = 256 * KIB;
/** Bytes queued for one peer; beyond it messages are dropped, and the core told. */
export const PEER_QUEUE_BYTES_MAX: number = 32 * MIB;
/** One piece of a bulk transfer. */
export const BULK_CHUNK_BYTES: number = 256 * KIB;
