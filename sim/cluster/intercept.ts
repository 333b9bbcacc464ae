/**
 * A script's hand on what a node receives: each raft message is shown to it, and it decides whether it
 * passes now, later, twice or never. For scenarios that need one certain message at one certain moment;
 * chance is the mangler's.
 */
import type { Message, RaftId } from '../../src/raft/index.ts';
import type { Transport } from '../../src/transport/index.ts';
import { forwarding } from '../world/forwarding.ts';

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
  return forwarding(transport, {
    events: (to) => ({
      messages: (from, messages) => {
        const interceptor = current();
        if (interceptor === undefined) return to.messages(from, messages);
        const pass = (message: Message): void => {
          if (!isDead()) to.messages(from, [message]);
        };
        for (const message of messages) interceptor(message, pass, from);
      },
    }),
  });
}
