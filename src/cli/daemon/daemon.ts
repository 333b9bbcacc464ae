/**
 * One node with its doors, put together from a configuration: disk, engine, key-value machine, API, HTTP
 * and the binary protocol. Started bottom up, stopped top down.
 *
 * The order of stopping is the rule that it protects: first "not ready" (so that balancers look away),
 * then the doors (what is in flight is answered), then the engine, which hands leadership over before it
 * leaves. After a fault nothing is handed over or answered any more: the node just leaves.
 */
import { mkdirSync } from 'node:fs';

import { type Api, createApi } from '../../api/index.ts';
import { defaultConfig, type RaftNodeConfig } from '../../consensus/index.ts';
import { EmbeddedEngine } from '../../engine/index.ts';
import { ClientServer, HttpServer } from '../../server/index.ts';
import { KvMachine } from '../../state/index.ts';
import { formatAddress } from '../../transport/index.ts';
import { type Clock, type Logger, pinoLogger, realWorld } from '../../world/index.ts';
import { type DaemonConfig, splitAddress } from '../config/schema.ts';
import { VERSION } from '../version.ts';
import { askToJoin } from './join-request.ts';
import { clockFor } from './testing-clock.ts';
import { diskFor } from './testing-disk.ts';

/** How long the HTTP door stays closed for a log that is being applied. */
const HTTP_WAITS_MS_MAX = 1_000;
const CAUGHT_UP_POLL_MS = 10;

export interface DaemonAddresses {
  readonly peers: string;
  readonly clients: string;
  readonly http: string;
}

export class Daemon {
  readonly logger: Logger;
  readonly engine: EmbeddedEngine;
  readonly api: Api;
  readonly #config: DaemonConfig;
  readonly #http: HttpServer;
  readonly #clients: ClientServer;
  /** Ends the waiting of a node that is to join. */
  readonly #leaving: AbortController = new AbortController();

  /** `tell`: for people. @throws ClusterError CONFIG_INVALID. */
  constructor(config: DaemonConfig, tell: (line: string) => void) {
    this.#config = config;
    const clock = clockFor(config.testing.clock, config.node.dataDir);
    this.logger = loggerOf(config, clock);
    const world = realWorld({
      clock,
      disk: diskFor(config.testing.disk, config.node.dataDir),
      logger: this.logger,
    });
    const machine = new KvMachine();
    const { snapshotsKept, snapshotBytesPerSecond: rate } = config.raft;
    this.engine = new EmbeddedEngine({
      config: this.#raftConfig(tell),
      dataDir: config.node.dataDir,
      listen: splitAddress(config.listen.peers),
      world,
      machine,
      storage: { snapshotsKept },
      transport: rate === 0 ? {} : { bulkBytesPerSecond: rate },
    });
    this.api = createApi({ engine: this.engine, kv: machine, version: versionText(config) });
    const logger = this.logger;
    const api = this.api;
    this.#http = new HttpServer({ api, logger, ...splitAddress(config.listen.http) });
    this.#clients = new ClientServer({ api, logger, ...splitAddress(config.listen.clients) });
  }

  /**
   * Listens on all doors when it resolves. What was started is stopped again when a part fails. A node
   * that is to join waits in here until it is let in, or until `stop`.
   */
  async start(): Promise<DaemonAddresses> {
    mkdirSync(this.#config.node.dataDir, { recursive: true });
    await this.engine.start();
    try {
      await this.#clients.start();
      // The libraries of HTTP take longer to load than all the rest to start. Clients need not wait for
      // them, nor does the log that is still to be applied before reads are served.
      await this.#caughtUp();
      await this.#http.start();
    } catch (error) {
      await this.stop();
      throw error;
    }
    return {
      peers: this.#config.listen.peers,
      clients: boundAt(this.#clients.address, this.#config.listen.clients),
      http: boundAt(this.#http.address, this.#config.listen.http),
    };
  }

  /**
   * Resolves when what the log was known to hold is applied, and a leader is known; at the latest after
   * HTTP_WAITS_MS_MAX, for whoever watches over this node wants to hear from it.
   */
  async #caughtUp(): Promise<void> {
    const { commitIndex, appliedIndex } = this.engine.status();
    // New, or without much to do.
    if (appliedIndex >= commitIndex) return;
    const until = performance.now() + HTTP_WAITS_MS_MAX;
    while (performance.now() < until && !this.#leaving.signal.aborted) {
      const status = this.engine.status();
      if (status.leader !== undefined && status.appliedIndex >= commitIndex) return;
      await new Promise((resolve) => setTimeout(resolve, CAUGHT_UP_POLL_MS));
    }
  }

  async stop(): Promise<void> {
    this.#leaving.abort();
    this.api.draining = true;
    await Promise.all([this.#http.stop(), this.#clients.stop()]);
    await this.engine.stop();
  }

  #raftConfig(tell: (line: string) => void): RaftNodeConfig {
    const { cluster, node } = this.#config;
    // Those two are of the storage and of the transport.
    const { snapshotsKept: _kept, snapshotBytesPerSecond: _rate, ...raft } = this.#config.raft;
    const config: RaftNodeConfig = {
      ...defaultConfig(),
      ...raft,
      nodeId: node.id,
      cluster: {
        name: cluster.name,
        members: cluster.members.map(({ id, address }) => ({ nodeId: id, address })),
      },
    };
    if (cluster.join.length === 0) return config;
    const { logger } = this;
    const host = { config: { cluster, node }, logger, signal: this.#leaving.signal, tell };
    return { ...config, join: () => askToJoin(host) };
  }

  /** After a fault: nobody is told anything any more but that the node is gone. */
  async leave(): Promise<void> {
    this.api.draining = true;
    await Promise.allSettled([this.#http.stop(), this.#clients.stop()]);
  }
}

function boundAt(address: { host: string; port: number } | undefined, wanted: string): string {
  return address === undefined ? wanted : formatAddress(address);
}

function loggerOf({ log, node, cluster }: DaemonConfig, clock: Clock): Logger {
  return pinoLogger({
    wallTime: () => clock.wallTime(),
    level: log.level,
    to: log.file === undefined ? 'stderr' : { file: log.file },
    fields: { cluster: cluster.name, node: node.id },
  });
}

/** Whoever asks a node for its status sees that it runs on a disk that is no disk. */
function versionText({ testing }: DaemonConfig): string {
  if (testing.disk === 'real') return VERSION;
  return `${VERSION} (TEST DISK ${testing.disk.toUpperCase()}: NOT FOR REAL DATA)`;
}
