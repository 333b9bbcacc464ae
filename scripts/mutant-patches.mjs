/**
 * The deliberate faults of sim/mutants/, as text: one unified diff a file, with a head that says what it is.
 *
 *     # what: what the changed code does
 *     # breaks: the promise that it breaks, with the scenario's number
 *     # expect: who should see it, and under which faults
 *     --- a/src/raft/log.ts
 *     +++ b/src/raft/log.ts
 *     @@ ...
 *
 * A patch is applied by git, in a folder that holds copies of the files that it touches and nothing else,
 * so that neither the work tree nor a repository around the temporary folder can be hit by it.
 *
 * What may go wrong: the sources move on, and a patch no longer fits. That is said by name, with file, line
 * and hunk; a mutant that was skipped would count as one that was found.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { StepFailed, WrongArguments } from './steps.mjs';

const HEAD_FIELDS = ['what', 'breaks', 'expect'];
const SUFFIX = '.patch';
const HUNK = /^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@/;

/** Every patch of the folder, by name. Throws what is wrong with one of them, or that there is none. */
export function readPatches(folder) {
  let names;
  try {
    names = readdirSync(folder).filter((name) => name.endsWith(SUFFIX));
  } catch {
    throw new WrongArguments(
      `there is no folder ${folder} with mutants: give one with *${SUFFIX} in it`,
    );
  }
  if (names.length === 0) throw new WrongArguments(`no mutant (*${SUFFIX}) lies in ${folder}`);
  return names.sort().map((name) => {
    const path = resolve(folder, name);
    return parsePatch(name.slice(0, -SUFFIX.length), path, readFileSync(path, 'utf8'));
  });
}

/** The head and the files touched. Throws what the patch lacks. */
export function parsePatch(name, path, text) {
  const lines = text.split('\n');
  const head = {};
  for (const line of lines) {
    const field = /^# ([a-z]+): (.+)$/.exec(line);
    if (field === null) break;
    head[field[1]] = field[2];
  }
  const missing = HEAD_FIELDS.filter((field) => head[field] === undefined);
  if (missing.length > 0) {
    throw new StepFailed(`mutant ${name}: its head lacks "# ${missing.join(': ...", "# ')}: ..."`);
  }
  const files = lines.filter((line) => line.startsWith('+++ b/')).map((line) => line.slice(6));
  if (files.length === 0) throw new StepFailed(`mutant ${name}: it holds no "+++ b/FILE"`);
  const stray = files.find((file) => !/^src\/.+\.ts$/.test(file) || file.includes('..'));
  if (stray !== undefined) {
    throw new StepFailed(`mutant ${name}: it changes ${stray}; only sources in src/ are mutated`);
  }
  return { name, path, what: head.what, breaks: head.breaks, expect: head.expect, files };
}

/** The touched files as the patch makes them: a map from path to text. Throws where it does not fit. */
export function applyPatch(root, patch) {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-patch-'));
  try {
    for (const file of patch.files) {
      const to = join(folder, file);
      mkdirSync(dirname(to), { recursive: true });
      writeFileSync(to, sourceOf(root, patch, file));
    }
    gitApply(folder, patch);
    return new Map(patch.files.map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sourceOf(root, patch, file) {
  try {
    return readFileSync(join(root, file));
  } catch {
    throw new StepFailed(`mutant ${patch.name}: ${file}, which it changes, is gone; make it anew`);
  }
}

function gitApply(folder, patch) {
  // A repository that the temporary folder lies in is none of its business.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: dirname(folder), LC_ALL: 'C' };
  try {
    execFileSync('git', ['apply', '-p1', '--whitespace=nowarn', patch.path], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    if (error.code === 'ENOENT') throw new StepFailed('mutants are applied by git: install it');
    throw new StepFailed(whyNot(patch, String(error.stderr).trim()));
  }
}

/** git names file and line; people look for the hunk. */
function whyNot(patch, said) {
  const failed = /patch failed: (.+):(\d+)/.exec(said);
  if (failed === null) return `mutant ${patch.name}: git does not apply it: ${said}`;
  const [, file, line] = failed;
  const hunks = hunkLines(readFileSync(patch.path, 'utf8'), file);
  const hunk = hunks.indexOf(Number(line)) + 1;
  return (
    `mutant ${patch.name}: hunk ${hunk} of ${hunks.length} for ${file} (line ${line}) does not fit ` +
    'the present source: make the patch anew'
  );
}

/** Where the hunks for a file begin in its old text. */
function hunkLines(text, file) {
  const found = [];
  let isHere = false;
  for (const line of text.split('\n')) {
    if (line.startsWith('--- a/')) isHere = line.slice(6) === file;
    const hunk = HUNK.exec(line);
    if (isHere && hunk !== null) found.push(Number(hunk[1]));
  }
  return found;
}
