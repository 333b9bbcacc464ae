/**
 * The frames of the binary client protocol, version 1, both ways; docs/reference/protocol.md is the
 * contract. Pure: bytes in, values out, for the client and for the server's door.
 *
 * Both sides hold a bound on a frame's length before they believe it, so that four bytes from a stranger
 * never make anybody allocate four gigabytes.
 */
import { Buffer } from 'node:buffer';
import type { RequestId } from '../consensus/index.ts';
import { ClusterError, ERROR_CODES, type ErrorCode, type ErrorDetails } from '../errors.ts';
import { asBuffer, ByteReader, writeU64 } from './byte-reader.ts';

/** The version that this release speaks. */
export const PROTOCOL_VERSION = 1;
/** First four bytes of a connection, `QRTC`: nobody comes here by mistake and stays. */
export const PROTOCOL_MAGIC: number = 0x51525443;
/** Length of the client's first message. */
export const HELLO_BYTES = 8;

/** What is asked for. Numbers are part of the protocol. */
export const OP = {
  propose: 1,
  get: 2,
  range: 3,
  watch: 4,
  credit: 5,
  cancel: 6,
  openSession: 7,
  closeSession: 8,
  call: 9,
  ping: 10,
} as const;
/** One of the values of `OP`. */
export type Op = (typeof OP)[keyof typeof OP];

/** What a frame of the server is. Numbers are part of the protocol. */
export const ANSWER = { result: 0, error: 1, item: 2, end: 3 } as const;
/** One of the values of `ANSWER`. */
export type AnswerKind = (typeof ANSWER)[keyof typeof ANSWER];

const FLAG_REQUEST = 1;
const FLAG_LOCAL = 2;
const FLAGS_KNOWN: number = FLAG_REQUEST | FLAG_LOCAL;
const REQUEST_HEADER_BYTES = 12;
const REQUEST_ID_BYTES = 24;
const ANSWER_HEADER_BYTES = 12;

/**
 * What goes before a request's body. `correlation` is the client's own, and comes back with the
 * answers; `local`: the node's own state will do.
 */
export interface RequestHeader {
  readonly correlation: number;
  readonly op: number;
  readonly local: boolean;
  /** 0: the default. */
  readonly timeoutMs: number;
  readonly request: RequestId | undefined;
}

/** A request as it arrived. */
export interface RequestFrame extends RequestHeader {
  /** A view into what was received. */
  readonly body: Buffer;
}

/** An answer as it arrived. `body` is a view into what was received. */
export interface AnswerFrame {
  readonly correlation: number;
  readonly kind: AnswerKind;
  readonly body: Buffer;
}

/** What goes before the body, length included. */
export function encodeRequestHeader(header: RequestHeader, bodyBytes: number): Buffer {
  const { request } = header;
  const size = REQUEST_HEADER_BYTES + (request === undefined ? 0 : REQUEST_ID_BYTES);
  const out = Buffer.allocUnsafe(size);
  out.writeUInt32BE(size - 4 + bodyBytes, 0);
  out.writeUInt32BE(header.correlation, 4);
  out[8] = header.op;
  out[9] = (request === undefined ? 0 : FLAG_REQUEST) | (header.local ? FLAG_LOCAL : 0);
  out.writeUInt16BE(header.timeoutMs, 10);
  if (request !== undefined) {
    writeU64(out, request.session, 12);
    writeU64(out, request.sequence, 20);
    writeU64(out, request.acknowledgedBelow ?? 0, 28);
  }
  return out;
}

/** `frame` without its length. @throws CODEC_INVALID. */
export function decodeRequest(frame: Uint8Array): RequestFrame {
  const reader = new ByteReader(frame);
  const correlation = reader.u32();
  const op = reader.u8();
  const flags = reader.u8();
  const timeoutMs = reader.u16();
  if ((flags & ~FLAGS_KNOWN) !== 0) {
    throw new ClusterError(
      'CODEC_INVALID',
      `flags ${flags} have bits that version 1 does not know`,
      {
        details: { correlation },
      },
    );
  }
  let request: RequestId | undefined;
  if ((flags & FLAG_REQUEST) !== 0) {
    const id = { session: reader.u64(), sequence: reader.u64() };
    const acknowledgedBelow = reader.u64();
    request = acknowledgedBelow === 0 ? id : { ...id, acknowledgedBelow };
  }
  const local = (flags & FLAG_LOCAL) !== 0;
  return { correlation, op, local, timeoutMs, request, body: reader.rest() };
}

