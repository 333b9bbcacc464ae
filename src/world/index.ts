/**
 * The door of world/: the contract of the world, and the real one.
 *
 * @module quorate/world
 */

export { type FolderHolder, folderHolder } from './directory-lock.ts';
export { nullLogger } from './null-logger.ts';
export { type LogOptions, pinoLogger } from './pino-logger.ts';
export { type PowerLossOptions, powerLossDisk } from './power-loss-disk.ts';
export { type QuietOptions, quietRepeats } from './quiet-repeats.ts';
export { realClock } from './real-clock.ts';
export { realDisk } from './real-disk.ts';
export { type RealNetworkOptions, realNetwork } from './real-network.ts';
export { realRandom } from './real-random.ts';
export { type RealWorldOptions, realWorld } from './real-world.ts';
export { steppedClock } from './stepped-clock.ts';
export {
  type Address,
  type Clock,
  type Connection,
  type ConnectionEvents,
  type DirectoryLock,
  type Disk,
  DiskError,
  type DiskFault,
  type DiskFile,
  type FileInfo,
  type Listener,
  type LogFields,
  type Logger,
  type Network,
  NetworkError,
  type NetworkFault,
  type OpenMode,
  type Random,
  type Timer,
  type World,
} from './types.ts';
