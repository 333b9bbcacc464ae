/**
 * Bytes as a double-quoted string, the way Go's %q prints them: text that can be read stays, control
 * characters become escapes, bytes that are no UTF-8 are shown one by one.
 */
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function quoteBytes(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    text += length === 0 ? hex('\\x', bytes[at]!, 2) : quoteCharacter(bytes, at, length);
    at += Math.max(1, length);
  }
  return `"${text}"`;
}

/** Bytes of the valid character at `at`, 0 when there is none. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  try {
    decoder.decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}

function quoteCharacter(bytes: Uint8Array, at: number, length: number): string {
  const character = decoder.decode(bytes.subarray(at, at + length));
  const escaped = ESCAPES[character];
  if (escaped !== undefined) return escaped;
  if (PRINTABLE.test(character)) return character;
  const code = character.codePointAt(0)!;
  if (code < 0x80) return hex('\\x', code, 2);
  return code > 0xffff ? hex('\\U', code, 8) : hex('\\u', code, 4);
}

function hex(prefix: string, value: number, digits: number): string {
  return prefix + value.toString(16).padStart(digits, '0');
}
