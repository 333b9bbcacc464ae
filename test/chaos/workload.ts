/**
 * The clients: each does one thing after the other, puts, gets, compares and deletes, on any node, with
 * short deadlines, and writes down what came of it.
 *
 * A write whose outcome is unknown is mostly repeated under its request id, on another node, until it is
 * known: to the history that is one operation. Some are left unknown, as by a client that dies; and a few
 * are cut off right after they were sent, so that there are unknown outcomes also where the cluster is too
 * quick to leave any. Now and then a client connects anew, with a new session, at another node.
 */
import type { HistoryOperation } from '../../sim/history/index.ts';
import { connect, type QuorateClient, requestOf } from '../../src/client/index.ts';
import type { RequestId } from '../../src/consensus/index.ts';
import { ClusterError } from '../../src/errors.ts';
import type { Seeded } from '../acceptance/seeded.ts';
import { pause } from '../waiting.ts';
import type { HistoryFile } from './history-file.ts';
import type { KeySpace } from './key-space.ts';
import { outcomeOf } from './outcome.ts';

const TRY_MS = 1_000;
/** Then its outcome stays unknown. */
const SETTLE_MS = 12_000;
const PAUSE_MS_MAX = 16;
/** Of 100 unknown writes so many are repeated until they are known. */
const PATIENCE = 70;
/** One write in so many is cut off after it was sent. */
const CUT_ONE_IN = 300;
const CUT_AFTER_MS_MAX = 3;
/** Below the bound on a command, and so large that a disk is soon full. */
const BALLAST_BYTES = 512 * 1024;
const BALLAST_WRITES_MAX = 950;
const BALLAST_AT_ONCE = 4;
const BALLAST_TRY_MS = 5_000;
/** Operations between one connection and the next. */
const RECONNECT_AFTER = 400;

interface Attempt {
  readonly request?: RequestId;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

type Planned = Pick<HistoryOperation, 'op' | 'key' | 'value' | 'expect'>;

/** Of a write that was acknowledged. */
interface Answer {
  readonly output: boolean | null;
  readonly revision: number;
}

type Result = Pick<HistoryOperation, 'ok'> & Partial<Pick<HistoryOperation, 'output' | 'revision'>>;

export interface WorkloadOptions {
  readonly history: HistoryFile;
  readonly keys: KeySpace;
  readonly seeded: Seeded;
  /** Client addresses of all nodes. */
  readonly nodes: readonly string[];
  readonly clients: number;
}

export class Workload {
  readonly #options: WorkloadOptions;
  readonly #connections: QuorateClient[] = [];
  #numbers: number;
  #values = 0;
  #ballasts = 0;
  #isEnding = false;
  #running: Promise<unknown> = Promise.resolve();
  /** When a write was acknowledged, by `performance.now()`, in order. */
  readonly acknowledgedAt: number[] = [];

  constructor(options: WorkloadOptions) {
    this.#options = options;
    this.#numbers = options.clients;
  }

  async start(): Promise<void> {
    const { clients } = this.#options;
    for (let i = 0; i < clients; i++) this.#connections.push(await this.#connect(i));
    this.#running = Promise.all(Array.from({ length: clients }, (_, i) => this.#work(i)));
    this.#running.catch(() => {});
  }

  /** Ends the clients, each after what it is doing. Rejects when one of them has come to grief. */
  async stop(): Promise<void> {
    this.#isEnding = true;
    await this.#running;
    await Promise.all(this.#connections.map((one) => one.close()));
  }

  /**
   * Writes large values that nobody reads, to take up room, until it is told to end. They are in the history,
   * under keys of their own and by name, not by their bytes.
   */
  async ballast(isEnough: () => boolean): Promise<number> {
    const { nodes, history } = this.#options;
    const client = await connect({ nodes, timeoutMs: BALLAST_TRY_MS });
    const key = `ballast${this.#ballasts++}`;
    let written = 0;
    const write = async (): Promise<void> => {
      let number = this.#numbers++;
      while (!isEnough() && written < BALLAST_WRITES_MAX) {
        const value = `large${written++}`;
        const asked = {
          client: number,
          op: 'put',
          key,
          value,
          expect: null,
          output: null,
        } as const;
        const call = history.now();
        try {
          const { revision } = await client.put(key, value.padEnd(BALLAST_BYTES, '.'));
          history.add({ ...asked, ok: true, revision, call, return: history.now() });
        } catch (error) {
          const isKnown = outcomeOf(error) === 'certainly-not';
          if (isKnown) history.add({ ...asked, ok: false, call, return: history.now() });
          else history.add({ ...asked, ok: null, call, return: null });
          if (!isKnown) number = this.#numbers++;
        }
      }
    };
    try {
      await Promise.all(Array.from({ length: BALLAST_AT_ONCE }, write));
    } finally {
      await client.close();
    }
    return written;
  }

  /** Reads every key that there ever was, so that what was acknowledged last is accounted for too. */
  async readAll(): Promise<void> {
    const { nodes, keys, history } = this.#options;
    const client = await connect({ nodes, timeoutMs: 10_000 });
    try {
      for (const key of keys.names) {
        const call = history.now();
        const output = (await client.getText(key)) ?? null;
        const line = { client: this.#numbers, op: 'get', key, value: null, expect: null } as const;
        history.add({ ...line, output, ok: true, call, return: history.now() });
      }
    } finally {
      await client.close();
    }
  }

  async #connect(turn: number): Promise<QuorateClient> {
    const { nodes } = this.#options;
    const at = turn % nodes.length;
    const order = [...nodes.slice(at), ...nodes.slice(0, at)];
    for (;;) {
      try {
        return await connect({ nodes: order, timeoutMs: TRY_MS });
      } catch (error) {
        if (this.#isEnding || !(error instanceof ClusterError) || error.retryable !== 'yes') {
          throw error;
        }
      }
    }
  }

  async #work(index: number): Promise<void> {
    const { seeded } = this.#options;
    let number = index;
    for (let done = 1; !this.#isEnding; done++) {
      await pause(seeded.below(PAUSE_MS_MAX));
      const isKnown = await this.#operate(index, number);
      // What is unknown may still happen: nobody may take it for an operation of the past.
      if (!isKnown) number = this.#numbers++;
      if (done % RECONNECT_AFTER === 0 && !this.#isEnding) await this.#reconnect(index, done);
    }
  }

  async #reconnect(index: number, done: number): Promise<void> {
    const before = this.#connections[index];
    this.#connections[index] = await this.#connect(index + done / RECONNECT_AFTER);
    await before?.close();
  }

