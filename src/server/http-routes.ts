/**
 * The routes of the HTTP door: method, path, which query parameters it takes, and what it does. The meaning
 * is the api's; here it is only put into HTTP. docs/reference/http.md is the contract.
 */
import { type JsonObject, keyNotFound, type OperationName } from '../api/index.ts';
import { HTTP_JSON_BYTES_MAX, VALUE_BYTES_MAX } from '../limits.ts';
import {
  type HttpAnswer,
  type HttpCall,
  inputFromQuery,
  jsonBody,
  keyAndBody,
  keyInput,
  RANGE_PARAMETERS,
} from './http-call.ts';
import { keyOf } from './http-target.ts';

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

export interface Route {
  readonly method: Method;
  /** With `{name}` for its parts that vary. */
  readonly path: string;
  /** For metrics: the operation, or the route's own name. */
  readonly name: string;
  readonly query: readonly string[];
  readonly bodyBytesMax: number;
  readonly isStream: boolean;
  /** Among HTTP_INFLIGHT_MAX. Not: streams, which have a bound of their own, and health, which is no load. */
  readonly counts: boolean;
  readonly handle: (call: HttpCall) => Promise<HttpAnswer>;
}

type Handler = (call: HttpCall) => Promise<HttpAnswer>;

interface RouteExtras {
  readonly query?: readonly string[];
  readonly bodyBytesMax?: number;
  readonly isStream?: boolean;
  readonly counts?: boolean;
}

function route(
  method: Method,
  path: string,
  name: string,
  handle: Handler,
  extras: RouteExtras = {},
): Route {
  const { query = [], bodyBytesMax = HTTP_JSON_BYTES_MAX } = extras;
  const { isStream = false, counts = !isStream } = extras;
  return { method, path, name, query, bodyBytesMax, isStream, counts, handle };
}

/** Calls an operation of the api's table with the input that `inputOf` makes. */
function operation(
  name: OperationName,
  inputOf: (call: HttpCall) => JsonObject,
  status = 200,
): Handler {
  return async (call) => {
    const json = await call.api.call(name, inputOf(call), call.options);
    return { status, json, headers: revisionHeader(json['revision']) };
  };
}

function revisionHeader(revision: unknown): Record<string, string> {
  return typeof revision === 'number' ? { 'quorate-revision': String(revision) } : {};
}

const none = (): JsonObject => ({});
const sessionInPath = ({ params }: HttpCall): JsonObject => {
  const text = params['session'] ?? '';
  return { session: /^[0-9]+$/.test(text) ? Number(text) : text };
};
const nodeInPath = (call: HttpCall): JsonObject => ({ nodeId: call.params['nodeId'] });

const getKey: Handler = async (call) => {
  const key = keyOf(call.target);
  const wantsJson = String(call.headers.accept ?? '').includes('application/json');
  if (wantsJson) return operation('kv.get', keyInput)(call);
  const { item, revision } = await call.api.get(key, call.options);
  if (item === undefined) throw keyNotFound(key, revision);
  const headers = {
    'quorate-revision': String(revision),
    'quorate-mod-revision': String(item.modRevision),
    'quorate-create-revision': String(item.createRevision),
    'quorate-version': String(item.version),
  };
  return { bytes: item.value, headers, type: 'application/octet-stream' };
};

const putKey: Handler = async (call) => {
  const value = call.body ?? new Uint8Array(0);
  const result = await call.api.write(
    { kind: 'put', key: keyOf(call.target), value },
    call.options,
  );
  return { json: { revision: result.revision }, headers: revisionHeader(result.revision) };
};

const health: Handler = async ({ api }) => {
  const { healthy, phase, failure } = api.health();
  if (healthy) return { json: { status: 'ok', phase } };
  return { status: 503, json: { status: 'failed', phase, failure: failure ?? null } };
};

const readiness: Handler = async ({ api }) => {
  const { ready, leader, reasons } = await api.readiness();
  if (ready) return { json: { status: 'ready', leader: leader ?? null } };
  return {
    status: 503,
    headers: { 'retry-after': '1' },
    json: { status: 'not ready', leader: leader ?? null, reasons },
  };
};

/** `watch` and `metrics` need more than a call: they come from the server that holds the routes. */
export function httpRoutes(special: { watch: Handler; metrics: Handler }): readonly Route[] {
  const range = RANGE_PARAMETERS;
  return [
    route('GET', '/v1/kv/{key}', 'kv.get', getKey, { query: ['consistency'] }),
    route('PUT', '/v1/kv/{key}', 'kv.put', putKey, { bodyBytesMax: VALUE_BYTES_MAX }),
    route('DELETE', '/v1/kv/{key}', 'kv.delete', operation('kv.delete', keyInput)),
    route(
      'GET',
      '/v1/kv',
      'kv.range',
      operation('kv.range', (call) => inputFromQuery(call.query)),
      { query: [...range, 'limit', 'keysOnly', 'consistency'] },
    ),
    route(
      'DELETE',
      '/v1/kv',
      'kv.deleteRange',
      operation('kv.deleteRange', (call) => inputFromQuery(call.query)),
      { query: [...range, 'all'] },
    ),
    route('POST', '/v1/increment/{key}', 'kv.increment', operation('kv.increment', keyAndBody)),
    route(
      'POST',
      '/v1/compare-and-set/{key}',
      'kv.compareAndSet',
      operation('kv.compareAndSet', keyAndBody),
    ),
    route('POST', '/v1/transaction', 'kv.transaction', operation('kv.transaction', jsonBody)),
    route('GET', '/v1/watch', 'kv.watch', special.watch, {
      query: [...range, 'from', 'consistency'],
      isStream: true,
    }),
    route('POST', '/v1/compact', 'kv.compact', operation('kv.compact', jsonBody)),
    route('POST', '/v1/sessions', 'session.open', operation('session.open', none, 201)),
    route(
      'DELETE',
      '/v1/sessions/{session}',
      'session.close',
      operation('session.close', sessionInPath),
    ),
    route('GET', '/v1/status', 'status', operation('status', none)),
    route('GET', '/v1/members', 'members.list', operation('members.list', none)),
    route('POST', '/v1/members', 'members.add', operation('members.add', jsonBody, 201)),
    route(
      'POST',
      '/v1/members/{nodeId}/promote',
      'members.promote',
      operation('members.promote', nodeInPath),
    ),
    route(
      'DELETE',
      '/v1/members/{nodeId}',
      'members.remove',
      operation('members.remove', nodeInPath),
    ),
    route('POST', '/v1/leader/transfer', 'leader.transfer', operation('leader.transfer', jsonBody)),
    route('GET', '/healthz', 'healthz', health, { counts: false }),
    route('GET', '/readyz', 'readyz', readiness),
    route('GET', '/metrics', 'metrics', special.metrics),
  ];
}
