/**
 * Puts a daemon's configuration together: flags over environment over file over defaults, then checks
 * the whole and reports *all* mistakes at once, each with the place that it came from (a line of the
 * file, a flag, a variable), what was given and what is expected.
 *
 * The file is read with positions kept, because "unknown key" without a line sends people searching.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Document, LineCounter } from 'yaml';

import { ClusterError } from '../../errors.ts';
import { nearestName } from '../../near-names.ts';
import { checkWhole, type Finding } from './check.ts';
import { CONFIG_FIELDS, type ConfigField, fromText } from './fields.ts';
import { type SchemaIssue, valueAt } from './rules.ts';
import { type DaemonConfig, parseConfig } from './schema.ts';

export interface ConfigSources {
  /** Path of the YAML file, as the user gave it. */
  readonly file: string | undefined;
  /** By field path. */
  readonly flags: Readonly<Record<string, string | readonly string[]>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

export interface LoadedConfig {
  readonly config: DaemonConfig;
  readonly warnings: readonly string[];
}

interface Source {
  /** Where the file stands, by path of the field. */
  readonly place: (path: readonly (string | number)[]) => string;
}

/** Variables that other commands read. */
const OTHER_VARIABLES = ['QUORATE_CONFIG', 'QUORATE_NODES', 'QUORATE_HTTP'];

/** @throws ClusterError CONFIG_INVALID, all mistakes in one message. */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const { raw, file } = await readFile(sources);
  const origins = new Map<string, string>();
  if (sources.file !== undefined) resolvePath(raw, dirname(resolve(sources.cwd, sources.file)));
  overlay(raw, sources, origins);
  const source = { place: placeFinder(file, origins) };
  const parsed = parseConfig(raw);
  if ('issues' in parsed) {
    // A misspelt key is most often the reason why another one is missing: it comes first.
    const isSlip = (issue: SchemaIssue): number => (issue.kind === 'unknown-key' ? 0 : 1);
    const issues = [...parsed.issues].sort((a, b) => isSlip(a) - isSlip(b));
    throw invalid(issues.map((issue) => issueText(issue, raw, source)));
  }
  const findings = checkWhole(parsed.config);
  const textOf = (finding: Finding): string => `${source.place(finding.path)}${finding.text}.`;
  if (findings.errors.length > 0) throw invalid(findings.errors.map(textOf));
  return {
    config: parsed.config,
    warnings: [
      ...findings.warnings.map(({ text }) => (text.endsWith('.') ? text : `${text}.`)),
      ...unknownVariables(sources.env),
    ],
  };
}

interface RawFile {
  readonly raw: Record<string, unknown>;
  /** `undefined`: there is no file. */
  readonly file: ParsedFile | undefined;
}

interface ParsedFile {
  /** Loaded by the first file: a node that is started by flags alone is up the sooner. */
  readonly yaml: typeof import('yaml');
  readonly name: string;
  readonly document: Document;
  readonly lines: LineCounter;
}

async function readFile({ file, cwd }: ConfigSources): Promise<RawFile> {
  if (file === undefined) return { raw: {}, file: undefined };
  let text: string;
  try {
    text = readFileSync(resolve(cwd, file), 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'there is no such file' : (error as Error).message;
    throw invalid([`${file}: can not be read: ${why}.`]);
  }
  const yaml = await import('yaml');
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const texts = document.errors.map((error) => {
      const { line, col } = lines.linePos(error.pos[0]);
      return `${file}:${line}:${col}: not valid YAML: ${error.message}`;
    });
    throw invalid(texts);
  }
  if (document.contents !== null && !yaml.isMap(document.contents)) {
    throw invalid([`${file}:1: expected fields such as "cluster:" and "node:" at the top.`]);
  }
  const raw = (document.toJS() ?? {}) as Record<string, unknown>;
  return { raw, file: { yaml, name: file, document, lines } };
}

/** Paths of the file are relative to the file. */
function resolvePath(raw: Record<string, unknown>, folder: string): void {
  for (const of of CONFIG_FIELDS) {
    const value = of.kind === 'path' ? valueAt(raw, of.path.split('.')) : undefined;
    if (typeof value === 'string' && value !== '') set(raw, of.path, resolve(folder, value));
  }
}

function overlay(
  raw: Record<string, unknown>,
  { flags, env, cwd }: ConfigSources,
  origins: Map<string, string>,
): void {
  for (const of of CONFIG_FIELDS) {
    const variable = env[of.env];
    const text = flags[of.path] ?? (variable === '' ? undefined : variable);
    if (text === undefined) continue;
    origins.set(of.path, flags[of.path] === undefined ? of.env : of.flag);
    const value = fromText(of, text);
    const isPath = of.kind === 'path' && typeof value === 'string' && value !== '';
    set(raw, of.path, isPath ? resolve(cwd, value) : value);
  }
}

