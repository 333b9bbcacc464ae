/**
 * Bytes for people: text where they are text, hexadecimal digits where not; long ones cut. What is to be compared
 * is told in one form: text beside digits would be two different things to the eye, whatever differs.
 */
const SHOWN_CHARS_MAX = 80;
const DECODER = new TextDecoder('utf-8', { fatal: true });

export function bytesText(bytes: Uint8Array): string {
  return bytesTexts([bytes])[0] as string;
}

/** Text if all are text, digits otherwise. */
export function bytesTexts(all: readonly Uint8Array[]): string[] {
  const texts = all.map(textOf);
  return texts.every((text) => text !== undefined)
    ? texts.map((text) => JSON.stringify(cut(text)))
    : all.map((bytes) => cut(`0x${Buffer.from(bytes).toString('hex')}`));
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
