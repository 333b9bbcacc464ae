/**
 * The node's own facts in its data folder, small JSON objects each with a version. One that this release
 * does not know is refused: guessing at what a node must not forget is how it forgets.
 */
import { ClusterError } from '../errors.ts';
import { textOf } from '../given.ts';
import type { Storage } from '../storage/index.ts';
import type { Logger } from '../world/index.ts';

const VERSION = 1;

type Fields = Readonly<Record<string, unknown>>;

export async function writeFact(storage: Storage, name: string, fields: Fields): Promise<void> {
  await storage.writeFact(name, Buffer.from(JSON.stringify({ version: VERSION, ...fields })));
}

/** What it takes to mark a folder, and to say that it failed. */
export interface MarkHost {
  readonly storage: Storage;
  readonly logger: Logger;
}

/**
 * A fact that keeps a node from being started from this folder again. Does not reject: the node ends in
 * any case. It says so where there is no mark: the folder may be started again, with what is wrong in it.
 */
export async function markFolder(
  { storage, logger }: MarkHost,
  name: string,
  fields: Fields,
): Promise<void> {
  try {
    await writeFact(storage, name, fields);
  } catch (error) {
    logger.error('folder.notMarked', { mark: name, error: textOf(error) });
  }
}

/** @throws ClusterError DATA_DIR_FORMAT, DATA_CORRUPT. */
export async function readFact(storage: Storage, name: string): Promise<Fields | undefined> {
  const bytes = await storage.readFact(name);
  if (bytes === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new ClusterError('DATA_CORRUPT', `fact ${name} is no JSON`, { cause });
  }
  if (typeof value !== 'object' || value === null) {
    throw new ClusterError('DATA_CORRUPT', `fact ${name} is ${JSON.stringify(value)}`);
  }
  const fields = value as Fields;
  if (fields['version'] === VERSION) return fields;
  throw new ClusterError(
    'DATA_DIR_FORMAT',
    `fact ${name} has version ${String(fields['version'])}, this release reads ${VERSION}: ` +
      'use the release that wrote it',
  );
}
