/**
 * The data of a log entry: a versioned envelope of one or more commands.
 *
 * Whatever waits for a place in the log at the same moment travels in one entry: one frame, one
 * record, one sync. A command is encoded once, where it is proposed ("part"; see envelope-draft.ts); a
 * follower sends its parts to the leader, which copies them into the envelope as they are.
 *
 *     envelope  u8 version (1) | u8 zero | u16 zero | u32 count | part ...
 *     part      u8 kind | u8 flags | u16 zero | u32 body length
 *               | f64 session, f64 sequence, f64 acknowledgedBelow   (flag 1)
 *               | body
 *
 * Little endian; f64 holds safe integers only. A committed envelope of a version or a kind that this
 * node does not know stops it with COMMAND_UNKNOWN: skipping it would fork the state.
 */
import { ClusterError } from '../errors.ts';
import { viewOf } from '../views.ts';
import type { RequestId } from './types.ts';

const ENVELOPE_VERSION = 1;
export const ENVELOPE_HEADER_BYTES = 8;
const PART_HEADER_BYTES = 8;
const REQUEST_BYTES = 24;
const FLAG_REQUEST = 1;

/** What a part asks for. Numbers are on disk: never reused. */
export const CommandKind = {
  /** For the application's state machine. */
  Application: 1,
  /** Opens a client session; the result is its id. */
  OpenSession: 2,
  /** Ends the session whose id is the body. */
  CloseSession: 3,
  /** Ends a session if it was not used since an index; body: id, index. Proposed by the leader. */
  ExpireSession: 4,
  /** Mints a raft id for a node; body: see membership. */
  MintMember: 5,
} as const;
export type CommandKind = (typeof CommandKind)[keyof typeof CommandKind];

export interface Part {
  readonly kind: CommandKind;
  readonly request: RequestId | undefined;
  readonly body: Uint8Array;
}

function dataViewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Length of a part with a body of so many bytes. */
export function partBytes(bodyBytes: number, request: RequestId | undefined): number {
  return PART_HEADER_BYTES + (request === undefined ? 0 : REQUEST_BYTES) + bodyBytes;
}

/** Writes a part of `partBytes` at `at`; `view` is one of the same bytes. What was there does not matter. */
export function writePart(
  into: Uint8Array,
  view: DataView,
  at: number,
  kind: CommandKind,
  body: Uint8Array,
  request: RequestId | undefined,
): void {
  view.setUint32(at + 4, body.length, true);
  if (request === undefined) {
    view.setUint32(at, kind, true);
    into.set(body, at + PART_HEADER_BYTES);
    return;
  }
  view.setUint32(at, kind | (FLAG_REQUEST << 8), true);
  view.setFloat64(at + 8, request.session, true);
  view.setFloat64(at + 16, request.sequence, true);
  view.setFloat64(at + 24, request.acknowledgedBelow ?? 0, true);
  into.set(body, at + PART_HEADER_BYTES + REQUEST_BYTES);
}

/** At the beginning of the bytes; `view` is one of the same. */
export function writeEnvelopeHeader(into: Uint8Array, view: DataView, count: number): void {
  into.fill(0, 0, ENVELOPE_HEADER_BYTES);
  into[0] = ENVELOPE_VERSION;
  view.setUint32(4, count, true);
}

export function encodePart(
  kind: CommandKind,
  body: Uint8Array,
  request: RequestId | undefined,
): Uint8Array {
  const part = new Uint8Array(partBytes(body.length, request));
  writePart(part, dataViewOf(part), 0, kind, body, request);
  return part;
}

/** Copies the parts into one entry's data. */
export function encodeEnvelope(parts: readonly Uint8Array[], partsBytes: number): Uint8Array {
  const envelope = new Uint8Array(ENVELOPE_HEADER_BYTES + partsBytes);
  writeEnvelopeHeader(envelope, dataViewOf(envelope), parts.length);
  let offset = ENVELOPE_HEADER_BYTES;
  for (const part of parts) {
    envelope.set(part, offset);
    offset += part.length;
  }
  return envelope;
}

/**
 * Goes through commands where they lie, one after the other, and makes nothing of them that is not asked
 * for. All of them are looked at before the first is shown: of an envelope that ends badly nothing is
 * applied.
 */
export class PartCursor {
  /** Of the part that is shown, as all that follows. */
  kind: CommandKind = CommandKind.Application;
  hasRequest = false;
  session = 0;
  sequence = 0;
  acknowledgedBelow = 0;
  readonly count: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #start: number;
  #shown = 0;
  #bodyStart = 0;
  #bodyEnd: number;

