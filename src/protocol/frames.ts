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
import { asBuffer } from '../views.ts';
import { ByteReader, writeU32, writeU64 } from './byte-reader.ts';
import { RequestLayout } from './request-layout.ts';

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
const REQUEST_HEADER_BYTES = 12;
const REQUEST_ID_BYTES = 24;
/** Length, correlation and kind of an answer: what goes before its body. */
export const ANSWER_HEADER_BYTES = 12;

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

/** Bytes of what goes before a request's body, length included. */
export function requestHeaderBytes(request: RequestId | undefined): number {
  return request === undefined ? REQUEST_HEADER_BYTES : REQUEST_HEADER_BYTES + REQUEST_ID_BYTES;
}

/**
 * What goes before a request's body, length included, into room of `requestHeaderBytes` at `at`;
 * returns where the body goes.
 */
export function writeRequestHeader(
  into: Uint8Array,
  header: RequestHeader,
  bodyBytes: number,
  at: number,
): number {
  const { request } = header;
  const size = requestHeaderBytes(request);
  writeU32(into, size - 4 + bodyBytes, at);
  writeU32(into, header.correlation, at + 4);
  into[at + 8] = header.op;
  into[at + 9] = (request === undefined ? 0 : FLAG_REQUEST) | (header.local ? FLAG_LOCAL : 0);
  into[at + 10] = header.timeoutMs >>> 8;
  into[at + 11] = header.timeoutMs;
  if (request !== undefined) {
    writeU64(into, request.session, at + 12);
    writeU64(into, request.sequence, at + 20);
    writeU64(into, request.acknowledgedBelow ?? 0, at + 28);
  }
  return at + size;
}

/** The same as bytes of its own. */
export function encodeRequestHeader(header: RequestHeader, bodyBytes: number): Buffer {
  const out = Buffer.allocUnsafe(requestHeaderBytes(header.request));
  writeRequestHeader(out, header, bodyBytes, 0);
  return out;
}

/** `frame` without its length. @throws CODEC_INVALID. */
export function decodeRequest(frame: Uint8Array): RequestFrame {
  const layout = new RequestLayout();
  layout.read(frame, 0, frame.length);
  const { correlation, op, local, timeoutMs, request, bodyStart } = layout;
  const body = asBuffer(frame).subarray(bodyStart);
  return { correlation, op, local, timeoutMs, request, body };
}

/**
 * What goes before an answer's body, length included, into room of ANSWER_HEADER_BYTES at `at`;
 * returns where the body goes.
 */
export function writeAnswerHeader(
  into: Uint8Array,
  correlation: number,
  kind: AnswerKind,
  bodyBytes: number,
  at: number,
): number {
  writeU32(into, ANSWER_HEADER_BYTES - 4 + bodyBytes, at);
  writeU32(into, correlation, at + 4);
  writeU32(into, kind << 24, at + 8);
  return at + ANSWER_HEADER_BYTES;
}

/** The same as bytes of its own. */
export function encodeAnswerHeader(
  correlation: number,
  kind: AnswerKind,
  bodyBytes: number,
): Buffer {
  const out = Buffer.allocUnsafe(ANSWER_HEADER_BYTES);
  writeAnswerHeader(out, correlation, kind, bodyBytes, 0);
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
