/** Types of mutant-copies.mjs, for its test. */
export declare function makeCopy(root: string, changes?: ReadonlyMap<string, string>): string;
export declare class TypeChecker {
  constructor(root: string);
  errorsOf(changes: ReadonlyMap<string, string>): string;
}
