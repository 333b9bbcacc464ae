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
/**
 * How long a follower may wait to hear that something is committed, in ms, when nothing else is sent to it:
 * long enough for the next of writes that come one at a time, nothing that a reader of a follower would see.
 */
export const COMMIT_NOTICE_MS: number = 2;
/** Commands waiting for a place in the log; beyond it a proposal is refused as OVERLOADED. */
export const PROPOSALS_WAITING_MAX: number = 65_536;
/** Bytes of commands waiting for a place in the log. */
export const PROPOSAL_BYTES_WAITING_MAX: number = 64 * MIB;
/** Client sessions kept; the least recently used is closed beyond it. */
export const SESSIONS_MAX: number = 10_000;
/** Results kept per session for retries: requests that one client may have in flight. */
export const SESSION_RESULTS_MAX: number = 4_096;
/** Bytes of results kept per session: one line of a snapshot; beyond it those with the lowest numbers go first. */
export const SESSION_RESULT_BYTES_MAX: number = 8 * MIB;
/** Bytes of results kept for all sessions; beyond it the least recently used sessions are closed. */
export const SESSIONS_RESULT_BYTES_MAX: number = 256 * MIB;
/**
 * A result of a command: the largest that one frame carries to the node that proposed it. What changes
 * here changes what commands answer, on all replicas at once: only with a feature level.
 */
export const RESULT_BYTES_MAX: number = 8 * MIB - 4 * KIB;
/** A state below this is written as often as is configured; a larger one when the log has grown enough. */
export const SNAPSHOT_CHEAP_BYTES: number = 16 * MIB;
/** Log kept behind a snapshot, or for a follower that is sent one, at most: this, or the snapshot's size if that is more. */
export const SNAPSHOT_LOG_HELD_BYTES_MIN: number = 256 * MIB;
/**
 * A snapshot that is being written and has not got on for so long is told of (`snapshotFailure`, a warning), as no
 * log is freed meanwhile. Far longer than a chunk takes, of a state that is read from a busy disk, too.
 */
export const SNAPSHOT_SILENCE_MS_MAX: number = 30_000;
/** Linearizable reads that wait at the same time; beyond it a read is refused as OVERLOADED. */
export const READS_WAITING_MAX: number = 65_536;

// ---- peers --------------------------------------------------------------------------------------

/** One frame between peers. Both sides hold the same bound. */
export const FRAME_BYTES_MAX: number = 8 * MIB;
/** Bytes handed to the kernel on the message connection and not taken yet: a heartbeat waits behind no more. */
export const KERNEL_BYTES_OUTSTANDING_MAX: number = 256 * KIB;
/** Regular bytes written to one peer in one turn of the loop: a millisecond or two, for which all others wait. */
export const LINK_TURN_BYTES_MAX: number = 1 * MIB;
/** Bytes queued for one peer; beyond it messages are dropped, and the core told. */
export const PEER_QUEUE_BYTES_MAX: number = 32 * MIB;
/** One piece of a bulk transfer. */
export const BULK_CHUNK_BYTES: number = 256 * KIB;

// ---- doors: what every request is held to -------------------------------------------------------

/** Deadline of a request that names none. */
export const REQUEST_TIMEOUT_MS_DEFAULT: number = 5_000;
/** Longest deadline that a request may ask for: a node that stops need not wait longer for anybody. */
export const REQUEST_TIMEOUT_MS_MAX: number = 60_000;
/** Bytes of keys and values in one page of a range; the page then ends early and says that there is more. */
export const RANGE_BYTES_MAX: number = 4 * MIB;
/** Steps and comparisons of one transaction given as JSON. */
export const TRANSACTION_STEPS_MAX: number = 1_024;
/** Entries behind the commit index at which a node still counts as caught up. */
export const READY_LAG_ENTRIES_MAX: number = 1_000;
/** How long a readiness check tries a linearizable read before it answers "not ready". */
export const READY_CHECK_MS_MAX: number = 1_000;
/** How long a door that closes lets requests finish before it cuts connections. */
export const DOOR_DRAIN_MS_MAX: number = 5_000;
/** Answers wait for so long while their reader takes no byte; longer than a request may be silent itself. */
export const DOOR_STALL_MS_MAX: number = 75_000;

// ---- the HTTP door ------------------------------------------------------------------------------

