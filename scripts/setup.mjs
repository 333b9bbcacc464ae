/**
 * What has to be there before anything runs: a Node that is new enough, the packages, the build.
 *
 * `npm start` and `npm test` work in a fresh clone, and are fast the second time. So each part has a
 * stamp that holds a hash of what it was made from, and is made again only when the hash differs.
 * Content is hashed, not times: a checkout touches files without changing them.
 *
 * Two terminals may come here together. A lock file lets one work and the other wait; a lock whose
 * process is gone is taken over.
 */
import { createHash, randomUUID } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { ROOT, run, runNode, StepFailed, step } from './steps.mjs';

const NODE_OLDEST = [20, 19];
const INSTALL_STAMP = join(ROOT, 'node_modules', '.quorate-setup');
const BUILD_STAMP = join(ROOT, 'dist', '.quorate-build');
const LOCK_FILE = join(ROOT, '.setup', 'lock');
const LOCK_POLL_MS = 200;
/** Folders that the build translates; see "include" in tsconfig.json. */
const SOURCE_FOLDERS = ['src', 'conformance', 'sim', 'test', 'examples', 'bench', 'fuzz'];
/** Folders whose other files (scripts, pages, golden files) the build copies as they are. */
const ASSET_FOLDERS = ['src', 'conformance', 'sim'];
const BUILD_CONFIGS = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
const EXECUTABLES = ['dist/src/cli/main.js'];
/** npm links the commands of packages, not those of the project itself: here is its `npx quorate`. */
const OWN_COMMAND = join(ROOT, 'node_modules', '.bin', 'quorate');

export function checkNode(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = NODE_OLDEST;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new StepFailed(
    `Quorate needs Node.js ${NODE_OLDEST.join('.')} or newer; this is ${version} ` +
      `(${process.execPath}). Install a newer one from https://nodejs.org and try again.`,
  );
}

/** Packages as package-lock.json says. Does nothing when they are there. */
export async function ensureInstalled() {
  checkNode();
  const wanted = hashOf([join(ROOT, 'package-lock.json')]);
  if (stampOf(INSTALL_STAMP) === wanted) return;
  await withLock(async () => {
    if (stampOf(INSTALL_STAMP) === wanted) return;
    if (!isInstalledByHand()) {
      await step(
        'Installing the packages (npm ci; once, and after changes of package-lock.json)',
        npmCi,
      );
    }
    writeFileSync(INSTALL_STAMP, wanted);
  });
}

async function npmCi() {
  const args = ['ci', '--no-audit', '--no-fund'];
  const ownNpm = process.env.npm_execpath;
  const isOwnNpm = ownNpm !== undefined && /npm-cli\.[cm]?js$/.test(ownNpm);
  const code = isOwnNpm
    ? await runNode([ownNpm, ...args])
    : await run('npm', args, { shell: process.platform === 'win32' });
  if (code !== 0) {
    throw new StepFailed(`npm ci failed (exit code ${code}). Is the package registry reachable?`);
  }
}

/** Somebody ran npm by hand: npm's own record of what lies in node_modules agrees with the lock file. */
function isInstalledByHand() {
  try {
    const read = (path) => JSON.parse(readFileSync(join(ROOT, path), 'utf8')).packages;
    const wanted = read('package-lock.json');
    const present = read('node_modules/.package-lock.json');
    return Object.entries(wanted).every(
      ([path, { version, optional }]) =>
        path === '' || optional === true || present[path]?.version === version,
    );
  } catch {
    return false;
  }
}

/** Makes dist/ from the sources. Does nothing when they have not changed since. */
export async function ensureBuilt({ force = false } = {}) {
  const isFresh = () => !force && stampOf(BUILD_STAMP) === hashOf(buildInputs());
  if (!isFresh()) {
    await withLock(async () => {
      if (!isFresh()) await step('Building dist/ (when sources have changed)', build);
    });
  }
  linkOwnCommand();
}

