/**
 * State machines with one mistake each, all of them made from the same ledger. `fails` lists every case
 * that must find it, the one that names it first; no other case may fail.
 */
import type { CommandResult, StateMachine } from '../../src/consensus/index.ts';
import { ClusterError } from '../../src/errors.ts';
import type { SnapshotSection } from '../../src/storage/index.ts';
import { Ledger, ledgerRig } from './machine-rigs.fixture.ts';
import type { StateMachineRig } from './rig.ts';

export interface BrokenMachine {
  readonly name: string;
  readonly machine: () => StateMachine;
  readonly fails: readonly string[];
  readonly says: RegExp;
}

const PIECE_BYTES = 64;

function inPieces(state: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < state.length; at += PIECE_BYTES) {
    pieces.push(state.subarray(at, at + PIECE_BYTES));
  }
  return pieces;
}

function noOrder(): ClusterError {
  return new ClusterError('REQUEST_INVALID', 'no order');
}

type Restore = StateMachine['restore'];

/** A right one, whose parts the broken ones replace. */
class LedgerMachine implements StateMachine {
  readonly ledger: Ledger = new Ledger();

  one(command: Uint8Array): CommandResult {
    const answer = this.ledger.apply(command);
    return answer instanceof Uint8Array ? { code: 0, bytes: answer } : answer;
  }

  check(command: Uint8Array): void {
    if (!Ledger.order.test(Buffer.from(command).toString())) throw noOrder();
  }

  applyBatch(commands: readonly Uint8Array[]): readonly CommandResult[] {
    return commands.map((command) => this.one(command));
  }

  snapshot(): readonly SnapshotSection[] {
    return [{ name: 'app.ledger', chunks: inPieces(this.ledger.snapshot()) }];
  }

  restore: Restore = async (reader) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of reader.section('app.ledger') ?? []) chunks.push(chunk);
    this.take(Buffer.concat(chunks));
  };

  take(state: Uint8Array): void {
    this.ledger.restore(state);
  }
}

class LooksAtTheClock extends LedgerMachine {
  override one(command: Uint8Array): CommandResult {
    const { code, bytes } = super.one(command);
    return { code, bytes: Buffer.concat([bytes, Buffer.from(` on ${new Date().toDateString()}`)]) };
  }
}

class RollsDice extends LedgerMachine {
  #bonus = 0;

  override one(command: Uint8Array): CommandResult {
    this.#bonus = Math.random();
    const { code, bytes } = super.one(command);
    return this.#bonus < 0.5 ? { code: 4, bytes } : { code, bytes };
  }
}

/** The generator is lazy, and reads what is there when it is asked. */
class SharesItsState extends LedgerMachine {
  override snapshot(): readonly SnapshotSection[] {
    const { ledger } = this;
    const chunks = (function* (): Generator<Uint8Array> {
      yield* inPieces(ledger.snapshot());
    })();
    return [{ name: 'app.ledger', chunks }];
  }
}

class CountsItsBatch extends LedgerMachine {
  override applyBatch(commands: readonly Uint8Array[]): readonly CommandResult[] {
    return super.applyBatch(commands).map(({ code, bytes }) => {
      return { code, bytes: Buffer.concat([bytes, Buffer.from(` (${commands.length})`)]) };
    });
  }
}

class ChangesItsInput extends LedgerMachine {
  override one(command: Uint8Array): CommandResult {
    const result = super.one(Uint8Array.from(command));
    command.fill(0);
    return result;
  }
}

class ThrowsAtGarbage extends LedgerMachine {
  override one(command: Uint8Array): CommandResult {
    const result = super.one(command);
    if (result.code === 1) throw new Error('no order');
    return result;
  }
}

class KeepsWhatItHad extends LedgerMachine {
  override take(state: Uint8Array): void {
    const before = this.ledger.amounts;
    super.take(state);
    for (const [name, amount] of before) {
      if (!this.ledger.amounts.has(name)) this.ledger.amounts.set(name, amount);
    }
  }
}

class ExpectsOnePiece extends LedgerMachine {
  override restore: Restore = async (reader) => {
    for await (const chunk of reader.section('app.ledger') ?? []) this.take(chunk);
  };
}

class ReusesItsAnswer extends LedgerMachine {
  readonly #shared = Buffer.alloc(100);

  override one(command: Uint8Array): CommandResult {
    const { code, bytes } = super.one(command);
    this.#shared.set(bytes);
    return { code, bytes: this.#shared.subarray(0, bytes.length) };
  }
}

class ForgetsRejections extends LedgerMachine {
  override applyBatch(commands: readonly Uint8Array[]): readonly CommandResult[] {
    return super.applyBatch(commands).filter(({ code }) => code !== 2);
  }
}

/** Every snapshot costs it something: on the node that takes one, and on no other. */
class PaysForSnapshots extends LedgerMachine {
  override snapshot(): readonly SnapshotSection[] {
    const sections = super.snapshot();
    this.ledger.amounts.delete('a1');
    return sections;
  }
}

class NamesSectionsBadly extends LedgerMachine {
  override snapshot(): readonly SnapshotSection[] {
    return super.snapshot().map(({ chunks }) => ({ name: 'ledger', chunks }));
  }

  override restore: Restore = async (reader) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of reader.section('ledger') ?? []) chunks.push(chunk);
    this.take(Buffer.concat(chunks));
  };
}