  /** False: the outcome stays unknown. */
  async #operate(index: number, number: number): Promise<boolean> {
    const { history, keys, seeded } = this.#options;
    const key = keys.take();
    const planned = this.#plan(key.name, key.lastSeen);
    const call = history.now();
    const add = (result: Result): boolean => {
      const end = result.ok === null ? null : history.now();
      history.add({ client: number, ...planned, output: null, ...result, call, return: end });
      return result.ok !== null;
    };
    if (planned.op === 'get') {
      const seen = await this.#read(index, planned.key);
      if (seen === undefined) return add({ ok: false });
      key.lastSeen = seen.value ?? undefined;
      return add({ ok: true, output: seen.value });
    }
    try {
      const answer = await this.#first(index, planned);
      if (answer.output !== false && planned.value !== null) key.lastSeen = planned.value;
      this.acknowledgedAt.push(performance.now());
      return add({ ok: true, ...answer });
    } catch (error) {
      if (outcomeOf(error) === 'certainly-not') return add({ ok: false });
      const request = requestOf(error);
      const isPatient = request !== undefined && seeded.below(100) < PATIENCE;
      const answer = isPatient ? await this.#settle(index, planned, request) : undefined;
      if (answer === undefined) {
        key.unknown++;
        return add({ ok: null });
      }
      this.acknowledgedAt.push(performance.now());
      return add({ ok: true, ...answer });
    }
  }

  #plan(key: string, lastSeen: string | undefined): Planned {
    const { seeded } = this.#options;
    const dice = seeded.below(100);
    if (dice < 40) return { op: 'get', key, value: null, expect: null };
    if (dice < 50) return { op: 'delete', key, value: null, expect: null };
    const value = `v${this.#values++}`;
    if (dice < 75) return { op: 'put', key, value, expect: null };
    const expect = seeded.below(10) === 0 ? null : (lastSeen ?? null);
    return { op: 'cas', key, value, expect };
  }

  async #read(index: number, key: string): Promise<{ value: string | null } | undefined> {
    try {
      const value = await this.#client(index).getText(key, { timeoutMs: TRY_MS });
      return { value: value ?? null };
    } catch (error) {
      // A read that failed had no effect, whatever it failed with; but it must fail as promised.
      if (error instanceof ClusterError) return undefined;
      throw error;
    }
  }

  async #first(index: number, planned: Planned): Promise<Answer> {
    const { seeded } = this.#options;
    const cut = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    if (seeded.below(CUT_ONE_IN) === 0) {
      timer = setTimeout(() => cut.abort(), seeded.below(CUT_AFTER_MS_MAX));
    }
    try {
      const attempt = { timeoutMs: TRY_MS, signal: cut.signal };
      return await this.#write(this.#client(index), planned, attempt);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The same write under the same id, round the nodes, until its outcome is known. */
  async #settle(index: number, planned: Planned, request: RequestId): Promise<Answer | undefined> {
    const limit = performance.now() + SETTLE_MS;
    for (let tries = 1; performance.now() < limit; tries++) {
      try {
        const attempt = { request, timeoutMs: TRY_MS };
        return await this.#write(this.#client(index + tries), planned, attempt);
      } catch (error) {
        if (!(error instanceof ClusterError)) throw error;
        // The log has forgotten the request: nobody will ever know.
        if (error.code === 'SESSION_EXPIRED' || error.code === 'SEQUENCE_STALE') return undefined;
        await pause(20);
      }
    }
    return undefined;
  }

  async #write(client: QuorateClient, planned: Planned, attempt: Attempt): Promise<Answer> {
    const { op, key, value, expect } = planned;
    if (op === 'put') {
      const { revision } = await client.put(key, value ?? '', attempt);
      return { output: null, revision };
    }
    if (op === 'delete') {
      const { deleted, revision } = await client.delete(key, attempt);
      return { output: deleted > 0, revision };
    }
    const wanted = value ?? '';
    const answer = await client.compareAndSet(key, expect ?? undefined, wanted, attempt);
    return { output: answer.swapped, revision: answer.revision };
  }

  #client(number: number): QuorateClient {
    return this.#connections[number % this.#connections.length] as QuorateClient;
  }
}
