/** Two outputs side by side, cut to where they differ. */
const CONTEXT_LINES = 3;

/** Lines with `-` were expected, lines with `+` came instead. */
export function describeDiff(expected: readonly string[], actual: readonly string[]): string {
  const shorter = Math.min(expected.length, actual.length);
  let same = 0;
  while (same < shorter && expected[same] === actual[same]) same += 1;
  let tail = 0;
  while (tail < shorter - same && expected.at(-1 - tail) === actual.at(-1 - tail)) tail += 1;

  const from = Math.max(0, same - CONTEXT_LINES);
  const end = expected.length - tail;
  const lines = [
    ...(from > 0 ? [`  … ${from} equal lines`] : []),
    ...expected.slice(from, same).map((line) => `  ${line}`),
    ...expected.slice(same, end).map((line) => `- ${line}`),
    ...actual.slice(same, actual.length - tail).map((line) => `+ ${line}`),
    ...expected.slice(end, end + CONTEXT_LINES).map((line) => `  ${line}`),
    ...(tail > CONTEXT_LINES ? [`  … ${tail - CONTEXT_LINES} equal lines`] : []),
  ];
  return lines.join('\n');
}
