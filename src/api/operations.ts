/**
 * The table of operations: each with its name, its kind, its input's schema and what it does. This is
 * the one place where the JSON forms are said; HTTP routes and the binary protocol's `call` point here.
 *
 * `kind` decides which options an operation takes: reads a consistency, writes a request id. The others
 * are refused rather than ignored; see `call-options.ts`.
 */

import type { z } from 'zod';
import type { Engine } from '../engine/index.ts';
import { ClusterError } from '../errors.ts';
import { type KvCommand, keyAfter } from '../state/index.ts';
import { bytesToJson } from './bytes.ts';
import { itemToJson, keyNotFound, resultToJson } from './json-forms.ts';
import {
  addMemberInput,
  compactInput,
  compareAndSetInput,
  deleteInput,
  deleteRangeInput,
  emptyInput,
  incrementInput,
  keyInput,
  nodeInput,
  parseInput,
  putInput,
  rangeInput,
  sessionInput,
  transactionInput,
  transferInput,
  type WatchInput,
  watchInput,
} from './schemas.ts';
import type { Api, CallOptions, JsonObject, OperationKind, OperationName } from './types.ts';

export interface Operation {
  readonly kind: OperationKind;
  run(target: OperationTarget, input: unknown, options: CallOptions): Promise<JsonObject>;
}

export interface OperationTarget {
  readonly api: Api;
  readonly engine: Engine;
}

function operation<T>(
  kind: OperationKind,
  schema: z.ZodType<T>,
  run: (target: OperationTarget, input: T, options: CallOptions) => Promise<JsonObject>,
): Operation {
  return {
    kind,
    run: (target, input, options) => run(target, parseInput(schema, input), options),
  };
}

function write(schema: z.ZodType<KvCommand>): Operation {
  return operation('write', schema, async ({ api }, command, options) =>
    resultToJson(await api.write(command, options)),
  );
}

export const OPERATIONS: Readonly<Record<Exclude<OperationName, 'kv.watch'>, Operation>> = {
  'kv.get': operation('read', keyInput, async ({ api }, { key }, options) => {
    const { item, revision } = await api.get(key, options);
    if (item === undefined) throw keyNotFound(key, revision);
    return { ...itemToJson(item, false), revision };
  }),
  'kv.range': operation('read', rangeInput, async ({ api }, input, options) => {
    const { range, keysOnly } = input;
    const query = { ...range, keysOnly };
    const page = await api.range(
      input.limit === undefined ? query : { ...query, limit: input.limit },
      options,
    );
    const items = page.items.map((item) => itemToJson(item, keysOnly));
    const last = page.items.at(-1);
    const next = page.more && last !== undefined ? bytesToJson('next', keyAfter(last.key)) : {};
    return { items, more: page.more, ...next, revision: page.revision };
  }),
  'kv.put': write(putInput),
  'kv.delete': write(deleteInput),
  'kv.deleteRange': write(deleteRangeInput),
  'kv.increment': write(incrementInput),
  'kv.compareAndSet': write(compareAndSetInput),
  'kv.transaction': write(transactionInput),
  'kv.compact': write(compactInput),
  'session.open': operation('admin', emptyInput, async ({ api }, _input, options) => ({
    session: await api.openSession(options),
  })),
  'session.close': operation('admin', sessionInput, async ({ api }, { session }, options) => {
    await api.closeSession(session, options);
    return { session };
  }),
  status: operation('admin', emptyInput, async ({ api }) => ({ ...api.status() })),
  'members.list': operation('admin', emptyInput, async ({ api }) => {
    const { nodeId, members, leader, commitIndex } = api.status();
    return { members, leader: leader?.nodeId ?? null, commitIndex, node: nodeId };
  }),
  'members.add': operation('admin', addMemberInput, async ({ api, engine }, input, options) => {
    const { nodeId, address, learner, clusterName } = input;
    checkCluster(clusterName, api.status().clusterName);
    const added = learner
      ? engine.addLearner(nodeId, address, options)
      : engine.addNode(nodeId, address, options);
    return { ...(await added) };
  }),
  'members.promote': operation('admin', nodeInput, async ({ engine }, { nodeId }, options) => {
    await engine.promoteLearner(nodeId, options);
    return { nodeId };
  }),
  'members.remove': operation('admin', nodeInput, async ({ engine }, { nodeId }, options) => {
    return { nodeId, removed: await engine.removeNode(nodeId, options) };
  }),
  'leader.transfer': operation('admin', transferInput, async ({ engine }, { to }, options) => {
    await engine.transferLeadership(to, options);
    return { leader: to };
  }),
};

/** What a watch is asked for with. @throws REQUEST_INVALID. */
export function watchRequest(input: unknown): WatchInput {
  return parseInput(watchInput, input);
}

/** A mistyped address must not bring a node into somebody else's cluster. @throws REQUEST_INVALID. */
function checkCluster(wanted: string | undefined, own: string): void {
  if (wanted === undefined || wanted === own) return;
  throw new ClusterError(
    'REQUEST_INVALID',
    `this node is of cluster ${JSON.stringify(own)}, not ${JSON.stringify(wanted)}: ` +
      'ask a node of the right cluster, or correct the name',
    { details: { field: 'clusterName', found: own, wanted } },
  );
}
