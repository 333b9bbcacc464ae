/**
 * What is answered, as JSON: items, changes, results. Bytes are text where they are text, and base64
 * where they are not; numbers that may exceed 2^53 are strings.
 */
import { ClusterError } from '../errors.ts';
import type { KeyValue, KvChange, KvResult, StepResult } from '../state/index.ts';
import { bytesToJson, textOf } from './bytes.ts';
import type { JsonObject } from './types.ts';

export function keyNotFound(key: Uint8Array, revision: number): ClusterError {
  const name = textOf(key);
  const shown = name === undefined ? 'that key (not text)' : `key ${JSON.stringify(name)}`;
  return new ClusterError('KEY_NOT_FOUND', `${shown} does not exist at revision ${revision}`, {
    details: { ...bytesToJson('key', key), revision },
  });
}

export function itemToJson(item: KeyValue, keysOnly: boolean): JsonObject {
  const { createRevision, modRevision, version } = item;
  const key = bytesToJson('key', item.key);
  const value = keysOnly ? {} : bytesToJson('value', item.value);
  return { ...key, ...value, createRevision, modRevision, version };
}

export function changeToJson(change: KvChange): JsonObject {
  const events = change.events.map((event) =>
    event.kind === 'put'
      ? { type: 'put', ...itemToJson(event.item, false) }
      : { type: 'delete', ...bytesToJson('key', event.key), modRevision: event.modRevision },
  );
  return { type: 'change', revision: change.revision, events };
}

export function resultToJson(result: KvResult): JsonObject {
  const { revision } = result;
  switch (result.kind) {
    case 'put':
    case 'compact':
      return { revision };
    case 'delete':
      return { deleted: result.deleted, revision };
    case 'increment':
      return { value: String(result.value), revision };
    case 'compareAndSet': {
      const actual = result.actual === undefined ? {} : bytesToJson('actual', result.actual);
      return { swapped: result.swapped, ...actual, revision };
    }
    case 'transaction':
      return { succeeded: result.succeeded, steps: result.steps.map(stepToJson), revision };
  }
}

function stepToJson(step: StepResult): JsonObject {
  switch (step.kind) {
    case 'put':
      return { kind: 'put' };
    case 'delete':
      return { kind: 'delete', deleted: step.deleted };
    case 'increment':
      return { kind: 'increment', value: String(step.value) };
    case 'get':
      return {
        kind: 'get',
        items: step.items.map((item) => itemToJson(item, false)),
        more: step.more,
      };
  }
}
