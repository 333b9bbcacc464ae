/**
 * The node's own frames between peers: proposals on their way from a follower to the leader, and the
 * answers on their way back.
 *
 *     proposals  u8 version (1) | u8 zero | u16 zero | u32 count | { f64 id | part } ...
 *     answers    u8 version (1) | u8 zero | u16 zero | u32 count
 *                | { f64 id | f64 index | u32 status | u32 code | u32 length | bytes } ...
 *
 * Little endian. `part` is that of the envelope: the leader copies it into the log as it is.
 */
import { ClusterError } from '../errors.ts';
import { BATCH_BYTES_MAX, FRAME_BYTES_MAX, PROPOSALS_WAITING_MAX } from '../limits.ts';
import { resultLength, writeResult } from './compact-result.ts';
import { partEnd } from './envelope.ts';
import {
  type ForwardAnswer,
  ForwardStatus,
  type PlacedBytes,
  partBytesOf,
  sizeOf,
} from './proposal.ts';

/** Kinds of frames of the transport. Numbers are on the wire. */
export const FrameKind = {
  Proposals: 1,
  Answers: 2,
  StateHash: 3,
  LeaderCall: 4,
  LeaderAnswer: 5,
} as const;

const VERSION = 1;
const HEADER_BYTES = 8;
const ID_BYTES = 8;
const ANSWER_BYTES = 28;
const STATUSES: readonly ForwardStatus[] = Object.values(ForwardStatus);

/** A frame of so many bytes behind its header, which is written. */
function frameOf(count: number, bytes: number): { frame: Uint8Array; view: DataView } {
  const frame = new Uint8Array(HEADER_BYTES + bytes);
  const view = new DataView(frame.buffer);
  frame[0] = VERSION;
  view.setUint32(4, count, true);
  return { frame, view };
}

/** What is sent of a proposal. */
export interface Forwarded extends PlacedBytes {
  readonly forwardId: number;
}

export function encodeProposals(proposals: readonly Forwarded[]): Uint8Array {
  const partsBytes = proposals.reduce((sum, proposal) => sum + sizeOf(proposal), 0);
  const { frame, view } = frameOf(proposals.length, proposals.length * ID_BYTES + partsBytes);
  let offset = HEADER_BYTES;
  for (const proposal of proposals) {
    view.setFloat64(offset, proposal.forwardId, true);
    frame.set(partBytesOf(proposal), offset + ID_BYTES);
    offset += ID_BYTES + sizeOf(proposal);
  }
  return frame;
}

function open(payload: Uint8Array, what: string, itemBytesMin: number): DataView {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  if (payload.length < HEADER_BYTES || payload[0] !== VERSION) {
    throw new ClusterError('CODEC_INVALID', `frame of ${what} has version ${payload[0]}`);
  }
  const count = view.getUint32(4, true);
  if (count * itemBytesMin > payload.length || count > PROPOSALS_WAITING_MAX) {
    throw new ClusterError('CODEC_INVALID', `frame of ${what} claims ${count} items`);
  }
  return view;
}

/** @throws ClusterError CODEC_INVALID. */
export function decodeProposals(payload: Uint8Array): { id: number; part: Uint8Array }[] {
  const view = open(payload, 'proposals', ID_BYTES);
  const proposals: { id: number; part: Uint8Array }[] = [];
  let offset = HEADER_BYTES;
  for (let left = view.getUint32(4, true); left > 0; left--) {
    if (offset + ID_BYTES > payload.length) throw cutOff('proposals');
    const id = safeInteger(view.getFloat64(offset, true), 'proposals');
    offset += ID_BYTES;
    const end = partEnd(payload, view, offset);
    proposals.push({ id, part: payload.subarray(offset, end) });
    offset = end;
  }
  if (offset !== payload.length) throw tooLong('proposals', payload.length - offset);
  return proposals;
}

/**
 * The answers in as many frames as it takes. One whose result no frame can carry is told as unknown:
 * the command has taken effect, but the follower can not be given what it answered.
 */
export function encodeAnswers(answers: readonly ForwardAnswer[]): Uint8Array[] {
  const frames: Uint8Array[] = [];
  let batch: ForwardAnswer[] = [];
  let bytes = 0;
  for (const given of answers) {
    const answer = isTooLarge(given) ? withoutResult(given) : given;
    const size = ANSWER_BYTES + resultLength(answer.result);
    if (batch.length > 0 && bytes + size > BATCH_BYTES_MAX) {
      frames.push(encodeAnswerFrame(batch, bytes));
      batch = [];
      bytes = 0;
    }
    batch.push(answer);
    bytes += size;
  }
  if (batch.length > 0) frames.push(encodeAnswerFrame(batch, bytes));
  return frames;
}

function isTooLarge({ result }: ForwardAnswer): boolean {
  return HEADER_BYTES + ANSWER_BYTES + resultLength(result) > FRAME_BYTES_MAX;
}

function withoutResult({ id }: ForwardAnswer): ForwardAnswer {
  const result = { code: 0, bytes: new Uint8Array(0) };
  return { id, status: ForwardStatus.Unknown, index: 0, result };
}

function encodeAnswerFrame(answers: readonly ForwardAnswer[], bytes: number): Uint8Array {
  const { frame, view } = frameOf(answers.length, bytes);
  let offset = HEADER_BYTES;
  for (const { id, status, index, result } of answers) {
    view.setFloat64(offset, id, true);
    view.setFloat64(offset + 8, index, true);
    view.setUint32(offset + 16, status, true);
    view.setUint32(offset + 20, result.code, true);
    const length = resultLength(result);
    view.setUint32(offset + 24, length, true);
    writeResult(result, frame, offset + ANSWER_BYTES);
    offset += ANSWER_BYTES + length;
  }
  return frame;
}

/** @throws ClusterError CODEC_INVALID. */
export function decodeAnswers(payload: Uint8Array): ForwardAnswer[] {
  const view = open(payload, 'answers', ANSWER_BYTES);
  const answers: ForwardAnswer[] = [];
  let offset = HEADER_BYTES;
  for (let left = view.getUint32(4, true); left > 0; left--) {
    if (offset + ANSWER_BYTES > payload.length) throw cutOff('answers');
    const end = offset + ANSWER_BYTES + view.getUint32(offset + 24, true);
    if (end > payload.length) throw cutOff('answers');
    answers.push({
      id: safeInteger(view.getFloat64(offset, true), 'answers'),
      index: safeInteger(view.getFloat64(offset + 8, true), 'answers'),
      status: statusOf(view.getUint32(offset + 16, true)),
      result: {
        code: view.getUint32(offset + 20, true),
        bytes: payload.subarray(offset + ANSWER_BYTES, end),
      },
    });
    offset = end;
  }
  if (offset !== payload.length) throw tooLong('answers', payload.length - offset);
  return answers;
}

function safeInteger(value: number, what: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new ClusterError('CODEC_INVALID', `frame of ${what} holds the number ${value}`);
}

function statusOf(value: number): ForwardStatus {
  const status = STATUSES.find((it) => it === value);
  if (status !== undefined) return status;
  throw new ClusterError('CODEC_INVALID', `frame of answers holds the status ${value}`);
}

function tooLong(what: string, bytes: number): ClusterError {
  return new ClusterError('CODEC_INVALID', `frame of ${what} has ${bytes} bytes too many`);
}

function cutOff(what: string): ClusterError {
  return new ClusterError('CODEC_INVALID', `frame of ${what} is cut off`);
}
