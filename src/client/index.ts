/**
 * client/: the network client that programs and the command line use. Its wire format is
 * docs/reference/protocol.md.
 *
 * @module quorate/client
 */
export { connect } from './client.ts';
export { toText } from './keys.ts';
export { requestOf } from './request-ids.ts';
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
