/** Types of mutants.mjs, for its test. */
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
export interface RunOptions {
  readonly root: string;
  readonly folder: string;
  readonly only?: string;
  readonly command: readonly string[];
  /** For the unchanged sources; default: the same. */
  readonly baseline?: readonly string[];
  readonly parallel: number;
  readonly timeoutMs: number;
  readonly isTypechecked?: boolean;
  readonly isBaselineSkipped?: boolean;
  readonly write: (line: string) => void;
}
export declare function simulatorCommand(seeds: string, threads?: number): string[];
export declare function findMutant(
  folder: string,
  options: { readonly command: readonly string[]; readonly timeoutMs: number },
): Promise<Verdict>;
export declare function runMutants(options: RunOptions): Promise<Row[]>;
export declare function tableOf(rows: readonly Row[]): string[];
