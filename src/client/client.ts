/**
 * The network client that programs use: keys and values in, answers out. What is hard about it (which node,
 * again or not, exactly once) is in `dispatcher.ts` and `session-keeper.ts`; here calls are put together
 * and answers taken apart.
 */
import { performance } from 'node:perf_hooks';
import { offAbort, onAbort } from '../abort-signals.ts';
import type { Invitation, RequestId } from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
import { RANGE_ITEMS_MAX, REQUEST_TIMEOUT_MS_DEFAULT } from '../limits.ts';
import { encodeRangeRequest, encodeU64, OP, type Op, readGotItem } from '../protocol/index.ts';
import {
  encodeCommand,
  encodePut,
  type KeyValue,
  type KvCommand,
  keyAfter,
  type RangeResult,
  type StepResult,
  validateCommand,
  validateKey,
  validatePut,
  validateRange,
} from '../state/index.ts';
import {
  compactAnswer,
  compareAndSetAnswer,
  deleteAnswer,
  incrementAnswer,
  jsonAnswer,
  noAnswer,
  pageAnswer,
  putAnswer,
  transactionAnswer,
} from './answers.ts';
import {
  ADD_OPTIONS,
  CALL_OPTIONS,
  callBody,
  checkConnectOptions,
  checkCount,
  checkFlag,
  checkItems,
  checkOptions,
  checkText,
  checkTimeout,
  LIST_OPTIONS,
  RANGE_OPTIONS,
  READ_OPTIONS,
  WATCH_OPTIONS,
  WRITE_OPTIONS,
} from './call-checks.ts';
import { ClientWatch } from './client-watch.ts';
import { Dispatcher } from './dispatcher.ts';
import { toBytes, toKeyRange, toText } from './keys.ts';
import { parseNodeAddress } from './node-address.ts';
import { type CallPlan, type Decode, PendingCall } from './pending-call.ts';
import { promised } from './promised.ts';
import { SessionKeeper } from './session-keeper.ts';
import { toBigInt, toTransaction } from './transactions.ts';
import type {
  AddMemberOptions,
  Bytes,
  ClientCallOptions,
  ClientRange,
  ClientRangeOptions,
  ClientTransaction,
  ClientWatchOptions,
  ConnectOptions,
  ListOptions,
  MembersAnswer,
  QuorateClient,
  ReadCallOptions,
  Watch,
  WriteCallOptions,
} from './types.ts';

const CLOSE_SESSION_MS_MAX = 500;
const READ_OPERATIONS: ReadonlySet<string> = new Set([
  'kv.get',
  'kv.range',
  'status',
  'members.list',
]);
/** Change something, and nothing more when they are done twice. */
const REPEATABLE_OPERATIONS: ReadonlySet<string> = new Set([
  'members.add',
  'members.promote',
  'members.remove',
  'leader.transfer',
]);

