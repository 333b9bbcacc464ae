/** All targets, by name. */
import { codecTarget } from './codec.ts';
import { storageTarget } from './storage.ts';
import type { FuzzTarget } from './target.ts';
import { transportTarget } from './transport.ts';

export const TARGETS: readonly FuzzTarget[] = [codecTarget, storageTarget, transportTarget];

export function targetOf(name: string): FuzzTarget {
  const target = TARGETS.find((each) => each.name === name);
  if (target !== undefined) return target;
  const names = TARGETS.map((each) => each.name).join(', ');
  throw new Error(`there is no target ${name}; there are: ${names}`);
}
