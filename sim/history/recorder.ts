/**
 * Writes down what clients do while they do it.
 *
 * The rule it protects: the order of the record is the order in which things happened in this process.
 * `begin` is called before the request leaves and `end` after its answer came, so each event gets a time
 * above that of the event before it, even where the caller's clock stands still (simulated clocks do, for
 * many events). Two operations one after the other are then never taken for simultaneous ones, which
 * would let a checker excuse too much.
 *
 * A request that is repeated under one id is one operation: it begins with the first attempt and ends
 * with the last. A call whose outcome is unknown stays open, and may be taken up again under its id.
 */
import { ClusterError } from '../../src/errors.ts';
import type { HistoryCall, HistoryOperation, HistoryOutcome } from './operation.ts';

/** Names one operation of one recorder. */
export type OperationToken = number & { readonly __token?: never };

interface Entry {
  readonly asked: HistoryCall;
  readonly call: number;
  readonly requestId: string | undefined;
  outcome: HistoryOutcome;
  return: number | null;
  isOpen: boolean;
}

/** A call as it is written down; what is not said is null. */
export type AskedOperation = Omit<HistoryCall, 'key' | 'value' | 'expect'> &
  Partial<Pick<HistoryCall, 'key' | 'value' | 'expect'>>;

/** Takes down operations as they begin and end; one for all clients of a process. */
export class HistoryRecorder {
  readonly #entries: Entry[] = [];
  readonly #byRequest = new Map<string, OperationToken>();
  #time = -1;
  #open = 0;

  /** Operations so far. */
  get size(): number {
    return this.#entries.length;
  }

  /** Operations that were begun and not ended. */
  get open(): number {
    return this.#open;
  }

  /** Before the request leaves. The same `requestId` again: the same operation again. */
  begin(asked: AskedOperation, atNs: number, requestId?: string): OperationToken {
    const known = requestId === undefined ? undefined : this.#byRequest.get(requestId);
    if (known !== undefined) return this.#resume(known, requestId);
    const token = this.#entries.length;
    this.#entries.push({
      asked: { key: '', value: null, expect: null, ...asked },
      call: this.#next(atNs),
      requestId,
      outcome: { ok: null },
      return: null,
      isOpen: true,
    });
    this.#open++;
    if (requestId !== undefined) this.#byRequest.set(requestId, token);
    return token;
  }

  /** After the answer came, or was given up on (`ok: null`). @throws INVARIANT if it was ended already. */
  end(token: OperationToken, outcome: HistoryOutcome, atNs: number): void {
    const entry = this.#entry(token);
    if (!entry.isOpen) {
      throw new ClusterError('INVARIANT', `operation ${token} of the history was ended already`);
    }
    entry.isOpen = false;
    this.#open--;
    entry.outcome = outcome;
    if (outcome.ok !== null) entry.return = this.#next(atNs);
  }

  /** All that was begun, in order of the calls. What is open yet is unknown. */
  operations(): HistoryOperation[] {
    return this.#entries.map(({ asked, outcome, call, return: end }) => {
      const base = { ...asked, output: null, ok: outcome.ok, call, return: end };
      if (outcome.ok !== true) return base;
      const { output, revision } = outcome;
      return revision === undefined ? { ...base, output } : { ...base, output, revision };
    });
  }

  #resume(token: OperationToken, requestId: string | undefined): OperationToken {
    const entry = this.#entry(token);
    if (entry.isOpen) return token;
    if (entry.outcome.ok !== null) {
      throw new ClusterError(
        'INVARIANT',
        `request ${requestId} has its answer already: give another request another id`,
      );
    }
    entry.isOpen = true;
    this.#open++;
    return token;
  }

  #entry(token: OperationToken): Entry {
    const entry = this.#entries[token];
    if (entry !== undefined) return entry;
    throw new ClusterError('INVARIANT', `the history has no operation ${token}`);
  }

  #next(atNs: number): number {
    this.#time = Math.max(atNs, this.#time + 1);
    return this.#time;
  }
}
