/**
 * What can be tuned about connections between peers, and the values that suit members of one cluster
 * in one network. Times are milliseconds of the monotonic clock.
 */
import { HANDSHAKE_MS_MAX, PEER_PING_MS, PEER_SILENCE_MS_MAX } from '../limits.ts';
import type { BackoffOptions } from './backoff.ts';
import { checkTransportOptions } from './check-options.ts';
import type { CircuitBreakerOptions } from './circuit-breaker.ts';

/**
 * What can be tuned about connections; `TRANSPORT_DEFAULTS` has the values otherwise used. All
 * times are ms.
 */
export interface TransportOptions {
  /** From connecting to the end of the handshake, on either side, `admit` included. */
  readonly handshakeTimeoutMs?: number;
  /** A side that has sent nothing for so long sends a ping. */
  readonly pingIntervalMs?: number;
  /** A connection on which nothing arrived for so long is dead. Refused below twice the ping interval. */
  readonly deadAfterMs?: number;
  readonly backoff?: BackoffOptions;
  readonly breaker?: CircuitBreakerOptions;
  /** A bulk transfer without a byte or a credit for so long is given up, on either side. */
  readonly bulkProgressTimeoutMs?: number;
  /** Longest time that the receiver of a transfer may take to make it durable. */
  readonly bulkFinishTimeoutMs?: number;
  /** Bytes a second of one outgoing bulk transfer; absent: as fast as it goes. */
  readonly bulkBytesPerSecond?: number;
  /** Bytes that the receiver of a transfer lets the sender be ahead of its disk. */
  readonly bulkWindowBytes?: number;
}

/** `TransportOptions` with every field that has a default. */
export interface ResolvedOptions {
  readonly handshakeTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly deadAfterMs: number;
  readonly backoff: BackoffOptions;
  readonly breaker: CircuitBreakerOptions;
  readonly bulkProgressTimeoutMs: number;
  readonly bulkFinishTimeoutMs: number;
  readonly bulkBytesPerSecond: number | undefined;
  readonly bulkWindowBytes: number;
}

/**
 * The caps of backoff and breaker are far below those of the classes: a member that comes back must
 * be reached within about a second, and a dial a second to a dead neighbour costs nothing.
 */
export const TRANSPORT_DEFAULTS: ResolvedOptions = {
  handshakeTimeoutMs: HANDSHAKE_MS_MAX,
  pingIntervalMs: PEER_PING_MS,
  deadAfterMs: PEER_SILENCE_MS_MAX,
  backoff: { initialMs: 100, maxMs: 1_000 },
  breaker: { failuresMax: 5, resetMs: 1_000 },
  bulkProgressTimeoutMs: 10_000,
  bulkFinishTimeoutMs: 300_000,
  bulkBytesPerSecond: undefined,
  bulkWindowBytes: 1024 * 1024,
};

/** @throws ClusterError CONFIG_INVALID. */
export function resolveOptions(options: TransportOptions = {}): ResolvedOptions {
  checkTransportOptions(options);
  return {
    ...TRANSPORT_DEFAULTS,
    ...given(options),
    backoff: { ...TRANSPORT_DEFAULTS.backoff, ...given(options.backoff) },
    breaker: { ...TRANSPORT_DEFAULTS.breaker, ...given(options.breaker) },
  };
}

/** A field that is there and undefined takes no default away. */
function given<T extends object>(options: T | undefined): Partial<T> {
  const entries = Object.entries(options ?? {}).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Partial<T>;
}
