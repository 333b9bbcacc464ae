/**
 * What a user hands to the simulator, and what he gets back: his state machine, commands for it, and a report
 * as plain data.
 *
 * Everything is a function of the seed: `command` draws from the dice that it is given, and the machine looks
 * at nothing but its commands. The simulator brings the rest: nodes, disks, a network, clients, faults.
 */
import type { RaftNodeConfig, StateMachine } from '../../src/consensus/index.ts';
import type { SimpleMachine } from '../../src/state/index.ts';
import type { RunSums } from '../run/sums.ts';

/** A state machine of your own: whole, or the three functions that `simpleMachine` takes. */
export type OwnMachine = StateMachine | SimpleMachine;

/** What every node of the simulated cluster may be told; who it is, is the simulator's affair. */
export type SimulationConfig = Partial<Omit<RaftNodeConfig, 'nodeId' | 'cluster' | 'join'>>;

/** Dice that a seed brings back: whole numbers only, the same on every machine. */
export interface SimulationRandom {
  /** A whole number in `[0, bound)`; `bound` from 1 to 2^32. */
  below(bound: number): number;
  /** A whole number in `[from, to]`. */
  between(from: number, to: number): number;
  /** True in `parts` of `of` cases; `of` is 100 unless given. */
  chance(parts: number, of?: number): boolean;
  /** One of the list. @throws Error when it is empty. */
  pick<T>(list: readonly T[]): T;
  /** So many random bytes. */
  bytes(length: number): Uint8Array;
}

/** Your state machine, and how it is to be tried. */
export interface Simulation<Machine extends OwnMachine = OwnMachine> {
  /** Makes a new, empty machine: one for each start of each node. */
  machine(): Machine;
  /**
   * Draws a command, of every kind and on few keys, so that they meet. `step`: how many came before, from 0.
   * Chance from `random` alone.
   */
  command(random: SimulationRandom, step: number): Uint8Array;
  /**
   * Judges the machines of all nodes at the end of a run, when all have applied the same. Throws what is
   * wrong with them, as `node:assert` does.
   */
  check?(machines: readonly Machine[]): void | Promise<void>;
  /**
   * Everything of a machine that must be the same on all nodes, for comparison (`isDeepStrictEqual`). Without
   * it the bytes of their snapshots are compared.
   */
  observe?(machine: Machine): unknown;
  /** Told to every node; the rest is drawn from the seed, mostly small, so that bounds are met. */
  readonly config?: SimulationConfig;
  /** 1 to 9 machines that found the cluster. Default: 3 or 5, drawn from the seed. */
  readonly nodes?: number;
}

/** Which runs, and what to do with one that fails. */
export interface SimulationOptions {
  /** A range, or how many from 1 on. Default 20. */
  readonly seeds?: { readonly from: number; readonly to: number } | number;
  /** One of `SIMULATION_MODES`, or `any`, the default: drawn from the seed. */
  readonly mode?: string;
  /** In place of the simulation's own. */
  readonly nodes?: number;
  /** Simulated, of each run, at least; 10,000 to 3,600,000. Default 60,000. */
  readonly durationMs?: number;
  /** Commands of each run, at least; 1 to 100,000. Default 500. */
  readonly operations?: number;
  /** Looks for the smallest run that still fails, for the first one that failed. Default true. */
  readonly shrink?: boolean;
  /** Runs no further seed once one has failed. Default false. */
  readonly stopAtFirst?: boolean;
  /** Told how it goes, line by line, for people. */
  readonly onLine?: (line: string) => void;
  /** Told all that happens in every run, line by line. Slow; meant for one seed. */
  readonly onTrace?: (line: string) => void;
  /** Begins the command that repeats a run, in lines for people: seed, mode and nodes are put after it. */
  readonly replayCommand?: string;
  /** Ends the work after the seed that runs; `simulate` rejects with ABORTED, the report so far in its details. */
  readonly signal?: AbortSignal;
}

/** One fault of a run: what, and when in its round. */
export interface SimulatedFault {
  readonly atMs: number;
  readonly kind: string;
  readonly args: Readonly<Record<string, string | number>>;
}

/** One command of a run: of which client, when, and its bytes in hexadecimal. */
export interface SimulatedCommand {
  readonly atMs: number;
  readonly client: number;
  readonly command: string;
}

/** The smallest run that was found to fail in the same way. */
export interface ShrunkRun {
  readonly nodes: number;
  /** Each a stretch of faults, then quiet. */
  readonly rounds: readonly {
    readonly faultMs: number;
    readonly faults: readonly SimulatedFault[];
  }[];
  readonly commands: readonly SimulatedCommand[];
  /** What is wrong in this run; it may name other entries than the whole one did. */
  readonly message: string;
  /** The last lines of all that happens in it. */
  readonly trace: readonly string[];
  /** Runs that it took to find it. */
  readonly tries: number;
}

/** Something that must hold and did not. */
export interface SimulationViolation {
  readonly seed: number;
  readonly mode: string;
  readonly nodes: number;
  /** When, in simulated ms of the run. */
  readonly atMs: number;
  /** The rule that was broken, in a few words. */
  readonly checker: string;
  readonly message: string;
  /** `machine`: your machine broke it. `cluster`: a rule of the cluster itself; a bug of Quorate, most likely. */
  readonly about: 'machine' | 'cluster';
  /** Of all that happened up to here. */
  readonly hash: string;
  /** Of the first violation, unless `shrink` was false. */
  readonly shrunk?: ShrunkRun;
}

/** What all runs came to. Plain data. */
export interface SimulationReport extends RunSums {
  /** No violation. */
  readonly isOk: boolean;
  /** Each run: its seed, and the fingerprint of all that happened in it. Same seed, same fingerprint. */
  readonly runs: readonly { readonly seed: number; readonly hash: string }[];
  readonly violations: readonly SimulationViolation[];
}
