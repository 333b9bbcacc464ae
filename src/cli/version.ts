/** The program's version, read from the package it is in: from `src/` as well as from `dist/src/`. */
import { readFileSync } from 'node:fs';

function packageVersion(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      const facts: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      const { name, version } = facts as { name?: string; version?: string };
      if (name === 'quorate' && version !== undefined) return version;
    } catch {
      // Not there: the other one.
    }
  }
  return 'unknown';
}

export const VERSION: string = packageVersion();
