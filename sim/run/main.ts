/**
 * `npm run sim`: see USAGE. Ends with 0 when nothing was found, 1 when something was, 2 when it was asked
 * wrongly.
 */
import { parseArguments, USAGE, UsageError } from './arguments.ts';
import { simulate } from './simulate.ts';

try {
  const wanted = parseArguments(process.argv.slice(2));
  if (wanted === 'help') process.stdout.write(USAGE);
  else process.exitCode = await simulate(wanted, (line) => process.stdout.write(`${line}\n`));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}
