/** Our own state machines in the suite's hands: keys and values, a composition, a simple one. */
import type { CommandResult, StateMachine } from '../../src/consensus/index.ts';
import { ClusterError } from '../../src/errors.ts';
import {
  type CompositeMachine,
  composeMachines,
  encodeCommand,
  type KvCommand,
  KvMachine,
  type MachinePart,
  simpleMachine,
  validateCommandBytes,
} from '../../src/state/index.ts';
import type { ConformanceDice } from '../kit/index.ts';
import type { StateMachineRig } from './rig.ts';

const bytesOf = (text: string): Uint8Array => Buffer.from(text);

function key(dice: ConformanceDice): Uint8Array {
  return bytesOf(`${dice.pick(['a', 'b', 'queue/'])}${dice.below(8)}`);
}

function kvCommand(dice: ConformanceDice): KvCommand {
  const value = dice.bytes(dice.below(30));
  const start = key(dice);
  switch (dice.below(8)) {
    case 0:
      return { kind: 'delete', range: { start } };
    case 1:
      return { kind: 'delete', range: { start, end: bytesOf('b5') } };
    case 2:
      return { kind: 'compareAndSet', key: start, value };
    case 3:
      return { kind: 'compareAndSet', key: start, expected: bytesOf('1'), value };
    case 4:
      return { kind: 'increment', key: start, by: BigInt(dice.below(5)) };
    case 5:
      return {
        kind: 'transaction',
        compare: [{ key: start, target: 'version', operator: 'greater', operand: 1 }],
        then: [
          { kind: 'put', key: key(dice), value },
          { kind: 'get', range: { start } },
        ],
        else: [{ kind: 'increment', key: bytesOf('failures'), by: 1n }],
      };
    case 6:
      return dice.below(10) === 0
        ? { kind: 'compact', revision: dice.below(100) }
        : { kind: 'put', key: start, value: bytesOf(String(dice.below(3))) };
    default:
      return { kind: 'put', key: start, value };
  }
}

/** Anything but a command, or one of a later version: that must stop the node. */
function kvGarbage(dice: ConformanceDice): Uint8Array {
  for (;;) {
    const begins = [[], [1], [1, 1], [1, 1, 1 + dice.below(4)], [1, 1, dice.below(256)]];
    const head = begins[dice.below(begins.length)] ?? [];
    const bytes = Buffer.from([...head, ...dice.bytes(dice.below(20))]);
    try {
      validateCommandBytes(bytes);
    } catch {
      const isLater = bytes[0] === 1 && (bytes[1] ?? 0) > 1;
      if (!isLater) return bytes;
    }
  }
}

export const KV_RIG: StateMachineRig<KvMachine> = {
  machine: () => new KvMachine({ history: { changesMax: 50 } }),
  command: (dice) => encodeCommand(kvCommand(dice)),
  garbage: kvGarbage,
  checks: true,
  large: { commands: 5_000, chunkBytesMax: 256 * 1024 },
};

const TALLY_TAG = 9;

/** Counts words; the part of a composition that is not keys and values. */
function tallyPart(): MachinePart {
  const counts = new Map<string, number>();
  const plain = simpleMachine({
    apply: (command) => {
      const word = Buffer.from(command.subarray(1)).toString();
      if (word === '') return { code: 3, bytes: bytesOf('no word') };
      counts.set(word, (counts.get(word) ?? 0) + 1);
      return bytesOf(`${word} ${counts.get(word)}`);
    },
    snapshot: () => bytesOf(JSON.stringify([...counts])),
    restore: (state) => {
      counts.clear();
      const list = JSON.parse(Buffer.from(state).toString()) as [string, number][];
      for (const [word, count] of list) counts.set(word, count);
    },
  });
  const own = 'app.tally.words';
  return {
    name: 'tally',
    tag: TALLY_TAG,
    check: (command) => {
      if (command.length === 1) throw new ClusterError('REQUEST_INVALID', 'no word');
    },
    applyBatch: (commands, at) => plain.applyBatch(commands, at),
    snapshot: () => plain.snapshot().map(({ chunks }) => ({ name: own, chunks })),
    restore: (reader) => plain.restore({ section: () => reader.section(own) }),
  };
}

export const COMPOSITE_RIG: StateMachineRig<CompositeMachine> = {
  machine: () => composeMachines([new KvMachine(), tallyPart()]),
  command: (dice) => {
    if (dice.below(2) === 0) return encodeCommand(kvCommand(dice));
    return Buffer.concat([Buffer.of(TALLY_TAG), key(dice)]);
  },
  garbage: (dice) => {
    const bytes = kvGarbage(dice);
    // A tag that no machine has stops the node, unless it is none.
    return bytes.length === 0 || (bytes[0] ?? 0) <= 1 ? bytes : Buffer.of(TALLY_TAG);
  },
  checks: true,
};

/** What the broken ones are made from: a ledger of amounts by name. */
export class Ledger {
  /** Name and amount. */
  static readonly order: RegExp = /^([a-z]\d) (-?\d{1,4})$/;
  amounts: Map<string, number> = new Map();

  apply(command: Uint8Array): Uint8Array | CommandResult {
    const match = Ledger.order.exec(Buffer.from(command).toString());
    if (match === null) return { code: 1, bytes: bytesOf('no order') };
    const [, name = '', amount = ''] = match;
    const sum = (this.amounts.get(name) ?? 0) + Number(amount);
    if (sum < 0) return { code: 2, bytes: bytesOf(`${name} has too little`) };
    if (sum === 0) this.amounts.delete(name);
    else this.amounts.set(name, sum);
    return bytesOf(`${name} ${sum}`);
  }

  snapshot(): Uint8Array {
    return bytesOf(JSON.stringify([...this.amounts]));
  }

  restore(state: Uint8Array): void {
    this.amounts = new Map(JSON.parse(Buffer.from(state).toString()) as [string, number][]);
  }
}

export function ledgerRig(machine: () => StateMachine): StateMachineRig {
  return {
    machine,
    command: (dice) => bytesOf(`${dice.pick(['a', 'b'])}${dice.below(6)} ${dice.below(80) - 40}`),
    garbage: (dice) => dice.bytes(dice.below(12)),
  };
}

export const SIMPLE_RIG: StateMachineRig = ledgerRig(() => simpleMachine(new Ledger()));
