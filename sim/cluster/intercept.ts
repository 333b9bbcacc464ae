/**
 * A script's hand on what a node receives: each raft message is shown to it, and it decides whether it
 * passes now, later, twice or never. For scenarios that need one certain message at one certain moment;
 * chance is the mangler's.
 */
import type { Message, RaftId } from '../../src/raft/index.ts';
import type { Transport, TransportEvents } from '../../src/transport/index.ts';

/**
 * Decides about one message: calls `pass` at once or later, as often as it likes, with that message or
 * another one. What is passed once the process is dead reaches nobody.
 */
export type Interceptor = (
  message: Message,
  pass: (message: Message) => void,
  from: RaftId,
) => void;

/** `current`: asked at each message, so that a script can come and go. */
export function intercept(
  transport: Transport,
  current: () => Interceptor | undefined,
  isDead: () => boolean,
): Transport {
  const wrapped = (events: TransportEvents): TransportEvents => ({
    messages: (from, messages) => {
      const interceptor = current();
      if (interceptor === undefined) return events.messages(from, messages);
      const pass = (message: Message): void => {
        if (!isDead()) events.messages(from, [message]);
      };
      for (const message of messages) interceptor(message, pass, from);
    },
    frame: (from, kind, payload) => events.frame(from, kind, payload),
    connected: (peer) => events.connected(peer),
    unreachable: (peer, reason, error) => events.unreachable(peer, reason, error),
    bulk: (from, message) => events.bulk(from, message),
    admit: (peer) => events.admit(peer),
  });
  return {
    get boundAddress() {
      return transport.boundAddress;
    },
    start: (local, events) => transport.start(local, wrapped(events)),
    stop: () => transport.stop(),
    addPeer: (peer) => transport.addPeer(peer),
    removePeer: (raftId) => transport.removePeer(raftId),
    send: (message) => transport.send(message),
    sendFrame: (to, kind, payload) => transport.sendFrame(to, kind, payload),
    flush: () => transport.flush(),
    sendBulk: (message, source) => transport.sendBulk(message, source),
    status: () => transport.status(),
  };
}
