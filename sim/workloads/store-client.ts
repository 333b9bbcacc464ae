/**
 * A client of the key-value store: each call goes through a `SimClient`, and is written down in the history
 * as what it asked and what came of it. Bytes become text on the node, in the turn in which they were read.
 */
import type { Api } from '../../src/api/index.ts';
import {
  type Compare,
  encodeCommand,
  type KvCommand,
  type KvResult,
  type StepResult,
  type TransactionStep,
} from '../../src/state/index.ts';
import { apiOf } from '../cluster/sim-process.ts';
import type {
  AskedOperation,
  HistoryGuard,
  HistoryOutcome,
  HistoryStep,
  RangeOutput,
} from '../history/index.ts';
import type { Came } from './fleet.ts';
import type { Ledger } from './ledger.ts';
import type { NodeViews } from './node-views.ts';
import { bytesOf, commandName, fingerprint, textOf } from './revision-log.ts';
import type { CallOutcome, Sent, SimClient } from './sim-client.ts';

/** An answer, as the history has it, and who gave it. */
export interface Told<T> {
  readonly output: T;
  readonly revision: number;
  /** Of a `get`: the revision that wrote what is there. */
  readonly modRevision?: number;
  readonly node: string;
}

/** `value` is there when it is known. */
export interface StoreOutcome<T> {
  readonly came: Came;
  readonly told: Told<T> | undefined;
  readonly error: Error | undefined;
}

export interface Transaction {
  readonly guards: readonly HistoryGuard[];
  readonly then: readonly HistoryStep[];
  readonly else: readonly HistoryStep[];
}

interface TxnAnswer {
  readonly succeeded: boolean;
  readonly steps: readonly (string | boolean | null)[];
}

type Asked = Omit<AskedOperation, 'client'>;
type Answer<T> = Omit<Told<T>, 'node'>;

export class StoreClient {
  readonly client: SimClient;
  readonly #ledger: Ledger;
  readonly #views: NodeViews;

  constructor(client: SimClient, ledger: Ledger, views: NodeViews) {
    this.client = client;
    this.#ledger = ledger;
    this.#views = views;
  }

  /** `bytes`: what is put where that is more than the text that names it; its fingerprint must be `value`. */
  put(
    key: string,
    value: string,
    deadlineMs: number,
    bytes: Uint8Array = bytesOf(value),
  ): Promise<StoreOutcome<null>> {
    const command: KvCommand = { kind: 'put', key: bytesOf(key), value: bytes };
    return this.#write({ op: 'put', key, value }, command, deadlineMs, () => null);
  }

