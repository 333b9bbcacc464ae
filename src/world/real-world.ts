/**
 * The real world: what a node gets when it runs on a machine and not in a simulator.
 *
 * Everything that is not asked for otherwise is the plain thing: the machine's clock, its entropy, its
 * disk, its network, and one JSON line per event on standard output. Each part can be replaced on its
 * own, which is how a node runs over TLS (another `Network`), over a disk that loses power
 * (`powerLossDisk`), or silently (`nullLogger`).
 */
import { type LogOptions, pinoLogger } from './pino-logger.ts';
import { realClock } from './real-clock.ts';
import { realDisk } from './real-disk.ts';
import { realNetwork } from './real-network.ts';
import { realRandom } from './real-random.ts';
import type { Clock, Disk, Logger, Network, Random, World } from './types.ts';

/** What to put in the place of the plain thing. */
export interface RealWorldOptions {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly disk?: Disk;
  readonly network?: Network;
  /** A logger as it is, or where and from which level on lines are written. */
  readonly logger?: Logger;
  readonly log?: LogOptions;
}

/**
 * The real world: clock, randomness, disk, network and log of this machine, but for what is given.
 */
export function realWorld(options: RealWorldOptions = {}): World {
  const clock = options.clock ?? realClock();
  return {
    clock,
    random: options.random ?? realRandom(),
    disk: options.disk ?? realDisk(),
    network: options.network ?? realNetwork(),
    logger: options.logger ?? pinoLogger(options.log),
  };
}