/** Open HTTP connections; more are dropped at once. */
export const HTTP_CONNECTIONS_MAX: number = 1_024;
/** HTTP requests being answered at the same time, watches aside; beyond it OVERLOADED. */
export const HTTP_INFLIGHT_MAX: number = 1_024;
/** Watches over HTTP at the same time: each holds a connection and a buffer. */
export const HTTP_WATCHES_MAX: number = 256;
/** A JSON body: a command of full size grows by a third as base64, and has framing. */
export const HTTP_JSON_BYTES_MAX: number = 2 * MIB;
/** All headers of one request, request line included. */
export const HTTP_HEADER_BYTES_MAX: number = 16 * KIB;
/** From the first byte of a request to its last: a body that never ends holds a connection no longer. */
export const HTTP_BODY_TIMEOUT_MS: number = 15_000;
/** A silent watch sends a line this often, so that both sides notice a dead connection. */
export const WATCH_HEARTBEAT_MS: number = 10_000;

// ---- the binary client protocol -----------------------------------------------------------------

/** Open client connections; more are told OVERLOADED and closed. */
export const CLIENT_CONNECTIONS_MAX: number = 1_024;
/** Requests of one connection being answered; beyond it the server stops reading from it. */
export const CLIENT_INFLIGHT_MAX: number = 1_024;
/** Pages of ranges, and calls by name, being read for one connection: each may answer megabytes. */
export const CLIENT_PAGES_INFLIGHT_MAX: number = 16;
/** One frame to the server: a command of full size and its framing. */
export const CLIENT_REQUEST_BYTES_MAX: number = 2 * MIB;
/** One frame to the client: what a transaction of many reads may answer. */
export const CLIENT_RESPONSE_BYTES_MAX: number = 64 * MIB;
/** Answers waiting for a client that does not read; beyond it the server stops reading from it. */
export const CLIENT_OUTPUT_BYTES_MAX: number = 4 * MIB;
/**
 * Room in which either end of a connection collects what it sends, beside bodies that are not copied. It
 * grows for bursts that need it, and shrinks behind them; the server lets go of it when nothing moves.
 */
export const CLIENT_OUTBOX_BYTES_MAX: number = 512 * KIB;
/** Watches of one connection. */
export const CLIENT_WATCHES_MAX: number = 256;
/** Bytes of changes that a client lets a watch send ahead of what its program has taken. */
export const WATCH_CREDIT_BYTES: number = 256 * KIB;
/** From connecting to the end of the handshake, on both sides. */
export const CLIENT_HANDSHAKE_MS_MAX: number = 3_000;
/** The same while other nodes were not tried yet: one that hangs must not use up a call's deadline. */
export const CLIENT_HANDSHAKE_FIRST_MS_MAX: number = 500;

// ---- the network client -------------------------------------------------------------------------

/** Calls that wait in one client, sent or not; beyond it a call is refused as OVERLOADED. */
export const CLIENT_QUEUE_MAX: number = 65_536;
/** With requests outstanding and nothing heard for so long, a client asks whether the node is there. */
export const CLIENT_PING_AFTER_MS: number = 1_000;
/** With requests outstanding and nothing heard for so long, a client tries another node. */
export const CLIENT_SILENCE_MS_MAX: number = 2_500;
/** First and longest pause between attempts to reach a node, when all have failed once. */
export const CLIENT_BACKOFF_MS_MIN: number = 25;
export const CLIENT_BACKOFF_MS_MAX: number = 500;
/** What a first attempt gets of the caller's time before another node is tried; doubled each time. */
export const CLIENT_ATTEMPT_MS: number = 1_500;
/** Writes that may follow on one of unknown outcome until it can not be retried any more. */
export const CLIENT_RETRY_WINDOW: number = 2_048;
/** After so long without a write a client opens a new session: well before the cluster ends the old one. */
export const CLIENT_SESSION_REST_MS: number = 20 * 60 * 1_000;

// ---- the log and the snapshots on disk ----------------------------------------------------------

