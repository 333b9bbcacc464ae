/**
 * The watches of one connection at the binary door, by the numbers of the requests that opened them.
 *
 * The rule it protects: a number names one watch, from its request to its last frame. So a number that is in
 * use is a fault of the client, and a watch that has ended, by itself or because it was cancelled, is not
 * heard of again. There are at most CLIENT_WATCHES_MAX; what one may hold is bounded in `client-watch.ts`.
 */
import { Buffer } from 'node:buffer';
import type { Api, CallOptions } from '../api/index.ts';
import { ClusterError } from '../errors.ts';
import { CLIENT_WATCHES_MAX } from '../limits.ts';
import {
  ANSWER,
  type AnswerKind,
  decodeU32,
  encodeError,
  type RequestFrame,
} from '../protocol/index.ts';
import type { Logger } from '../world/index.ts';
import { asClusterError } from './as-cluster-error.ts';
import { ClientWatch } from './client-watch.ts';

/** The connection, as its watches see it. */
export interface WatchHost {
  answer(correlation: number, kind: AnswerKind, body: Uint8Array): void;
  /** False: enough waits for the client already; `resume` is to be called when that has changed. */
  hasRoom(): boolean;
}

export interface DoorWatchesParts {
  readonly host: WatchHost;
  readonly api: Api;
  readonly logger: Logger;
  readonly heartbeatMs: number;
}

const NOTHING: Uint8Array = Buffer.alloc(0);

export class DoorWatches {
  readonly #parts: DoorWatchesParts;
  readonly #watches: Map<number, ClientWatch> = new Map();

  constructor(parts: DoorWatchesParts) {
    this.#parts = parts;
  }

  /** @throws CODEC_INVALID when the number has a watch already: the connection can not be made sense of. */
  open(request: RequestFrame, options: CallOptions): void {
    const { host, api, logger, heartbeatMs } = this.#parts;
    const { correlation } = request;
    if (this.#watches.has(correlation)) {
      throw new ClusterError('CODEC_INVALID', `correlation ${correlation} has a watch already`);
    }
    if (this.#watches.size >= CLIENT_WATCHES_MAX) {
      const message = `at most ${CLIENT_WATCHES_MAX} watches on one connection`;
      const error = new ClusterError('OVERLOADED', message);
      host.answer(correlation, ANSWER.error, encodeError(error));
      return;
    }
    const watch = new ClientWatch(api, request, options, heartbeatMs, {
      item: (body) => host.answer(correlation, ANSWER.item, body),
      failed: (fault) => {
        this.#watches.delete(correlation);
        const error = asClusterError(fault, logger, 'kv.watch');
        host.answer(correlation, ANSWER.error, encodeError(error));
      },
      hasRoom: () => host.hasRoom(),
    });
    this.#watches.set(correlation, watch);
    watch.start();
  }

  /** For a watch that has ended meanwhile: nothing. @throws CODEC_INVALID. */
  addCredit(correlation: number, body: Uint8Array): void {
    this.#watches.get(correlation)?.addCredit(decodeU32(body));
  }

  /** As the client wants it. One that has ended by itself meanwhile was answered already. */
  cancel(correlation: number): void {
    const watch = this.#watches.get(correlation);
    if (watch === undefined) return;
    watch.end();
    this.#watches.delete(correlation);
    this.#parts.host.answer(correlation, ANSWER.end, NOTHING);
  }

  /** There is room for the client again. */
  resume(): void {
    for (const watch of this.#watches.values()) watch.resume();
  }

  /** Ends all of them; their client is told why. */
  endWith(error: ClusterError): void {
    const body = encodeError(error);
    for (const correlation of this.#watches.keys()) {
      this.#parts.host.answer(correlation, ANSWER.error, body);
    }
    this.end();
  }

  /** Ends all of them; nobody is there to be told. */
  end(): void {
    for (const watch of this.#watches.values()) watch.end();
    this.#watches.clear();
  }
}
