/**
 * The binary door's operations, each over the api's call of the same meaning. Everything is checked as it
 * is decoded; nothing here knows about sockets.
 */
import { Buffer } from 'node:buffer';
import {
  type Api,
  type CallOptions,
  OPERATIONS,
  type OperationName,
  parseJson,
} from '../api/index.ts';
import {
  decodeRangeRequest,
  decodeU64,
  encodeGetAnswer,
  encodePage,
  encodeProposeHead,
  encodeU64,
  OP,
  type RequestFrame,
} from '../client/index.ts';
import { ClusterError } from '../errors.ts';

export interface ReadyAnswer {
  readonly head: Uint8Array;
  /** Apart, so that result bytes of the machine go out as they are. */
  readonly body?: Uint8Array;
}

/** Or how to make it, which is put off until there is room for it: until then it costs nothing. */
export type OperationAnswer = ReadyAnswer | (() => ReadyAnswer);

export const OPERATION_NAMES: Readonly<Record<number, string>> = {
  [OP.propose]: 'propose',
  [OP.get]: 'kv.get',
  [OP.range]: 'kv.range',
  [OP.openSession]: 'session.open',
  [OP.closeSession]: 'session.close',
  [OP.call]: 'call',
  [OP.ping]: 'ping',
};

const NOTHING: ReadyAnswer = { head: Buffer.alloc(0) };

export async function runOperation(
  api: Api,
  request: RequestFrame,
  options: CallOptions,
): Promise<OperationAnswer> {
  const { body } = request;
  switch (request.op) {
    case OP.propose: {
      const result = await api.propose(body, options);
      return { head: encodeProposeHead(result.index, result.code), body: result.bytes };
    }
    case OP.get: {
      const get = await api.getter(new Uint8Array(body), options);
      return () => {
        const { item, revision } = get();
        return { head: encodeGetAnswer(item, revision) };
      };
    }
    case OP.range: {
      const { range, limit, keysOnly } = decodeRangeRequest(body);
      const query = { ...range, keysOnly };
      const page = await api.range(limit === 0 ? query : { ...query, limit }, options);
      return { head: encodePage(page) };
    }
    case OP.openSession:
      return { head: encodeU64(await api.openSession(options)) };
    case OP.closeSession:
      await api.closeSession(decodeU64(body), options);
      return NOTHING;
    case OP.call:
      return { head: await callByName(api, body, options) };
    case OP.ping:
      return NOTHING;
    default:
      throw new ClusterError('REQUEST_INVALID', `operation ${request.op} is not known here`, {
        details: { field: 'operation', operation: request.op },
      });
  }
}

async function callByName(api: Api, body: Buffer, options: CallOptions): Promise<Buffer> {
  const parsed = parseJson(body, 'the body of a call');
  const { operation, input = {} } = (parsed ?? {}) as { operation?: unknown; input?: unknown };
  if (typeof operation !== 'string' || !Object.hasOwn(OPERATIONS, operation)) {
    throw new ClusterError(
      'REQUEST_INVALID',
      `field \`operation\`: ${JSON.stringify(operation)} is none of ` +
        Object.keys(OPERATIONS).join(', '),
      { details: { field: 'operation' } },
    );
  }
  const answer = await api.call(operation as OperationName, input, options);
  return Buffer.from(JSON.stringify(answer), 'utf8');
}
