import type { Disk } from '../world/index.ts';
import type { Identity } from './types.ts';

export interface DataFolderReport {
  readonly identity: Identity | undefined;
}

export async function inspect(_disk: Disk, _directory: string): Promise<DataFolderReport> {
  throw new Error('not built yet');
}
