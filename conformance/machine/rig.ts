/**
 * What the author of a state machine brings, so that the suite can make machines and feed them.
 */
import type { StateMachine } from '../../src/consensus/index.ts';
import type { ConformanceDice } from '../kit/index.ts';

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
   * rejection (a code above 0), and never throw. Absent: the case is skipped, and says so.
   */
  garbage?(dice: ConformanceDice): Uint8Array;
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
