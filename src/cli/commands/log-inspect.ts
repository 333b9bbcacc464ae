/**
 * `quorate log inspect DIR`: what a data folder holds, for people who wonder whose it is and how far it
 * got. Reads only.
 */
import { resolve } from 'node:path';
import { stringify } from 'yaml';

import { inspect } from '../../storage/index.ts';
import { realDisk } from '../../world/index.ts';
import { ExitCode } from '../exit-codes.ts';
import { say, type Terminal } from '../terminal.ts';

export async function inspectFolder(
  terminal: Terminal,
  dir: string,
  json: boolean,
): Promise<number> {
  const report = await inspect(realDisk(), resolve(terminal.cwd, dir));
  const plain: unknown = JSON.parse(JSON.stringify(report));
  say(terminal, json ? JSON.stringify(plain) : stringify(plain).trimEnd());
  return ExitCode.ok;
}
