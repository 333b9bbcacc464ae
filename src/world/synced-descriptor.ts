/**
 * A second descriptor of an open file, on which a write returns when what was written is durable (O_DSYNC):
 * one trip to a thread of the pool where pwritev and fdatasync are two. How much that is, and how a worker
 * thread with fdatasyncSync compares: docs/internals/performance.md.
 *
 * O_DSYNC is a promise of the file system, and some take the flag and do nothing (FUSE without a page cache
 * leaves it to its server). So it is used only where the kernel itself does after such a write what it does
 * for fdatasync: ext4, XFS, btrfs. Everywhere else, and on other systems than Linux (O_DSYNC of macOS stops
 * at the drive's cache, fdatasync of Node does not), there is none, and two trips are made.
 *
 * It is opened by way of /proc, since the file may have another name by now, or none.
 */
import { constants, open, statfs } from 'node:fs';

/** The numbers by which statfs names ext2 to ext4, XFS and btrfs. */
const SYNCING: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e]);

/** Resolves to `undefined` where such a descriptor is not to be had, or not to be trusted. */
export function openSyncedDescriptor(fd: number): Promise<number | undefined> {
  const path = `/proc/self/fd/${fd}`;
  return new Promise((resolve) => {
    if (process.platform !== 'linux') {
      resolve(undefined);
      return;
    }
    statfs(path, (unknown, facts) => {
      if (unknown !== null || !SYNCING.has(facts.type)) {
        resolve(undefined);
        return;
      }
      open(path, constants.O_WRONLY | constants.O_DSYNC, (refused, synced) => {
        resolve(refused === null ? synced : undefined);
      });
    });
  });
}
