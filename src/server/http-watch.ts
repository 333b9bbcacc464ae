/**
 * `GET /v1/watch`: changes as lines of JSON until the client leaves. The next change is taken from the
 * machine only when the socket has room, so that a reader who is too slow fills the machine's bounded
 * buffer and is ended by name, and never this process's memory.
 */
import { once } from 'node:events';
import { changeToJson, type JsonObject, loadOperations, type WatchStream } from '../api/index.ts';
import { ClusterError } from '../errors.ts';
import { HTTP_WATCHES_MAX, WATCH_HEARTBEAT_MS } from '../limits.ts';
import type { Logger } from '../world/index.ts';
import { asClusterError } from './as-cluster-error.ts';
import { type HttpAnswer, type HttpCall, inputFromQuery } from './http-call.ts';

export class HttpWatches {
  readonly #logger: Logger;
  readonly #heartbeatMs: number;
  /** Ends each of them, with the error as its last line. */
  readonly #running: Set<(error: ClusterError) => void> = new Set();
  #starting = 0;

  constructor(logger: Logger, heartbeatMs: number = WATCH_HEARTBEAT_MS) {
    this.#logger = logger;
    this.#heartbeatMs = heartbeatMs;
  }

  endAll(error: ClusterError): void {
    for (const end of [...this.#running]) end(error);
  }

  /** Answers by itself once it has begun; what fails before is an ordinary error. */
  async handle(call: HttpCall): Promise<HttpAnswer> {
    if (this.#running.size + this.#starting >= HTTP_WATCHES_MAX) {
      throw new ClusterError(
        'OVERLOADED',
        `node ${call.api.nodeId} has ${HTTP_WATCHES_MAX} watches over HTTP already; use the ` +
          'binary protocol (quorate/client), which has many on one connection, or another node',
      );
    }
    this.#starting++;
    const stream = await open(call).finally(() => this.#starting--);
    const { response, signal } = call;
    if (signal.aborted) {
      stream.changes.cancel();
      return {};
    }
    response.writeHead(200, {
      'content-type': 'application/x-ndjson',
      'cache-control': 'no-store',
      'quorate-node': call.api.nodeId,
    });
    const line = (json: JsonObject): boolean => {
      heartbeat.refresh();
      return response.write(`${JSON.stringify(json)}\n`);
    };
    const heartbeat = setTimeout(() => {
      line({ type: 'heartbeat', revision: stream.changes.resumeRevision - 1 });
    }, this.#heartbeatMs);
    const end = (error?: ClusterError): void => {
      clearTimeout(heartbeat);
      if (!this.#running.delete(end)) return;
      stream.changes.cancel();
      if (error === undefined || response.destroyed) response.end();
      else response.end(`${JSON.stringify({ type: 'error', error })}\n`);
    };
    this.#running.add(end);
    signal.addEventListener('abort', () => end(), { once: true });
    line({ type: 'started', revision: stream.revision });
    try {
      while (this.#running.has(end)) {
        const next = await stream.changes.next();
        if (!this.#running.has(end)) break;
        if (next.done === true) {
          throw new ClusterError('NODE_STOPPED', `node ${call.api.nodeId} has ended the watch`);
        }
        if (!line(changeToJson(next.value))) await once(response, 'drain', { signal });
      }
    } catch (fault) {
      // Who has left while a line waited is no fault.
      if (this.#running.has(end)) end(asClusterError(fault, this.#logger, 'kv.watch'));
    }
    return {};
  }
}

async function open({ api, query, options }: HttpCall): Promise<WatchStream> {
  const { watchRequest } = await loadOperations();
  const { range, from } = watchRequest(inputFromQuery(query));
  return await api.watch(range, from === undefined ? options : { ...options, from });
}
