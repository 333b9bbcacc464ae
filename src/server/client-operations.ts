/**
 * The binary door's operations, each over the api's call of the same meaning, but for the two that must be
 * fast (see client-calls.ts). Everything is checked as it is decoded; nothing here knows about sockets.
 */
import { Buffer } from 'node:buffer';
import {
  type Api,
  type CallOptions,
  loadOperations,
  type OperationName,
  parseJson,
} from '../api/index.ts';
import { ClusterError } from '../errors.ts';
import {
  decodeRangeRequest,
  decodeU64,
  encodePage,
  encodeU64,
  OP,
  type RequestFrame,
} from '../protocol/index.ts';

export const OPERATION_NAMES: Readonly<Record<number, string>> = {
  [OP.propose]: 'propose',
  [OP.get]: 'kv.get',
  [OP.range]: 'kv.range',
  [OP.openSession]: 'session.open',
  [OP.closeSession]: 'session.close',
  [OP.call]: 'call',
  [OP.ping]: 'ping',
};

const NOTHING: Buffer = Buffer.alloc(0);

/** Gives the body of the answer. */
export async function runOperation(
  api: Api,
  request: RequestFrame,
  options: CallOptions,
): Promise<Uint8Array> {
  const { body } = request;
  switch (request.op) {
    case OP.range: {
      const { range, limit, keysOnly } = decodeRangeRequest(body);
      const query = { ...range, keysOnly };
      const page = await api.range(limit === 0 ? query : { ...query, limit }, options);
      return encodePage(page);
    }
    case OP.openSession:
      return encodeU64(await api.openSession(options));
    case OP.closeSession:
      await api.closeSession(decodeU64(body), options);
      return NOTHING;
    case OP.call:
      return await callByName(api, body, options);
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
  const { OPERATIONS } = await loadOperations();
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
