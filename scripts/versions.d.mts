/** Types of versions.mjs, for its test. */
import type { parseArguments } from '../sim/run/arguments.ts';
import type { givenOptions } from '../sim/run/given-options.ts';

export interface Parser {
  readonly givenOptions: typeof givenOptions;
  readonly parseArguments: typeof parseArguments;
}
export declare function optionsOf(
  argv: readonly string[],
  parser: Parser,
): 'help' | { readonly seeds: string };
