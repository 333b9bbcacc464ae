/**
 * What only the leader can do, asked for on any node: the call travels to the leader in a frame of its
 * own, and its answer comes back. A lost answer is unknown; every call of this kind is safe to repeat
 * (a member that was added, removed or promoted already is found to be so).
 *
 * Text, because these are rare and few: `u8 version (1)`, then JSON. At most LEADER_CALLS_MAX are worked
 * on for others at once, so that a confused node can not pile up work on the leader.
 */
import { ClusterError, ERROR_CODES, type ErrorCode, type ErrorDetails } from '../errors.ts';
import { textOf } from '../given.ts';
import { LEADER_CALLS_MAX } from '../limits.ts';
import type { LogIndex, RaftId } from '../raft/index.ts';
import { FrameKind } from './forwarding.ts';
import { checkNodeId } from './members.ts';

const VERSION = 1;
/** Longest that is worked on for another node, whatever it says, in ms. */
const TIMEOUT_MS_MAX = 10 * 60 * 1000;

export interface AddCall {
  readonly op: 'add';
  readonly nodeId: string;
  readonly address: string;
  readonly wantsVote: boolean;
}

export type LeaderCall =
  | AddCall
  | { readonly op: 'promote' | 'remove' | 'transfer'; readonly nodeId: string };

interface Asked {
  readonly id: number;
  readonly timeoutMs: number;
  readonly call: LeaderCall;
}

interface Answer {
  readonly id: number;
  /** The caller's node has to have applied that before it says so. */
  readonly index: LogIndex;
  readonly value?: unknown;
  readonly error?: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly details: ErrorDetails;
  };
}

interface Waiting {
  readonly to: RaftId;
  readonly deadline: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

export interface LeaderCallsHost {
  now(): number;
  appliedIndex(): LogIndex;
  /** False: it can not be sent now. */
  send(to: RaftId, kind: number, payload: readonly Uint8Array[]): boolean;
  /** Does it here, on the leader. */
  perform(call: LeaderCall, timeoutMs: number): Promise<unknown>;
  /** A part of this node broke what it promised: `send` threw. */
  fail(error: unknown): void;
}

export class LeaderCalls {
  readonly #host: LeaderCallsHost;
  readonly #waiting = new Map<number, Waiting>();
  #nextId: number;
  #performing = 0;

  /** `firstId`: random per start; the leader may still answer what an earlier life asked. */
  constructor(host: LeaderCallsHost, firstId: number) {
    this.#host = host;
    this.#nextId = firstId;
  }

