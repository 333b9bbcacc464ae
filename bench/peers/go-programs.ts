/**
 * The load drivers in Go: built once from bench/peers/go with the libraries that Debian installs, into a folder
 * of the set-up that is named by what they were built from. Nothing is downloaded. Where something is
 * missing, whoever asks is told what, and leaves out what needs it.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../processes/paths.ts';

export const GO_PROGRAMS = ['etcdload', 'raftload', 'etcdcore'] as const;
export type GoProgram = (typeof GO_PROGRAMS)[number];

/** Where Debian puts the sources of Go's libraries. */
const LIBRARIES = '/usr/share/gocode';
const SOURCES = join(ROOT, 'bench', 'peers', 'go');
const BUILT = join(ROOT, '.setup', 'bench-go');

const NEEDS: Readonly<Record<GoProgram, { readonly source: string; readonly from: string }>> = {
  etcdload: { source: 'go.etcd.io/etcd/clientv3', from: 'golang-etcd-server-dev' },
  etcdcore: { source: 'go.etcd.io/etcd/raft', from: 'golang-etcd-server-dev' },
  raftload: {
    source: 'github.com/hashicorp/raft-boltdb',
    from: 'golang-github-hashicorp-raft-boltdb-dev',
  },
};

export type Found = { readonly path: string } | { readonly missing: string };

/** Of the sources and the compiler: another one is another program. */
function hashOf(name: GoProgram, goVersion: string): string {
  const hash = createHash('sha256').update(goVersion);
  for (const folder of ['measure', name]) {
    for (const file of readdirSync(join(SOURCES, folder)).sort()) {
      hash.update(`\n${folder}/${file}\n`).update(readFileSync(join(SOURCES, folder, file)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

function goVersion(): string | undefined {
  const { status, stdout } = spawnSync('go', ['version'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/** Without building: the program, or why it is not there. */
export function findGoProgram(name: GoProgram): Found & { readonly canBuild?: string } {
  const version = goVersion();
  if (version === undefined) return { missing: 'Go is not installed (Debian: golang-go)' };
  const { source, from } = NEEDS[name];
  if (!existsSync(join(LIBRARIES, 'src', source))) {
    return { missing: `the Go library ${source} is not installed (Debian: ${from})` };
  }
  const path = join(BUILT, `${name}-${hashOf(name, version)}`);
  if (existsSync(path)) return { path };
  return { missing: `${name} is not built yet; npm run bench:peers builds it`, canBuild: path };
}

/** Builds it where that is needed and possible: a minute or two at first. */
export function goProgram(name: GoProgram, tell: (line: string) => void): Found {
  const found = findGoProgram(name);
  if ('path' in found || found.canBuild === undefined) return found;
  tell(`building ${name} (once)`);
  mkdirSync(BUILT, { recursive: true });
  const path = found.canBuild;
  const { status, stderr } = spawnSync('go', ['build', '-o', `${path}.new`, '.'], {
    cwd: join(SOURCES, name),
    encoding: 'utf8',
    env: {
      ...process.env,
      GO111MODULE: 'off',
      GOPATH: LIBRARIES,
      GOFLAGS: '',
      GOCACHE: join(BUILT, 'cache'),
    },
  });
  if (status !== 0) return { missing: `${name} does not build here: ${stderr.trim()}` };
  renameSync(`${path}.new`, path);
  return { path };
}
