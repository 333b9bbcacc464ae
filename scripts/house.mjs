/**
 * Checks the rules of the house (house-rules.mjs). The sources are parsed by TypeScript's own parser,
 * so that a comment that speaks of `setTimeout`, or a string that holds an import, trips nothing.
 *
 * `checkHouse(root)` returns lines `file:line: rule: what to do`; none means that the house is in order.
 * It looks at text only: no types, no build, a second or two.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import ts from 'typescript';

import {
  COMPUTING_MODULES,
  DEEP_IMPORTERS,
  DOOR_IMPORTERS,
  FRUGAL_ROOMS,
  GROUND_FILES,
  LAZY_DOORS,
  LINES_MAX,
  LONG_FILES,
  PURE_ROOM,
  ROOMS,
  SIMULATED_EXCEPTIONS,
  SIMULATED_FOLDERS,
  TOP_FILES,
  WORLDLY_MEMBERS,
  WORLDLY_NAMES,
  WORLDLY_ROOMS,
} from './house-rules.mjs';

const FOLDERS = ['src', ...DEEP_IMPORTERS, ...DOOR_IMPORTERS];

export function checkHouse(root) {
  const paths = FOLDERS.flatMap((folder) => sourcesBelow(root, folder)).sort();
  const findings = paths.flatMap((path) => checkFile(path, readFileSync(join(root, path), 'utf8')));
  return [...findings, ...staleReasons(root)];
}

/** `path` from the root, with forward slashes. */
export function checkFile(path, text) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const file = describe(path, source);
  const findings = [];
  const report = (node, rule, advice) => {
    const position = node === undefined ? 0 : node.getStart(source);
    const { line } = source.getLineAndCharacterOfPosition(position);
    findings.push(`${path}:${line + 1}: ${rule}: ${advice}`);
  };
  for (const found of importsOf(source)) checkImport(file, found, report);
  checkNodes(file, source, report);
  if (file.isSource) checkShape(file, text, report);
  return findings;
}

function sourcesBelow(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[cm]?ts$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .map((path) => path.split(sep).join('/'));
}

/** What the rules ask of a file: where it stands, and whether it is a test. */
function describe(path, source) {
  const [folder, second] = path.split('/');
  const isTest = /\.(test|fixture)\.ts$/.test(path);
  return {
    path,
    folder,
    isTest,
    isSource: folder === 'src' && !isTest,
    room: folder === 'src' ? roomOf(path) : undefined,
    isInRoom: ROOMS.includes(second),
    isSimulated: folder === 'sim' && SIMULATED_FOLDERS.includes(second) && !isTest,
    mayUse: SIMULATED_EXCEPTIONS[path] ?? [],
    ownNames: declaredNames(source),
  };
}

function roomOf(path) {
  return path.split('/')[1];
}

/** Height above the ground; a file may import what is lower. `undefined`: no such room is known. */
function floorOf(room) {
  if (TOP_FILES.includes(room)) return ROOMS.length + GROUND_FILES.length;
  if (GROUND_FILES.includes(room)) return GROUND_FILES.length - 1 - GROUND_FILES.indexOf(room);
  const at = ROOMS.indexOf(room);
  return at === -1 ? undefined : ROOMS.length - 1 - at + GROUND_FILES.length;
}

// ---- imports ------------------------------------------------------------------------------------

