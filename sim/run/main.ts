/** `npm run sim`: see USAGE, and command.ts for how it ends. */
import { parseArguments, USAGE } from './arguments.ts';
import { runCommand } from './command.ts';
import { simulate } from './simulate.ts';

await runCommand('npm run sim -- --help', async ({ args, print, signal }) => {
  const wanted = parseArguments(args);
  if (wanted !== 'help') return await simulate(wanted, print, signal);
  print(USAGE.trimEnd());
  return 0;
});
