/**
 * What a case of the state machine suite works with: a stream of commands, cut into entries as a log
 * would hold them; machines that are fed it; snapshots, captured and given to others.
 */
import type { ApplyContext, CommandResult, StateMachine } from '../../src/consensus/index.ts';
import type { SnapshotSection } from '../../src/storage/index.ts';
import { type Checks, type ConformanceDice, conformanceDice, shown, textOf } from '../kit/index.ts';
import { checkDrawn, checkMachine, type StateMachineRig } from './rig.ts';

const ROUNDS_DEFAULT = 5;
const COMMANDS_DEFAULT = 200;
const ENTRY_COMMANDS_MAX = 12;

/** The commands of one log entry, and where it stands. */
export interface LogEntry {
  readonly at: ApplyContext;
  readonly commands: readonly Uint8Array[];
}

/** A snapshot's sections with all of their bytes. */
export type Contents = ReadonlyMap<string, Buffer>;

export class MachineBench<Machine extends StateMachine> {
  readonly rig: StateMachineRig<Machine>;

  constructor(rig: StateMachineRig<Machine>) {
    this.rig = rig;
  }

  get seed(): number {
    return this.rig.seed ?? 1;
  }

  /** Runs `round` with new dice each time; a failure says with which. */
  async rounds(body: (dice: ConformanceDice) => Promise<void>): Promise<void> {
    const count = this.rig.rounds ?? ROUNDS_DEFAULT;
    for (let round = 0; round < count; round++) {
      await body(conformanceDice(this.seed * 1_000 + round));
    }
  }

  async machine(): Promise<Machine> {
    const machine = await this.rig.machine();
    checkMachine(machine, this.rig.checks === true);
    return machine;
  }

  garbage(dice: ConformanceDice): Uint8Array {
    const bytes = this.rig.garbage?.(dice) ?? new Uint8Array(0);
    return checkDrawn('garbage(dice)', bytes);
  }

  /** So many of them, where the rig has any. */
  garbages(dice: ConformanceDice, count: number): Uint8Array[] {
    if (this.rig.garbage === undefined) return [];
    return Array.from({ length: count }, () => this.garbage(dice));
  }

  /** Entries with about `count` commands, from `index` on. */
  entries(dice: ConformanceDice, count?: number, index = 10): LogEntry[] {
    const list: LogEntry[] = [];
    let left = count ?? this.rig.commands ?? COMMANDS_DEFAULT;
    for (let i = index; left > 0; i++) {
      const size = Math.min(left, 1 + dice.below(ENTRY_COMMANDS_MAX));
      const commands = Array.from({ length: size }, () => {
        return checkDrawn('command(dice)', this.rig.command(dice));
      });
      list.push({ at: { index: i, term: 2 + Math.floor(i / 20) }, commands });
      left -= size;
    }
    return list;
  }

  /** What two machines with the same state have in common. */
  async stateOf(machine: Machine): Promise<unknown> {
    const { observe } = this.rig;
    if (observe !== undefined) return this.rig.observe?.(machine);
    return [...(await contentsOf(capture(machine)))];
  }
}

/** `applyBatch`, whose answer must be there when the call returns. */
export function applyTo(
  machine: StateMachine,
  commands: readonly Uint8Array[],
  at: ApplyContext,
): readonly CommandResult[] {
  const what = 'a list with one { code, bytes } for each command';
  return listFrom('applyBatch', what, machine.applyBatch(commands, at));
}

/** `snapshot`, in the same way. */
export function capture(machine: StateMachine): readonly SnapshotSection[] {
  return listFrom('snapshot', 'a list of sections', machine.snapshot());
}

function listFrom<T>(method: string, what: string, answer: readonly T[]): readonly T[] {
  if (Array.isArray(answer)) return answer;
  // An async function, by mistake: what it rejects with is not what is wrong about it.
  if ((answer as unknown) instanceof Promise) Promise.resolve(answer).catch(() => undefined);
  const is = (answer as unknown) instanceof Promise ? 'a promise' : shown(answer);
  throw new Error(`${method} returned ${is}: it must return ${what}, at once`);
}

/** A fresh copy of the commands: no machine shares memory with another. */
export function feed(machine: StateMachine, entries: readonly LogEntry[]): CommandResult[] {
  return entries.flatMap(({ at, commands }) => {
    const copies = commands.map((command) => Uint8Array.from(command));
    return applyTo(machine, copies, at).map(copyOf);
  });
}

/** As it is now: what the machine does with its bytes later does not show. */
export function copyOf({ code, bytes }: CommandResult): CommandResult {
  return { code, bytes: Uint8Array.from(bytes) };
}

/** Compares results one by one, so that the message names the first command that differs. */
export function sameResults(
  checks: Checks,
  clause: string,
  found: readonly CommandResult[],
  expected: readonly CommandResult[],
  entries: readonly LogEntry[],
): void {
  const commands = entries.flatMap((entry) => entry.commands);
  const at = expected.findIndex((result, i) => textOf(result) !== textOf(found[i]));
  if (at === -1) {
    checks.equal(`${clause}: one result for each command`, found.length, expected.length);
    return;
  }
  const which = `command ${at + 1} of ${commands.length}, ${shown(commands[at])}`;
  checks.equal(`${clause} (${which})`, found[at], expected[at]);
}

export async function contentsOf(sections: readonly SnapshotSection[]): Promise<Contents> {
  const contents = new Map<string, Buffer>();
  for (const { name, chunks } of sections) {
    const pieces: Uint8Array[] = [];
    for await (const chunk of chunks) pieces.push(Uint8Array.from(chunk));
    contents.set(name, Buffer.concat(pieces));
  }
  return contents;
}

/** Gives a machine a snapshot, in pieces that have nothing to do with those in which it was written. */
export async function restoreFrom(
  machine: StateMachine,
  contents: Contents,
  pieceBytes: () => number,
): Promise<void> {
  await machine.restore({
    section: (name) => {
      const bytes = contents.get(name);
      return bytes === undefined ? undefined : piecesOf(bytes, pieceBytes);
    },
  });
}

async function* piecesOf(bytes: Buffer, pieceBytes: () => number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const end = at + Math.max(1, pieceBytes());
    yield Uint8Array.from(bytes.subarray(at, end));
    at = end;
    await Promise.resolve();
  }
}
