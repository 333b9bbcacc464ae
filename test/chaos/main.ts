/**
 * `npm run chaos`: see scripts/chaos.mjs and docs/guides/chaos.md. Paths are meant from where it was called,
 * which npm tells. Where nobody reads any more what is printed it ends, as after an interruption.
 */
import { runChaos } from './command.ts';

/** As shells count it: 128 and SIGPIPE. */
const BROKEN_PIPE = 141;

const writes = (stream: NodeJS.WriteStream): ((text: string) => void) => {
  stream.on('error', () => process.exit(BROKEN_PIPE));
  return (text) => stream.write(`${text}\n`);
};
const surroundings = {
  freshSeed: Date.now() % 1_000_000,
  folder: process.env['INIT_CWD'] ?? process.cwd(),
  tell: writes(process.stdout),
  complain: writes(process.stderr),
};
process.exit(await runChaos(process.argv.slice(2), surroundings));
