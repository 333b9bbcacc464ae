/**
 * Runs a small program in a process of its own, with rooms of src/ that it can import. For tests that
 * need a process to die for real (kill -9), which no thread and no mock can stand in for.
 *
 * The oldest Node that we support runs no TypeScript, and tests must not depend on a build, so the
 * rooms are translated file by file (types stripped, no checking) into a folder below node_modules,
 * where imports of packages still resolve. `dispose` removes it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { GROUND_FILES } from '../../scripts/house-rules.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface ChildPrograms {
  /**
   * Starts `text` as a module; `DOOR` in it stands for the URL of the translated `src` folder. `through`:
   * a command that gets "node FILE ARGS" as its last arguments.
   */
  start(text: string, args?: readonly string[], through?: readonly string[]): ChildProcess;
  dispose(): void;
}

/** `rooms`: folders of src/ that the programs import. */
export function childPrograms(rooms: readonly string[]): ChildPrograms {
  const parent = join(ROOT, 'node_modules', '.quorate-test');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'program-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const room of rooms) translate(join('src', room), folder);
  for (const file of GROUND_FILES) translateFile(join('src', file), folder);
  let started = 0;
  return {
    start: (text, args = [], through = []) => {
      started += 1;
      const file = join(folder, `program-${started}.js`);
      writeFileSync(file, text.replaceAll('DOOR', pathToFileURL(join(folder, 'src')).href));
      const [command = process.execPath, ...rest] = [...through, process.execPath, file, ...args];
      return spawn(command, rest, { stdio: ['pipe', 'pipe', 'pipe'] });
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function translate(room: string, folder: string): void {
  for (const name of readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue;
    translateFile(join(room, name), folder);
  }
}

function translateFile(path: string, folder: string): void {
  const target = join(folder, path.replace(/\.ts$/, '.js'));
  mkdirSync(dirname(target), { recursive: true });
  const { outputText } = ts.transpileModule(readFileSync(join(ROOT, path), 'utf8'), {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      rewriteRelativeImportExtensions: true,
      verbatimModuleSyntax: true,
    },
  });
  writeFileSync(target, outputText);
}

/** Everything that the process writes until it ends, and how it ended. */
export async function ended(
  child: ChildProcess,
): Promise<{ stdout: string; stderr: string; code: number | null; signal: string | null }> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += String(chunk);
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += String(chunk);
  });
  return new Promise((done) => {
    child.on('close', (code, signal) => done({ stdout, stderr, code, signal }));
  });
}

/** Resolves when the process has written a line that holds `text`. Rejects when it ends without. */
export function line(child: ChildProcess, text: string): Promise<string> {
  let seen = '';
  let complaints = '';
  return new Promise((done, fail) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      seen += String(chunk);
      const found = seen.split('\n').find((candidate) => candidate.includes(text));
      if (found !== undefined) done(found);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      complaints += String(chunk);
    });
    child.on('close', () => fail(new Error(`ended without "${text}":\n${seen}${complaints}`)));
  });
}
