/**
 * Real records from this machine: what the system's package manager knows of every package, or a word
 * list, or, where there is neither, the files of the system with their sizes. Never made-up numbers: real
 * keys share long prefixes, real values have all lengths and all bytes, and that is what a store is for.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface RealRecord {
  readonly key: string;
  readonly value: string;
}

export interface RealRecords {
  readonly records: readonly RealRecord[];
  /** Where they are from, for the report. */
  readonly source: string;
}

const WORD_LISTS = ['/usr/share/dict/words', '/usr/share/dict/american-english'];
const STATUS_FILE = '/var/lib/dpkg/status';
const KEY_BYTES_MAX = 900;

/** At least `wanted` if the machine has so many; sources are added until there are enough. */
export function realRecords(wanted: number): RealRecords {
  const found = new Map<string, string>();
  const sources: string[] = [];
  const take = (source: string, records: Iterable<RealRecord>): void => {
    if (found.size >= wanted) return;
    const before = found.size;
    for (const { key, value } of records) {
      if (found.size >= wanted) break;
      if (Buffer.byteLength(key) <= KEY_BYTES_MAX) found.set(key, value);
    }
    if (found.size > before) sources.push(`${found.size - before} of ${source}`);
  };
  take('the package lists (apt-cache dumpavail)', packages(availablePackages()));
  take(`the installed packages (${STATUS_FILE})`, packages(readIfThere(STATUS_FILE)));
  for (const file of WORD_LISTS) take(`the words of ${file}`, words(file));
  take('the files below /usr', files('/usr'));
  take('the files of the Node.js installation', files(join(dirname(process.execPath), '..')));
  const records = [...found].map(([key, value]) => ({ key, value }));
  return { records, source: sources.join(', ') };
}

function availablePackages(): string {
  const run = spawnSync('apt-cache', ['dumpavail'], {
    encoding: 'utf8',
    maxBuffer: 512 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return run.status === 0 ? run.stdout : '';
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

function* packages(text: string): Generator<RealRecord> {
  for (const stanza of text.split('\n\n')) {
    const name = fieldOf(stanza, 'Package');
    const version = fieldOf(stanza, 'Version');
    if (name === '' || version === '') continue;
    const value = {
      version,
      section: fieldOf(stanza, 'Section'),
      size: fieldOf(stanza, 'Size') || fieldOf(stanza, 'Installed-Size'),
      depends: fieldOf(stanza, 'Depends'),
      description: fieldOf(stanza, 'Description'),
    };
    const key = `package/${name}/${fieldOf(stanza, 'Architecture')}/${version}`;
    yield { key, value: JSON.stringify(value) };
  }
}

function fieldOf(stanza: string, name: string): string {
  const begin = stanza.startsWith(`${name}: `) ? 0 : stanza.indexOf(`\n${name}: `) + 1;
  if (begin === 0 && !stanza.startsWith(`${name}: `)) return '';
  const from = begin + name.length + 2;
  const end = stanza.indexOf('\n', from);
  return stanza.slice(from, end < 0 ? undefined : end);
}

function* words(file: string): Generator<RealRecord> {
  let line = 0;
  for (const word of readIfThere(file).split('\n')) {
    line++;
    if (word !== '') yield { key: `word/${word}`, value: String(line) };
  }
}

function* files(root: string): Generator<RealRecord> {
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    let names: string[];
    try {
      names = readdirSync(folder);
    } catch {
      continue;
    }
    for (const name of names) {
      const path = join(folder, name);
      const facts = lstatSync(path, { throwIfNoEntry: false });
      if (facts?.isDirectory() === true) folders.push(path);
      else if (facts?.isFile() === true) {
        const value = { size: facts.size, mode: facts.mode, modified: facts.mtime.toISOString() };
        yield { key: `file${path}`, value: JSON.stringify(value) };
      }
    }
  }
}
