/**
 * A bank: transfers between accounts, whose sum never changes; ranges that see all accounts at one
 * moment; and a counter that is raised exactly once for each raise that was acknowledged.
 *
 * Transfers come in two forms: read both accounts, then write both if they are still what was read (guards);
 * and two increments in one transaction, which needs no guard. What a guard refuses reads instead, so that
 * both branches are judged. All must come out of a replay in the order of revisions (sim/history).
 *
 * What may go wrong: an increment that was applied twice leaves a history that may be explained by an
 * unknown one. The counter therefore has its own sum: what was acknowledged, and at most the unknown on top.
 */
import type { SeededRandom } from '../world/seeded-random.ts';
import type { Came } from './fleet.ts';
import { drawDeadline, drawWeighted, numberArg, planOperations, textArg } from './planning.ts';
import type { StoreClient, Transaction } from './store-client.ts';
import { StoreRun } from './store-run.ts';
import type { PlannedOperation, Workload } from './workload.ts';

const ACCOUNTS: readonly string[] = ['bank/a', 'bank/b', 'bank/c', 'bank/d', 'bank/e'];
const RANGE_END = 'bank/z';
const OPENING_BALANCE = 100;
const SUM = OPENING_BALANCE * ACCOUNTS.length;
const COUNTER = 'count';

type Kind = 'fund' | 'transfer' | 'move' | 'audit' | 'count' | 'swap';

const KINDS: readonly (readonly [number, Kind])[] = [
  [28, 'transfer'],
  [22, 'move'],
  [22, 'audit'],
  [20, 'count'],
  [8, 'swap'],
];

function draw(
  random: SeededRandom,
  _client: number,
  at: number,
): Pick<PlannedOperation, 'kind' | 'args'> {
  // Everybody opens the bank first; the guard lets the first one through.
  if (at === 0) return { kind: 'fund', args: ['', '', 0, 10_000] };
  const [from = '', to = ''] = random.shuffled(ACCOUNTS);
  return {
    kind: drawWeighted(random, KINDS),
    args: [from, to, random.between(1, 20), drawDeadline(random)],
  };
}

function funding(): Transaction {
  const value = String(OPENING_BALANCE);
  return {
    guards: [{ key: ACCOUNTS[0] as string, target: 'version', operator: 'equal', operand: 0 }],
    then: ACCOUNTS.map((key) => ({ op: 'put', key, value })),
    else: ACCOUNTS.map((key) => ({ op: 'get', key, value: null })),
  };
}

/** Takes from one and gives to the other in one step; sees what came of it. */
function moving(from: string, to: string, amount: number): Transaction {
  return {
    // A bank that is not open yet must not get money from nowhere.
    guards: [from, to].map((key) => ({ key, target: 'version', operator: 'greater', operand: 0 })),
    then: [
      { op: 'increment', key: from, value: String(-amount) },
      { op: 'get', key: from, value: null },
      { op: 'increment', key: to, value: String(amount) },
    ],
    else: [{ op: 'get', key: from, value: null }],
  };
}

/** Writes both if both are what was read. */
function guarded(balances: ReadonlyMap<string, string>, writes: [string, string][]): Transaction {
  return {
    guards: writes.map(([key]) => ({
      key,
      target: 'value',
      operator: 'equal',
      operand: balances.get(key) ?? '',
    })),
    then: writes.map(([key, value]) => ({ op: 'put', key, value })),
    else: writes.map(([key]) => ({ op: 'get', key, value: null })),
  };
}

class Bank {
  readonly #acknowledged: number[] = [];
  readonly #unknown: number[] = [];

  async perform(store: StoreClient, operation: PlannedOperation): Promise<Came> {
    const from = textArg(operation, 0);
    const to = textArg(operation, 1);
    const amount = numberArg(operation, 2);
    const deadlineMs = numberArg(operation, 3);
    switch (operation.kind as Kind) {
      case 'fund':
        return (await store.transaction(funding(), deadlineMs)).came;
      case 'move':
        return (await store.transaction(moving(from, to, amount), deadlineMs)).came;
      case 'audit':
        return (await store.range(ACCOUNTS[0] as string, RANGE_END, deadlineMs)).came;
      case 'count': {
        const { came } = await store.increment(COUNTER, amount, deadlineMs);
        if (came === 'ok') this.#acknowledged.push(amount);
        if (came === 'unknown') this.#unknown.push(amount);
        return came;
      }
      case 'transfer':
      case 'swap':
        return await this.#readAndWrite(store, operation, from, to, amount, deadlineMs);
    }
  }

  async #readAndWrite(
    store: StoreClient,
    operation: PlannedOperation,
    from: string,
    to: string,
    amount: number,
    deadlineMs: number,
  ): Promise<Came> {
    const read = await store.range(ACCOUNTS[0] as string, RANGE_END, deadlineMs);
    if (read.told === undefined) return read.came;
    const { items } = read.told.output;
    const balances = new Map(items.map(({ key, value }) => [key, value]));
    const [a, b] = [balances.get(from), balances.get(to)];
    if (a === undefined || b === undefined) return 'ok';
    const writes: [string, string][] =
      operation.kind === 'swap'
        ? [
            [from, b],
            [to, a],
          ]
        : [
            [from, String(Number(a) - amount)],
            [to, String(Number(b) + amount)],
          ];
    return (await store.transaction(guarded(balances, writes), deadlineMs)).came;
  }

  /** Of all that anybody saw at one moment, and of the counter at the end. */
  async check({ cluster, judge, ledger, fleet }: StoreRun): Promise<void> {
    await cluster.settled(judge.range(ACCOUNTS[0] as string, RANGE_END, 20_000));
    for (const { op, ok, output } of ledger.operations()) {
      if (op !== 'range' || ok !== true) continue;
      const { items } = output as { readonly items: readonly { readonly value: string }[] };
      const sum = items.reduce((total, { value }) => total + Number(value), 0);
      if (items.length === 0 || (items.length === ACCOUNTS.length && sum === SUM)) continue;
      const lines = ledger.tell((other) => other.op === 'range' || other.op === 'txn');
      fleet.findings.found(
        'the sum stays',
        `a range saw ${items.length} accounts with ${sum} in all; there are ${ACCOUNTS.length} ` +
          `with ${SUM}:\n${lines.join('\n')}`,
      );
    }
    const { told } = await cluster.settled(judge.get(COUNTER, 20_000));
    const counted = Number(told?.output ?? 0);
    const least = this.#acknowledged.reduce((sum, by) => sum + by, 0);
    const most = this.#unknown.reduce((sum, by) => sum + by, least);
    if (counted >= least && counted <= most) return;
    fleet.findings.found(
      'counted exactly once',
      `the counter is ${counted}: ${least} were acknowledged, ${most - least} more are unknown\n` +
        ledger.tellKey(COUNTER).join('\n'),
    );
  }
}

export const transactionsWorkload: Workload = {
  name: 'transactions',
  plan: (options) => planOperations(options, draw),
  begin: (cluster, operations) => {
    const bank = new Bank();
    return new StoreRun({
      name: 'transactions',
      cluster,
      operations,
      perform: (store, operation) => bank.perform(store, operation),
      keys: [...ACCOUNTS, COUNTER],
      checkMore: (run) => bank.check(run),
    });
  },
};
