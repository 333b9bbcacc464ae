/** docs/internals/wire.md is a contract: every code, type, field and bound of this room, as it is. */
import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import * as limits from '../limits.ts';
import { FRAME_HEADER_BYTES, FrameType } from './frame.ts';
import { VERSION_MAX } from './handshake.ts';
import { REFUSAL_CODES } from './handshake-codec.ts';

const text = readFileSync(new URL('../../docs/internals/wire.md', import.meta.url), 'utf8');

describe('docs/internals/wire.md', () => {
  it('has each reason for a refusal, once, with what to do', () => {
    for (const code of REFUSAL_CODES) {
      const rows = text.split('\n').filter((line) => line.startsWith(`| \`${code}\` |`));
      expect(rows.length, code).toBe(1);
      expect(rows[0]!.split('|').length, code).toBe(5);
    }
  });

  it('has each type of frame', () => {
    for (const [name, type] of Object.entries(FrameType)) {
      expect(text).toContain(`| ${type} | ${name} |`);
    }
    expect(text).toContain(`| ${FRAME_HEADER_BYTES} | length | payload |`);
  });

  it('names bounds with the values that they have', () => {
    const rows = [...text.matchAll(/^\| `([A-Z_]+)` \| ([\d,]+) \|/gm)];
    expect(rows.length).toBeGreaterThan(15);
    for (const [, name, value] of rows) {
      const actual = (limits as Readonly<Record<string, number>>)[name!];
      expect(Number(value!.replaceAll(',', '')), name).toBe(actual);
    }
  });

  it('names the version that is spoken', () => {
    expect(text).toContain(`The version (${VERSION_MAX} now)`);
  });
});
