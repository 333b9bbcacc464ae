/**
 * One client's connection at the binary door. Reads frames, starts what they ask for, and sends answers
 * in whatever order they are done.
 *
 * The rule it protects: a client can not make this node hold more than a bounded amount for it. With
 * CLIENT_INFLIGHT_MAX requests in flight, CLIENT_PAGES_INFLIGHT_MAX of them for pages, or
 * CLIENT_OUTPUT_BYTES_MAX of answers that it does not read, nothing more is read from it, and TCP slows it
 * down. Of small requests for large values many are in flight at once; their answers are made when there is
 * room for them. When it takes nothing for DOOR_STALL_MS_MAX, it is cut off.
 *
 * The hot paths (propose and get) are flat: a header, the machine's own bytes, one call, one answer.
 * A client that goes away ends its watches; its proposals go on, only nobody is told.
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Api, CallOptions, OperationStats } from '../api/index.ts';
import { recordCall } from '../api/index.ts';
import {
  ANSWER,
  ANSWER_HEADER_BYTES,
  type AnswerKind,
  decodeHello,
  decodeRequest,
  encodeError,
  encodeWelcome,
  FrameSplitter,
  HELLO_BYTES,
  OP,
  Outbox,
  PROTOCOL_VERSION,
  type RequestFrame,
  writeAnswerHeader,
} from '../client/index.ts';
import { ClusterError } from '../errors.ts';
import {
  CLIENT_HANDSHAKE_MS_MAX,
  CLIENT_INFLIGHT_MAX,
  CLIENT_OUTPUT_BYTES_MAX,
  CLIENT_PAGES_INFLIGHT_MAX,
  CLIENT_REQUEST_BYTES_MAX,
  CLIENT_WATCHES_MAX,
  DOOR_STALL_MS_MAX,
  WATCH_HEARTBEAT_MS,
} from '../limits.ts';
import type { Logger } from '../world/index.ts';
import { asClusterError } from './as-cluster-error.ts';
import { OPERATION_NAMES, type OperationAnswer, runOperation } from './client-operations.ts';
import { ClientWatch, decodeCredit } from './client-watch.ts';

export interface ClientConnectionParts {
  readonly api: Api;
  readonly logger: Logger;
  readonly socket: Socket;
  readonly heartbeatMs?: number;
  readonly stallMs?: number;
}

/** Operations whose answers may be large. */
const PAGES: ReadonlySet<number> = new Set([OP.range, OP.call]);

type Phase = 'greeting' | 'open' | 'draining' | 'closed';

export class ClientConnection {
  /** Resolves when nothing of it is left. */
  readonly closed: Promise<void>;
  readonly #api: Api;
  readonly #logger: Logger;
  readonly #socket: Socket;
  readonly #heartbeatMs: number;
  readonly #outbox: Outbox;
  readonly #input: FrameSplitter = new FrameSplitter(CLIENT_REQUEST_BYTES_MAX);
  readonly #watches: Map<number, ClientWatch> = new Map();
  readonly #stats: Map<number, OperationStats> = new Map();
  readonly #handshake: NodeJS.Timeout;
  #phase: Phase = 'greeting';
  /** Answers that wait for room, in order: each sends its own. */
  readonly #waitingForRoom: (() => void)[] = [];
  #inflight = 0;
  #pages = 0;
  #isPaused = false;