  delete(key: string, deadlineMs: number): Promise<StoreOutcome<boolean>> {
    const command: KvCommand = { kind: 'delete', range: { start: bytesOf(key) } };
    return this.#write({ op: 'delete', key }, command, deadlineMs, (result) =>
      result.kind === 'delete' ? result.deleted > 0 : wrongKind(result),
    );
  }

  compareAndSet(
    key: string,
    expect: string | null,
    value: string,
    deadlineMs: number,
  ): Promise<StoreOutcome<boolean>> {
    const base = { kind: 'compareAndSet' as const, key: bytesOf(key), value: bytesOf(value) };
    const command: KvCommand = expect === null ? base : { ...base, expected: bytesOf(expect) };
    return this.#write({ op: 'cas', key, expect, value }, command, deadlineMs, (result) =>
      result.kind === 'compareAndSet' ? result.swapped : wrongKind(result),
    );
  }

  increment(key: string, by: number, deadlineMs: number): Promise<StoreOutcome<string>> {
    const command: KvCommand = { kind: 'increment', key: bytesOf(key), by: BigInt(by) };
    const asked: Asked = { op: 'increment', key, value: String(by) };
    return this.#write(asked, command, deadlineMs, (result) =>
      result.kind === 'increment' ? String(result.value) : wrongKind(result),
    );
  }

  transaction(wanted: Transaction, deadlineMs: number): Promise<StoreOutcome<TxnAnswer>> {
    const command: KvCommand = {
      kind: 'transaction',
      compare: wanted.guards.map(toCompare),
      then: wanted.then.map(toStep),
      else: wanted.else.map(toStep),
    };
    return this.#write({ op: 'txn', ...wanted }, command, deadlineMs, (result) => {
      if (result.kind !== 'transaction') return wrongKind(result);
      return { succeeded: result.succeeded, steps: result.steps.map(stepOutput) };
    });
  }

  get(key: string, deadlineMs: number): Promise<StoreOutcome<string | null>> {
    return this.#read({ op: 'get', key }, deadlineMs, async (api, { timeoutMs }) => {
      const { item, revision } = await api.get(bytesOf(key), { timeoutMs });
      if (item === undefined) return { output: null, revision };
      return { output: fingerprint(item.value), revision, modRevision: item.modRevision };
    });
  }

  /** What one node has. */
  localGet(key: string, deadlineMs: number): Promise<StoreOutcome<string | null>> {
    const asked: Asked = { op: 'get', key, consistency: 'local' };
    return this.#read(asked, deadlineMs, async (api, { timeoutMs }) => {
      const options = { timeoutMs, consistency: 'local' as const };
      const { item, revision } = await api.get(bytesOf(key), options);
      return { output: item === undefined ? null : fingerprint(item.value), revision };
    });
  }

  /** All keys from `key` to before `end`. */
  range(key: string, end: string, deadlineMs: number): Promise<StoreOutcome<RangeOutput>> {
    const query = { start: bytesOf(key), end: bytesOf(end) };
    return this.#read({ op: 'range', key, end }, deadlineMs, async (api, { timeoutMs }) => {
      const { items, more, revision } = await api.range(query, { timeoutMs });
      const shown = items.map((item) => ({
        key: textOf(item.key),
        value: fingerprint(item.value),
      }));
      return { output: { items: shown, more }, revision };
    });
  }

  #read<T>(
    asked: Asked,
    deadlineMs: number,
    read: (api: Api, sent: Sent) => Promise<Answer<T>>,
  ): Promise<StoreOutcome<T>> {
    const what = this.#textOf(asked);
    return this.#recorded(asked, () =>
      this.client.read(async (process, sent) => {
        const answer = await read(apiOf(process), sent);
        this.#views.read(process, answer.revision, what);
        return answer;
      }, deadlineMs),
    );
  }

  #write<T>(
    asked: Asked,
    command: KvCommand,
    deadlineMs: number,
    read: (result: KvResult) => T,
  ): Promise<StoreOutcome<T>> {
    const what = this.#textOf(asked);
    const call = () =>
      this.client.write(async (process, sent) => {
        const result = await apiOf(process).write(command, sent);
        this.#views.wrote(process, result.revision, what);
        return { output: read(result), revision: result.revision };
      }, deadlineMs);
    return this.#recorded(asked, call, commandName(encodeCommand(command)));
  }

  #textOf({ op, key = '', consistency }: Asked): string {
    return `${this.client.name}'s ${consistency === undefined ? '' : 'local '}${op} ${key}`;
  }

  async #recorded<T>(
    asked: Asked,
    call: () => Promise<CallOutcome<Answer<T>>>,
    command?: string,
  ): Promise<StoreOutcome<T>> {
    const token = this.#ledger.begin(this.client, asked, command);
    const outcome = await call();
    this.#ledger.end(this.client, token, historyOutcome(outcome));
    if (outcome.kind !== 'done') {
      return { came: cameOf(outcome), told: undefined, error: outcome.error };
    }
    return { came: 'ok', told: { ...outcome.value, node: outcome.node }, error: undefined };
  }
}

export function cameOf(outcome: CallOutcome<unknown>): Came {
  return outcome.kind === 'done' ? 'ok' : outcome.kind === 'refused' ? 'failed' : 'unknown';
}

function historyOutcome(outcome: CallOutcome<Answer<unknown>>): HistoryOutcome {
  if (outcome.kind === 'done') {
    const { output, revision } = outcome.value;
    return { ok: true, output, revision };
  }
  return { ok: outcome.kind === 'refused' ? false : null };
}

function toCompare(guard: HistoryGuard): Compare {
  const key = bytesOf(guard.key);
  const { operator } = guard;
  if (guard.target === 'value') {
    return { key, operator, target: 'value', operand: bytesOf(String(guard.operand)) };
  }
  return { key, operator, target: guard.target, operand: Number(guard.operand) };
}

function toStep({ op, key: name, value }: HistoryStep): TransactionStep {
  const key = bytesOf(name);
  switch (op) {
    case 'get':
      return { kind: 'get', range: { start: key } };
    case 'put':
      return { kind: 'put', key, value: bytesOf(value ?? '') };
    case 'delete':
      return { kind: 'delete', range: { start: key } };
    case 'increment':
      return { kind: 'increment', key, by: BigInt(value ?? '1') };
  }
}

function stepOutput(step: StepResult): string | boolean | null {
  switch (step.kind) {
    case 'put':
      return null;
    case 'delete':
      return step.deleted > 0;
    case 'increment':
      return String(step.value);
    case 'get': {
      const [item] = step.items;
      return item === undefined ? null : fingerprint(item.value);
    }
  }
}

function wrongKind(result: KvResult): never {
  throw new Error(`the answer is that of a ${result.kind}: of another request`);
}
