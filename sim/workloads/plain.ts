/**
 * For a state machine that nobody here knows: a user's own. Commands come from his generator; each is
 * proposed, under a request id by clients that repeat, and some are asked for once more at another node
 * when they have their answer.
 *
 * What can be said of any machine:
 * - one request, one result, however often it is asked;
 * - a result that was told is one that the machine gave to that command;
 * - a command was applied as often as it was answered, and at most the unknown times on top.
 */
import { Buffer } from 'node:buffer';
import type { CommandResult, ProposeResult, RequestId } from '../../src/consensus/index.ts';
import { encodeCommand } from '../../src/state/index.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SeededRandom } from '../world/seeded-random.ts';
import { AppliedCounts, isSameResult, tellPlaces } from './applied-counts.ts';
import { type Came, Fleet, fleetRun } from './fleet.ts';
import { drawDeadline, numberArg, planOperations, textArg } from './planning.ts';
import { bytesOf } from './revision-log.ts';
import type { SimClient } from './sim-client.ts';
import { cameOf } from './store-client.ts';
import type { PlannedOperation, Workload } from './workload.ts';

/** The `at`th command of a client; all chance from `random`. */
export type CommandGenerator = (random: SeededRandom, client: number, at: number) => Uint8Array;

const AGAIN_PERCENT = 30;
const AGAIN_MS = 2_000;

/** What became of a command, over all its proposals. */
interface Account {
  answered: number;
  unknown: number;
  readonly results: { readonly result: CommandResult; readonly who: string }[];
}

class Proposers {
  readonly fleet: Fleet;
  readonly #applied: AppliedCounts;
  readonly #accounts: Map<string, Account> = new Map();

  readonly #onMissed: (error: Error) => void;

  constructor(
    cluster: SimCluster,
    operations: readonly PlannedOperation[],
    onMissed: (error: Error) => void,
  ) {
    this.#onMissed = onMissed;
    this.fleet = new Fleet({
      name: 'plain',
      cluster,
      operations,
      perform: (client, operation) => this.#perform(client, operation),
    });
    this.#applied = new AppliedCounts(cluster, nameOf);
  }

  judge(): void {
    for (const [name, account] of this.#accounts) this.#checkAccount(name, account);
  }

  async #perform(client: SimClient, operation: PlannedOperation): Promise<Came> {
    const name = textArg(operation, 0);
    const command = Buffer.from(name, 'hex');
    let request: RequestId | undefined;
    const outcome = await client.write(
      (process, sent) => {
        request = sent.request;
        return process.engine.propose(command, sent);
      },
      numberArg(operation, 1),
    );
    const account = this.#accountOf(name);
    if (outcome.kind === 'unknown') account.unknown += 1;
    if (outcome.kind !== 'done') {
      this.#onMissed(outcome.error);
      return cameOf(outcome);
    }
    account.answered += 1;
    const result = outcome.value;
    const who = `${client.name} by ${outcome.node} at ${client.nowMs.toFixed(3)} ms`;
    account.results.push({ result, who });
    if (request !== undefined && client.random.chance(AGAIN_PERCENT)) {
      await this.#again(client, command, request, result, who);
    }
    return 'ok';
  }

  async #again(
    client: SimClient,
    command: Uint8Array,
    request: RequestId,
    first: ProposeResult,
    who: string,
  ): Promise<void> {
    const outcome = await client.attempt(
      client.random.pick(client.nodes),
      (process, sent) => process.engine.propose(command, sent),
      { timeoutMs: AGAIN_MS, request },
      true,
    );
    if (outcome.kind !== 'done' || isSameResult(outcome.value, first)) return;
    this.#found(
      'one result a request',
      `request ${request.session}/${request.sequence}: ${outcome.node} answered ` +
        `${tellResult(outcome.value)} at ${client.nowMs.toFixed(3)} ms, ` +
        `${tellResult(first)} was told to ${who}`,
    );
  }

  #checkAccount(name: string, { answered, unknown, results }: Account): void {
    const all = this.#applied.of(name);
    const what = `command ${name.slice(0, 80)}`;
    if (all.length < answered || all.length > answered + unknown) {
      const who = results.map((told) => told.who).join('; ');
      this.#found(
        'applied as often as answered',
        `${what} was applied ${all.length} times (${tellPlaces(all)}), answered ${answered} times ` +
          `(to ${who}), and ${unknown} times nobody knows`,
      );
    }
    for (const { result, who } of results) {
      if (all.some((applied) => isSameResult(applied.result, result))) continue;
      this.#found(
        'a result is what the machine gave',
        `${what}: ${tellResult(result)} was told to ${who}; applied with ` +
          all.map((applied) => tellResult(applied.result)).join(', '),
      );
    }
  }

  #accountOf(name: string): Account {
    let account = this.#accounts.get(name);
    if (account === undefined) {
      account = { answered: 0, unknown: 0, results: [] };
      this.#accounts.set(name, account);
    }
    return account;
  }

  #found(rule: string, message: string): void {
    this.fleet.findings.found(rule, message);
  }
}

function nameOf(command: Uint8Array): string {
  return Buffer.from(command.buffer, command.byteOffset, command.byteLength).toString('hex');
}

function tellResult({ code, bytes }: CommandResult): string {
  return `code ${code}, bytes ${nameOf(bytes).slice(0, 80)}`;
}

/** A workload of a user's commands. `onMissed` is told why a command has no answer. */
export function makePlainWorkload(
  generate: CommandGenerator,
  name = 'plain',
  onMissed: (error: Error) => void = () => undefined,
): Workload {
  return {
    name,
    plan: (options) =>
      planOperations(options, (random, client, at) => {
        const command = generate(random.stream(`command ${at}`), client, at);
        return { kind: 'propose', args: [nameOf(command), drawDeadline(random)] };
      }),
    begin: (cluster, operations) => {
      const clients = new Proposers(cluster, operations, onMissed);
      return fleetRun(clients.fleet, () => clients.judge());
    },
  };
}

/** The same over the key-value machine, whose commands are bytes as any other's. */
export const plainWorkload: Workload = makePlainWorkload((random, client, at) => {
  const key = bytesOf(`plain/${random.below(5)}`);
  if (random.chance(20)) {
    return encodeCommand({ kind: 'increment', key: bytesOf('plain/n'), by: BigInt(client) });
  }
  return encodeCommand({ kind: 'put', key, value: bytesOf(`${client}.${at}`) });
});
