/**
 * A copy of the built tree in which some sources are others: what a mutant runs in.
 *
 * A build of everything takes half a minute, and there are dozens of mutants; so dist/ is copied by hard
 * links, and only the files that were touched are translated anew, one by one, with the options of the
 * build. What may go wrong: a hard link is the file itself. A translated file is therefore put in the
 * link's place, never written into it, or every other copy and the build itself would be mutated too.
 *
 * Translating looks at no types. `TypeChecker` does, for mutants that may be wrong about them: a fault that
 * no compiler lets pass is no fault that anybody could have made.
 */
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import ts from 'typescript';

import { StepFailed } from './steps.mjs';

/** Of dist/: what a simulation loads. */
const FOLDERS = ['src', 'sim', 'conformance'];
const BUILD_CONFIG = 'tsconfig.build.json';

/**
 * A copy with the texts of `changes` (a map from path to source) in it; its folder. The caller removes it.
 */
export function makeCopy(root, changes = new Map()) {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-mutant-'));
  try {
    for (const name of FOLDERS) linkTree(join(root, 'dist', name), join(folder, 'dist', name));
    copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
    const options = translateOptions(root);
    for (const [path, text] of changes) {
      const to = join(folder, 'dist', path.replace(/\.ts$/, '.js'));
      if (!existsSync(to)) {
        throw new StepFailed(`${path} was never built: npm run build, then try again`);
      }
      rmSync(to);
      writeFileSync(to, translate(path, text, options));
    }
    return folder;
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function linkTree(from, to) {
  if (!existsSync(from)) return;
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) linkTree(source, target);
    else if (!/(\.d\.ts|\.map|\.patch)$/.test(entry.name)) linkOrCopy(source, target);
  }
}

/** The temporary folder may lie on another file system. */
function linkOrCopy(from, to) {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

function buildOptions(root) {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined };
  const config = ts.getParsedCommandLineOfConfigFile(join(root, BUILD_CONFIG), {}, host);
  if (config === undefined) throw new StepFailed(`${BUILD_CONFIG} can not be read`);
  return config;
}

/** Those of the build, for one file: it can not see from package.json that all are ES modules. */
function translateOptions(root) {
  const { options } = buildOptions(root);
  const { tsBuildInfoFile: _info, rootDir: _root, outDir: _out, ...rest } = options;
  return {
    ...rest,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    incremental: false,
    declaration: false,
    isolatedDeclarations: false,
    sourceMap: false,
  };
}

/** A source as JavaScript. Throws where it can not be parsed. */
export function translate(path, text, options) {
  const { outputText, diagnostics = [] } = ts.transpileModule(text, {
    compilerOptions: options,
    fileName: path,
    reportDiagnostics: true,
  });
  if (diagnostics.length > 0)
    throw new StepFailed(`${path} does not compile: ${said(diagnostics)}`);
  return outputText;
}

/** Checks the types of changed files. One program is kept between calls, so only the first is slow. */
export class TypeChecker {
  #root;
  #config;
  #host;
  #program;
  #changes = new Map();

  constructor(root) {
    this.#root = root;
    this.#config = buildOptions(root);
    const options = { ...this.#config.options, noEmit: true, incremental: false };
    delete options.tsBuildInfoFile;
    const host = ts.createCompilerHost(options);
    const files = new Map();
    const getSourceFile = host.getSourceFile.bind(host);
    host.getSourceFile = (name, ...rest) => {
      const changed = this.#changes.get(resolve(name));
      if (changed !== undefined) return ts.createSourceFile(name, changed, rest[0]);
      if (!files.has(name)) files.set(name, getSourceFile(name, ...rest));
      return files.get(name);
    };
    this.#host = host;
    this.#config.options = options;
  }

  /** What is wrong in the changed files; empty when nothing is. */
  errorsOf(changes) {
    this.#changes = new Map([...changes].map(([path, text]) => [join(this.#root, path), text]));
    const { options } = this.#config;
    const roots = [...this.#changes.keys()];
    this.#program = ts.createProgram(roots, options, this.#host, this.#program);
    const found = roots.flatMap((path) => {
      const source = this.#program.getSourceFile(path);
      return [
        ...this.#program.getSyntacticDiagnostics(source),
        ...this.#program.getSemanticDiagnostics(source),
      ];
    });
    return found.length === 0 ? '' : said(found);
  }
}

function said(diagnostics) {
  const [first] = diagnostics;
  const where =
    first.file === undefined
      ? ''
      : `${first.file.fileName}:${first.file.getLineAndCharacterOfPosition(first.start).line + 1}: `;
  return where + ts.flattenDiagnosticMessageText(first.messageText, ' ');
}
