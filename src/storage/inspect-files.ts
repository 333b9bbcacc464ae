/**
 * The smaller things in a data folder, for an inspection: the node's facts, and files that count for
 * nothing (segments in preparation, transfers under way, what a crash left behind) or that nobody knows.
 */
import { join } from 'node:path';
import { asBuffer } from '../views.ts';
import type { Disk } from '../world/index.ts';
import { dataFolders, UNFINISHED } from './data-folder.ts';
import { IDENTITY_FILE } from './identity-file.ts';
import { type DamageReport, damageOf } from './inspect-damage.ts';
import { segmentSequence } from './segment.ts';
import { TEMPORARY_SUFFIX } from './segment-files.ts';
import { readSmallFile } from './small-file.ts';
import { WITNESS_FILE } from './witness.ts';

const FACT_SUFFIX = '.fact';
/** Longer facts are told by their size alone. */
const FACT_TEXT_BYTES_MAX = 4096;

/** A small thing that the node must not forget. */
export interface FactReport {
  readonly name: string;
  readonly bytes: number;
  /** When it is text, and short. */
  readonly text?: string;
}

/** A file that does not count. */
export interface LeftoverReport {
  readonly path: string;
  readonly bytes: number;
  readonly what: string;
}

export async function listFacts(
  disk: Disk,
  directory: string,
  damage: DamageReport[],
): Promise<readonly FactReport[]> {
  if ((await disk.info(directory)) === undefined) return [];
  const names = (await disk.list(directory))
    .filter((info) => info.kind === 'file' && info.name.endsWith(FACT_SUFFIX))
    .map((info) => info.name)
    .sort();
  const facts: FactReport[] = [];
  for (const name of names) {
    try {
      const value = await readSmallFile(disk, join(directory, name));
      if (value === undefined) continue;
      const text = textOf(value);
      facts.push({
        name: name.slice(0, -FACT_SUFFIX.length),
        bytes: value.length,
        ...(text === undefined ? {} : { text }),
      });
    } catch (error) {
      damage.push(damageOf(error));
    }
  }
  return facts;
}

function textOf(value: Uint8Array): string | undefined {
  if (value.length > FACT_TEXT_BYTES_MAX) return undefined;
  const text = asBuffer(value).toString('utf8');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what tells bytes from text
  return /[\u0000-\u0008\u000e-\u001f\ufffd]/.test(text) ? undefined : text;
}

/** Paths of files that count for nothing, whatever their names. */
export interface Unneeded {
  /** Those that were compacted. */
  readonly segments: readonly string[];
  /** Those that were received, and never installed. */
  readonly snapshots: readonly string[];
}

export async function listLeftovers(
  disk: Disk,
  directory: string,
  unneeded: Unneeded,
): Promise<readonly LeftoverReport[]> {
  const { wal, snap, facts } = dataFolders(directory);
  const found: LeftoverReport[] = [];
  for (const folder of [directory, wal, snap, facts]) {
    if ((await disk.info(folder)) === undefined) continue;
    for (const { name, kind, size } of await disk.list(folder)) {
      const path = join(folder, name);
      const what = whatIs(path, name, kind, { root: directory, wal, snap, facts, unneeded });
      if (what !== undefined) found.push({ path, bytes: size, what });
    }
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

interface Places {
  readonly root: string;
  readonly wal: string;
  readonly snap: string;
  readonly facts: string;
  readonly unneeded: Unneeded;
}

/** `undefined`: it counts, and is told of elsewhere. */
function whatIs(path: string, name: string, kind: string, places: Places): string | undefined {
  const folder = path.slice(0, -name.length - 1);
  if (folder === places.root) {
    if ([places.wal, places.snap, places.facts].includes(path)) return undefined;
    if (name === IDENTITY_FILE || name === WITNESS_FILE || /^LOCK(\.|$)/.test(name)) {
      return undefined;
    }
  }
  if (kind !== 'file') return 'not known to Quorate';
  const { segments, snapshots } = places.unneeded;
  if (segments.includes(path)) return 'a compacted segment; the next start removes it';
  if (snapshots.includes(path)) return 'received, not installed; the next start removes it';
  if (name.endsWith(`.wal${TEMPORARY_SUFFIX}`)) return 'a segment prepared ahead of use';
  if (UNFINISHED.test(name)) return 'unfinished; the next start removes it';
  if (folder === places.snap && name.endsWith('.part')) {
    return 'a snapshot that is being received, or was; the next transfer of it goes on from there';
  }
  if (folder === places.snap && name.endsWith('.snap')) return undefined;
  if (folder === places.facts && name.endsWith(FACT_SUFFIX)) return undefined;
  if (folder === places.wal && segmentSequence(name) !== undefined) return undefined;
  return 'not known to Quorate';
}
