/**
 * Every error that Quorate raises on purpose has a code from this table. Codes are part of the
 * public surface: a code keeps its meaning for ever and is never used again for another one.
 *
 * `retryable` is what a caller needs to know first:
 * - `no`: the same call would fail again; something must be changed.
 * - `yes`: nothing happened; the same call may succeed later.
 * - `unknown-outcome`: it may or may not have taken effect; retry only with the same request id.
 */
export type Retryable = 'no' | 'yes' | 'unknown-outcome';

interface CodeInfo {
  readonly retryable: Retryable;
  readonly meaning: string;
}

/**
 * Every code, whether a retry can help, and its meaning in a sentence. docs/reference/errors.md
 * says what to do.
 */
export const ERROR_CODES = {
  // raft/ and storage/: the log
  LOG_COMPACTED: {
    retryable: 'no',
    meaning: 'The log entry was compacted away; a snapshot covers it.',
  },
  LOG_UNAVAILABLE: { retryable: 'no', meaning: 'The log has no entry at that index yet.' },
  LOG_OUT_OF_ORDER: { retryable: 'no', meaning: 'Entries do not follow on the end of the log.' },
  SNAPSHOT_OUT_OF_DATE: { retryable: 'no', meaning: 'A newer snapshot is in place already.' },
  CODEC_INVALID: {
    retryable: 'no',
    meaning: 'Bytes do not decode as the message that they claim to be.',
  },
  PROPOSAL_DROPPED: {
    retryable: 'yes',
    meaning: 'The proposal was not accepted; nothing was appended.',
  },
  STEP_LOCAL: {
    retryable: 'no',
    meaning: 'A message that only the node itself may produce came from outside.',
  },
  STEP_PEER_UNKNOWN: {
    retryable: 'no',
    meaning: 'A response came from a peer that is not in the configuration.',
  },
  CONF_CHANGE_INVALID: {
    retryable: 'no',
    meaning: 'The membership change does not apply to the configuration.',
  },
  // storage/: the data folder
  DATA_DIR_IN_USE: { retryable: 'no', meaning: 'Another process holds the data folder.' },
  DATA_DIR_MISMATCH: {
    retryable: 'no',
    meaning: 'The data folder belongs to another cluster or another node.',
  },
  DATA_DIR_FORMAT: {
    retryable: 'no',
    meaning: 'The data folder has a format that this version does not read.',
  },
  DATA_DIR_UNUSABLE: {
    retryable: 'no',
    meaning: 'The data folder is no folder, or may not be written to.',
  },
  DATA_DIR_MISSING: { retryable: 'no', meaning: 'There is no data folder at that path.' },
  DATA_CORRUPT: {
    retryable: 'no',
    meaning: 'Stored data is damaged; the message names file and offset.',
  },
  DATA_ROLLED_BACK: {
    retryable: 'no',
    meaning:
      'The data folder is older than what this node has acknowledged; it can not take part again.',
  },
  DISK_FULL: { retryable: 'no', meaning: 'The disk is full; the node has stopped taking part.' },
  DISK_FAILED: {
    retryable: 'no',
    meaning: 'A write or sync failed; the node has stopped taking part.',
  },
  STORAGE_CLOSED: { retryable: 'no', meaning: 'The storage was closed.' },
  // transport/
  PEER_UNKNOWN: { retryable: 'no', meaning: 'No peer with that id was added.' },
  PEER_ADDRESS_INVALID: { retryable: 'no', meaning: 'The address is not host:port.' },
  PEER_REFUSED: { retryable: 'no', meaning: 'The peer refused the handshake; details say why.' },
  ADDRESS_IN_USE: { retryable: 'no', meaning: 'Another process listens on the address.' },
  ADDRESS_INVALID: { retryable: 'no', meaning: 'The address can not be listened on.' },
  TRANSFER_FAILED: { retryable: 'yes', meaning: 'A bulk transfer ended before it was complete.' },
  // consensus/
  CONFIG_INVALID: {
    retryable: 'no',
    meaning: 'The configuration is not valid; the message names the field.',
  },
  NOT_STARTED: { retryable: 'no', meaning: 'The node was not started.' },
  NODE_STOPPED: {
    retryable: 'yes',
    meaning: 'The node is stopping or stopped; nothing was proposed.',
  },
  NODE_FAILED: {
    retryable: 'no',
    meaning: 'This node has stopped taking part for good after a fault; another one may do it.',
  },
  NO_LEADER: {
    retryable: 'yes',
    meaning: 'No leader was known before the deadline; nothing was proposed.',
  },
  NO_QUORUM: { retryable: 'yes', meaning: 'A majority could not be reached before the deadline.' },
  NOT_LEADER: {
    retryable: 'yes',
    meaning: 'Only the leader can do this, and this node is not it.',
  },
  OVERLOADED: { retryable: 'yes', meaning: 'A bounded queue is full; nothing was proposed.' },
  OUTCOME_UNKNOWN: {
    retryable: 'unknown-outcome',
    meaning: 'It may or may not have taken effect.',
  },
  ABORTED: { retryable: 'unknown-outcome', meaning: 'The caller gave up waiting.' },
  COMMAND_TOO_LARGE: { retryable: 'no', meaning: 'The command exceeds the size limit.' },
  RESULT_TOO_LARGE: {
    retryable: 'no',
    meaning: 'The command was applied; its result is larger than can be kept and sent.',
  },
  SESSION_EXPIRED: {
    retryable: 'unknown-outcome',
    meaning: 'The session is gone; a repeated request is not applied again.',
  },
  SEQUENCE_STALE: {
    retryable: 'no',
    meaning: 'The sequence number was already acknowledged as done by its session.',
  },
  MEMBER_UNKNOWN: { retryable: 'no', meaning: 'No member has that id.' },
  MEMBER_EXISTS: { retryable: 'no', meaning: 'A member has that id already.' },
  MEMBER_REMOVED: { retryable: 'no', meaning: 'This node was removed from the cluster.' },
  MEMBER_WIPED: {
    retryable: 'no',
    meaning: 'The node came back without its data; it needs a new identity.',
  },
  MEMBER_TWIN: {
    retryable: 'no',
    meaning: 'Another process runs with the same identity: on this data folder or on a copy of it.',
  },
  CHANGE_IN_PROGRESS: {
    retryable: 'yes',
    meaning: 'Another membership change is not finished yet.',
  },
  TRANSFER_TIMED_OUT: { retryable: 'yes', meaning: 'Leadership was not taken over in time.' },
  COMMAND_UNKNOWN: {
    retryable: 'no',
    meaning: 'A committed command is not known to this version; it is never skipped.',
  },
  STATE_MACHINE_FAILED: {
    retryable: 'no',
    meaning:
      'The state machine threw or answered what it must not; at apply and restore that ends the node.',
  },
  STATE_DIVERGED: {
    retryable: 'no',
    meaning: 'This replica disagrees with a majority and took itself out.',
  },
  INVARIANT: {
    retryable: 'no',
    meaning: 'A rule that must always hold was broken: a bug. The node stopped itself.',
  },
  // state/ and api/
  REQUEST_INVALID: {
    retryable: 'no',
    meaning: 'The request is malformed; the message names the field.',
  },
  KEY_INVALID: { retryable: 'no', meaning: 'The key is empty or too long.' },
  VALUE_TOO_LARGE: { retryable: 'no', meaning: 'The value exceeds the size limit.' },
  KEY_NOT_FOUND: { retryable: 'no', meaning: 'The key does not exist.' },
  NOT_A_NUMBER: {
    retryable: 'no',
    meaning: 'The stored value is not a whole number, so it can not be incremented.',
  },
  NUMBER_OUT_OF_RANGE: {
    retryable: 'no',
    meaning: 'The result would leave the range of 64-bit signed integers.',
  },
  REVISION_COMPACTED: {
    retryable: 'no',
    meaning: 'The history before that revision was compacted away.',
  },
  REVISION_FUTURE: { retryable: 'no', meaning: 'That revision does not exist yet.' },
  WATCH_TOO_SLOW: {
    retryable: 'yes',
    meaning: 'The watcher fell too far behind; resume from the revision given.',
  },
  DEADLINE_EXCEEDED: { retryable: 'yes', meaning: 'The deadline passed; nothing took effect.' },
  ROUTE_UNKNOWN: { retryable: 'no', meaning: 'No such route.' },
  METHOD_NOT_ALLOWED: { retryable: 'no', meaning: 'The route does not take this method.' },
  BODY_TOO_LARGE: { retryable: 'no', meaning: 'The request body exceeds the size limit.' },
  BODY_TIMEOUT: { retryable: 'yes', meaning: 'The request body did not arrive in time.' },
  CONNECTION_FAILED: { retryable: 'yes', meaning: 'No node could be reached.' },
  HEADERS_TOO_LARGE: { retryable: 'no', meaning: 'The request headers exceed the size limit.' },
  PROTOCOL_UNSUPPORTED: {
    retryable: 'no',
    meaning: 'The two sides speak no common version of the client protocol.',
  },
  CLIENT_CLOSED: { retryable: 'no', meaning: 'The client was closed by its owner.' },
  INTERNAL: {
    retryable: 'unknown-outcome',
    meaning:
      'An unexpected fault inside the node, or in a part of one’s own: a bug; its log has the details.',
  },
} as const;

