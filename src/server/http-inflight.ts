/**
 * The HTTP requests that are being answered: how many there are, and a signal for each that fires when its
 * client has gone.
 *
 * What may go wrong: Node says that an answer is over ('close') only when it has the socket. Of requests that
 * came pipelined, the answers behind the first one wait without it, and when the connection breaks nothing
 * is ever said about them. So each also ends with its connection; counted for ever, a few hundred such
 * requests would shut the door.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

export class HttpInflight {
  readonly #signals: WeakMap<IncomingMessage, AbortSignal> = new WeakMap();
  #counted = 0;

  /** Of those that count. */
  get count(): number {
    return this.#counted;
  }

  enter(request: IncomingMessage, response: ServerResponse, counts: boolean): void {
    const abort = new AbortController();
    const { socket } = request;
    this.#signals.set(request, abort.signal);
    if (counts) this.#counted++;
    const left = (): void => {
      response.off('close', left);
      socket.off('close', left);
      if (counts) this.#counted--;
      if (!response.writableFinished) abort.abort();
    };
    response.once('close', left);
    socket.once('close', left);
  }

  /** Fires when the client has gone before its answer. */
  signalOf(request: IncomingMessage): AbortSignal {
    return this.#signals.get(request) ?? new AbortController().signal;
  }
}
