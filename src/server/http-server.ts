/**
 * The HTTP door: fastify around the table of routes. Fastify reads requests and bodies, bounds them and
 * closes down in order; every answer and every error is put into words here and in the api.
 *
 * What may go wrong, and is held off here: bodies that never end (request timeout, checked each second),
 * floods of headers and connections (Node's own bounds), floods of requests (HTTP_INFLIGHT_MAX), a
 * client that goes away (its waiting is aborted, nothing else), a path that is no text (`http-target.ts`).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Api, formatRequestId, loadOperations, recordCall } from '../api/index.ts';
import { ClusterError } from '../errors.ts';
import {
  DOOR_DRAIN_MS_MAX,
  DOOR_STALL_MS_MAX,
  HTTP_BODY_TIMEOUT_MS,
  HTTP_CONNECTIONS_MAX,
  HTTP_HEADER_BYTES_MAX,
  HTTP_INFLIGHT_MAX,
} from '../limits.ts';
import { asBuffer } from '../views.ts';
import type { Logger } from '../world/index.ts';
import { asClusterError } from './as-cluster-error.ts';
import { type HttpAnswer, type HttpCall, optionsOf } from './http-call.ts';
import { HttpInflight } from './http-inflight.ts';
import { methodsOf, nearestRoutes } from './http-route-hints.ts';
import { httpRoutes, type Route } from './http-routes.ts';
import { httpStatusOf } from './http-status.ts';
import { type HttpTarget, queryOf, splitTarget } from './http-target.ts';
import { HttpWatches } from './http-watch.ts';
import { type DoorAddress, listenError } from './listen.ts';
import { Metrics } from './metrics.ts';

export interface HttpServerOptions {
  readonly api: Api;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly logger: Logger;
  readonly bodyTimeoutMs?: number;
  readonly heartbeatMs?: number;
  readonly drainMs?: number;
  readonly inflightMax?: number;
  readonly stallMs?: number;
}

/** No route has a schema of fastify's: without this it loads a hundred files for them at each start. */
const NO_SCHEMAS = {
  compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas },
} as const;

function noSchemas(): never {
  throw new ClusterError(
    'INVARIANT',
    'a route has a schema: `api/` is where requests are looked at',
  );
}

