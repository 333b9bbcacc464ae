/**
 * One connection to one node: the handshake, requests by their correlation numbers, streams, and a
 * watch on whether the other side is still there.
 *
 * What may go wrong: a node that hangs (stopped process, dead network) keeps its connection open and
 * answers nothing. While something is outstanding and nothing is heard, a ping is sent; when that is not
 * answered either, the connection is given up, and the calls on it go elsewhere.
 */
import { connect as connectSocket, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { ClusterError } from '../errors.ts';
import {
  CLIENT_HANDSHAKE_MS_MAX,
  CLIENT_INFLIGHT_MAX,
  CLIENT_PING_AFTER_MS,
  CLIENT_RESPONSE_BYTES_MAX,
  CLIENT_SILENCE_MS_MAX,
} from '../limits.ts';
import {
  ANSWER,
  ANSWER_HEADER_BYTES,
  type AnswerFrame,
  decodeAnswer,
  decodeError,
  decodeWelcome,
  encodeHello,
  encodeU32,
  encodeWatchRequest,
  FrameSplitter,
  OP,
  Outbox,
  PROTOCOL_VERSION,
  type RequestHeader,
  readU32,
  requestHeaderBytes,
  type WatchRequest,
  writeRequestHeader,
} from '../protocol/index.ts';
import { CallTable } from './call-table.ts';
import type { NodeAddress } from './node-address.ts';
import type { PendingCall } from './pending-call.ts';

/** With streams only, silence is normal for longer. */
const STREAM_PING_FACTOR = 5;
const CORRELATION_MAX = 0xffff_ffff;
/** Of an answer, before its body and behind its length: the correlation, and this if it is a result. */
const ANSWER_FIELDS_BYTES: number = ANSWER_HEADER_BYTES - 4;
const RESULT: number = ANSWER.result << 24;

export interface ConnectionEvents {
  /** The answer's body lies in `bytes` until this returns. */
  answered(call: PendingCall, bytes: Buffer, start: number, end: number): void;
  refused(call: PendingCall, error: ClusterError): void;
  /** Once. `unanswered`: in the order in which they were sent. */
  closed(error: ClusterError, unanswered: readonly PendingCall[]): void;
}

export interface StreamEvents {
  item(body: Buffer): void;
  /** Once, last; without an error when it was cancelled. */
  ended(error?: ClusterError): void;
}

export class NodeConnection {
  readonly address: NodeAddress;
  inflightMax: number = CLIENT_INFLIGHT_MAX;
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  readonly #input: FrameSplitter = new FrameSplitter(CLIENT_RESPONSE_BYTES_MAX);
  readonly #calls: CallTable = new CallTable();
  readonly #streams: Map<number, StreamEvents> = new Map();
  #events: ConnectionEvents | undefined;
  #correlation = 0;
  #heardAt: number = performance.now();
  #pingedAt: number | undefined;
  #isClosed = false;
  /** Why it was given up, when it was by this side. */
  #reason: ClusterError | undefined;

  private constructor(address: NodeAddress, socket: Socket) {
    this.address = address;
    this.#socket = socket;
    this.#outbox = new Outbox(socket, 'afterIo');
  }

  /** Resolves when the node has accepted the handshake. @throws CONNECTION_FAILED, or the node's refusal. */
  static open(
    address: NodeAddress,
    signal: AbortSignal,
    limitMs: number = CLIENT_HANDSHAKE_MS_MAX,
  ): Promise<NodeConnection> {
    return new Promise((resolve, reject) => {
      const socket = connectSocket({ host: address.host, port: address.port, noDelay: true });
      const connection = new NodeConnection(address, socket);
      const timer = setTimeout(() => {
        failed(new Error(`no answer within ${limitMs} ms`));
      }, limitMs);
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
        socket.removeAllListeners();
      };
      const failed = (error: Error): void => {
        done();
        socket.on('error', () => {});
        socket.destroy();
        reject(error instanceof ClusterError ? error : connectionFailed(address, error));
      };
      const aborted = (): void => failed(new Error('given up'));
      const received = (chunk: Buffer): void => {
        try {
          if (!connection.#welcomed(chunk)) return;
        } catch (error) {
          failed(error as Error);
          return;
        }
        done();
        connection.#attach();
        resolve(connection);
      };
      socket.once('connect', () => socket.write(encodeHello(PROTOCOL_VERSION, PROTOCOL_VERSION)));
      socket.once('error', failed);
      socket.once('close', () => failed(new Error('the node closed the connection')));
      socket.on('data', received);
      if (signal.aborted) aborted();
      else signal.addEventListener('abort', aborted, { once: true });
    });
  }

  get isOpen(): boolean {
    return !this.#isClosed && this.#reason === undefined;
  }

  /** Whether one more call may be sent. */
  get hasRoom(): boolean {
    return this.isOpen && this.#calls.size < this.inflightMax;
  }

  get isIdle(): boolean {
    return this.#calls.size === 0 && this.#streams.size === 0;
  }

  /** To be called once, in the turn in which `open` resolved. */
  listen(events: ConnectionEvents): void {
    this.#events = events;
  }

  send(call: PendingCall): void {
    call.correlation = this.#next();
    call.sentTo = this;
    this.#calls.add(call);
    this.#add(call, call.body);
  }

  /** Its answer, if one comes, is dropped. */
  abandon(call: PendingCall): void {
    if (this.#calls.has(call)) this.#calls.delete(call);
  }

  holds(call: PendingCall): boolean {
    return this.#calls.has(call);
  }

  openWatch(request: WatchRequest, local: boolean, events: StreamEvents): WatchHandle {
    const correlation = this.#next();
    this.#streams.set(correlation, events);
    this.#write(correlation, OP.watch, encodeWatchRequest(request), local);
    return {
      addCredit: (bytes) => {
        if (!this.#streams.has(correlation) || !this.isOpen) return;
        this.#write(correlation, OP.credit, encodeU32(bytes), false);
      },
      cancel: () => {
        if (!this.#streams.delete(correlation) || !this.isOpen) return;
        this.#write(correlation, OP.cancel, NOTHING, false);
      },
    };
  }

  /** Called now and then while anything is outstanding. `isLate`: this process itself was held up. */
  checkAlive(now: number, isLate: boolean): void {
    if (isLate) {
      this.#heardAt = now;
      this.#pingedAt = undefined;
      return;
    }
    const factor = this.#calls.size === 0 ? STREAM_PING_FACTOR : 1;
    if (this.#pingedAt !== undefined) {
      if (now - this.#pingedAt <= CLIENT_SILENCE_MS_MAX - CLIENT_PING_AFTER_MS) return;
      const silent = Math.round(now - this.#heardAt);
      this.destroy(
        connectionFailed(this.address, new Error(`nothing was heard from it for ${silent} ms`)),
      );
    } else if (now - this.#heardAt > CLIENT_PING_AFTER_MS * factor) {
      this.#pingedAt = now;
      // Correlation 0 is never given to a call, so the answer meets nobody but still is heard.
      this.#write(0, OP.ping, NOTHING, false);
    }
  }

  /** `closed` follows. */
  destroy(reason: ClusterError): void {
    this.#reason ??= reason;
    this.#socket.destroy();
  }

  /** Sends what is queued, then ends. */
  end(reason: ClusterError): void {
    this.#outbox.flush();
    this.#reason ??= reason;
    this.#socket.end();
    this.#socket.destroySoon();
  }

  #welcomed(chunk: Buffer): boolean {
    this.#input.push(chunk);
    const welcome = decodeWelcome(this.#input.peek());
    if (welcome === undefined) return false;
    this.#input.take(welcome.bytes);
    const { version, facts } = welcome;
    if (version !== PROTOCOL_VERSION) {
      throw decodeError(Buffer.from(JSON.stringify(facts['error'] ?? {})));
    }
    const { inflightMax } = facts;
    if (typeof inflightMax === 'number' && inflightMax >= 1) this.inflightMax = inflightMax;
    return true;
  }

  #attach(): void {
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    let fault: Error | undefined;
    socket.on('error', (error) => {
      fault = error;
    });
    socket.once('close', () => {
      this.#isClosed = true;
      const error = this.#reason ?? connectionFailed(this.address, fault ?? CLOSED_BY_NODE);
      const unanswered = this.#calls.clear(this.#correlation);
      const streams = [...this.#streams.values()];
      this.#streams.clear();
      this.#events?.closed(error, unanswered);
      for (const stream of streams) stream.ended(error);
    });
  }

  #received(chunk: Buffer): void {
    this.#heardAt = performance.now();
    this.#pingedAt = undefined;
    this.#input.push(chunk);
    const input = this.#input;
    try {
      while (input.advance()) this.#answered(input.bytes, input.start, input.end);
    } catch (error) {
      this.destroy(connectionFailed(this.address, error as Error));
    }
  }

  #answered(bytes: Buffer, start: number, end: number): void {
    const isResult = end - start >= ANSWER_FIELDS_BYTES && readU32(bytes, start + 4) === RESULT;
    const call = isResult ? this.#calls.get(readU32(bytes, start)) : undefined;
    if (call === undefined) {
      this.#handle(decodeAnswer(bytes.subarray(start, end)));
      return;
    }
    this.#calls.delete(call);
    this.#events?.answered(call, bytes, start + ANSWER_FIELDS_BYTES, end);
  }

  /** What is not the result of a call. */
  #handle({ correlation, kind, body }: AnswerFrame): void {
    const call = this.#calls.get(correlation);
    if (call !== undefined) {
      this.#calls.delete(call);
      this.#events?.refused(call, decodeError(body));
      return;
    }
    const stream = this.#streams.get(correlation);
    if (stream === undefined) {
      // About the connection as a whole: it is closed after this, and this is why.
      if (correlation === 0 && kind === ANSWER.error) this.#reason ??= decodeError(body);
      return;
    }
    if (kind === ANSWER.item) {
      stream.item(body);
      return;
    }
    this.#streams.delete(correlation);
    if (kind === ANSWER.error) stream.ended(decodeError(body));
    else stream.ended();
  }

  #write(correlation: number, op: number, body: Uint8Array, local: boolean): void {
    const header = { correlation, op, local, timeoutMs: 0, request: undefined };
    this.#add(header, body);
  }

  #add(header: RequestHeader, body: Uint8Array): void {
    const outbox = this.#outbox;
    const at = outbox.reserve(requestHeaderBytes(header.request));
    writeRequestHeader(outbox.slab, header, body.length, at);
    outbox.add(body);
  }

  #next(): number {
    if (this.isIdle) this.#heardAt = performance.now();
    do {
      this.#correlation = this.#correlation === CORRELATION_MAX ? 1 : this.#correlation + 1;
    } while (!this.#calls.isFree(this.#correlation) || this.#streams.has(this.#correlation));
    return this.#correlation;
  }
}

export interface WatchHandle {
  addCredit(bytes: number): void;
  /** Nothing is heard of it afterwards. */
  cancel(): void;
}

const NOTHING: Uint8Array = new Uint8Array(0);
const CLOSED_BY_NODE: Error = new Error('the node closed the connection');

export function connectionFailed(address: NodeAddress, cause: Error): ClusterError {
  return new ClusterError('CONNECTION_FAILED', `${address.text}: ${cause.message}`, {
    details: { node: address.text },
    cause,
  });
}
