/** Bytes for people: text where they are text, hexadecimal digits where not; long ones cut. */
const SHOWN_CHARS_MAX = 80;
const DECODER = new TextDecoder('utf-8', { fatal: true });

export function bytesText(bytes: Uint8Array): string {
  const text = textOf(bytes);
  if (text === undefined) return cut(`0x${Buffer.from(bytes).toString('hex')}`);
  return JSON.stringify(cut(text));
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = DECODER.decode(bytes);
    return /^[\P{Cc}\n\t]*$/u.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

function cut(text: string): string {
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text;
}