/** Every way in which a file names another module: import, export from, import(), import type. */
function importsOf(source) {
  const found = [];
  const visit = (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      if (node.moduleSpecifier !== undefined) {
        found.push({ node, target: node.moduleSpecifier.text, names: namesOf(node) });
      }
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      const target = argument && ts.isStringLiteralLike(argument) ? argument.text : undefined;
      found.push({ node, target: target ?? '(computed)', names: undefined });
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      found.push({ node, target: node.argument.literal.text, names: undefined });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** The names that a declaration imports; `undefined` for the whole module. */
function namesOf(node) {
  const named = ts.isExportDeclaration(node) ? node.exportClause : node.importClause?.namedBindings;
  const isWhole = named === undefined || !('elements' in named);
  if (isWhole || node.importClause?.name !== undefined) return undefined;
  return named.elements.map((element) => (element.propertyName ?? element.name).text);
}

function checkImport(file, { node, target, names }, report) {
  if (target.startsWith('.')) checkRelative(file, node, target, report);
  else if (file.isSource) checkPackage(file, node, target, names, report);
  else if (file.isSimulated) checkComputing(node, target, names, report);
}

function checkRelative(file, node, target, report) {
  const to = posix.normalize(posix.join(posix.dirname(file.path), target));
  if (to.startsWith('../')) return report(node, 'import-direction', 'stay inside the repository');
  const isIntoSource = to.startsWith('src/');
  if (file.isSource) {
    if (!isIntoSource) {
      const isLazy = ts.isCallExpression(node) && LAZY_DOORS[file.room]?.includes(to) === true;
      if (isLazy) return undefined;
      return report(
        node,
        'import-direction',
        `src/ imports only src/; move it there, or drop ${to}`,
      );
    }
    return checkBetweenRooms(file, node, to, report);
  }
  const needsDoor = DOOR_IMPORTERS.includes(file.folder) && !file.isTest;
  if (isIntoSource && needsDoor && !isDoor(to)) {
    report(node, 'import-door', `import from ${doorOf(to)} instead of ${to}`);
  }
}

function isDoor(path) {
  const [, room, file, ...deeper] = path.split('/');
  return file === undefined || (file === 'index.ts' && deeper.length === 0 && room !== '');
}

function doorOf(path) {
  return `src/${roomOf(path)}/index.ts`;
}

function checkBetweenRooms(file, node, to, report) {
  const there = roomOf(to);
  if (there === file.room) return;
  const [from, down] = [floorOf(file.room), floorOf(there)];
  if (from === undefined || down === undefined) {
    const unknown = from === undefined ? file.room : there;
    report(
      node,
      'import-direction',
      `give ${unknown} its floor in ROOMS of scripts/house-rules.mjs`,
    );
  } else if (down > from) {
    const advice = `${file.room} is below ${there}; return the value, or let ${there} subscribe`;
    report(node, 'import-direction', advice);
  } else if (!isDoor(to)) {
    report(node, 'import-door', `import from ${doorOf(to)} instead of ${to}`);
  }
  if (file.room === PURE_ROOM && !GROUND_FILES.includes(there)) {
    report(node, 'raft-pure', `${PURE_ROOM}/ imports no other room; pass the value in`);
  }
}

function checkPackage(file, node, target, names, report) {
  if (file.room === PURE_ROOM) {
    return report(
      node,
      'raft-pure',
      `no import of ${target}; the core computes with what it is given`,
    );
  }
  if (!target.startsWith('node:')) {
    if (FRUGAL_ROOMS.includes(file.room)) {
      report(node, 'frugal-room', `${file.room}/ uses Node's own modules only, not ${target}`);
    }
    return;
  }
  if (!file.isInRoom || WORLDLY_ROOMS.includes(file.room)) return;
  checkComputing(node, target, names, report);
}

/** Of Node only what computes. */
function checkComputing(node, target, names, report) {
  const allowed = COMPUTING_MODULES[target];
  if (allowed === undefined) {
    return report(node, 'world-door', `no ${target} above world/; reach it through world`);
  }
  if (allowed === true) return;
  const excess = (names ?? ['*']).filter((name) => !allowed.includes(name));
  if (excess.length > 0) {
    const advice = `of ${target} only ${allowed.join(', ')} may be used here, not ${excess.join(', ')}`;
    report(node, 'world-door', advice);
  }
}

// ---- single nodes -------------------------------------------------------------------------------

/** Names that the file binds itself, anywhere: they are not those of the surroundings. */
function declaredNames(source) {
  const names = new Set();
  const visit = (node) => {
    const isBinding =
      ts.isVariableDeclaration(node) ||
      ts.isParameter(node) ||
      ts.isBindingElement(node) ||
      ts.isImportSpecifier(node) ||
      ts.isImportClause(node) ||
      ts.isNamespaceImport(node) ||
      ts.isFunctionDeclaration(node);
    if (isBinding && node.name !== undefined && ts.isIdentifier(node.name)) {
      names.add(node.name.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

function checkNodes(file, source, report) {
  const isPure = file.isSource && file.room === PURE_ROOM;
  const isShielded =
    file.isSimulated ||
    (file.isSource && !WORLDLY_ROOMS.includes(file.room) && !TOP_FILES.includes(file.room));
  const visit = (node) => {
    checkEverywhere(file, node, report);
    if (isShielded) checkShielded(file, node, isPure ? 'raft-pure' : 'world-door', report);
    if (isPure) checkPure(node, report);
    ts.forEachChild(node, visit);
  };
  visit(source);
}

function checkEverywhere(file, node, report) {
  if (node.kind === ts.SyntaxKind.AnyKeyword) {
    report(node, 'no-any', 'name the type, or use unknown and look');
  }
  const isDefault =
    ts.isExportAssignment(node) || node.modifiers?.some(({ kind }) => kind === DEFAULT) === true;
  if (isDefault && !file.path.endsWith('.config.ts')) {
    report(node, 'no-default-export', 'export it by its name');
  }
}

const DEFAULT = ts.SyntaxKind.DefaultKeyword;

function checkShielded(file, node, rule, report) {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const member = `${node.expression.text}.${node.name.text}`;
    const advice = Object.hasOwn(WORLDLY_MEMBERS, member) ? WORLDLY_MEMBERS[member] : undefined;
    if (advice !== undefined) report(node, rule, `no ${member}; ${advice}`);
  }
  const isDate =
    (ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.text === 'Date';
  if (isDate && (node.arguments?.length ?? 0) === 0) {
    report(node, rule, `no new Date(); ${WORLDLY_MEMBERS['Date.now']}`);
  }
  if (!ts.isIdentifier(node) || !Object.hasOwn(WORLDLY_NAMES, node.text)) return;
  if (isReference(node) && !file.ownNames.has(node.text) && !file.mayUse.includes(node.text)) {
    report(node, rule, `no ${node.text}; ${WORLDLY_NAMES[node.text]}`);
  }
}

/** A use of a name as a value, not the name of a member, a key or a type. */
function isReference(node) {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  if (ts.isQualifiedName(parent) || ts.isTypeReferenceNode(parent)) return false;
  return !(parent.name === node || parent.propertyName === node || parent.label === node);
}

function checkPure(node, report) {
  const advice = 'the core is synchronous; give the work out in Ready and take the result as input';
  const isAsync =
    ts.isAwaitExpression(node) ||
    node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.AsyncKeyword) === true;
  if (isAsync) report(node, 'raft-pure', advice);
  if (!ts.isIdentifier(node)) return;
  if (['Promise', 'PromiseLike', 'queueMicrotask'].includes(node.text)) {
    report(node, 'raft-pure', `no ${node.text}; ${advice}`);
  }
}

// ---- whole files --------------------------------------------------------------------------------

function checkShape(file, text, report) {
  const body = text.replace(/^#!.*\n/, '').trimStart();
  if (!body.startsWith('/*') && !body.startsWith('//')) {
    report(
      undefined,
      'essay',
      'begin with a comment: purpose, the rule protected, what may go wrong',
    );
  }
  const lines = text.split('\n').length - 1;
  if (lines > LINES_MAX && !Object.hasOwn(LONG_FILES, file.path)) {
    const advice = `${lines} lines (at most ${LINES_MAX}); split it, or give the reason in LONG_FILES`;
    report(undefined, 'long-file', advice);
  }
}

/** A reason outlives its file unless somebody looks. */
function staleReasons(root) {
  return Object.keys(LONG_FILES)
    .filter((path) => {
      const isThere = existsSync(join(root, path));
      return isThere && readFileSync(join(root, path), 'utf8').split('\n').length - 1 <= LINES_MAX;
    })
    .map((path) => `${path}:1: long-file: no longer long; take it out of LONG_FILES`);
}
