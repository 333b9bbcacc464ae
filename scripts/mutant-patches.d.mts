/** Types of mutant-patches.mjs, for its test. */
export interface Patch {
  readonly name: string;
  readonly path: string;
  readonly what: string;
  readonly breaks: string;
  readonly expect: string;
  readonly files: readonly string[];
}
export declare function readPatches(folder: string): Patch[];
export declare function parsePatch(name: string, path: string, text: string): Patch;
export declare function applyPatch(root: string, patch: Patch): Map<string, string>;
