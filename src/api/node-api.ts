/**
 * The operations of one node, over its engine and its key-value machine. Every door calls this and only
 * this, so that deadlines, consistency, request ids and explanations are the same wherever one knocks.
 *
 * What may go wrong: between the barrier and the read nothing may be awaited, or the state that is read
 * is not the one that the barrier vouched for. Each read below happens in the turn in which its barrier
 * resolves.
 */
import type { ProposalListener } from '../consensus/index.ts';
import type { Engine } from '../engine/index.ts';
import { ClusterError } from '../errors.ts';
import {
  encodeCommand,
  type KeyRange,
  type KvCommand,
  type KvMachine,
  type KvResult,
  type RangeQuery,
  type RangeResult,
  unwrapResult,
  validateCommand,
  validateKey,
  validateRange,
} from '../state/index.ts';
import { checkOptions, checkTimeout, proposeOptions, waitOptions } from './call-options.ts';
import { CallStats } from './call-stats.ts';
import { explainFailure } from './explain.ts';
import { ExplainingListener } from './explaining-listener.ts';
import { loadOperations } from './load-operations.ts';
import { ReadBarriers, type ReadListener, type ReadWait } from './read-barriers.ts';
import { healthOf, readinessOf } from './readiness.ts';
import type {
  Api,
  ApiContext,
  CallOptions,
  GetAnswer,
  HealthAnswer,
  JsonObject,
  OperationName,
  ReadinessAnswer,
  StatusAnswer,
  WatchOptions,
  WatchStream,
} from './types.ts';

export function createApi(context: ApiContext): Api {
  return new NodeApi(context);
}

class NodeApi implements Api {
  readonly nodeId: string;
  readonly version: string;
  readonly stats: CallStats = new CallStats();
  draining = false;
  readonly #engine: Engine;
  readonly #kv: KvMachine;
  readonly #barriers: ReadBarriers;

  constructor(context: ApiContext) {
    this.nodeId = context.engine.nodeId;
    this.version = context.version;
    this.#engine = context.engine;
    this.#kv = context.kv;
    this.#barriers = new ReadBarriers(context.engine);
  }

  async call(name: OperationName, input: unknown, options: CallOptions = {}): Promise<JsonObject> {
    const { OPERATIONS } = await loadOperations();
    const operation = name === 'kv.watch' ? undefined : OPERATIONS[name];
    if (operation === undefined) {
      const known = Object.keys(OPERATIONS).join(', ');
      throw new ClusterError('REQUEST_INVALID', `operation ${name} is none of: ${known}`, {
        details: { field: 'operation' },
      });
    }
    checkOptions(name, operation.kind, options);
    const target = { api: this, engine: this.#engine };
    if (operation.kind !== 'admin') return operation.run(target, input, options);
    const wait = waitOptions(options);
    return this.#explained(operation.run(target, input, wait));
  }

  async get(key: Uint8Array, options: CallOptions = {}): Promise<GetAnswer> {
    checkOptions('kv.get', 'read', options);
    validateKey(key);
    await this.#barrier(options);
    return this.peek(key);
  }

  submitRead(key: Uint8Array, options: Omit<CallOptions, 'signal'>, listener: ReadListener): void {
    checkOptions('kv.get', 'read', options);
    validateKey(key);
    this.#barriers.submit(waitOf(options), listener);
  }

  peek(key: Uint8Array): GetAnswer {
    return { item: this.#kv.get(key), revision: this.#kv.revision };
  }

  async range(query: RangeQuery, options: CallOptions = {}): Promise<RangeResult> {
    checkOptions('kv.range', 'read', options);
    validateRange(query);
    await this.#barrier(options);
    return this.#kv.range(query);
  }

  async write(command: KvCommand, options: CallOptions = {}): Promise<KvResult> {
    checkOptions('a write', 'write', options);
    validateCommand(command);
    const bytes = encodeCommand(command);
    const outcome = this.#engine.propose(bytes, proposeOptions(options));
    return unwrapResult(await this.#explained(outcome));
  }

  submit(command: Uint8Array, options: CallOptions, listener: ProposalListener): void {
    checkOptions('a write', 'write', options);
    const explaining = new ExplainingListener(listener, this.#engine);
    this.#engine.submit(command, proposeOptions(options), explaining);
  }

  async watch(range: KeyRange, options: WatchOptions = {}): Promise<WatchStream> {
    checkOptions('kv.watch', 'stream', options);
    validateRange(range);
    // Also when it begins at a given revision: this node may be behind the one that told the caller.
    await this.#barrier(options);
    const revision = options.from === undefined ? this.#kv.revision : options.from - 1;
    const changes = this.#kv.watch({ ...range, fromRevision: revision + 1 });
    return { revision, changes };
  }

  async openSession(options: CallOptions = {}): Promise<number> {
    checkOptions('session.open', 'admin', options);
    return this.#explained(this.#engine.openSession(waitOptions(options)));
  }

  async closeSession(session: number, options: CallOptions = {}): Promise<void> {
    checkOptions('session.close', 'admin', options);
    return this.#explained(this.#engine.closeSession(session, waitOptions(options)));
  }

  status(): StatusAnswer {
    return { ...this.#engine.status(), revision: this.#kv.revision, version: this.version };
  }

  health(): HealthAnswer {
    return healthOf(this.#engine);
  }

  readiness(): Promise<ReadinessAnswer> {
    return readinessOf(this.#engine, this.draining);
  }

  async #barrier(options: CallOptions): Promise<void> {
    await this.#barriers.join(waitOf(options), options.signal);
  }

  async #explained<T>(outcome: Promise<T>): Promise<T> {
    try {
      return await outcome;
    } catch (error) {
      throw explainFailure(error, () => this.#engine.status());
    }
  }
}

/** A local read waits for nobody, but is asked for all the same: a node that has failed has no state to be read. */
function waitOf({ timeoutMs, consistency }: CallOptions): ReadWait {
  const checked = checkTimeout(timeoutMs);
  return consistency === 'local' ? 'local' : checked;
}