ERROR_CODES satisfies Readonly<Record<string, CodeInfo>>;

/** One of the codes of `ERROR_CODES`. */
export type ErrorCode = keyof typeof ERROR_CODES;

const BRAND: unique symbol = Symbol.for('quorate.ClusterError') as never;

/** Plain values only: they travel as JSON. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** The one error class. Tell errors apart by `code`; `instanceof` works across copies of the package. */
export class ClusterError extends Error {
  readonly code: ErrorCode;
  readonly retryable: Retryable;
  readonly details: ErrorDetails;

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: ErrorDetails; cause?: unknown; retryable?: Retryable } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ClusterError';
    this.code = code;
    this.retryable = options.retryable ?? ERROR_CODES[code].retryable;
    this.details = options.details ?? {};
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** True for the errors of every copy of the package that this process has loaded. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  /**
   * Code, message, retryable and details, as they travel to other processes. Stack and cause stay
   * here.
   */
  toJSON(): { code: ErrorCode; message: string; retryable: Retryable; details: ErrorDetails } {
    return {
      code: this.code,
      message: this.message,
      retryable: this.retryable,
      details: this.details,
    };
  }
}

/** The code of one of our errors; `undefined` of any other. */
export function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof ClusterError ? error.code : undefined;
}

/**
 * Holds in production too. A broken rule means that this node's memory can no longer be trusted, so
 * the error is meant to reach the top and stop the node; nothing catches and continues.
 */
export function assert(
  condition: unknown,
  message: string,
  details?: ErrorDetails,
): asserts condition {
  if (!condition) violated(message, details);
}

/**
 * What a failed `assert` does. For rules that are looked at for each message: with the condition at the
 * call, the numbers for the text are gathered only once it is broken.
 */
export function violated(message: string, details?: ErrorDetails): never {
  const numbers = details === undefined ? '' : ` ${JSON.stringify(details)}`;
  throw new ClusterError(
    'INVARIANT',
    `${message}${numbers}`,
    details === undefined ? {} : { details },
  );
}