function linkOwnCommand() {
  if (process.platform === 'win32' || existsSync(OWN_COMMAND)) return;
  try {
    mkdirSync(dirname(OWN_COMMAND), { recursive: true });
    symlinkSync(join('..', '..', ...EXECUTABLES[0].split('/')), OWN_COMMAND);
  } catch (error) {
    // Another process was quicker.
    if (error.code !== 'EEXIST') throw error;
  }
}

async function build() {
  const inputs = hashOf(buildInputs());
  rmSync(BUILD_STAMP, { force: true });
  removeOrphans();
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const code = await runNode([tsc, '-p', 'tsconfig.build.json']);
  copyAssets();
  for (const path of EXECUTABLES) {
    if (existsSync(join(ROOT, path))) chmodSync(join(ROOT, path), 0o755);
  }
  if (code !== 0) throw new StepFailed('The sources do not compile; see the messages above.');
  writeFileSync(BUILD_STAMP, inputs);
}

function isSource(path) {
  return path.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(path);
}

function isAsset(path) {
  return !path.endsWith('.ts');
}

function buildInputs() {
  const sources = SOURCE_FOLDERS.flatMap((folder) => filesBelow(folder).filter(isSource));
  const assets = ASSET_FOLDERS.flatMap((folder) => filesBelow(folder).filter(isAsset));
  return [...BUILD_CONFIGS, ...sources, ...assets].map((path) => join(ROOT, path));
}

function copyAssets() {
  for (const path of ASSET_FOLDERS.flatMap((folder) => filesBelow(folder).filter(isAsset))) {
    mkdirSync(dirname(join(ROOT, 'dist', path)), { recursive: true });
    cpSync(join(ROOT, path), join(ROOT, 'dist', path));
  }
}

/** What an earlier build left of a source that is gone would still be found by an import. */
function removeOrphans() {
  for (const path of filesBelow('dist')) {
    const source = relative('dist', path);
    // The pages of `npm run docs:api` are no translation of a source.
    if (source.startsWith(`api-docs${sep}`)) continue;
    if (!source.includes(sep) || existsSync(join(ROOT, source))) continue;
    const typed = source.replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts');
    if (existsSync(join(ROOT, typed)) && isSource(typed)) continue;
    rmSync(join(ROOT, path));
    // The compiler believes that it wrote that file; let it look again.
    rmSync(join(ROOT, 'dist', '.tsbuildinfo-build'), { force: true });
  }
}

/** Files below a folder of the repository, as paths from its root, sorted. */
export function filesBelow(folder) {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

function hashOf(paths) {
  const hash = createHash('sha256').update(process.versions.modules);
  for (const path of paths) {
    hash.update(`\n${relative(ROOT, path)} `);
    if (existsSync(path)) hash.update(readFileSync(path));
  }
  return hash.digest('hex');
}

function stampOf(path) {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
}

async function withLock(work) {
  mkdirSync(dirname(LOCK_FILE), { recursive: true });
  let isWaiting = false;
  while (!takeLock()) {
    if (!isWaiting) process.stdout.write('    waiting for another set-up of this folder\n');
    isWaiting = true;
    await pause(LOCK_POLL_MS);
  }
  const release = () => rmSync(LOCK_FILE, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.removeListener('exit', release);
    release();
  }
}

function takeLock() {
  try {
    writeFileSync(LOCK_FILE, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  if (!isLockStale()) return false;
  // By rename, so that of two who see the stale lock only one takes it away.
  const aside = `${LOCK_FILE}.${randomUUID()}`;
  try {
    renameSync(LOCK_FILE, aside);
    unlinkSync(aside);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  return takeLock();
}

function isLockStale() {
  try {
    const pid = Number(readFileSync(LOCK_FILE, 'utf8'));
    // Between creating and writing the file it is empty; a second later it was abandoned.
    if (pid === 0) return Date.now() - statSync(LOCK_FILE).mtimeMs > 1_000;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}
