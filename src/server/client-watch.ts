/**
 * One watch of one client at the binary door: takes changes from the key-value machine one by one, as
 * long as the client has credit.
 *
 * The rule: what the client has not asked for, or does not read, is not taken from the machine, so that the
 * buffer that fills up is the machine's own, which is bounded and ends a watch that is too slow by name. Everything
 * after an `await` asks again whether the watch has ended meanwhile.
 */
import type { Api, CallOptions, WatchStream } from '../api/index.ts';
import { ClusterError } from '../errors.ts';
import {
  decodeWatchRequest,
  encodeChange,
  encodeHeartbeat,
  encodeStarted,
  type RequestFrame,
  type WatchRequest,
} from '../protocol/index.ts';

export interface ClientWatchEvents {
  item(body: Uint8Array): void;
  /** Last of all; not after `end`. */
  failed(fault: unknown): void;
  /** False: enough waits for the client already. `resume` is called when that has changed. */
  hasRoom(): boolean;
}

export class ClientWatch {
  readonly #api: Api;
  readonly #request: WatchRequest;
  readonly #options: CallOptions;
  readonly #events: ClientWatchEvents;
  readonly #heartbeat: NodeJS.Timeout;
  #stream: WatchStream | undefined;
  #credit: number;
  #wake: (() => void) | undefined;
  #hasEnded = false;

  constructor(
    api: Api,
    frame: RequestFrame,
    options: CallOptions,
    heartbeatMs: number,
    events: ClientWatchEvents,
  ) {
    this.#api = api;
    this.#request = decodeWatchRequest(frame.body);
    this.#options = options;
    this.#events = events;
    this.#credit = this.#request.credit;
    this.#heartbeat = setTimeout(() => {
      // Before the watch has begun there is nothing to tell, but the client hears that it is awake.
      const next = this.#stream?.changes.resumeRevision ?? 1;
      this.#events.item(encodeHeartbeat(next - 1));
      this.#heartbeat.refresh();
    }, heartbeatMs);
  }

  start(): void {
    this.#run().catch((fault: unknown) => {
      if (this.#hasEnded) return;
      this.end();
      this.#events.failed(fault);
    });
  }

  addCredit(bytes: number): void {
    this.#credit += bytes;
    this.resume();
  }

  resume(): void {
    this.#wake?.();
  }

  /** Idempotent. Nothing is sent afterwards. */
  end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#heartbeat);
    this.#wake?.();
    this.#closeStream();
  }

  #closeStream(): void {
    this.#stream?.changes.cancel();
  }

  async #run(): Promise<void> {
    const { range, from } = this.#request;
    const options = from === 0 ? this.#options : { ...this.#options, from };
    this.#stream = await this.#api.watch(range, options);
    if (this.#hasEnded) {
      this.#closeStream();
      return;
    }
    this.#send(encodeStarted(this.#stream.revision), false);
    while (!this.#hasEnded) {
      if (this.#credit <= 0 || !this.#events.hasRoom()) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
        continue;
      }
      const next = await this.#stream.changes.next();
      if (this.#hasEnded) return;
      if (next.done === true) {
        throw new ClusterError('NODE_STOPPED', `node ${this.#api.nodeId} has ended the watch`);
      }
      this.#send(encodeChange(next.value), true);
    }
  }

  #send(body: Uint8Array, costsCredit: boolean): void {
    if (costsCredit) this.#credit -= body.length;
    this.#heartbeat.refresh();
    this.#events.item(body);
  }
}
