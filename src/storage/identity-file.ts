/**
 * IDENTITY: whose data folder this is, and in which format it is kept as a whole. Written once, when
 * the folder is founded; a folder that holds a log and no identity has lost it, and is refused.
 */
import { join } from 'node:path';
import { ClusterError } from '../errors.ts';
import { asBuffer } from '../views.ts';
import type { Disk } from '../world/index.ts';
import { readSmallFile, writeSmallFile } from './small-file.ts';
import { corrupt } from './storage-errors.ts';
import type { Identity } from './types.ts';

export const IDENTITY_FILE = 'IDENTITY';
/** Of the folder: which files there are, and what they mean together. */
const FOLDER_FORMAT = 1;

export async function writeIdentity(
  disk: Disk,
  directory: string,
  identity: Identity,
): Promise<void> {
  const { clusterName, clusterId, nodeId, raftId, incarnation } = identity;
  const fields = { format: FOLDER_FORMAT, clusterName, clusterId, nodeId, raftId, incarnation };
  await writeSmallFile(disk, directory, IDENTITY_FILE, Buffer.from(`${JSON.stringify(fields)}\n`));
}

/** `undefined`: the folder was never founded. */
export async function readIdentity(disk: Disk, directory: string): Promise<Identity | undefined> {
  const path = join(directory, IDENTITY_FILE);
  const bytes = await readSmallFile(disk, path);
  if (bytes === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(asBuffer(bytes).toString('utf8'));
  } catch {
    throw corrupt(path, undefined, 'it is no JSON');
  }
  if (typeof value !== 'object' || value === null || !('format' in value)) {
    throw corrupt(path, undefined, 'it is no identity');
  }
  const fields = value as Record<string, unknown>;
  if (fields['format'] !== FOLDER_FORMAT) {
    throw new ClusterError(
      'DATA_DIR_FORMAT',
      `the data folder ${directory} has format ${String(fields['format'])}; this version reads format ${FOLDER_FORMAT}. Start the version that wrote it`,
      { details: { directory, format: fields['format'], reads: FOLDER_FORMAT } },
    );
  }
  const { clusterName, clusterId, nodeId, raftId, incarnation } = fields;
  const isWhole =
    typeof clusterName === 'string' &&
    typeof clusterId === 'string' &&
    typeof nodeId === 'string' &&
    typeof incarnation === 'string' &&
    Number.isSafeInteger(raftId);
  if (!isWhole) throw corrupt(path, undefined, 'a field is missing');
  return { clusterName, clusterId, nodeId, raftId: raftId as number, incarnation };
}
