/**
 * A transaction as programs write it, with strings and prefixes, as the command that travels. What it
 * refuses is named by its place (`then[0].key`); kinds, targets and numbers are looked at where the command
 * is encoded.
 */
import { badField, checkFields } from '../given.ts';
import type { Compare, KvCommand, TransactionStep } from '../state/index.ts';
import { rangePlaceOf, toBytes, toKeyRange } from './keys.ts';
import type { ClientCompare, ClientStep, ClientTransaction } from './types.ts';

const FIELDS: ReadonlySet<string> = new Set(['compare', 'then', 'else']);

/** @throws ClusterError REQUEST_INVALID. */
export function toTransaction(
  transaction: ClientTransaction,
): Extract<KvCommand, { kind: 'transaction' }> {
  checkFields('transaction', transaction, FIELDS);
  return {
    kind: 'transaction',
    compare: each(transaction.compare, 'compare', toCompare),
    then: each(transaction.then, 'then', toStep),
    else: each(transaction.else, 'else', toStep),
  };
}

/** @throws ClusterError REQUEST_INVALID. */
export function toBigInt(by: bigint | number, field = 'by'): bigint {
  if (typeof by === 'bigint') return by;
  if (Number.isSafeInteger(by)) return BigInt(by);
  throw badField(field, by, 'a whole number or a bigint');
}

function each<Given, Made>(
  list: readonly Given[] | undefined,
  name: string,
  make: (one: Given, place: string) => Made,
): Made[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) throw badField(name, list, 'a list, or nothing');
  return Array.from(list as readonly Given[], (one, at) => {
    const place = `${name}[${at}]`;
    if (typeof one === 'object' && one !== null) return make(one, place);
    throw badField(place, one, 'an object');
  });
}

function toCompare(one: ClientCompare, place: string): Compare {
  const key = toBytes(one.key, `${place}.key`);
  if (one.target !== 'value') return { ...one, key };
  return { ...one, key, operand: toBytes(one.operand, `${place}.operand`) };
}

function toStep(step: ClientStep, place: string): TransactionStep {
  switch (step.kind) {
    case 'put': {
      const key = toBytes(step.key, `${place}.key`);
      return { ...step, key, value: toBytes(step.value, `${place}.value`) };
    }
    case 'increment': {
      const key = toBytes(step.key, `${place}.key`);
      return { ...step, key, by: toBigInt(step.by ?? 1n, `${place}.by`) };
    }
    case 'delete':
      return { kind: 'delete', range: toKeyRange(step, 'delete', rangePlaceOf(place, 'kind')) };
    case 'get': {
      const range = toKeyRange(step, 'read', rangePlaceOf(place, 'kind', 'limit'));
      const { limit } = step;
      return limit === undefined ? { kind: 'get', range } : { kind: 'get', range, limit };
    }
    default:
      // Refused where it is encoded, with the kinds that there are.
      return step;
  }
}
