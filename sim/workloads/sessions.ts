/**
 * Sessions come and go: opened, closed, left until the cluster ends them (which here is soon); and their
 * requests are repeated where that is nasty: to two nodes at once, long after their answer, after they were
 * acknowledged as done, after the session's end. Whatever is answered, each is applied at most once
 * (session-book.ts, applied-counts.ts), and exactly once if it was answered.
 */

import { decodeCommand } from '../../src/state/index.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { apiOf } from '../cluster/sim-process.ts';
import type { SeededRandom } from '../world/seeded-random.ts';
import { AppliedCounts, tellPlaces } from './applied-counts.ts';
import { type Came, Fleet, fleetRun } from './fleet.ts';
import { drawWeighted, numberArg, planOperations } from './planning.ts';
import { bytesOf, textOf } from './revision-log.ts';
import {
  type BookedRequest,
  type BookedSession,
  type MakeWork,
  SessionBook,
} from './session-book.ts';
import type { SimClient } from './sim-client.ts';
import { cameOf } from './store-client.ts';
import type { PlannedOperation, Workload } from './workload.ts';

const IDLE_MS = 3_000;
const KEY = 'session';
const TRIES_MAX = 4;
const TRY_MS: readonly number[] = [300, 700, 1_500, 2_500];
/** Requests that say what is done with; the answers of the others stay to be asked for. */
const ACKNOWLEDGING_PERCENT = 50;

type Kind = 'open' | 'write' | 'double' | 'again' | 'close' | 'rest';

const KINDS: readonly (readonly [number, Kind])[] = [
  [6, 'open'],
  [42, 'write'],
  [22, 'double'],
  [22, 'again'],
  [5, 'close'],
  [3, 'rest'],
];

function draw(random: SeededRandom): Pick<PlannedOperation, 'kind' | 'args'> {
  const kind = drawWeighted(random, KINDS);
  return { kind, args: [random.pick(TRY_MS), random.below(1_000)] };
}

const writing: MakeWork = (mark) => async (process, sent) => {
  const command = { kind: 'put', key: bytesOf(KEY), value: bytesOf(mark) } as const;
  const { revision } = await apiOf(process).write(command, sent);
  return { revision };
};

function markOf(bytes: Uint8Array): string | undefined {
  const command = decodeCommand(bytes);
  if (command.kind !== 'put' || textOf(command.key) !== KEY) return undefined;
  return textOf(command.value);
}

interface Owner {
  readonly book: SessionBook;
  /** The last one is the present one. */
  readonly sessions: BookedSession[];
}

class SessionOwners {
  readonly fleet: Fleet;
  readonly #applied: AppliedCounts;
  readonly #owners: Map<SimClient, Owner> = new Map();
  readonly #openedBy: Map<number, string> = new Map();