  constructor(parts: ClientConnectionParts) {
    const { api, logger, socket } = parts;
    this.#api = api;
    this.#logger = logger;
    this.#socket = socket;
    this.#heartbeatMs = parts.heartbeatMs ?? WATCH_HEARTBEAT_MS;
    this.#outbox = new Outbox(socket);
    this.#handshake = setTimeout(() => socket.destroy(), CLIENT_HANDSHAKE_MS_MAX);
    socket.on('data', (chunk: Buffer) => {
      // What comes after the last request that is taken is not kept.
      if (this.#phase !== 'greeting' && this.#phase !== 'open') return;
      this.#input.push(chunk);
      this.#work();
    });
    socket.on('drain', () => this.#drained());
    socket.setTimeout(parts.stallMs ?? DOOR_STALL_MS_MAX, () => this.#silent());
    // `close` follows, and is where everything is ended.
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#ended();
        resolve();
      });
    });
  }

  /** Takes no new requests, answers what is in flight, then closes. */
  drain(): Promise<void> {
    if (this.#phase === 'greeting') this.destroy();
    if (this.#phase === 'open') {
      this.#phase = 'draining';
      const error = new ClusterError('NODE_STOPPED', `node ${this.#api.nodeId} is stopping`);
      for (const [correlation, watch] of this.#watches) {
        watch.end();
        this.#answer(correlation, ANSWER.error, encodeError(error));
      }
      this.#watches.clear();
      this.#closeWhenIdle();
    }
    return this.closed;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #ended(): void {
    this.#phase = 'closed';
    clearTimeout(this.#handshake);
    for (const watch of this.#watches.values()) watch.end();
    this.#watches.clear();
    this.#waitingForRoom.length = 0;
  }

  #drained(): void {
    while (this.#waitingForRoom.length > 0 && this.#hasRoom()) this.#waitingForRoom.shift()?.();
    for (const watch of this.#watches.values()) watch.resume();
    this.#resumeIfPossible();
  }

  /** Nothing has moved for long: fine, unless there is something that the client does not take. */
  #silent(): void {
    const { queuedBytes } = this.#outbox;
    if (queuedBytes === 0) return;
    this.#logger.warn('client.stalled', { remote: this.#remote, queuedBytes });
    this.destroy();
  }

  get #remote(): string {
    return `${this.#socket.remoteAddress}:${this.#socket.remotePort}`;
  }

  /** Handles whole frames until there are none, or enough is in flight. */
  #work(): void {
    try {
      if (this.#phase === 'greeting' && !this.#greet()) return;
      const now = performance.now();
      while (this.#phase === 'open') {
        if (this.#isBusy()) {
          this.#pause();
          return;
        }
        const frame = this.#input.next();
        if (frame === undefined) return;
        this.#handle(frame, now);
      }
    } catch (error) {
      this.#refuse(error);
    }
  }

  #isBusy(): boolean {
    if (this.#inflight >= CLIENT_INFLIGHT_MAX) return true;
    return this.#pages >= CLIENT_PAGES_INFLIGHT_MAX || !this.#hasRoom();
  }

  #hasRoom(): boolean {
    return this.#outbox.queuedBytes < CLIENT_OUTPUT_BYTES_MAX;
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  #resumeIfPossible(): void {
    if (!this.#isPaused || this.#isBusy() || this.#phase !== 'open') return;
    this.#isPaused = false;
    this.#socket.resume();
    this.#work();
  }

  /** False: more bytes are needed, or the client was refused. */
  #greet(): boolean {
    const hello = this.#input.take(HELLO_BYTES);
    if (hello === undefined) return false;
    const { versionMin, versionMax } = decodeHello(hello);
    clearTimeout(this.#handshake);
    if (versionMin > PROTOCOL_VERSION || versionMax < PROTOCOL_VERSION) {
      const error = new ClusterError(
        'PROTOCOL_UNSUPPORTED',
        `node ${this.#api.nodeId} speaks version ${PROTOCOL_VERSION} of the client protocol, the ` +
          `client ${versionMin} to ${versionMax}; use a client of the node's release`,
        { details: { supported: [PROTOCOL_VERSION] } },
      );
      this.#phase = 'draining';
      this.#socket.end(encodeWelcome(0, { error }));
      return false;
    }
    const { clusterName, clusterId } = this.#api.status();
    this.#outbox.add(
      encodeWelcome(PROTOCOL_VERSION, {
        node: this.#api.nodeId,
        cluster: clusterName,
        clusterId,
        version: this.#api.version,
        inflightMax: CLIENT_INFLIGHT_MAX,
      }),
    );
    this.#phase = 'open';
    return true;
  }

  #handle(frame: Buffer, now: number): void {
    const request = decodeRequest(frame);
    switch (request.op) {
      case OP.watch:
        this.#startWatch(request);
        return;
      case OP.credit:
        this.#watches.get(request.correlation)?.addCredit(decodeCredit(request.body));
        return;
      case OP.cancel:
        this.#endWatch(request.correlation);
        return;
      default:
        this.#start(request, now);
    }
  }

  #start(request: RequestFrame, now: number): void {
    const { correlation, op } = request;
    this.#inflight++;
    if (PAGES.has(op)) this.#pages++;
    const failed = (fault: unknown): void => {
      const error = asClusterError(fault, this.#logger, OPERATION_NAMES[op] ?? `operation ${op}`);
      this.#answer(correlation, ANSWER.error, encodeError(error));
      this.#done(op, error.code, now);
    };
    const send = (answer: OperationAnswer): void => {
      try {
        const { head, body } = typeof answer === 'function' ? answer() : answer;
        this.#answer(correlation, ANSWER.result, head, body);
      } catch (fault) {
        failed(fault);
        return;
      }
      this.#done(op, 'OK', now);
    };
    runOperation(this.#api, request, optionsOf(request)).then((answer) => {
      if (typeof answer !== 'function' || this.#hasRoom()) send(answer);
      else this.#waitingForRoom.push(() => send(answer));
    }, failed);
  }

  #done(op: number, code: string, startedAt: number): void {
    this.#inflight--;
    if (PAGES.has(op)) this.#pages--;
    let stats = this.#stats.get(op);
    if (stats === undefined) {
      stats = this.#api.stats.of('binary', OPERATION_NAMES[op] ?? 'unknown');
      this.#stats.set(op, stats);
    }
    recordCall(stats, code, performance.now() - startedAt);
    if (this.#phase === 'draining') this.#closeWhenIdle();
    else this.#resumeIfPossible();
  }

  #closeWhenIdle(): void {
    if (this.#inflight > 0) return;
    this.#outbox.flush();
    this.#socket.end();
  }

  #answer(correlation: number, kind: AnswerKind, head: Uint8Array, body?: Uint8Array): void {
    if (this.#phase === 'closed') return;
    const bytes = head.length + (body?.length ?? 0);
    const at = this.#outbox.reserve(ANSWER_HEADER_BYTES);
    writeAnswerHeader(this.#outbox.slab, correlation, kind, bytes, at);
    this.#outbox.add(head);
    if (body !== undefined) this.#outbox.add(body);
  }

  #startWatch(request: RequestFrame): void {
    const { correlation } = request;
    if (this.#watches.has(correlation)) {
      throw new ClusterError('CODEC_INVALID', `correlation ${correlation} has a watch already`);
    }
    if (this.#watches.size >= CLIENT_WATCHES_MAX) {
      const message = `at most ${CLIENT_WATCHES_MAX} watches on one connection`;
      const error = new ClusterError('OVERLOADED', message);
      this.#answer(correlation, ANSWER.error, encodeError(error));
      return;
    }
    const watch = new ClientWatch(this.#api, request, optionsOf(request), this.#heartbeatMs, {
      item: (body) => this.#answer(correlation, ANSWER.item, body),
      failed: (fault) => {
        this.#watches.delete(correlation);
        const error = asClusterError(fault, this.#logger, 'kv.watch');
        this.#answer(correlation, ANSWER.error, encodeError(error));
      },
      hasRoom: () => this.#hasRoom(),
    });
    this.#watches.set(correlation, watch);
    watch.start();
  }

  /** A watch that has ended by itself meanwhile was answered already. */
  #endWatch(correlation: number): void {
    const watch = this.#watches.get(correlation);
    if (watch === undefined) return;
    watch.end();
    this.#watches.delete(correlation);
    this.#answer(correlation, ANSWER.end, Buffer.alloc(0));
  }

  /** What came makes no sense: nothing behind it can be trusted to be the beginning of a frame. */
  #refuse(fault: unknown): void {
    const error = asClusterError(fault, this.#logger, 'frame');
    this.#logger.warn('client.refused', { remote: this.#remote, message: error.message });
    if (this.#phase === 'greeting') {
      this.#socket.end(encodeWelcome(0, { error }));
    } else {
      const named = error.details['correlation'];
      this.#answer(typeof named === 'number' ? named : 0, ANSWER.error, encodeError(error));
      this.#outbox.flush();
      this.#socket.end();
    }
    this.#phase = 'draining';
    // It may go on sending for ever without reading; it is not waited for.
    const cut = setTimeout(() => this.#socket.destroy(), CLIENT_HANDSHAKE_MS_MAX);
    this.#socket.once('close', () => clearTimeout(cut));
  }
}

function optionsOf(request: RequestFrame): CallOptions {
  const options: { -readonly [K in keyof CallOptions]: CallOptions[K] } = {};
  if (request.timeoutMs !== 0) options.timeoutMs = request.timeoutMs;
  if (request.local) options.consistency = 'local';
  if (request.request !== undefined) options.request = request.request;
  return options;
}
