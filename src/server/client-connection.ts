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
 * The hot paths (propose and get) are flat: the header is read where it lies, the machine's own bytes are
 * handed on, and the answer is written where it leaves (client-calls.ts). What is answered in one callback
 * leaves at its end, in one write (`Outbox`).
 * A client that goes away ends its watches; its proposals go on, only nobody is told.
 */
import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Api, CallOptions, GetAnswer, OperationStats } from '../api/index.ts';
import { recordCall } from '../api/index.ts';
import {
  type CommandResult,
  CompactResult,
  resultLength,
  writeResult,
} from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
import {
  CLIENT_HANDSHAKE_MS_MAX,
  CLIENT_INFLIGHT_MAX,
  CLIENT_OUTPUT_BYTES_MAX,
  CLIENT_PAGES_INFLIGHT_MAX,
  CLIENT_REQUEST_BYTES_MAX,
  DOOR_STALL_MS_MAX,
  WATCH_HEARTBEAT_MS,
} from '../limits.ts';
import {
  ANSWER,
  ANSWER_HEADER_BYTES,
  type AnswerKind,
  decodeHello,
  encodeError,
  encodeWelcome,
  FrameSplitter,
  getAnswerBytes,
  HELLO_BYTES,
  OP,
  Outbox,
  PROPOSE_HEAD_BYTES,
  PROTOCOL_VERSION,
  type RequestFrame,
  type RequestHeader,
  RequestLayout,
  writeAnswerHeader,
  writeGetAnswer,
  writeProposeHead,
} from '../protocol/index.ts';
import { viewOf } from '../views.ts';
import type { Logger } from '../world/index.ts';
import { asClusterError } from './as-cluster-error.ts';
import { type CallHost, type ClientCall, GetCall, ProposeCall } from './client-calls.ts';
import { OPERATION_NAMES, runOperation } from './client-operations.ts';
import { DoorWatches, type WatchHost } from './door-watches.ts';

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

export class ClientConnection implements CallHost, WatchHost {
  /** Resolves when nothing of it is left. */
  readonly closed: Promise<void>;
  readonly #api: Api;
  readonly #logger: Logger;
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  readonly #input: FrameSplitter = new FrameSplitter(CLIENT_REQUEST_BYTES_MAX);
  readonly #watches: DoorWatches;
  readonly #stats: Map<number, OperationStats> = new Map();
  readonly #handshake: NodeJS.Timeout;
  #phase: Phase = 'greeting';
  readonly #header: RequestLayout = new RequestLayout();
  /** Reads whose answers wait for room, in order. */
  readonly #waitingForRoom: GetCall[] = [];
  /** `#afterAnswers` is due, as something was answered. */
  #isAnswering = false;
  /** When the first of these answers was made, by the process's monotonic clock: one reading for all. */
  #answeredAt = 0;
  readonly #answersEnd: () => void = () => this.#afterAnswers();
  #inflight = 0;
  #pages = 0;
  #isPaused = false;

  constructor(parts: ClientConnectionParts) {
    const { api, logger, socket } = parts;
    this.#api = api;
    this.#logger = logger;
    this.#socket = socket;
    const { heartbeatMs = WATCH_HEARTBEAT_MS } = parts;
    this.#watches = new DoorWatches({ host: this, api, logger, heartbeatMs });
    this.#outbox = new Outbox(socket, 'afterCallback');
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
      this.#watches.endWith(error);
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
    this.#watches.end();
    this.#waitingForRoom.length = 0;
  }

  #drained(): void {
    while (this.#waitingForRoom.length > 0 && this.hasRoom())
      this.#waitingForRoom.shift()?.answer();
    this.#watches.resume();
    this.#resumeIfPossible();
  }

