/**
 * A connection whose events can be handed on from the handshake to what follows it. The door of the
 * network lets us attach once only, at once; and whoever is told that the connection has closed must
 * be told also when it closed before it was listening.
 */
import type { Clock, Connection, ConnectionEvents } from '../world/index.ts';

export class Channel {
  readonly connection: Connection;
  readonly #clock: Clock;
  readonly #onClosed: (channel: Channel) => void;
  #handler: ConnectionEvents | undefined;
  #isClosed = false;
  #isDestroyed = false;
  #error: Error | undefined;

  /** In the turn in which the connection was handed over. `onClosed` comes last of all. */
  constructor(connection: Connection, clock: Clock, onClosed: (channel: Channel) => void) {
    this.connection = connection;
    this.#clock = clock;
    this.#onClosed = onClosed;
    connection.attach({
      data: (chunk) => {
        if (!this.#isDestroyed) this.#handler?.data(chunk);
      },
      drain: () => {
        if (!this.#isDestroyed) this.#handler?.drain();
      },
      close: (error) => this.#close(error),
    });
  }

  get remote(): string {
    return this.connection.remote;
  }

  /** Nothing more can be written: closed, or about to be. */
  get isGone(): boolean {
    return this.#isClosed || this.#isDestroyed;
  }

  /** From now on `handler` gets the events; `close` too, if it has happened already. */
  handle(handler: ConnectionEvents): void {
    this.#handler = handler;
    if (!this.#isClosed) return;
    this.#clock.afterIo(() => {
      if (this.#handler === handler) handler.close(this.#error);
    });
  }

  write(chunks: readonly Uint8Array[]): boolean {
    return this.isGone ? false : this.connection.write(chunks);
  }

  /** Drops the connection. The handler gets `close` with `error`, and nothing else. */
  destroy(error?: Error): void {
    if (this.isGone) return;
    this.#isDestroyed = true;
    this.#error = error;
    this.connection.destroy();
  }

  #close(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#error ??= error;
    this.#handler?.close(this.#error);
    this.#onClosed(this);
  }
}
