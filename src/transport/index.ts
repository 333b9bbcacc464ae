/**
 * The door of transport/: peers over TCP.
 *
 * @module quorate/transport
 */

export { formatAddress, parseAddress } from './address.ts';
export { Backoff, type BackoffOptions } from './backoff.ts';
export { checkTransportOptions } from './check-options.ts';
export {
  CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitState,
} from './circuit-breaker.ts';
export { type ResolvedOptions, TRANSPORT_DEFAULTS, type TransportOptions } from './options.ts';
export { TcpTransport, type TcpTransportParts } from './tcp-transport.ts';
export type {
  BulkSink,
  BulkSource,
  LocalPeer,
  Peer,
  PeerStatus,
  Transport,
  TransportEvents,
  UnreachableReason,
} from './types.ts';