/** Largest segment of the log. Segments start at the smallest size and double up to this. */
export const WAL_SEGMENT_BYTES: number = 64 * MIB;
/** Largest that may be asked for: the place of a record in its segment is a number of 32 bits. */
export const WAL_SEGMENT_BYTES_MAX: number = 2048 * MIB;
/** First segment: zero-filled before the first write, so it must cost milliseconds only. */
export const WAL_FIRST_SEGMENT_BYTES: number = 1 * MIB;
/** Batches that wait are merged up to this much: one record, one write, one sync. */
export const WAL_RECORD_BYTES: number = 4 * MIB;
/** Hard end of one record (one batch is never split): offsets on disk are 32 bits wide. */
export const WAL_RECORD_BYTES_MAX: number = 1024 * MIB;
/** One step of zero-filling: an append that comes meanwhile waits behind no more than that. */
export const WAL_FILL_STEP_BYTES: number = 256 * KIB;
/** Mean size of the last records above which the next segment is not filled: large ones gain little by it. */
export const WAL_FILL_RECORD_BYTES_MAX: number = 128 * KIB;
/** The share of a segment by whose use the next one is filled. */
export const WAL_FILLED_AHEAD: number = 3 / 4;
/** One read while a log is opened or checked. */
export const STORAGE_READ_BYTES: number = 1 * MIB;
/**
 * Recent entries in memory; what is not synced yet is kept beyond it. A follower that is further behind is
 * served from the file, which the system keeps in memory while it has some to spare.
 */
export const LOG_CACHE_BYTES: number = 8 * MIB;
/** Entries read back for slow followers, apart from the recent ones, so that they evict each other only. */
export const LOG_READ_CACHE_BYTES: number = 4 * MIB;
/** Newest snapshots kept: the second for its transfers, and a reserve if the log reaches back to it. */
export const SNAPSHOTS_KEPT: number = 2;
/** Data of one checksummed frame inside a snapshot file. */
export const SNAPSHOT_FRAME_BYTES: number = 256 * KIB;
/** A snapshot is synced in steps of this: one huge sync at its end would hold up the log's. */
export const SNAPSHOT_SYNC_BYTES: number = 8 * MIB;
/** Room that a large snapshot leaves on the disk: a log that finds the disk full ends the node. */
export const SNAPSHOT_ROOM_LEFT_BYTES: number = 64 * MIB;
/** One fact is read and written as a whole. */
export const FACT_BYTES_MAX: number = 16 * MIB;
/** How long the witness of the log's end may lag behind: one small sync a second is nothing beside the log's. */
export const WITNESS_DELAY_MS: number = 1_000;
/** Broken-off transfers of snapshots kept for going on with: each may be as large as the state. */
export const SNAPSHOT_PARTS_KEPT: number = 1;

// ---- connections between peers ------------------------------------------------------------------

/** One piece of a frame: between two pieces of a large frame an urgent one may go first. */
export const FRAGMENT_BYTES_MAX: number = 64 * KIB;
/** Appends gathered into one frame: enough to be efficient, little enough to be handled in one turn. */
export const FRAME_BATCH_BYTES: number = 256 * KIB;
/**
 * The data of an entry, or the body of a client's frame, goes to the kernel from where it lies if it has as
 * many bytes; to copy a smaller one costs less than one more piece of a vectored write.
 */
export const LENT_BYTES_MIN: number = 8 * KIB;
/** A larger message is never urgent: it would be what the others wait for. */
export const URGENT_MESSAGE_BYTES_MAX: number = 16 * KIB;
/** Urgent messages queued for one peer, beside its queue of appends: thousands of heartbeats. */
export const URGENT_QUEUE_BYTES_MAX: number = 1 * MIB;
/** One message of a handshake: what a stranger can make us hold. */
export const HANDSHAKE_BYTES_MAX: number = 4 * KIB;
/** Bytes that may follow a handshake's message before it was dealt with: a few reads of a socket. */
export const HANDSHAKE_REST_BYTES_MAX: number = 1 * MIB;
/** Incoming connections whose handshake is not complete; a new one takes the place of the oldest silent one. */
export const HANDSHAKES_MAX: number = 128;
/** Of these, from one address: one machine that went wild can not take all places. */
export const HANDSHAKES_PER_ADDRESS_MAX: number = 32;
/** From connecting to the end of the handshake, on both sides, however slowly bytes drip in. */
export const HANDSHAKE_MS_MAX: number = 5_000;
/** How long a connection that was refused is kept for the refusal to be read. */
export const HANDSHAKE_LINGER_MS: number = 1_000;
/** A side that sent nothing for so long sends a ping, so that silence means something. */
export const PEER_PING_MS: number = 1_000;
/** A connection on which nothing arrived for so long is dead, half-open ones included: three pings. */
export const PEER_SILENCE_MS_MAX: number = 3_000;
/** A process that is asked because a second one came under its id, and is not heard for so long, is dead. */
export const TWIN_SILENCE_MS_MAX: number = 1_000;
/** It is heard, but does not answer: after so long the second one is put off. Less than a handshake may take. */
export const TWIN_VERDICT_MS_MAX: number = 3_000;
/** A piece of a frame that takes longer to arrive is no proof of life: 2 KiB a second carry no cluster. */
export const FRAME_PIECE_MS_MAX: number = 30_000;
/** Connected nodes that nobody added as peers. A cluster is small; more than this is a mistake. */
export const PEERS_NOT_ADDED_MAX: number = 64;
/** Nodes that the log does not name yet and that this node talks to. A cluster has fewer members. */
export const PEERS_INTRODUCED_MAX: number = 64;
/** How long `stop` of a transport waits for the connections that it destroyed. */
export const TRANSPORT_STOP_MS_MAX: number = 1_000;

