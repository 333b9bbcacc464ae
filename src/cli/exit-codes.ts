/**
 * The exit codes of the `quorate` command: one table, the same as in docs/reference/cli.md (a test
 * compares the two), so that a supervisor can tell "start it again" from "call somebody".
 *
 * The rule it protects: a node that stopped because of its disk or its state never ends with a code
 * that a supervisor takes for "restart me". Each error code that can end a process has its line
 * here; whatever has none ends with 1.
 */
import { ClusterError, type ErrorCode } from '../errors.ts';

export const ExitCode = {
  ok: 0,
  failed: 1,
  usage: 2,
  addressInUse: 3,
  dataDirInUse: 4,
  dataDirMismatch: 5,
  diskFull: 6,
  diskFailed: 7,
  dataCorrupt: 8,
  notMember: 9,
  stateUntrusted: 10,
  unreachable: 11,
  outcomeUnknown: 12,
  notFound: 13,
  interrupted: 130,
  /** As of a program that SIGPIPE ends: what it was about to say is no verdict. */
  noReader: 141,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** A supervisor leaves a daemon down that ended so: restarting does not help, and may do harm. */
export const STAY_DOWN_CODES: readonly number[] = [
  ExitCode.dataDirMismatch,
  ExitCode.diskFull,
  ExitCode.diskFailed,
  ExitCode.dataCorrupt,
  ExitCode.notMember,
  ExitCode.stateUntrusted,
];

const CODE_OF_ERROR: Partial<Record<ErrorCode, ExitCode>> = {
  CONFIG_INVALID: ExitCode.usage,
  REQUEST_INVALID: ExitCode.usage,
  KEY_INVALID: ExitCode.usage,
  VALUE_TOO_LARGE: ExitCode.usage,
  PEER_ADDRESS_INVALID: ExitCode.usage,
  ADDRESS_IN_USE: ExitCode.addressInUse,
  ADDRESS_INVALID: ExitCode.addressInUse,
  DATA_DIR_IN_USE: ExitCode.dataDirInUse,
  DATA_DIR_MISMATCH: ExitCode.dataDirMismatch,
  DATA_DIR_FORMAT: ExitCode.dataDirMismatch,
  DATA_DIR_MISSING: ExitCode.notFound,
  DISK_FULL: ExitCode.diskFull,
  DISK_FAILED: ExitCode.diskFailed,
  DATA_CORRUPT: ExitCode.dataCorrupt,
  DATA_ROLLED_BACK: ExitCode.dataCorrupt,
  MEMBER_REMOVED: ExitCode.notMember,
  MEMBER_WIPED: ExitCode.notMember,
  MEMBER_TWIN: ExitCode.notMember,
  MEMBER_EXISTS: ExitCode.notMember,
  PEER_REFUSED: ExitCode.notMember,
  STATE_DIVERGED: ExitCode.stateUntrusted,
  STATE_MACHINE_FAILED: ExitCode.stateUntrusted,
  COMMAND_UNKNOWN: ExitCode.stateUntrusted,
  INVARIANT: ExitCode.stateUntrusted,
  CONNECTION_FAILED: ExitCode.unreachable,
  NO_LEADER: ExitCode.unreachable,
  NO_QUORUM: ExitCode.unreachable,
  NODE_STOPPED: ExitCode.unreachable,
  DEADLINE_EXCEEDED: ExitCode.unreachable,
  OUTCOME_UNKNOWN: ExitCode.outcomeUnknown,
  SESSION_EXPIRED: ExitCode.outcomeUnknown,
  KEY_NOT_FOUND: ExitCode.notFound,
  MEMBER_UNKNOWN: ExitCode.notFound,
};

/** The code that a process ends with when this error reached its top. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof ClusterError) {
    const code = CODE_OF_ERROR[error.code];
    if (code !== undefined) return code;
    if (error.cause !== undefined && error.cause !== error) return exitCodeOf(error.cause);
  }
  return ExitCode.failed;
}
