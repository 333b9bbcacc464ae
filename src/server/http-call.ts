/**
 * One request as a route's handler sees it: target, query, body and options, checked; and the answer that
 * it gives back. No fastify in it, so that handlers are plain functions.
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import {
  type Api,
  bytesToJson,
  type CallOptions,
  type JsonObject,
  parseJson,
  parseRequestId,
} from '../api/index.ts';
import { ClusterError } from '../errors.ts';
import { REQUEST_TIMEOUT_MS_MAX } from '../limits.ts';
import {
  booleanParameter,
  type HttpTarget,
  keyOf,
  numberParameter,
  type Query,
  textParameter,
} from './http-target.ts';

export interface HttpAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** One of the two; neither: the handler has answered by itself. */
  readonly json?: JsonObject;
  readonly bytes?: Uint8Array;
  readonly type?: string;
}

export interface HttpCall {
  readonly api: Api;
  readonly target: HttpTarget;
  readonly query: Query;
  readonly headers: IncomingHttpHeaders;
  readonly params: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
  readonly options: CallOptions;
  readonly signal: AbortSignal;
  /** For streams, which write by themselves. */
  readonly response: ServerResponse;
}

const BYTE_PARAMETERS: readonly string[] = ['key', 'prefix', 'start', 'end'];
export const RANGE_PARAMETERS: readonly string[] = BYTE_PARAMETERS;

/** The JSON form of an input that was given as query parameters. */
export function inputFromQuery(query: Query): JsonObject {
  const input: JsonObject = {};
  for (const [name, value] of query) {
    if (name === 'consistency') continue;
    if (BYTE_PARAMETERS.includes(name)) Object.assign(input, bytesToJson(name, value));
    else if (name === 'keysOnly' || name === 'all') input[name] = booleanParameter(query, name);
    else input[name] = numberParameter(query, name);
  }
  return input;
}

/** The JSON form of the key in the path. */
export function keyInput(call: HttpCall): JsonObject {
  return bytesToJson('key', keyOf(call.target));
}

/** The body's fields and the key in the path. @throws REQUEST_INVALID, also when the body names another. */
export function keyAndBody(call: HttpCall): JsonObject {
  const body = jsonBody(call);
  const twice = ['key', 'keyBase64'].find((field) => Object.hasOwn(body, field));
  if (twice !== undefined) {
    throw new ClusterError(
      'REQUEST_INVALID',
      `field \`${twice}\`: the path names the key already`,
      {
        details: { field: twice },
      },
    );
  }
  return { ...body, ...keyInput(call) };
}

/** The body as a JSON object; no body is an empty object. @throws REQUEST_INVALID. */
export function jsonBody(call: HttpCall): JsonObject {
  if (call.body === undefined || call.body.length === 0) return {};
  const parsed = parseJson(call.body, 'the body');
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new ClusterError('REQUEST_INVALID', 'the body must be a JSON object, such as {"by":1}', {
      details: { field: 'body' },
    });
  }
  return parsed as JsonObject;
}

/** Deadline, request id and consistency from headers and query. @throws REQUEST_INVALID. */
export function optionsOf(
  headers: IncomingHttpHeaders,
  query: Query,
  signal: AbortSignal,
): CallOptions {
  const options: { -readonly [K in keyof CallOptions]: CallOptions[K] } = { signal };
  const timeout = headers['quorate-timeout-ms'];
  if (timeout !== undefined) options.timeoutMs = timeoutOf(String(timeout));
  const request = headers['quorate-request-id'];
  if (request !== undefined) options.request = parseRequestId(String(request));
  const consistency = textParameter(query, 'consistency');
  if (consistency === 'local' || consistency === 'linearizable') {
    options.consistency = consistency;
  } else if (consistency !== undefined) {
    throw new ClusterError(
      'REQUEST_INVALID',
      `query parameter \`consistency\` is ${JSON.stringify(consistency.slice(0, 40))}, neither ` +
        'linearizable nor local',
      { details: { field: 'consistency' } },
    );
  }
  return options;
}

function timeoutOf(text: string): number {
  const timeoutMs = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  if (timeoutMs >= 1 && timeoutMs <= REQUEST_TIMEOUT_MS_MAX) return timeoutMs;
  throw new ClusterError(
    'REQUEST_INVALID',
    `header quorate-timeout-ms is ${JSON.stringify(text.slice(0, 40))}: must be a whole number ` +
      `from 1 to ${REQUEST_TIMEOUT_MS_MAX}`,
    { details: { field: 'quorate-timeout-ms' } },
  );
}
