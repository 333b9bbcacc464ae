/**
 * How a simulated disk does at present: how long it takes, and what goes wrong. The plan of faults changes
 * it while a run goes on; it belongs to the machine and outlives its processes.
 */

/** In milliseconds, fractions allowed. Mostly near `typicalMs`, now and then many times as much. */
export interface DiskLatency {
  typicalMs: number;
  /** Never more than this, whatever the tail. */
  maxMs: number;
}

/** Chances are parts of 10,000 operations of the kind. */
export interface DiskConditions {
  /** Reads, and looks at names and sizes. */
  read: DiskLatency;
  /** Writes into the page cache, new names, renames, removals. */
  write: DiskLatency;
  /** What waits for the disk itself: syncs of files and of folders. */
  sync: DiskLatency;
  /** What reads and writes take longer by their size. */
  bytesPerMs: number;
  /** Every operation that begins takes so much longer: a disk that is stuck, a neighbour that is loud. */
  extraMs: number;
  /** EIO; nothing is read. */
  failReads: number;
  /** EIO; nothing was written, or a part. */
  failWrites: number;
  /** EIO; what was not synced is unknown on the disk, and clean in the page cache. */
  failSyncs: number;
  /** EIO when a file is made, renamed or removed, or a folder synced; nothing happened. */
  failNames: number;
  /** EROFS: the file system went read-only, as it does after an error of its own. */
  isReadOnly: boolean;
}

/** What really happened to operations, for the run's report. */
export interface DiskStruck {
  readErrors: number;
  writeErrors: number;
  /** Of those, writes of which a part reached the file. */
  partialWrites: number;
  syncErrors: number;
  nameErrors: number;
  full: number;
  readOnly: number;
  /** Operations that `extraMs` made longer. */
  slow: number;
  /** Syncs that were drawn from a latency that no healthy disk has. */
  stuckSyncs: number;
}

/** A healthy solid-state disk. */
export function healthyDisk(): DiskConditions {
  return {
    read: { typicalMs: 0.06, maxMs: 4 },
    write: { typicalMs: 0.03, maxMs: 4 },
    sync: { typicalMs: 0.6, maxMs: 60 },
    bytesPerMs: 400_000,
    extraMs: 0,
    failReads: 0,
    failWrites: 0,
    failSyncs: 0,
    failNames: 0,
    isReadOnly: false,
  };
}

export function nothingStruck(): DiskStruck {
  return {
    readErrors: 0,
    writeErrors: 0,
    partialWrites: 0,
    syncErrors: 0,
    nameErrors: 0,
    full: 0,
    readOnly: 0,
    slow: 0,
    stuckSyncs: 0,
  };
}
