/** Types of mutants.mjs, for its test. */
import type { givenOptions } from '../sim/run/given-options.ts';
import type { Patch } from './mutant-patches.mjs';

export type Verdict =
  | {
      readonly kind: 'found';
      readonly foundBy: string;
      readonly seed: number;
      /** Mode and workload. */
      readonly where: string;
      readonly what: string;
    }
  | { readonly kind: 'missed' }
  | { readonly kind: 'broken' | 'stuck'; readonly what: string };
export type Row = Verdict & { readonly name: string; readonly seconds: number };
/** What Node is told to run in a copy. */
export type Command = readonly string[];
export interface RunOptions {
  readonly root: string;
  readonly folder: string;
  readonly only?: string;
  /** For a mutant, one after the other until something is found. */
  readonly searches: (patch: Patch) => readonly Command[];
  /** For the unchanged sources. */
  readonly baseline: readonly Command[];
  readonly parallel: number;
  readonly timeoutMs: number;
  readonly isTypechecked?: boolean;
  readonly isBaselineSkipped?: boolean;
  readonly write: (line: string) => void;
}
export declare function simulatorCommand(seeds: string, threads?: number): string[];
export declare function nastyCommand(scenarios?: readonly string[]): string[];
export declare function searchesFor(
  patch: Pick<Patch, 'breaks' | 'expect'>,
  seeds: string,
  isNasty?: boolean,
): string[][];
export declare function findMutant(
  folder: string,
  options: { readonly command: Command; readonly timeoutMs: number },
): Promise<Verdict>;
export declare function runMutants(options: RunOptions): Promise<Row[]>;
export declare function optionsOf(
  argv: readonly string[],
  parser: typeof givenOptions,
): RunOptions | 'help';
export declare function tableOf(rows: readonly Row[]): string[];
