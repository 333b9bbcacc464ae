/** What the machine itself gives, measured in the same run as everything that is judged by it. */
import { freePort } from '../../test/free-ports.ts';
import { type Benchmark, inRounds } from '../benchmark.ts';
import { makeFolder, nodeChild, removeFolder } from '../processes/child.ts';
import { program } from '../processes/paths.ts';
import { Recorder } from '../recorder.ts';
import { median } from '../statistics.ts';
import { syncTimes, threeWriters } from './disk-limits.ts';
import { poolHops, roundTrips } from './loop-limits.ts';

const READY_MS_MAX = 10_000;
const INFLIGHT = 64;
/** Each is steady enough for a part of the time that a load needs. */
const SHARE_OF_SECONDS = 1 / 3;

export const limits: Benchmark = {
  name: 'limits',
  about: 'fsync, loopback and thread pool of this machine: the floor below all figures',
  run: async (context) => {
    const folder = makeFolder('limits');
    const port = await freePort();
    const echo = nodeChild('echo', program('bench/limits/echo-main'), [String(port)]);
    await echo.line((line) => line === 'ready', READY_MS_MAX);
    const recorder = new Recorder();
    const seconds = context.seconds * SHARE_OF_SECONDS;
    const add = (name: string, milliseconds: readonly number[]): void =>
      recorder.add(name, 'µs', median(milliseconds) * 1_000);
    try {
      await inRounds(context, 'limits', async () => {
        const sync = (kind: Parameters<typeof syncTimes>[1]) => syncTimes(folder, kind, seconds);
        add('4 KiB appended and synced', await sync('append'));
        add('4 KiB into space set aside, synced', await sync('preallocated'));
        add('4 KiB over what was there, synced', await sync('overwrite'));
        add('4 KiB appended and synced, three at once', await threeWriters(folder, seconds));
        add('loopback round trip', await roundTrips(port, 1, seconds));
        add(`loopback, each of ${INFLIGHT} at once`, await roundTrips(port, INFLIGHT, seconds));
        add('thread pool and back', await poolHops(seconds));
      });
    } finally {
      await echo.stop();
      removeFolder(folder);
    }
    const title = 'Limits of this machine (medians within each round)';
    return [{ title, series: recorder.series(), findings: [], notes: [] }];
  },
};