/** @throws CONFIG_INVALID, CONNECTION_FAILED, ABORTED. */
export async function connect(options: ConnectOptions): Promise<QuorateClient> {
  const client = new NetworkClient(options);
  try {
    await client.connected(options.signal);
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
}

class NetworkClient implements QuorateClient {
  readonly #dispatcher: Dispatcher;
  readonly #timeoutMs: number;
  readonly #session: SessionKeeper | undefined;
  readonly #watches: Set<ClientWatch> = new Set();
  #closed: Promise<void> | undefined;

  constructor(options: ConnectOptions) {
    checkConnectOptions(options);
    this.#timeoutMs = checkTimeout(options.timeoutMs ?? REQUEST_TIMEOUT_MS_DEFAULT);
    this.#dispatcher = new Dispatcher(options.nodes.map(parseNodeAddress));
    this.#session =
      options.session === false ? undefined : new SessionKeeper(this.#dispatcher, this.#timeoutMs);
  }

  get node(): string | undefined {
    return this.#dispatcher.node;
  }

  async connected(signal: AbortSignal | undefined): Promise<void> {
    const connecting = this.#dispatcher.connected(performance.now() + this.#timeoutMs);
    if (signal === undefined) {
      await connecting;
      return;
    }
    const aborted = new Promise<never>((_resolve, reject) => {
      const leave = (): void =>
        reject(new ClusterError('ABORTED', 'connecting was given up', { retryable: 'yes' }));
      if (signal.aborted) leave();
      onAbort(signal, leave);
      connecting.catch(() => {}).finally(() => offAbort(signal, leave));
    });
    await Promise.race([connecting, aborted]);
  }

  // ---- writes ---------------------------------------------------------------------------------

  put(key: Bytes, value: Bytes, options?: WriteCallOptions): Promise<{ revision: number }> {
    return promised(() => {
      const [keyBytes, valueBytes] = [toBytes(key, 'key'), toBytes(value, 'value')];
      if (options !== undefined) checkOptions(options, WRITE_OPTIONS);
      validatePut(keyBytes, valueBytes);
      return this.#propose(encodePut(keyBytes, valueBytes), putAnswer, options);
    });
  }

  delete(key: Bytes, options?: WriteCallOptions): Promise<{ deleted: number; revision: number }> {
    return promised(() => {
      const command = { kind: 'delete', range: { start: toBytes(key, 'key') } } as const;
      return this.#write(command, deleteAnswer, options);
    });
  }

  deleteRange(
    range: ClientRange,
    options?: WriteCallOptions,
  ): Promise<{ deleted: number; revision: number }> {
    return promised(() => {
      const command = { kind: 'delete', range: toKeyRange(range, 'delete') } as const;
      return this.#write(command, deleteAnswer, options);
    });
  }

  compareAndSet(
    key: Bytes,
    expected: Bytes | undefined,
    value: Bytes,
    options?: WriteCallOptions,
  ): Promise<{ swapped: boolean; revision: number; actual?: Uint8Array }> {
    return promised(() => {
      const base = {
        kind: 'compareAndSet',
        key: toBytes(key, 'key'),
        value: toBytes(value, 'value'),
      } as const;
      const command =
        expected === undefined ? base : { ...base, expected: toBytes(expected, 'expected') };
      return this.#write(command, compareAndSetAnswer, options);
    });
  }

  increment(
    key: Bytes,
    by: bigint | number = 1n,
    options?: WriteCallOptions,
  ): Promise<{ value: bigint; revision: number }> {
    return promised(() => {
      const command = { kind: 'increment', key: toBytes(key, 'key'), by: toBigInt(by) } as const;
      return this.#write(command, incrementAnswer, options);
    });
  }

  transaction(
    transaction: ClientTransaction,
    options?: WriteCallOptions,
  ): Promise<{ succeeded: boolean; revision: number; steps: readonly StepResult[] }> {
    return promised(() => this.#write(toTransaction(transaction), transactionAnswer, options));
  }

  compact(revision: number, options?: WriteCallOptions): Promise<{ revision: number }> {
    return promised(() => this.#write({ kind: 'compact', revision }, compactAnswer, options));
  }

  // ---- reads ----------------------------------------------------------------------------------

  get(key: Bytes, options?: ReadCallOptions): Promise<KeyValue | undefined> {
    return promised(() => {
      if (options !== undefined) checkOptions(options, READ_OPTIONS);
      const bytes = toBytes(key, 'key');
      validateKey(bytes);
      // What may be sent later, or again, is not the caller's to change.
      const body = bytes === key ? new Uint8Array(bytes) : bytes;
      return this.#read(OP.get, body, readGotItem, options);
    });
  }

  async getText(key: Bytes, options?: ReadCallOptions): Promise<string | undefined> {
    const item = await this.get(key, options);
    return item === undefined ? undefined : toText(item.value);
  }

  async range(selector: ClientRange, options: ClientRangeOptions = {}): Promise<RangeResult> {
    checkOptions(options, RANGE_OPTIONS);
    const { limit = 0, keysOnly = false } = options;
    checkItems(options.limit, 'limit', RANGE_ITEMS_MAX);
    checkFlag(keysOnly, 'keysOnly');
    const range = toKeyRange(selector, 'read');
    validateRange(range);
    const body = encodeRangeRequest({ range, limit, keysOnly });
    return this.#read(OP.range, body, pageAnswer, options);
  }

  async *list(
    selector: ClientRange,
    options: ListOptions = {},
  ): AsyncGenerator<KeyValue, void, undefined> {
    checkOptions(options, LIST_OPTIONS);
    const { pageItems = RANGE_ITEMS_MAX, keysOnly = false, ...rest } = options;
    checkItems(pageItems, 'pageItems', RANGE_ITEMS_MAX);
    checkFlag(keysOnly, 'keysOnly');
    const whole = toKeyRange(selector, 'read');
    validateRange(whole);
    let start = whole.start;
    for (;;) {
      const body = encodeRangeRequest({ range: { ...whole, start }, limit: pageItems, keysOnly });
      const page = await this.#read(OP.range, body, pageAnswer, rest);
      yield* page.items;
      const last = page.items.at(-1);
      if (!page.more || last === undefined) return;
      start = keyAfter(last.key);
    }
  }

  watch(selector: ClientRange, options: ClientWatchOptions = {}): Watch {
    checkOptions(options, WATCH_OPTIONS);
    if (options.from !== undefined) checkCount(options.from, 'from');
    const range = toKeyRange(selector, 'read');
    validateRange(range);
    const watch = new ClientWatch(this.#dispatcher, {
      range,
      from: options.from ?? 0,
      local: options.consistency === 'local',
      timeoutMs: this.#timeoutOf(options),
      signal: options.signal,
      onEnded: () => this.#watches.delete(watch),
    });
    this.#watches.add(watch);
    return watch;
  }

  // ---- the rest -------------------------------------------------------------------------------

  async status(options: ClientCallOptions = {}): Promise<Record<string, unknown>> {
    checkOptions(options, CALL_OPTIONS);
    return this.call('status', {}, options);
  }

  async members(options: ClientCallOptions = {}): Promise<MembersAnswer> {
    checkOptions(options, CALL_OPTIONS);
    return (await this.call('members.list', {}, options)) as unknown as MembersAnswer;
  }

  addNode(nodeId: string, address: string, options?: AddMemberOptions): Promise<Invitation> {
    return this.#addMember({ nodeId, address }, options);
  }

  addLearner(nodeId: string, address: string, options?: AddMemberOptions): Promise<Invitation> {
    return this.#addMember({ nodeId, address, learner: true }, options);
  }

  async #addMember(
    input: Record<string, unknown>,
    given: AddMemberOptions = {},
  ): Promise<Invitation> {
    checkOptions(given, ADD_OPTIONS);
    const { clusterName, ...options } = given;
    checkText(input['nodeId'], 'nodeId');
    checkText(input['address'], 'address');
    if (clusterName !== undefined) checkText(clusterName, 'clusterName');
    const whole = clusterName === undefined ? input : { ...input, clusterName };
    return (await this.call('members.add', whole, options)) as unknown as Invitation;
  }

  async promoteLearner(nodeId: string, options?: ClientCallOptions): Promise<void> {
    checkText(nodeId, 'nodeId');
    await this.call('members.promote', { nodeId }, options);
  }

  async removeNode(nodeId: string, options?: ClientCallOptions): Promise<boolean> {
    checkText(nodeId, 'nodeId');
    const { removed } = await this.call('members.remove', { nodeId }, options);
    return removed === true;
  }

  async transferLeadership(toNodeId: string, options?: ClientCallOptions): Promise<void> {
    checkText(toNodeId, 'toNodeId');
    await this.call('leader.transfer', { to: toNodeId }, options);
  }

  async call(
    operation: string,
    input: Record<string, unknown> = {},
    options: ReadCallOptions = {},
  ): Promise<Record<string, unknown>> {
    checkOptions(options, READ_OPTIONS);
    const body = callBody(operation, input);
    const isRead = READ_OPERATIONS.has(operation);
    const now = performance.now();
    return this.#submit(now, {
      op: OP.call,
      body,
      decode: jsonAnswer,
      local: options.consistency === 'local',
      isWrite: !isRead,
      isRepeatable: isRead || REPEATABLE_OPERATIONS.has(operation),
      request: undefined,
      deadlineAt: now + this.#timeoutOf(options),
      signal: options.signal,
    });
  }

  async nextRequest(options: ClientCallOptions = {}): Promise<RequestId> {
    checkOptions(options, CALL_OPTIONS);
    if (this.#session === undefined) {
      throw new ClusterError(
        'CONFIG_INVALID',
        'this client was connected with session: false, so it has no request ids',
      );
    }
    const { session, sequence } = await this.#session.take();
    return { session, sequence };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const session = this.#session?.session;
    for (const watch of [...this.#watches]) {
      watch.end(new ClusterError('CLIENT_CLOSED', 'the client was closed'));
    }
    if (session !== undefined && this.#dispatcher.node !== undefined) {
      // As a courtesy: a session that is left open is closed by the cluster when room is needed.
      this.#dispatcher.failAll();
      const options = { timeoutMs: CLOSE_SESSION_MS_MAX };
      await this.#read(OP.closeSession, encodeU64(session), noAnswer, options).catch(() => {});
    }
    this.#dispatcher.close();
  }

  #write<T>(command: KvCommand, decode: Decode<T>, options?: WriteCallOptions): Promise<T> {
    if (options !== undefined) checkOptions(options, WRITE_OPTIONS);
    validateCommand(command);
    return this.#propose(encodeCommand(command), decode, options);
  }

  #propose<T>(body: Uint8Array, decode: Decode<T>, options?: WriteCallOptions): Promise<T> {
    const now = performance.now();
    return this.#submit(now, {
      op: OP.propose,
      body,
      decode,
      local: false,
      isWrite: true,
      // Only its request id makes it so.
      isRepeatable: false,
      request: options?.request,
      deadlineAt: now + this.#timeoutOf(options),
      signal: options?.signal,
    });
  }

  #read<T>(op: Op, body: Uint8Array, decode: Decode<T>, options?: ReadCallOptions): Promise<T> {
    const now = performance.now();
    return this.#submit(now, {
      op,
      body,
      decode,
      local: options?.consistency === 'local',
      isWrite: false,
      isRepeatable: true,
      request: undefined,
      deadlineAt: now + this.#timeoutOf(options),
      signal: options?.signal,
    });
  }

  #submit<T>(now: number, plan: CallPlan<T>): Promise<T> {
    const call = new PendingCall(plan);
    if (call.signal?.aborted === true) call.abort();
    else if (this.#dispatcher.admit(call)) {
      if (call.op === OP.propose && this.#session !== undefined) this.#session.route(call, now);
      else this.#dispatcher.route(call, now);
    }
    return call.answer;
  }

  #timeoutOf(options: ClientCallOptions | undefined): number {
    const given = options?.timeoutMs;
    return given === undefined ? this.#timeoutMs : checkTimeout(given);
  }
}
