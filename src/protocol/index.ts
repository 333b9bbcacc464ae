/**
 * protocol/: what the two ends of the binary client protocol have in common: frames, bodies, and how bytes
 * are collected on their way out and cut into frames on their way in. The client is one end, the server's
 * door the other; docs/reference/protocol.md is the contract, for those who write a client of their own.
 *
 * It is no door of the package: what programs use is `quorate/client`, and what stands here may change
 * with any release that keeps the bytes.
 */
export {
  decodePage,
  decodePropose,
  decodeRangeRequest,
  decodeU32,
  decodeU64,
  decodeWatchItem,
  decodeWatchRequest,
  encodeChange,
  encodeHeartbeat,
  encodePage,
  encodeRangeRequest,
  encodeStarted,
  encodeU32,
  encodeU64,
  encodeWatchRequest,
  getAnswerBytes,
  PROPOSE_HEAD_BYTES,
  readGotItem,
  type WatchRequest,
  writeGetAnswer,
  writeProposeHead,
} from './bodies.ts';
export { readU32 } from './byte-reader.ts';
export { FrameSplitter } from './frame-splitter.ts';
export {
  ANSWER,
  ANSWER_HEADER_BYTES,
  type AnswerFrame,
  type AnswerKind,
  decodeAnswer,
  decodeError,
  decodeHello,
  decodeWelcome,
  encodeError,
  encodeHello,
  encodeWelcome,
  HELLO_BYTES,
  OP,
  type Op,
  PROTOCOL_VERSION,
  type RequestFrame,
  type RequestHeader,
  requestHeaderBytes,
  writeAnswerHeader,
  writeRequestHeader,
} from './frames.ts';
export { Outbox } from './outbox.ts';
export { RequestLayout } from './request-layout.ts';