// ---- keys and values ----------------------------------------------------------------------------
// What changes here changes what commands answer, on all replicas at once: only with a feature level.

/** Items of one page of a range. */
export const RANGE_ITEMS_MAX: number = 1_000;
/** Keys and values that the reads of one transaction answer: sessions keep the answer for retries. */
export const TRANSACTION_READ_BYTES_MAX: number = 256 * KIB;
/** Changes kept for watches: a watcher that is further behind must read the keys again. */
export const HISTORY_CHANGES_MAX: number = 65_536;
/** Bytes of changes kept for watches; the newest change stays, however large. */
export const HISTORY_BYTES_MAX: number = 16 * MIB;
/** Revisions noted for a watcher that has not asked for them yet; further ones are found in the history. */
export const WATCH_REVISIONS_NOTED_MAX: number = 1_024;
/** One piece of memory for many keys and values. */
export const SLAB_BYTES: number = 512 * KIB;
/** A key with its value above this gets memory of its own: the end of a slab left free stays below it. */
export const SLAB_RECORD_BYTES_MAX: number = 32 * KIB;
/** Bytes moved after one batch to give back the memory of sparse slabs: what a full batch leaves behind. */
export const SLAB_MOVE_BYTES_MAX: number = 512 * KIB;
/** One piece of memory for changes kept for watches. */
export const HISTORY_SEGMENT_BYTES: number = 256 * KIB;
/** One chunk of a snapshot's section. */
export const SNAPSHOT_CHUNK_BYTES: number = 256 * KIB;

// ---- raft ---------------------------------------------------------------------------------------

/** Encoded entries in one append message, unless configured: large enough to keep a line busy. */
export const RAFT_MESSAGE_BYTES_DEFAULT: number = 1 * MIB;
/** Append messages on their way to one follower, unless configured. */
export const RAFT_INFLIGHT_MESSAGES_DEFAULT: number = 256;
/**
 * Reads that wait in a leader for its proof of leadership; what comes beyond is dropped, to be asked
 * again. Each costs a heartbeat to every member. Our nodes ask for all that wait there at once.
 */
export const RAFT_READS_WAITING_MAX: number = 8_192;
/** Levels of messages inside messages: storage messages carry responses, which carry none; one to spare. */
export const RAFT_MESSAGE_NESTING_MAX: number = 3;
/** Entries in one append message: half of what its frame may hold beside other messages. */
export const RAFT_MESSAGE_ENTRIES_MAX: number = 131_072;
/** Messages, entries, ids and changes taken from one frame: each is two bytes there, a hundred in memory. */
export const RAFT_MESSAGE_ITEMS_MAX: number = 262_144;
/** Levels of proto2 groups stepped over in a field that is not known. Nobody writes any. */
export const RAFT_GROUP_NESTING_MAX: number = 32;

// ---- state hashes and observers -------------------------------------------------------------------

/**
 * Nodes compare their state hashes at indexes that this divides: part of the protocol between nodes. Often
 * enough to name the entries among which a fault lies, seldom enough to cost nothing under load.
 */
export const STATE_HASH_INTERVAL_ENTRIES: number = 128;
/** Compared indexes that are remembered behind and ahead of this node's own position. */
export const STATE_HASHES_KEPT: number = 64;
/** Steps of the core kept for a slow reader of `ready()`; they hold entries, so not many. */
export const READY_OBSERVATIONS_MAX: number = 256;
/**
 * Bytes of entries in the steps kept for a slow reader of `ready()`: they stay in memory because of
 * it alone. An entry counts for each list that it stands in. The newest step is kept, however
 * large.
 */
export const READY_OBSERVATION_BYTES_MAX: number = 16 * MIB;
/** Changes of members and hand-overs that a leader works on for other nodes at once. */
export const LEADER_CALLS_MAX: number = 32;
