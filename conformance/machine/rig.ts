/**
 * What the author of a state machine brings, so that the suite can make machines and feed them.
 */
import type { StateMachine } from '../../src/consensus/index.ts';
import { type ConformanceDice, checkParts } from '../kit/index.ts';

/** How the suite gets machines, and what to feed them. */
export interface StateMachineRig<Machine extends StateMachine = StateMachine> {
  /** A new, empty machine. Several are used at the same time. */
  machine(): Promise<Machine> | Machine;
  /**
   * A command, drawn with the dice: of every kind that there is, most of them valid, on a small set of
   * keys (or what plays their part), so that they meet. Same dice, same command.
   */
  command(dice: ConformanceDice): Uint8Array;
  /**
   * Bytes that a client may send and that are no good command. The machine must answer each with a
   * rejection (a code above 0), and never throw; its `check` refuses them, if it has one. Absent: the
   * cases are skipped, and say so.
   */
  garbage?(dice: ConformanceDice): Uint8Array;
  /** The machine has a `check`. Absent or false: the cases about it are skipped, and say so. */
  readonly checks?: boolean;
  /**
   * Everything that can be asked of the machine, as data, for comparing two of them. Default: the bytes
   * of their snapshots; give this when two snapshots of one state may differ in their bytes.
   */
  observe?(machine: Machine): unknown;
  /**
   * For machines whose state is large: applies so many commands, and expects snapshots in pieces of
   * at most so many bytes. Absent: the case is skipped, and says so.
   */
  readonly large?: { readonly commands: number; readonly chunkBytesMax: number };
  /** Of all dice. A failure names it. Default 1. */
  readonly seed?: number;
  /** Independent runs of each case, with other dice. Default 5. */
  readonly rounds?: number;
  /** Commands of one run. Default 200. */
  readonly commands?: number;
}

const COUNT = { type: 'count', what: 'a whole number from 1 on', isOptional: true } as const;

/** Throws CONFIG_INVALID, naming the field. */
export function checkRig<Machine extends StateMachine>(rig: StateMachineRig<Machine>): void {
  checkParts('rig', rig, {
    machine: { type: 'function', what: 'a function that makes a new, empty state machine' },
    command: { type: 'function', what: 'a function that draws the bytes of a command with dice' },
    garbage: {
      type: 'function',
      what: 'a function that draws bytes that are no good command, or absent',
      isOptional: true,
    },
    checks: {
      type: 'boolean',
      what: 'true for a machine that has a `check`, or absent',
      isOptional: true,
    },
    observe: {
      type: 'function',
      what: 'a function that tells all that can be asked of a machine, or absent',
      isOptional: true,
    },
    large: {
      type: 'object',
      what: 'an object with commands and chunkBytesMax, or absent',
      isOptional: true,
    },
    seed: COUNT,
    rounds: COUNT,
    commands: COUNT,
  });
  if (rig.large === undefined) return;
  const number = { type: 'count', what: 'a whole number from 1 on' } as const;
  checkParts('rig.large', rig.large, { commands: number, chunkBytesMax: number });
}

/** The same for what `machine` gave. */
export function checkMachine(machine: StateMachine, checks: boolean): void {
  const [apply, rest] = ['a function: the machine applies commands there', 'a function'];
  checkParts('rig.machine()', machine, {
    applyBatch: { type: 'function', what: `${apply} (or wrap it with simpleMachine)` },
    snapshot: { type: 'function', what: rest },
    restore: { type: 'function', what: rest },
    check: { type: 'function', what: 'a function, as rig.checks is true', isOptional: !checks },
  });
}

/** The same for what `command` or `garbage` drew. */
export function checkDrawn(name: string, bytes: Uint8Array): Uint8Array {
  checkParts('rig', { [name]: bytes }, { [name]: { type: 'bytes', what: 'a Uint8Array' } });
  return bytes;
}
