/** Doors over fake nodes, on free ports of the loopback. */
import { type Api, createApi } from '../../src/api/index.ts';
import { ClientServer, HttpServer, type HttpServerOptions } from '../../src/server/index.ts';
import type { Logger } from '../../src/world/index.ts';
import { FakeCluster, FakeEngine } from './fake-engine.ts';

export const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silent,
};

export interface HttpNode {
  readonly engine: FakeEngine;
  readonly api: Api;
  readonly server: HttpServer;
  readonly url: string;
}

export async function httpNode(
  options: Partial<HttpServerOptions> = {},
  engine: FakeEngine = new FakeEngine('n1'),
): Promise<HttpNode> {
  const api = createApi({ engine, kv: engine.cluster.kv, version: '0.0.0-test' });
  const server = new HttpServer({ api, host: '127.0.0.1', port: 0, logger: silent, ...options });
  await server.start();
  return { engine, api, server, url: `http://127.0.0.1:${server.address!.port}` };
}

export interface BinaryNode {
  readonly engine: FakeEngine;
  readonly api: Api;
  readonly server: ClientServer;
  readonly address: string;
}

export async function binaryNode(
  nodeId: string,
  cluster: FakeCluster = new FakeCluster(),
  port = 0,
): Promise<BinaryNode> {
  const engine = new FakeEngine(nodeId, cluster);
  const api = createApi({ engine, kv: cluster.kv, version: '0.0.0-test' });
  const server = new ClientServer({
    api,
    host: '127.0.0.1',
    port,
    logger: silent,
    drainMs: 200,
  });
  await server.start();
  return { engine, api, server, address: `127.0.0.1:${server.address!.port}` };
}