/** What goes before the body, length included. */
export function encodeAnswerHeader(
  correlation: number,
  kind: AnswerKind,
  bodyBytes: number,
): Buffer {
  const out = Buffer.allocUnsafe(ANSWER_HEADER_BYTES);
  out.writeUInt32BE(ANSWER_HEADER_BYTES - 4 + bodyBytes, 0);
  out.writeUInt32BE(correlation, 4);
  out.writeUInt32BE(kind * 0x100_0000, 8);
  return out;
}

/** `frame` without its length. @throws CODEC_INVALID. */
export function decodeAnswer(frame: Uint8Array): AnswerFrame {
  const reader = new ByteReader(frame);
  const correlation = reader.u32();
  const word = reader.u32();
  const kind = word / 0x100_0000;
  if (kind !== 0 && kind !== 1 && kind !== 2 && kind !== 3) {
    throw new ClusterError('CODEC_INVALID', `answer of kind 0x${word.toString(16)} is not known`);
  }
  return { correlation, kind, body: reader.rest() };
}

/** Body of an answer of kind `error`. */
export function encodeError(error: ClusterError): Buffer {
  return Buffer.from(JSON.stringify(error), 'utf8');
}

/** A code of a newer server becomes INTERNAL, with its own words kept. */
export function decodeError(body: Uint8Array): ClusterError {
  let fields: Readonly<Record<string, unknown>>;
  try {
    fields = objectOf(asBuffer(body).toString('utf8'));
  } catch (cause) {
    return new ClusterError('CODEC_INVALID', 'the node sent an error that is no JSON object', {
      cause,
    });
  }
  const { code, message, retryable, details } = fields;
  const known = typeof code === 'string' && Object.hasOwn(ERROR_CODES, code);
  const words = typeof message === 'string' ? message : 'an error without a message';
  const facts = (typeof details === 'object' && details !== null ? details : {}) as ErrorDetails;
  const valid = retryable === 'yes' || retryable === 'no' || retryable === 'unknown-outcome';
  return new ClusterError(known ? (code as ErrorCode) : 'INTERNAL', words, {
    details: known ? facts : { ...facts, code },
    ...(valid ? { retryable } : {}),
  });
}

/** First bytes of a client. */
export function encodeHello(versionMin: number, versionMax: number): Buffer {
  const out = Buffer.alloc(HELLO_BYTES);
  out.writeUInt32BE(PROTOCOL_MAGIC, 0);
  out[4] = versionMin;
  out[5] = versionMax;
  return out;
}

/** @throws CODEC_INVALID when these are not the first bytes of a client of ours. */
export function decodeHello(bytes: Uint8Array): { versionMin: number; versionMax: number } {
  const reader = new ByteReader(bytes);
  const magic = reader.u32();
  const [versionMin, versionMax] = [reader.u8(), reader.u8()];
  if (magic !== PROTOCOL_MAGIC || versionMin > versionMax || versionMin < 1 || reader.u16() !== 0) {
    throw new ClusterError(
      'CODEC_INVALID',
      'these are not the first bytes of the client protocol; is this port meant for HTTP?',
    );
  }
  return { versionMin, versionMax };
}

/** The server's answer to a hello; version 0 with `{ error }` refuses. */
export function encodeWelcome(version: number, facts: object): Buffer {
  const body = Buffer.from(JSON.stringify(facts), 'utf8');
  const out = Buffer.alloc(HELLO_BYTES + body.length);
  out.writeUInt32BE(PROTOCOL_MAGIC, 0);
  out[4] = version;
  out.writeUInt16BE(body.length, 6);
  body.copy(out, HELLO_BYTES);
  return out;
}

/** The server's first message: the version that both speak from here on, and who it is. */
export interface Welcome {
  readonly version: number;
  readonly facts: Readonly<Record<string, unknown>>;
  /** Bytes of the input that it took. */
  readonly bytes: number;
}

/** `undefined`: more bytes are needed. @throws CODEC_INVALID. */
export function decodeWelcome(bytes: Uint8Array): Welcome | undefined {
  const input = asBuffer(bytes);
  if (input.length < HELLO_BYTES) return undefined;
  if (input.readUInt32BE(0) !== PROTOCOL_MAGIC) {
    throw new ClusterError(
      'CODEC_INVALID',
      "what answers there is no client port of a node (did you give another door's port?)",
    );
  }
  const end = HELLO_BYTES + input.readUInt16BE(6);
  if (input.length < end) return undefined;
  try {
    const facts = objectOf(input.toString('utf8', HELLO_BYTES, end));
    return { version: input[4]!, facts, bytes: end };
  } catch (cause) {
    throw new ClusterError('CODEC_INVALID', "the node's greeting is no JSON object", { cause });
  }
}

/** @throws SyntaxError, TypeError. */
function objectOf(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text);
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new TypeError(`${typeof value} is no object`);
}