  /** Nothing has moved for long: fine, unless there is something that the client does not take. */
  #silent(): void {
    const { queuedBytes } = this.#outbox;
    if (queuedBytes === 0) {
      this.#outbox.rest();
      return;
    }
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
        if (!this.#input.advance()) return;
        this.#handle(now);
      }
    } catch (error) {
      this.#refuse(error);
    }
  }

  #isBusy(): boolean {
    if (this.#inflight >= CLIENT_INFLIGHT_MAX) return true;
    return this.#pages >= CLIENT_PAGES_INFLIGHT_MAX || !this.hasRoom();
  }

  hasRoom(): boolean {
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

  #handle(now: number): void {
    const { bytes, start, end } = this.#input;
    const header = this.#header;
    header.read(bytes, start, end);
    const { correlation, op } = header;
    if (op === OP.propose) {
      const command = viewOf(bytes, header.bodyStart, end);
      this.#inflight++;
      const call = new ProposeCall(this, correlation, now);
      try {
        this.#api.submit(command, optionsOf(header), call);
      } catch (error) {
        this.callFailed(call, error);
      }
    } else if (op === OP.get) {
      const key = new Uint8Array(viewOf(bytes, header.bodyStart, end));
      this.#inflight++;
      const call = new GetCall(this, correlation, now, key);
      try {
        this.#api.submitRead(key, optionsOf(header), call);
      } catch (error) {
        this.callFailed(call, error);
      }
    } else this.#handleOther(now);
  }

  #handleOther(now: number): void {
    const { correlation, op, local, timeoutMs, request, bodyStart } = this.#header;
    const body = this.#input.bytes.subarray(bodyStart, this.#input.end);
    const frame = { correlation, op, local, timeoutMs, request, body };
    switch (op) {
      case OP.watch:
        this.#watches.open(frame, optionsOf(frame));
        return;
      case OP.credit:
        this.#watches.addCredit(correlation, body);
        return;
      case OP.cancel:
        this.#watches.cancel(correlation);
        return;
      default:
        this.#start(frame, now);
    }
  }

  #start(request: RequestFrame, startedAt: number): void {
    const { correlation, op } = request;
    const call = { correlation, op, startedAt };
    this.#inflight++;
    if (PAGES.has(op)) this.#pages++;
    runOperation(this.#api, request, optionsOf(request)).then(
      (body) => {
        this.answer(correlation, ANSWER.result, body);
        this.#done(call, 'OK');
      },
      (fault: unknown) => this.callFailed(call, fault),
    );
  }

  // ---- what calls and watches have to say ---------------------------------------------------------

  read(key: Uint8Array): GetAnswer {
    return this.#api.peek(key);
  }

  answer(correlation: number, kind: AnswerKind, body: Uint8Array): void {
    if (this.#phase === 'closed') return;
    const at = this.#outbox.reserve(ANSWER_HEADER_BYTES);
    writeAnswerHeader(this.#outbox.slab, correlation, kind, body.length, at);
    this.#outbox.add(body);
  }

  waitForRoom(get: GetCall): void {
    this.#waitingForRoom.push(get);
  }

  answerPropose(call: ProposeCall, index: number, result: CommandResult): void {
    if (this.#phase !== 'closed') {
      const length = resultLength(result);
      // One that writes itself is small, and never becomes an array.
      const inPlace = result instanceof CompactResult ? length : 0;
      const at = this.#reserveAnswer(call, PROPOSE_HEAD_BYTES + inPlace, length - inPlace);
      writeProposeHead(this.#outbox.slab, index, result.code, at);
      if (inPlace > 0) writeResult(result, this.#outbox.slab, at + PROPOSE_HEAD_BYTES);
      else this.#outbox.add(result.bytes);
    }
    this.#done(call, 'OK');
  }

  answerGet(call: GetCall, { item, revision }: GetAnswer): void {
    if (this.#phase !== 'closed') {
      const at = this.#reserveAnswer(call, getAnswerBytes(item), 0);
      writeGetAnswer(this.#outbox.slab, item, revision, at);
    }
    this.#done(call, 'OK');
  }

  callFailed(call: ClientCall, fault: unknown): void {
    const { correlation, op } = call;
    const error = asClusterError(fault, this.#logger, OPERATION_NAMES[op] ?? `operation ${op}`);
    this.answer(correlation, ANSWER.error, encodeError(error));
    this.#done(call, error.code);
  }

  /** Room for so many bytes behind the header of a result, which `more` bytes will follow; where it is. */
  #reserveAnswer({ correlation }: ClientCall, bytes: number, more: number): number {
    const at = this.#outbox.reserve(ANSWER_HEADER_BYTES + bytes);
    return writeAnswerHeader(this.#outbox.slab, correlation, ANSWER.result, bytes + more, at);
  }

  #done({ op, startedAt }: ClientCall, code: string): void {
    this.#inflight--;
    if (PAGES.has(op)) this.#pages--;
    if (!this.#isAnswering) {
      this.#isAnswering = true;
      this.#answeredAt = performance.now();
      // After the outbox's own turn to flush: it knows by then how much the client takes.
      process.nextTick(this.#answersEnd);
    }
    let stats = this.#stats.get(op);
    if (stats === undefined) {
      stats = this.#api.stats.of('binary', OPERATION_NAMES[op] ?? 'unknown');
      this.#stats.set(op, stats);
    }
    recordCall(stats, code, this.#answeredAt - startedAt);
  }

  /** The callback that made answers has ended: what it made room for may begin. */
  #afterAnswers(): void {
    this.#isAnswering = false;
    if (this.#phase === 'draining') this.#closeWhenIdle();
    else this.#resumeIfPossible();
  }

  #closeWhenIdle(): void {
    if (this.#inflight > 0) return;
    this.#outbox.flush();
    this.#socket.end();
  }

  /** What came makes no sense: nothing behind it can be trusted to be the beginning of a frame. */
  #refuse(fault: unknown): void {
    const error = asClusterError(fault, this.#logger, 'frame');
    this.#logger.warn('client.refused', { remote: this.#remote, message: error.message });
    if (this.#phase === 'greeting') {
      this.#socket.end(encodeWelcome(0, { error }));
    } else {
      const named = error.details['correlation'];
      this.answer(typeof named === 'number' ? named : 0, ANSWER.error, encodeError(error));
      this.#outbox.flush();
      this.#socket.end();
    }
    this.#phase = 'draining';
    // It may go on sending for ever without reading; it is not waited for.
    const cut = setTimeout(() => this.#socket.destroy(), CLIENT_HANDSHAKE_MS_MAX);
    this.#socket.once('close', () => clearTimeout(cut));
  }
}

/** Those of nearly all requests have one form: what reads them is fast with few forms. */
function optionsOf(header: Omit<RequestHeader, 'correlation' | 'op'>): CallOptions {
  const { timeoutMs, local, request } = header;
  if (timeoutMs !== 0 && !local && request !== undefined) return { timeoutMs, request };
  const options: { -readonly [K in keyof CallOptions]: CallOptions[K] } = {};
  if (timeoutMs !== 0) options.timeoutMs = timeoutMs;
  if (local) options.consistency = 'local';
  if (request !== undefined) options.request = request;
  return options;
}
