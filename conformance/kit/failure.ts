/**
 * How a suite says what is wrong: one error for one broken clause of a contract, with what the clause
 * demands and what was found, so that whoever reads it need not read the suite.
 *
 * Values are shown in full where they are small and cut where they are large; bytes are shown as text
 * when they are text. Two values are equal here when they look the same in full: a Buffer and a
 * Uint8Array with the same bytes are, and so are a field that is absent and one that is undefined,
 * because no contract of ours tells these apart.
 */

const SHOWN_CHARS_MAX = 400;
const PRINTABLE = /^[\x20-\x7e]*$/;

/** What a failed case found. */
export interface FailureFacts {
  /** Of the case, such as `storage/append/gap-refused`. */
  readonly caseId: string;
  /** The rule that is broken, as a sentence. */
  readonly clause: string;
  readonly expected: string;
  readonly found: string;
}

/** A broken clause of a contract. */
export class ConformanceFailure extends Error {
  readonly caseId: string;
  readonly clause: string;
  readonly expected: string;
  readonly found: string;

  constructor(facts: FailureFacts, options?: { readonly cause?: unknown }) {
    const { caseId, clause, expected, found } = facts;
    super(`${caseId}: ${clause}\n  expected: ${expected}\n  found:    ${found}`, options);
    this.name = 'ConformanceFailure';
    this.caseId = caseId;
    this.clause = clause;
    this.expected = expected;
    this.found = found;
  }
}

/** A value as text, the same for values that count as equal. */
export function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return textOfBytes(value);
  if (value instanceof Error) return textOfError(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return `[${value.map(textOf).join(', ')}]`;
  if (value instanceof Map) return textOf([...value]);
  if (value instanceof Set) return textOf([...value]);
  if (typeof value !== 'object' || value === null) return String(value);
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${name}: ${textOf(field)}`);
  return `{${fields.join(', ')}}`;
}

/** For people: the same, but not endless. */
export function shown(value: unknown): string {
  const text = textOf(value);
  if (text.length <= SHOWN_CHARS_MAX) return text;
  return `${text.slice(0, SHOWN_CHARS_MAX)}... (${text.length} characters)`;
}

function textOfBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = buffer.toString('latin1');
  return PRINTABLE.test(text) ? `bytes ${JSON.stringify(text)}` : `bytes ${buffer.toString('hex')}`;
}

function textOfError(error: Error): string {
  const code = codeOf(error);
  return `${code === undefined ? error.name : code} "${error.message}"`;
}

/** The `code` of a ClusterError, however many copies of the package there are in the process. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