class GivesItsStateInOnePiece extends LedgerMachine {
  override snapshot(): readonly SnapshotSection[] {
    return [{ name: 'app.ledger', chunks: [this.ledger.snapshot()] }];
  }
}

/** Whoever asks has an answer later, and has gone on by then. */
class ChecksLater extends LedgerMachine {
  override async check(command: Uint8Array): Promise<void> {
    super.check(command);
  }
}

/** The best way to find out is to do it. */
class ChecksByApplying extends LedgerMachine {
  override check(command: Uint8Array): void {
    if (this.one(command).code === 1) throw noOrder();
  }
}

/** Amounts got another digit since, and it was not told. */
class ChecksWhatOnceWas extends LedgerMachine {
  override check(command: Uint8Array): void {
    if (!/^[a-z]\d -?\d$/.test(Buffer.from(command).toString())) throw noOrder();
  }
}

class ChecksTheLengthOnly extends LedgerMachine {
  override check(command: Uint8Array): void {
    if (command.length < 4) throw noOrder();
  }
}

const COMPARING_CASES = [
  'deterministic',
  'batch-split',
  'garbage-rejected',
  'check/harmless',
  'snapshot/isolated',
  'snapshot/harmless',
  'restore/equal',
  'restore/replaces',
];

export const BROKEN_MACHINES: readonly BrokenMachine[] = [
  {
    name: 'looks at the clock',
    machine: () => new LooksAtTheClock(),
    fails: ['deterministic'],
    says: /not from clock or randomness \(command 1 of 200, bytes "a4 -9"\)/,
  },
  {
    name: 'rolls dice',
    machine: () => new RollsDice(),
    fails: COMPARING_CASES,
    says: /not from clock or randomness/,
  },
  {
    name: 'shares its state with its snapshots',
    machine: () => new SharesItsState(),
    fails: ['snapshot/isolated', 'restore/captured-before'],
    says: /what is applied after the capture does not show/,
  },
  {
    name: 'counts its batch',
    machine: () => new CountsItsBatch(),
    fails: ['batch-split'],
    says: /does not depend on its batch, one at a time.*\n.*\(7\)",.*\n.*\(1\)"/,
  },
  {
    name: 'changes its input',
    machine: () => new ChangesItsInput(),
    fails: ['input-unchanged'],
    says: /may be kept, not changed\n.*"a4 -9"\n.*0000000000/,
  },
  {
    name: 'throws at garbage',
    machine: () => new ThrowsAtGarbage(),
    fails: ['garbage-rejected', 'check/garbage-refused'],
    says: /do not make it throw\n.*\n.*no order/,
  },
  {
    name: 'keeps what it had when it is restored',
    machine: () => new KeepsWhatItHad(),
    fails: ['restore/replaces'],
    says: /an empty state replaces everything/,
  },
  {
    name: 'expects a section in one piece',
    machine: () => new ExpectsOnePiece(),
    fails: ['restore/any-pieces'],
    says: /in small pieces can be restored\n.*\n.*JSON/,
  },
  {
    name: 'reuses the bytes of its answers',
    machine: () => new ReusesItsAnswer(),
    // The results of one batch overwrite each other, so they differ by batch, too.
    fails: ['results', 'batch-split'],
    says: /a result stays what it was/,
  },
  {
    name: 'answers no result for what it rejects',
    machine: () => new ForgetsRejections(),
    fails: ['results'],
    says: /one result for each command\n.*expected: 7\n.*found: {4}2/,
  },
  {
    name: 'changes when a snapshot is taken',
    machine: () => new PaysForSnapshots(),
    fails: ['snapshot/harmless', 'restore/equal', 'restore/any-pieces', 'restore/captured-before'],
    says: /goes on as if nobody had looked/,
  },
  {
    name: 'names its sections as it likes',
    machine: () => new NamesSectionsBadly(),
    fails: ['snapshot/sections'],
    says: /a name begins with app/,
  },
  {
    name: 'gives its state in one piece',
    machine: () => new GivesItsStateInOnePiece(),
    fails: ['snapshot/large'],
    says: /no piece of a snapshot is larger than promised\n.*64 bytes at most\n/,
  },
  {
    name: 'checks asynchronously',
    machine: () => new ChecksLater(),
    fails: ['check/at-once', 'check/garbage-refused'],
    says: /throws at once or not at all, and returns nothing\n.*\n.*a promise/,
  },
  {
    name: 'checks a command by applying it',
    machine: () => new ChecksByApplying(),
    fails: ['check/harmless'],
    says: /`check` changes nothing \(command \d+ of 200/,
  },
  {
    name: 'refuses what it would do',
    machine: () => new ChecksWhatOnceWas(),
    fails: ['check/commands-pass'],
    says: /refused is rejected by `applyBatch` \(bytes "..? -?\d\d"\)\n.*above 0\n.*found: {4}0/,
  },
  {
    name: 'checks too little',
    machine: () => new ChecksTheLengthOnly(),
    fails: ['check/garbage-refused'],
    says: /rejects as no command is refused \(bytes .*\)\n.*throws\n.*lets it pass/,
  },
];

/** With all that a ledger can be asked for. */
export function brokenRig(machine: () => StateMachine): StateMachineRig {
  const large = { commands: 500, chunkBytesMax: PIECE_BYTES };
  return { ...ledgerRig(machine), checks: true, large };
}