  constructor(cluster: SimCluster, operations: readonly PlannedOperation[]) {
    this.fleet = new Fleet({
      name: 'sessions',
      cluster,
      operations,
      perform: (client, operation) => this.#perform(client, operation),
    });
    this.#applied = new AppliedCounts(cluster, markOf, (mark, all) => {
      if (all.length > 1) this.#found('applied once', `${mark} was applied at ${tellPlaces(all)}`);
    });
  }

  judge(): void {
    for (const { sessions } of this.#owners.values()) {
      for (const { requests } of sessions) {
        for (const request of requests) this.#checkAnswered(request);
      }
    }
  }

  /** An answer is of something that was applied, with that very result. */
  #checkAnswered({ mark, answer }: BookedRequest): void {
    if (answer === undefined) return;
    const all = this.#applied.of(mark);
    const told = `${mark} was answered by ${answer.node} at ${answer.atMs.toFixed(3)} ms`;
    if (all.length !== 1) {
      this.#found('applied once', `${told}, and applied ${all.length} times: ${tellPlaces(all)}`);
    }
  }

  async #perform(client: SimClient, operation: PlannedOperation): Promise<Came> {
    const tryMs = numberArg(operation, 0);
    const owner = this.#ownerOf(client);
    const session = owner.sessions.at(-1);
    const kind = operation.kind as Kind;
    if (session === undefined || kind === 'open' || session.gone !== undefined) {
      const came = await this.#open(client, owner, tryMs * TRIES_MAX);
      if (kind === 'open' || came !== 'ok') return came;
      return await this.#write(client, owner, owner.sessions.at(-1) as BookedSession, tryMs);
    }
    switch (kind) {
      case 'write':
        return await this.#write(client, owner, session, tryMs);
      case 'double':
        return await this.#double(client, owner, session, tryMs);
      case 'again':
        return await this.#again(client, owner, numberArg(operation, 1), tryMs);
      case 'close':
        return await this.#close(client, owner, session, tryMs);
      case 'rest':
        await client.sleep(IDLE_MS + 2 * numberArg(operation, 1));
        return await this.#again(client, owner, 0, tryMs);
    }
  }

  async #open(client: SimClient, owner: Owner, deadlineMs: number): Promise<Came> {
    const outcome = await client.open(deadlineMs);
    if (outcome.kind !== 'done') return cameOf(outcome);
    const id = outcome.value;
    const other = this.#openedBy.get(id);
    if (other !== undefined) {
      this.#found('a session is nobody else’s', `${client.name} was given ${id}, as ${other} was`);
    }
    this.#openedBy.set(id, `${client.name} at ${client.nowMs.toFixed(3)} ms`);
    owner.sessions.push(owner.book.open(id));
    return 'ok';
  }

  /** Until it is answered, or its session is gone. */
  async #write(
    client: SimClient,
    owner: Owner,
    session: BookedSession,
    tryMs: number,
  ): Promise<Came> {
    const request = this.#next(client, owner, session);
    let came: Came = 'failed';
    for (let at = 0; at < TRIES_MAX && session.gone === undefined; at++) {
      const now = await this.#try(client, owner, session, request, tryMs);
      if (now === 'ok') return 'ok';
      if (now === 'unknown') came = 'unknown';
    }
    return came;
  }

  async #double(
    client: SimClient,
    owner: Owner,
    session: BookedSession,
    tryMs: number,
  ): Promise<Came> {
    const request = this.#next(client, owner, session);
    const [one, other] = await Promise.all([
      this.#try(client, owner, session, request, tryMs),
      this.#try(client, owner, session, request, tryMs),
    ]);
    if (one === 'ok' || other === 'ok') return 'ok';
    return one === 'failed' ? other : one;
  }

  /** A request of some time ago, of this session or an older one. */
  async #again(client: SimClient, owner: Owner, which: number, tryMs: number): Promise<Came> {
    const back = which % Math.min(2, owner.sessions.length);
    const session = owner.sessions.at(-1 - back) as BookedSession;
    const request = session.requests[which % Math.max(1, session.requests.length)];
    if (request === undefined) return 'ok';
    return await this.#try(client, owner, session, request, tryMs);
  }

  async #close(
    client: SimClient,
    owner: Owner,
    session: BookedSession,
    tryMs: number,
  ): Promise<Came> {
    const outcome = await client.read(
      (process, sent) => process.engine.closeSession(session.id, { timeoutMs: sent.timeoutMs }),
      tryMs,
    );
    if (outcome.kind === 'done') {
      session.gone ??= `closed by ${outcome.node} at ${client.nowMs.toFixed(3)} ms`;
    }
    const old = session.requests.at(-1);
    if (old !== undefined) await this.#try(client, owner, session, old, tryMs);
    const never = this.#next(client, owner, session);
    await this.#try(client, owner, session, never, tryMs);
    return cameOf(outcome);
  }

  async #try(
    client: SimClient,
    { book }: Owner,
    session: BookedSession,
    request: BookedRequest,
    tryMs: number,
  ): Promise<Came> {
    const before = book.before(session);
    const node = client.random.pick(client.nodes);
    const sent = { timeoutMs: tryMs, request: request.id };
    const outcome = await client.attempt(node, request.work, sent, true);
    book.note(session, request, before, outcome, client.nowMs);
    return cameOf(outcome);
  }

  #next(client: SimClient, { book }: Owner, session: BookedSession): BookedRequest {
    return book.next(session, client.random.chance(ACKNOWLEDGING_PERCENT), writing);
  }

  #ownerOf(client: SimClient): Owner {
    let owner = this.#owners.get(client);
    if (owner === undefined) {
      const book = new SessionBook(client.name, this.fleet.findings);
      owner = { book, sessions: [] };
      this.#owners.set(client, owner);
    }
    return owner;
  }

  #found(rule: string, message: string): void {
    this.fleet.findings.found(rule, message);
  }
}

export const sessionsWorkload: Workload = {
  name: 'sessions',
  tuning: { sessionIdleMs: IDLE_MS },
  plan: (options) => planOperations(options, draw),
  begin: (cluster, operations) => {
    const clients = new SessionOwners(cluster, operations);
    return fleetRun(clients.fleet, () => clients.judge());
  },
};