function set(raw: Record<string, unknown>, path: string, value: unknown): void {
  const [group = '', name = ''] = path.split('.');
  const at = raw[group];
  const isGroup = typeof at === 'object' && at !== null && !Array.isArray(at);
  raw[group] = { ...(isGroup ? at : {}), [name]: value };
}

function placeFinder(
  file: ParsedFile | undefined,
  origins: ReadonlyMap<string, string>,
): Source['place'] {
  return (path) => {
    const origin = origins.get(path.slice(0, 2).join('.'));
    if (origin !== undefined) return `${origin}: `;
    if (file === undefined) return '';
    const { name, lines } = file;
    for (let length = path.length; length > 0; length--) {
      const offset = offsetOf(file, path.slice(0, length));
      if (offset !== undefined) return `${name}:${lines.linePos(offset).line}: `;
    }
    return `${name}: `;
  };
}

/** Of the key rather than of the value where there is one: that is the line people look for. */
function offsetOf(
  { yaml, document }: ParsedFile,
  path: readonly (string | number)[],
): number | undefined {
  const { isMap, isNode } = yaml;
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const last = path[path.length - 1];
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isNode(item.key) && item.key.toJSON() === last);
    return isNode(pair?.key) ? pair.key.range?.[0] : undefined;
  }
  const node = document.getIn(path, true);
  return isNode(node) ? node.range?.[0] : undefined;
}

function issueText(issue: SchemaIssue, raw: unknown, source: Source): string {
  const name = pathText(issue.path);
  const place = source.place(issue.path);
  if (issue.kind === 'unknown-key')
    return `${place}unknown key "${name}".${suggestion(issue.path)}`;
  const of = fieldOf(issue.path);
  const expected = expectedText(issue.path, of);
  if (issue.kind === 'missing') {
    const how = of === undefined ? '' : ` Set it in the file, with ${of.flag} or with ${of.env}.`;
    return `${place}${name} is missing: expected ${expected}.${how}`;
  }
  return `${place}${name} is ${JSON.stringify(valueAt(raw, issue.path))}: expected ${expected}.`;
}

function expectedText(path: readonly (string | number)[], of: ConfigField | undefined): string {
  if (path.length === 1) {
    const names = CONFIG_FIELDS.filter((known) => known.path.startsWith(`${path[0]}.`));
    return `a group with ${names.map((known) => known.path.split('.')[1]).join(', ')}`;
  }
  if (path[0] === 'cluster' && path[1] === 'members' && path.length > 2) {
    if (path[3] === 'id') return '1 to 128 characters of A-Z a-z 0-9 . _ -';
    return path[3] === 'address' ? 'host:port' : 'a member with id and address';
  }
  if (path[1] === 'join' && path.length > 2) return 'host:port of a client door';
  return of?.expected ?? 'something else';
}

function fieldOf(path: readonly (string | number)[]): ConfigField | undefined {
  const name = path.slice(0, 2).join('.');
  return CONFIG_FIELDS.find((known) => known.path === name);
}

function suggestion(path: readonly (string | number)[]): string {
  const names = CONFIG_FIELDS.map((known) => known.path);
  if (path.length === 1) {
    const groups = [...new Set(names.map((name) => name.split('.')[0] as string))];
    const near = nearestName(String(path[0]), groups);
    if (near !== undefined) return ` Did you mean "${near}"?`;
    const moved = names.find((name) => name.endsWith(`.${path[0]}`));
    if (moved !== undefined) return ` Did you mean "${moved}"?`;
    return ` Known are: ${groups.join(', ')}.`;
  }
  if (path[1] === 'members') return ' A member has "id" and "address".';
  const inGroup = names.filter((name) => name.startsWith(`${path[0]}.`));
  const short = inGroup.map((name) => name.split('.')[1] as string);
  const near = nearestName(String(path[path.length - 1]), short);
  if (near !== undefined) return ` Did you mean "${path[0]}.${near}"?`;
  return ` "${path[0]}" has: ${short.join(', ')}.`;
}

function unknownVariables(env: ConfigSources['env']): string[] {
  const known = [...CONFIG_FIELDS.map((of) => of.env), ...OTHER_VARIABLES];
  return Object.keys(env)
    .filter((name) => name.startsWith('QUORATE_') && !known.includes(name))
    .map((name) => {
      const near = nearestName(name, known);
      const hint = near === undefined ? '' : ` Did you mean ${near}?`;
      return `the environment variable ${name} is not known and has no effect.${hint}`;
    });
}

function pathText(path: readonly (string | number)[]): string {
  let text = '';
  for (const part of path) {
    text += typeof part === 'number' ? `[${part}]` : text === '' ? part : `.${part}`;
  }
  return text === '' ? 'the configuration' : text;
}

function invalid(problems: readonly string[]): ClusterError {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  const text = `the configuration is not valid (${count})\n${problems.map((p) => `  ${p}`).join('\n')}`;
  return new ClusterError('CONFIG_INVALID', text, { details: { problems } });
}
