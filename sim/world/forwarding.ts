/**
 * A transport that stands before another one and changes what it must, no more: manglers, interceptors and
 * gauges are made of it, and can stand before one another.
 *
 * Whatever is not overridden goes through in the same turn, and what comes back comes back. Members are named
 * one by one, so that a member that the contract gets is missed by the compiler here, and in no other place;
 * and each is called on its own object, which may well be an instance whose methods no spread would copy.
 */
import type { Transport, TransportEvents } from '../../src/transport/index.ts';

export interface TransportOverrides extends Partial<Omit<Transport, 'boundAddress' | 'start'>> {
  /** What of the events is changed on its way to whoever starts the transport. */
  readonly events?: (to: TransportEvents) => Partial<TransportEvents>;
}

/** `overrides` call `to` themselves, before or after what they do. */
export function forwarding(to: Transport, overrides: TransportOverrides): Transport {
  const { events: changed, ...calls } = overrides;
  return {
    get boundAddress() {
      return to.boundAddress;
    },
    start: (local, events) => to.start(local, { ...passedOn(events), ...changed?.(events) }),
    stop: () => to.stop(),
    addPeer: (peer) => to.addPeer(peer),
    removePeer: (raftId) => to.removePeer(raftId),
    send: (message) => to.send(message),
    sendFrame: (peer, kind, payload) => to.sendFrame(peer, kind, payload),
    flush: () => to.flush(),
    sendBulk: (message, source) => to.sendBulk(message, source),
    status: () => to.status(),
    ...calls,
  };
}

function passedOn(events: TransportEvents): TransportEvents {
  return {
    messages: (from, messages) => events.messages(from, messages),
    frame: (from, kind, payload) => events.frame(from, kind, payload),
    connected: (peer) => events.connected(peer),
    unreachable: (peer, reason, error) => events.unreachable(peer, reason, error),
    bulk: (from, message) => events.bulk(from, message),
    admit: (peer) => events.admit(peer),
  };
}
