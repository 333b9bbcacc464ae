/**
 * What was typed after a command of the simulator, read by the kinds of options that it has. What is wrong with it
 * is told in one line: the option by its name, and what to do. Node's own parser is asked for its tokens only; its
 * messages speak of things that nobody here has typed.
 *
 * Also the scripts around the simulator read their options with this, from the build.
 */
import { parseArgs } from 'node:util';

import { nearestName } from '../../src/near-names.ts';

export class UsageError extends Error {
  /** By which scripts know it. */
  override readonly name: string = 'UsageError';
}

/** `text`: takes a value. Beside these there is always `--help`, or `-h`. */
export type OptionKinds = Readonly<Record<string, 'text' | 'flag'>>;

export interface GivenOptions {
  readonly texts: ReadonlyMap<string, string>;
  readonly flags: ReadonlySet<string>;
  /** What is no option, in order. */
  readonly names: readonly string[];
}

/** @throws UsageError. */
export function givenOptions(args: readonly string[], kinds: OptionKinds): GivenOptions {
  const texts = new Map<string, string>();
  const flags = new Set<string>();
  const names: string[] = [];
  for (const token of tokensOf(args, kinds)) {
    if (token.kind === 'positional') names.push(token.value);
    if (token.kind === 'option-terminator')
      throw new UsageError('-- means nothing here: leave it out');
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const kind = name === 'help' ? 'flag' : Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) throw new UsageError(unknown(rawName, kinds));
    if (kind === 'flag') {
      if (value !== undefined)
        throw new UsageError(`${rawName} takes no value: leave out "${value}"`);
      flags.add(name);
      continue;
    }
    // Another option, and the value was forgotten.
    if (value === undefined || (value.startsWith('--') && token.inlineValue !== true)) {
      throw new UsageError(`${rawName} needs a value: give it after the name`);
    }
    if (texts.has(name)) throw new UsageError(`${rawName} is given twice: give it once`);
    texts.set(name, value);
  }
  return { texts, flags, names };
}

type Token = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number];

function tokensOf(args: readonly string[], kinds: OptionKinds): readonly Token[] {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {
    help: { type: 'boolean', short: 'h' },
  };
  for (const [name, kind] of Object.entries(kinds)) {
    options[name] = { type: kind === 'text' ? 'string' : 'boolean' };
  }
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  return tokens;
}

function unknown(given: string, kinds: OptionKinds): string {
  const near = nearestName(
    given,
    Object.keys(kinds).map((name) => `--${name}`),
  );
  return `there is no option ${given}${near === undefined ? ': leave it out' : `: did you mean ${near}?`}`;
}