  /** Resolves with what `perform` gave there, and the index to apply before it is told. */
  ask(
    to: RaftId,
    call: LeaderCall,
    deadline: number,
  ): { readonly promise: Promise<Answer>; abandon(error: Error): void } {
    const id = this.#nextId++;
    const promise = new Promise<Answer>((resolve, reject) => {
      this.#waiting.set(id, { to, deadline, resolve, reject });
    });
    const asked: Asked = { id, timeoutMs: Math.max(0, deadline - this.#host.now()), call };
    if (!this.#host.send(to, FrameKind.LeaderCall, encode(asked))) {
      const why =
        'nothing was done: the leader can not be reached from here at this moment; try again';
      this.#settle(id)?.reject(new ClusterError('NO_LEADER', why));
    }
    return { promise, abandon: (error) => this.#settle(id)?.reject(error) };
  }

  /** Decodes what a peer asks. @throws ClusterError CODEC_INVALID, CONFIG_INVALID. */
  asked(from: RaftId, payload: Uint8Array): () => void {
    const asked = decode<Asked>(payload, 'leader call');
    const { id, timeoutMs, call } = asked;
    const isWhole = Number.isSafeInteger(id) && Number.isFinite(timeoutMs) && isCall(call);
    if (!isWhole) throw malformed('leader call', JSON.stringify(asked).slice(0, 200));
    checkNodeId(call.nodeId, 'nodeId of a leader call');
    return () => {
      this.#perform(from, asked).catch((error: unknown) => this.#host.fail(error));
    };
  }

  answered(from: RaftId, payload: Uint8Array): () => void {
    const answer = decode<Answer>(payload, 'leader answer');
    return () => {
      if (this.#waiting.get(answer.id)?.to === from) this.#settle(answer.id)?.resolve(answer);
    };
  }

  /** Ends those whose deadline has come; the next one. */
  expire(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const [id, { deadline }] of this.#waiting) {
      if (deadline <= now) this.#settle(id)?.reject(unanswered('did not answer in time'));
      else next = Math.min(next, deadline);
    }
    return next;
  }

  peerLost(peer: RaftId): void {
    for (const [id, { to }] of this.#waiting) {
      if (to === peer) this.#settle(id)?.reject(unanswered('was lost before it answered'));
    }
  }

  /** This node ends; what it asked for may be done there. */
  failAll(why: ClusterError): void {
    const text = `${why.message}; the leader was asked already, and may have done it`;
    for (const id of this.#waiting.keys()) {
      this.#settle(id)?.reject(new ClusterError('OUTCOME_UNKNOWN', text, { cause: why }));
    }
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  async #perform(from: RaftId, { id, timeoutMs, call }: Asked): Promise<void> {
    let outcome: Pick<Answer, 'value' | 'error'>;
    this.#performing++;
    try {
      if (this.#performing > LEADER_CALLS_MAX) {
        const why = `the leader works on ${LEADER_CALLS_MAX} calls of this kind already; try again`;
        throw new ClusterError('OVERLOADED', why);
      }
      const bounded = Math.min(Math.max(0, timeoutMs), TIMEOUT_MS_MAX);
      outcome = { value: await this.#host.perform(call, bounded) };
    } catch (error) {
      outcome = { error: describe(error) };
    } finally {
      this.#performing--;
    }
    const answer: Answer = { id, index: this.#host.appliedIndex(), ...outcome };
    this.#host.send(from, FrameKind.LeaderAnswer, encode(answer));
  }
}

/** What the answer says, as if it had been done here. @throws ClusterError as there. */
export function unpackAnswer({ value, error }: Answer): unknown {
  if (error === undefined) return value;
  const code = Object.hasOwn(ERROR_CODES, error.code) ? error.code : 'INTERNAL';
  throw new ClusterError(code, String(error.message), { details: error.details ?? {} });
}

function describe(error: unknown): NonNullable<Answer['error']> {
  const isOver =
    error instanceof ClusterError &&
    (error.code === 'NODE_STOPPED' || error.code === 'NODE_FAILED');
  if (isOver) {
    // Of the leader; the caller's own node is well.
    const { code, message, details } = unanswered('stopped before it was done');
    return { code, message, details };
  }
  if (error instanceof ClusterError) {
    return { code: error.code, message: error.message, details: error.details };
  }
  return { code: 'INTERNAL', message: textOf(error), details: {} };
}

function isCall(call: unknown): call is LeaderCall {
  const { op, nodeId, address, wantsVote } = (call ?? {}) as Record<string, unknown>;
  if (typeof nodeId !== 'string') return false;
  if (op === 'add') return typeof address === 'string' && typeof wantsVote === 'boolean';
  return op === 'promote' || op === 'remove' || op === 'transfer';
}

function encode(value: Asked | Answer): Uint8Array[] {
  return [Uint8Array.of(VERSION), Buffer.from(JSON.stringify(value))];
}

function decode<T extends object>(payload: Uint8Array, what: string): T {
  if (payload[0] !== VERSION) throw malformed(what, `version ${payload[0]}`);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload.subarray(1)).toString('utf8'));
  } catch {
    throw malformed(what, 'text that is no JSON');
  }
  if (typeof value !== 'object' || value === null) throw malformed(what, 'no object');
  return value as T;
}

function malformed(what: string, holds: string): ClusterError {
  return new ClusterError('CODEC_INVALID', `frame of a ${what} holds ${holds}`);
}

function unanswered(what: string): ClusterError {
  return new ClusterError(
    'OUTCOME_UNKNOWN',
    `the leader was asked and ${what}: it may have been done. Ask again, that is safe`,
  );
}
