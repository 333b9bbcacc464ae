/**
 * client/: the network client that programs and the command line use. The frames of its protocol are
 * exported too: the server's door speaks them, and others may write clients of their own.
 *
 * @module quorate/client
 */
export * from './bodies.ts';
export { readU32, readU64 } from './byte-reader.ts';
export { connect } from './client.ts';
export { FrameSplitter } from './frame-splitter.ts';
export {
  ANSWER,
  ANSWER_HEADER_BYTES,
  type AnswerFrame,
  type AnswerKind,
  decodeAnswer,
  decodeError,
  decodeHello,
  decodeRequest,
  decodeWelcome,
  encodeAnswerHeader,
  encodeError,
  encodeHello,
  encodeRequestHeader,
  encodeWelcome,
  HELLO_BYTES,
  OP,
  type Op,
  PROTOCOL_MAGIC,
  PROTOCOL_VERSION,
  type RequestFrame,
  type RequestHeader,
  requestHeaderBytes,
  type Welcome,
  writeAnswerHeader,
  writeRequestHeader,
} from './frames.ts';
export { toText } from './keys.ts';
export { Outbox } from './outbox.ts';
export { requestOf } from './request-ids.ts';
export { RequestLayout } from './request-layout.ts';
export type {
  AddMemberOptions,
  Bytes,
  ClientCallOptions,
  ClientCompare,
  ClientRange,
  ClientRangeOptions,
  ClientStep,
  ClientTransaction,
  ClientWatchOptions,
  ConnectOptions,
  ListOptions,
  MembersAnswer,
  QuorateClient,
  ReadCallOptions,
  Watch,
  WriteCallOptions,
} from './types.ts';