  /**
   * `count` parts that fill `bytes` from `start` to the end.
   *
   * @throws ClusterError COMMAND_UNKNOWN, CODEC_INVALID.
   */
  constructor(bytes: Uint8Array, view: DataView, start: number, count: number) {
    if (count * PART_HEADER_BYTES > bytes.length) throw malformed(`claims ${count} commands`);
    this.count = count;
    this.#bytes = bytes;
    this.#view = view;
    this.#start = start;
    this.#bodyEnd = start;
    while (this.next());
    const left = bytes.length - this.#bodyEnd;
    if (left !== 0) throw malformed(`has ${left} bytes too many`);
    this.#shown = 0;
    this.#bodyEnd = this.#start;
  }

  /** @throws ClusterError COMMAND_UNKNOWN, CODEC_INVALID. */
  static over(envelope: Uint8Array): PartCursor {
    if (envelope[0] !== ENVELOPE_VERSION) {
      throw new ClusterError(
        'COMMAND_UNKNOWN',
        `log entry has envelope version ${envelope[0]}, this node knows ${ENVELOPE_VERSION}: ` +
          'start it with the release that the other members run',
      );
    }
    if (envelope.length < ENVELOPE_HEADER_BYTES) throw malformed('is cut off');
    const view = dataViewOf(envelope);
    return new PartCursor(envelope, view, ENVELOPE_HEADER_BYTES, view.getUint32(4, true));
  }

  /** Shows the next part; false behind the last one. */
  next(): boolean {
    if (this.#shown === this.count) return false;
    const offset = this.#bodyEnd;
    const end = partEnd(this.#bytes, this.#view, offset);
    this.kind = checkKind(this.#bytes[offset] as number);
    const flags = this.#bytes[offset + 1] as number;
    if (flags > FLAG_REQUEST) throw malformed(`has flags ${flags}`);
    this.hasRequest = flags === FLAG_REQUEST;
    this.#bodyStart = offset + PART_HEADER_BYTES;
    if (this.hasRequest) {
      const view = this.#view;
      this.session = safeInteger(view.getFloat64(offset + 8, true));
      this.sequence = safeInteger(view.getFloat64(offset + 16, true));
      this.acknowledgedBelow = safeInteger(view.getFloat64(offset + 24, true));
      this.#bodyStart += REQUEST_BYTES;
    }
    this.#bodyEnd = end;
    this.#shown++;
    return true;
  }

  /** A view of the part's body. */
  body(): Uint8Array {
    return viewOf(this.#bytes, this.#bodyStart, this.#bodyEnd);
  }

  request(): RequestId | undefined {
    if (!this.hasRequest) return undefined;
    const { session, sequence, acknowledgedBelow } = this;
    return { session, sequence, acknowledgedBelow };
  }
}

/** All parts of an envelope. @throws ClusterError COMMAND_UNKNOWN, CODEC_INVALID. */
export function decodeEnvelope(envelope: Uint8Array): Part[] {
  const cursor = PartCursor.over(envelope);
  const parts: Part[] = [];
  while (cursor.next()) parts.push(partOf(cursor));
  return parts;
}

/** Exactly one part, and nothing beside it. @throws ClusterError COMMAND_UNKNOWN, CODEC_INVALID. */
export function readSinglePart(bytes: Uint8Array): Part {
  const cursor = new PartCursor(bytes, dataViewOf(bytes), 0, 1);
  cursor.next();
  return partOf(cursor);
}

function partOf(cursor: PartCursor): Part {
  return { kind: cursor.kind, request: cursor.request(), body: cursor.body() };
}

/** Where the part at `offset` ends. @throws ClusterError CODEC_INVALID when it does not fit. */
export function partEnd(bytes: Uint8Array, view: DataView, offset: number): number {
  if (offset + PART_HEADER_BYTES > bytes.length) throw malformed('is cut off');
  const head = PART_HEADER_BYTES + (bytes[offset + 1] === FLAG_REQUEST ? REQUEST_BYTES : 0);
  const end = offset + head + view.getUint32(offset + 4, true);
  if (end > bytes.length) throw malformed('is cut off');
  return end;
}

function checkKind(kind: number): CommandKind {
  if (kind >= CommandKind.Application && kind <= CommandKind.MintMember) return kind as CommandKind;
  throw new ClusterError(
    'COMMAND_UNKNOWN',
    `there is a command of kind ${kind}, which this node does not know: ` +
      'start it with the release that the other members run',
  );
}

function safeInteger(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw malformed(`holds the number ${value}`);
  return value;
}

function malformed(what: string): ClusterError {
  return new ClusterError('CODEC_INVALID', `command envelope ${what}`);
}
