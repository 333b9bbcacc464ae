/**
 * The command line of the runner: `main.js DIR...`. Prints each failure with file and line, ends with
 * `N passed, M failed`, and exits with 0 only when there were cases and all of them passed.
 */
import { type ConformanceResult, runRaftConformance } from './run.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

function report({ failures, files, passed, failed }: ConformanceResult): void {
  for (const { file, line, command, what } of failures) {
    console.log(`FAIL ${file}:${line}: ${command}\n${what}\n`);
  }
  if (failures.length > 0) {
    console.log(
      '- expected, + got. A file ends at its first mismatch; the rest of it counts as failed.',
    );
  }
  if (passed + failed === 0) console.log(`no case was found in ${count(files)}`);
  else console.log(`${count(files)}, ${passed + failed} cases`);
  console.log(`${passed} passed, ${failed} failed`);
}

function count(files: number): string {
  return `${files} ${files === 1 ? 'file' : 'files'}`;
}

function main(paths: readonly string[]): number {
  if (paths.length === 0) {
    console.error('usage: npm run conformance:raft -- DIR... (folders with raft scripts, *.txt)');
    return EXIT_USAGE;
  }
  try {
    const result = runRaftConformance(paths);
    report(result);
    return result.failed === 0 && result.passed > 0 ? 0 : EXIT_FAILED;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    console.log('0 passed, 0 failed');
    return EXIT_USAGE;
  }
}

process.exitCode = main(process.argv.slice(2));
