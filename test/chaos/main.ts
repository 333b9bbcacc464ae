/** `npm run chaos`: see scripts/chaos.mjs and docs/guides/chaos.md. */
import { runChaos } from './command.ts';

const complain = (text: string): void => {
  process.stderr.write(`${text}\n`);
};
process.exit(await runChaos(process.argv.slice(2), Date.now() % 1_000_000, complain));
