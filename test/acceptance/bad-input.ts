/**
 * `bad-input`: every wrong thing that a person, a program or a disk can do, done to real processes; the
 * answer is printed as it is seen, and must name the thing and what to do. Afterwards the node that got
 * it must still work, or have ended with its own exit code.
 */
import { badCommands } from './bad-commands.ts';
import { badDisks } from './bad-disks.ts';
import { badFolders } from './bad-folders.ts';
import { badRequests } from './bad-requests.ts';
import { Cluster } from './cluster.ts';
import { noMajority } from './no-majority.ts';
import type { Report } from './report.ts';

export async function badInput(report: Report): Promise<void> {
  const cluster = await Cluster.make({ name: 'bad-input' });
  try {
    await cluster.startAll();
    await badCommands(report, cluster);
    await badFolders(report, cluster);
    await badRequests(report, cluster);
    await noMajority(report, cluster);
  } finally {
    await cluster.remove();
  }
  await badDisks(report);
}
