/**
 * What an engine is made of, looked at before anything is opened.
 *
 * The rule that it protects: whoever embeds a node is told which of his fields is wrong, and not, later,
 * that a disk failed or that something is not a function.
 */
import { validateConfig, validateMachine } from '../consensus/index.ts';
import { badField, checkFields } from '../given.ts';
import { checkStorageTuning } from '../storage/index.ts';
import { checkTransportOptions } from '../transport/index.ts';
import type { World } from '../world/index.ts';
import type { EmbeddedEngineOptions } from './embedded-engine.ts';

const CODE = 'CONFIG_INVALID';
const PORT_MAX = 65_535;
const OPTION_FIELDS: ReadonlySet<string> = new Set([
  'config',
  'dataDir',
  'listen',
  'world',
  'machine',
  'storage',
  'transport',
  'between',
]);
const TAP_FIELDS: ReadonlySet<string> = new Set(['storage', 'transport']);
const LISTEN_FIELDS: ReadonlySet<string> = new Set(['host', 'port']);

/** By what each can do: enough to tell a world from what is none. */
const DOORS: Readonly<Record<keyof World, string>> = {
  clock: 'now',
  random: 'below',
  disk: 'open',
  network: 'dial',
  logger: 'info',
};

/** @throws ClusterError CONFIG_INVALID. */
export function checkEngineOptions(options: EmbeddedEngineOptions): void {
  checkFields('options', options, OPTION_FIELDS, 'CONFIG_INVALID');
  validateConfig(options.config);
  checkDataDir(options.dataDir);
  validateMachine(options.machine);
  checkListen(options.listen);
  checkWorld(options.world);
  checkStorageTuning(options.storage);
  checkTransportOptions(options.transport);
  checkTaps(options.between);
}

function checkTaps(between: unknown): void {
  if (between === undefined) return;
  checkFields('between', between, TAP_FIELDS, CODE, 'between.');
  for (const [field, tap] of Object.entries(between as object)) {
    if (tap === undefined || typeof tap === 'function') continue;
    throw badField(`between.${field}`, tap, 'a function that gives back what it was given', CODE);
  }
}

function checkDataDir(dataDir: unknown): void {
  if (typeof dataDir === 'string' && dataDir !== '' && !dataDir.includes('\0')) return;
  throw badField('dataDir', dataDir, "the path of the folder that is this node's own", CODE);
}

function checkListen(listen: unknown): void {
  checkFields('listen', listen, LISTEN_FIELDS, CODE, 'listen.');
  const { host, port } = listen as { host?: unknown; port?: unknown };
  if (typeof host !== 'string' || host === '') {
    throw badField('listen.host', host, 'the name or address to listen on', CODE);
  }
  const isPort = Number.isInteger(port) && (port as number) >= 0 && (port as number) <= PORT_MAX;
  if (!isPort) throw badField('listen.port', port, `a whole number from 0 to ${PORT_MAX}`, CODE);
}

function checkWorld(world: unknown): void {
  const parts = Object.keys(DOORS).join(', ');
  if (typeof world !== 'object' || world === null) {
    throw badField('world', world, `realWorld(), or an object with ${parts}`, CODE);
  }
  for (const [door, skill] of Object.entries(DOORS)) {
    const part = (world as Record<string, unknown>)[door];
    const isDoor = typeof part === 'object' && part !== null;
    if (isDoor && typeof (part as Record<string, unknown>)[skill] === 'function') continue;
    const rule = `what realWorld() has there, or a ${door} of your own with ${skill} and the rest`;
    throw badField(`world.${door}`, part, rule, CODE);
  }
}
