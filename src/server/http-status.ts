/**
 * From error codes to HTTP status codes: the one table, also printed in docs/reference/errors.md. A code
 * that is not named here gets a status by whether trying again helps.
 */
import { ERROR_CODES, type ErrorCode } from '../errors.ts';

const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  REQUEST_INVALID: 400,
  CODEC_INVALID: 400,
  KEY_INVALID: 400,
  CONFIG_INVALID: 400,
  PEER_ADDRESS_INVALID: 400,
  CONF_CHANGE_INVALID: 400,
  REVISION_FUTURE: 400,
  PROTOCOL_UNSUPPORTED: 400,
  KEY_NOT_FOUND: 404,
  MEMBER_UNKNOWN: 404,
  ROUTE_UNKNOWN: 404,
  METHOD_NOT_ALLOWED: 405,
  BODY_TIMEOUT: 408,
  MEMBER_EXISTS: 409,
  MEMBER_REMOVED: 409,
  MEMBER_TWIN: 409,
  MEMBER_WIPED: 409,
  NOT_A_NUMBER: 409,
  NUMBER_OUT_OF_RANGE: 409,
  SEQUENCE_STALE: 409,
  CHANGE_IN_PROGRESS: 409,
  SESSION_EXPIRED: 410,
  REVISION_COMPACTED: 410,
  BODY_TOO_LARGE: 413,
  VALUE_TOO_LARGE: 413,
  COMMAND_TOO_LARGE: 413,
  HEADERS_TOO_LARGE: 431,
  INTERNAL: 500,
  NODE_FAILED: 503,
  DISK_FULL: 503,
  DISK_FAILED: 503,
  OUTCOME_UNKNOWN: 504,
  ABORTED: 504,
  DEADLINE_EXCEEDED: 504,
  TRANSFER_TIMED_OUT: 504,
};

export function httpStatusOf(code: ErrorCode): number {
  const named = STATUS[code];
  if (named !== undefined) return named;
  const { retryable } = ERROR_CODES[code];
  if (retryable === 'yes') return 503;
  return retryable === 'unknown-outcome' ? 504 : 500;
}
