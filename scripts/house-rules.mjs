/**
 * The rules of the house as data; house.mjs applies them. CONTRIBUTING.md says why they are so.
 */

/** From the top floor to the ground. A room may import rooms below it, through their `index.ts`. */
export const ROOMS = [
  'cli',
  'server',
  'client',
  'protocol',
  'api',
  'cluster',
  'files',
  'stream',
  'quorum',
  'election',
  'membership',
  'engine',
  'state',
  'consensus',
  'transport',
  'storage',
  'security',
  'raft',
  'world',
];

/** Files of src/ that belong to no room: the package's door on top of all, the ground below all. */
export const TOP_FILES = ['index.ts'];
export const GROUND_FILES = [
  'abort-signals.ts',
  'given.ts',
  'near-names.ts',
  'limits.ts',
  'errors.ts',
  'throw-outside.ts',
  'views.ts',
];

/** Folders beside src/ that may import any file of it; all others come in through the doors. */
export const DEEP_IMPORTERS = ['sim', 'test', 'fuzz'];
export const DOOR_IMPORTERS = ['conformance', 'bench', 'examples'];

/** Doors beside src/ that a room of it may come in by, with `import()` only: by then, somebody asked for it. */
export const LAZY_DOORS = { cli: ['sim/index.ts'] };

/** Rooms that may use Node's timers, sockets, streams and `process`: they run in no simulation. */
export const WORLDLY_ROOMS = ['world', 'protocol', 'server', 'client', 'cli'];

/** Folders of sim/ that must run the same way again: what reaches the world would be another world each time. */
export const SIMULATED_FOLDERS = [
  'world',
  'cluster',
  'faults',
  'workloads',
  'checkers',
  'nasty',
  'history',
];

/** What single files of them may use all the same, and why. */
export const SIMULATED_EXCEPTIONS = {
  // Between two events it lets every promise settle, and that only Node's own queues can tell.
  'sim/world/kernel.ts': ['process', 'setImmediate'],
  // The same for tests that have a clock and no kernel.
  'sim/world/manual-clock.ts': ['setImmediate'],
};

/** Rooms that import nothing but Node's own modules: what they need is what the project is for. */
export const FRUGAL_ROOMS = ['raft', 'storage', 'transport', 'consensus'];

/** The room that is synchronous, has no effects, and imports nothing. */
export const PURE_ROOM = 'raft';

/**
 * What the other rooms may import of Node: things that compute, always with the same result.
 * A list of names: only those. `true`: everything.
 */
export const COMPUTING_MODULES = {
  'node:assert': true,
  'node:buffer': true,
  'node:crypto': ['createHash', 'createHmac', 'hash', 'timingSafeEqual', 'X509Certificate'],
  'node:path': true,
  'node:util': true,
  'node:zlib': ['crc32'],
};

/** Names of the surroundings that reach the world, and what to use instead. */
export const WORLDLY_NAMES = {
  setTimeout: 'use world.clock.after',
  setInterval: 'use world.clock.after',
  setImmediate: 'use world.clock.afterIo',
  performance: 'use world.clock.now',
  process: 'take what is needed as an option; only cli/ and world/ look at the process',
  console: 'use world.logger',
  fetch: 'use world.network',
  WebSocket: 'use world.network',
  crypto: 'use world.random, or createHash of node:crypto',
  globalThis: 'use world, or an import',
};

export const WORLDLY_MEMBERS = {
  'Date.now': 'use world.clock.now; wallTime for display',
  'Math.random': 'use world.random',
  'AbortSignal.timeout': 'use world.clock.after',
};

export const LINES_MAX = 450;

/** Files above LINES_MAX, each with the reason why it is one thing. */
export const LONG_FILES = {};
