/**
 * Where things are, whether this runs from the sources (tests) or from the build: programs that are started
 * as processes always come from the build, since the oldest Node that we support runs no TypeScript.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const ROOT: string = rootAbove(dirname(fileURLToPath(import.meta.url)));

function rootAbove(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : rootAbove(dirname(folder));
}

/** The built file of a source, such as `bench/load/main`. */
export function program(name: string): string {
  const path = join(ROOT, 'dist', `${name}.js`);
  if (!existsSync(path)) throw new Error(`${path} is missing: run npm run build`);
  return path;
}

/** The command as users start it. */
export function quorateCommand(): string {
  return program('src/cli/main');
}
