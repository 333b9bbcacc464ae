/**
 * That the parts which a node is given are there, and are what belongs in their place: the name of the part,
 * what was given, and what to give. Formal only; what each part owes the node is in docs/guides/own-parts.md.
 *
 * The rule that it protects: a part that is missing is found where the node is made, and not by a TypeError
 * at its start, or at its end.
 */
import { ClusterError } from '../errors.ts';
import { shown } from '../given.ts';
import type { Storage } from '../storage/index.ts';
import type { Transport } from '../transport/index.ts';
import type { World } from '../world/index.ts';
import type { RaftNodeParts } from './node-parts.ts';
import type { StateMachine } from './types.ts';

const WORLD = ['clock', 'random', 'logger'] as const satisfies (keyof World)[];
const STORAGE = [
  'onFailure',
  'found',
  'append',
  'load',
  'saveSnapshot',
  'openSnapshot',
  'receiveSnapshot',
  'installSnapshot',
  'compact',
  'readFact',
  'writeFact',
  'close',
] as const satisfies (keyof Storage)[];
const TRANSPORT = [
  'start',
  'stop',
  'addPeer',
  'removePeer',
  'send',
  'sendFrame',
  'flush',
  'sendBulk',
  'status',
] as const satisfies (keyof Transport)[];
const MACHINE = ['applyBatch', 'snapshot', 'restore'] as const satisfies (keyof StateMachine)[];

/** The first mistake wins. @throws ClusterError CONFIG_INVALID naming the part, what was given and what to give. */
export function validateParts(parts: RaftNodeParts): void {
  const { world, storage, transport, machine }: Partial<RaftNodeParts> = parts ?? {};
  checkPart('world', world, WORLD, 'a world, such as realWorld() makes');
  checkPart('storage', storage, STORAGE, 'an open storage: what openDiskStorage() resolves with');
  checkPart('transport', transport, TRANSPORT, 'a transport, such as a TcpTransport');
  validateMachine(machine);
}

/** That it is one at all. @throws ClusterError CONFIG_INVALID. */
export function validateMachine(machine: unknown): void {
  const isSimple = typeof (machine as { apply?: unknown } | null | undefined)?.apply === 'function';
  const hint = isSimple ? '; three functions become one by simpleMachine(...)' : '';
  const belongs = `a state machine with the functions ${MACHINE.join(', ')}${hint}`;
  checkPart('machine', machine, MACHINE, belongs);
}

function checkPart(field: string, part: unknown, members: readonly string[], give: string): void {
  const given = (part ?? {}) as Record<string, unknown>;
  const missing = members.filter((name) => !isThing(given[name]));
  if (missing.length === 0) return;
  const lacks = isThing(part) ? ` without ${missing.join(', ')}` : '';
  const message = `${field} is ${shown(part)}${lacks}: give ${give}`;
  throw new ClusterError('CONFIG_INVALID', message, { details: { field, missing } });
}

/** All that the members of the parts are: functions, and doors of the world. */
function isThing(value: unknown): boolean {
  return typeof value === 'function' || (typeof value === 'object' && value !== null);
}
