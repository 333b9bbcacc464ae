/**
 * What of an output is protocol. Log lines are wording and are dropped; so are trailing blanks and
 * empty lines. An output of which nothing is left reads `ok`, like that of a command that had
 * nothing to say. All else - order and indentation included - has to be the same.
 */
const LOG_LINE = /^ *(DEBUG|INFO|WARN|ERROR|FATAL) /;

export function normalise(output: string): string[] {
  const kept = output
    .split('\n')
    .map((line) => line.replace(/\s+$/, ''))
    .filter((line) => line !== '' && !LOG_LINE.test(line));
  return kept.length === 0 ? ['ok'] : kept;
}