export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #watches: HttpWatches;
  readonly #metrics: Metrics;
  readonly #routes: readonly Route[];
  readonly #targets: WeakMap<IncomingMessage, HttpTarget> = new WeakMap();
  readonly #inflight: HttpInflight = new HttpInflight();
  #fastify: FastifyInstance | undefined;
  #address: DoorAddress | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#watches = new HttpWatches(options.logger, options.heartbeatMs);
    this.#metrics = new Metrics(options.api);
    this.#routes = httpRoutes({
      watch: (call) => this.#watches.handle(call),
      metrics: async () => {
        const { text, type } = await this.#metrics.render();
        return { bytes: Buffer.from(text), type };
      },
    });
  }

  /** Known after `start`. */
  get address(): DoorAddress | undefined {
    return this.#address;
  }

  /** @throws ADDRESS_IN_USE, ADDRESS_INVALID. */
  async start(): Promise<void> {
    const { host, port, logger } = this.#options;
    // Or the first request would wait for it.
    await loadOperations();
    const app = await this.#build();
    try {
      await app.listen({ host, port });
    } catch (error) {
      await app.close();
      throw listenError(error, { host, port }, 'HTTP');
    }
    this.#fastify = app;
    // Out of descriptors, say: that connection is lost, not the node.
    app.server.on('error', (error) => {
      logger.warn('http.accept.failed', { message: error.message });
    });
    const bound = app.server.address();
    this.#address = {
      host,
      port: typeof bound === 'object' && bound !== null ? bound.port : port,
    };
    logger.info('http.listening', { ...this.#address });
  }

  /** Idempotent, bounded in time: "not ready" at once, then no new connections, then the rest drains. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { api, drainMs = DOOR_DRAIN_MS_MAX } = this.#options;
    api.draining = true;
    const app = this.#fastify;
    if (app === undefined) return;
    this.#watches.endAll(new ClusterError('NODE_STOPPED', `node ${api.nodeId} is stopping`));
    const cut = setTimeout(() => app.server.closeAllConnections(), drainMs);
    await app.close();
    clearTimeout(cut);
  }

  async #build(): Promise<FastifyInstance> {
    const { bodyTimeoutMs = HTTP_BODY_TIMEOUT_MS, stallMs = DOOR_STALL_MS_MAX } = this.#options;
    const { fastify } = await import('fastify');
    const app: FastifyInstance = fastify({
      logger: false,
      schemaController: NO_SCHEMAS,
      requestTimeout: bodyTimeoutMs,
      connectionTimeout: stallMs,
      return503OnClosing: false,
      // Queries are parsed where they are understood, as bytes.
      // A part of a path may be too long for what it names, which is then said in those words.
      routerOptions: { querystringParser: () => ({}), maxParamLength: HTTP_HEADER_BYTES_MAX },
      http: {
        maxHeaderSize: HTTP_HEADER_BYTES_MAX,
        headersTimeout: bodyTimeoutMs,
        connectionsCheckingInterval: Math.min(1_000, bodyTimeoutMs),
        // Node refuses with an empty body; `#admit` says what is missing.
        requireHostHeader: false,
      },
      rewriteUrl: (request) => this.#retarget(request as IncomingMessage),
      frameworkErrors: (error, _request, reply) => {
        this.#sendError(reply as unknown as FastifyReply, this.#fromFramework(error));
      },
      clientErrorHandler: (error, socket) => this.#refuseSocket(error, socket as Socket),
    });
    app.server.maxConnections = HTTP_CONNECTIONS_MAX;
    // Each request on a connection listens for its end; pipelined, there may be many.
    app.server.on('connection', (socket) => socket.setMaxListeners(0));
    app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      this.#refuseExpectation(request, response);
    });
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) =>
      done(null, body),
    );
    app.addHook('onRequest', async (request, reply) => this.#admit(request, reply));
    app.setErrorHandler((error, _request, reply) => {
      const known = this.#fromFramework(error as FastifyError);
      recordCall(this.#options.api.stats.of('http', 'refused'), known.code, 0);
      this.#sendError(reply, known);
    });
    app.setNotFoundHandler((request, reply) => this.#notFound(request, reply));
    for (const route of this.#routes) this.#mount(app, route);
    return app;
  }

  #mount(app: FastifyInstance, route: Route): void {
    app.route({
      method: route.method,
      url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      config: { counts: route.counts },
      bodyLimit: route.bodyBytesMax,
      exposeHeadRoute: !route.isStream,
      handler: (request, reply) => this.#answer(route, request, reply),
    });
  }

  #retarget(request: IncomingMessage): string {
    const target = splitTarget(request.url ?? '/');
    this.#targets.set(request, target);
    return target.routed;
  }

  /** Before the body is read. */
  #admit(request: FastifyRequest, reply: FastifyReply): void {
    const { api, inflightMax = HTTP_INFLIGHT_MAX } = this.#options;
    if (request.raw.httpVersion === '1.1' && request.raw.headers.host === undefined) {
      throw new ClusterError('REQUEST_INVALID', 'the header host is missing; HTTP/1.1 demands it', {
        details: { field: 'host' },
      });
    }
    // The type of a body is not looked at: `curl -d` calls JSON a form.
    delete request.raw.headers['content-type'];
    reply.header('quorate-node', api.nodeId);
    const { counts = true } = request.routeOptions.config as Partial<Route>;
    this.#inflight.enter(request.raw, reply.raw, counts);
    if (counts && this.#inflight.count > inflightMax) {
      throw new ClusterError(
        'OVERLOADED',
        `node ${api.nodeId} is answering ${inflightMax} HTTP requests already`,
      );
    }
  }

  async #answer(route: Route, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { api, logger } = this.#options;
    const startedAt = performance.now();
    let code = 'OK';
    try {
      const call = this.#callOf(route, request, reply);
      if (call.options.request !== undefined) {
        reply.header('quorate-request-id', formatRequestId(call.options.request));
      }
      if (route.isStream) {
        // From its first line on it writes by itself; until then errors have their usual form.
        const answer = await route.handle(call);
        if (answer.json === undefined) reply.hijack();
      } else {
        this.#send(reply, await route.handle(call));
      }
    } catch (fault) {
      const error = asClusterError(fault, logger, route.name);
      code = error.code;
      this.#sendError(reply, error);
    }
    recordCall(api.stats.of('http', route.name), code, performance.now() - startedAt);
  }

  #callOf(route: Route, request: FastifyRequest, reply: FastifyReply): HttpCall {
    const target = this.#targets.get(request.raw) ?? splitTarget(request.raw.url ?? '/');
    const signal = this.#inflight.signalOf(request.raw);
    const query = queryOf(target, route.query);
    const { headers } = request.raw;
    const options = optionsOf(headers, query, signal);
    if (options.request !== undefined && !WRITES.has(route.name)) {
      throw new ClusterError(
        'REQUEST_INVALID',
        `${route.method} ${route.path} takes no quorate-request-id: only writes of keys do`,
        { details: { field: 'quorate-request-id' } },
      );
    }
    return {
      api: this.#options.api,
      target,
      query,
      headers,
      params: request.params as Readonly<Record<string, string>>,
      body: request.body as Buffer | undefined,
      options,
      signal,
      response: reply.raw,
    };
  }

  #send(reply: FastifyReply, answer: HttpAnswer): void {
    reply.code(answer.status ?? 200).headers(answer.headers ?? {});
    if (answer.bytes === undefined) {
      reply.type('application/json; charset=utf-8').send(JSON.stringify(answer.json ?? {}));
      return;
    }
    const { bytes } = answer;
    const view = asBuffer(bytes);
    reply.type(answer.type ?? 'application/octet-stream').send(view);
  }

  #sendError(reply: FastifyReply, error: ClusterError): void {
    if (reply.sent || reply.raw.headersSent) return;
    const status = httpStatusOf(error.code);
    if (status === 503 && error.retryable === 'yes') reply.header('retry-after', '1');
    reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify({ error }));
  }

  #notFound(request: FastifyRequest, reply: FastifyReply): void {
    const target = this.#targets.get(request.raw) ?? splitTarget(request.raw.url ?? '/');
    const methods = methodsOf(this.#routes, target.routed);
    const shown = target.path.slice(0, 200);
    if (methods.length > 0) {
      reply.header('allow', methods.join(', '));
      const message = `${request.method} ${shown}: this route takes ${methods.join(', ')}`;
      this.#sendError(
        reply,
        new ClusterError('METHOD_NOT_ALLOWED', message, { details: { allow: methods } }),
      );
      return;
    }
    const near = nearestRoutes(this.#routes, target.path);
    const hint = near.length === 0 ? 'routes begin with /v1' : `nearest: ${near.join(', ')}`;
    const message = `no route ${request.method} ${shown}; ${hint}`;
    this.#sendError(reply, new ClusterError('ROUTE_UNKNOWN', message, { details: { near } }));
  }

  /** What fastify refuses by itself, in our words. */
  #fromFramework(error: FastifyError | ClusterError): ClusterError {
    if (error instanceof ClusterError) return error;
    if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
      return new ClusterError(
        'BODY_TOO_LARGE',
        `the body exceeds the limit: a value has at most ${limitOf('kv.put', this.#routes)} bytes, ` +
          `a JSON body ${limitOf('kv.transaction', this.#routes)}`,
        { cause: error },
      );
    }
    const { statusCode = 500 } = error;
    if (statusCode >= 500) return asClusterError(error, this.#options.logger, 'http');
    return new ClusterError('REQUEST_INVALID', error.message, { cause: error });
  }

  /** Its body may or may not come: nothing behind it on this connection could be understood. */
  #refuseExpectation(request: IncomingMessage, response: ServerResponse): void {
    const { api } = this.#options;
    const expected = JSON.stringify(String(request.headers.expect).slice(0, 40));
    const error = new ClusterError(
      'REQUEST_INVALID',
      `header expect is ${expected}: only 100-continue is understood`,
      { details: { field: 'expect' } },
    );
    recordCall(api.stats.of('http', 'refused'), error.code, 0);
    response.writeHead(httpStatusOf(error.code), {
      'content-type': 'application/json; charset=utf-8',
      'quorate-node': api.nodeId,
      connection: 'close',
    });
    response.end(JSON.stringify({ error }));
  }

  /** Requests that Node could not read; there is no reply object for them, only the socket. */
  #refuseSocket(error: Error & { code?: string }, socket: Socket): void {
    if (error.code === 'ECONNRESET' || socket.destroyed) return;
    const { bodyTimeoutMs = HTTP_BODY_TIMEOUT_MS, api } = this.#options;
    let refusal: ClusterError;
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
      const message = `the request did not arrive within ${bodyTimeoutMs} ms`;
      refusal = new ClusterError('BODY_TIMEOUT', message);
    } else if (error.code === 'HPE_HEADER_OVERFLOW') {
      const message = `request line and headers exceed ${HTTP_HEADER_BYTES_MAX} bytes`;
      refusal = new ClusterError('HEADERS_TOO_LARGE', message);
    } else {
      const message = `this is no HTTP request: ${error.message}`;
      refusal = new ClusterError('REQUEST_INVALID', message);
    }
    recordCall(api.stats.of('http', 'refused'), refusal.code, 0);
    if (socket.writable) socket.write(rawAnswer(refusal, api.nodeId));
    socket.destroySoon();
  }
}

const WRITES: ReadonlySet<string> = new Set([
  'kv.put',
  'kv.delete',
  'kv.deleteRange',
  'kv.increment',
  'kv.compareAndSet',
  'kv.transaction',
  'kv.compact',
]);

function limitOf(name: string, routes: readonly Route[]): number {
  return routes.find((route) => route.name === name)?.bodyBytesMax ?? 0;
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

function rawAnswer(error: ClusterError, nodeId: string): string {
  const status = httpStatusOf(error.code);
  const body = JSON.stringify({ error });
  return [
    `HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `quorate-node: ${nodeId}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}
