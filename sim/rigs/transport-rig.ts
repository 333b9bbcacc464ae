/**
 * Transports and what they told, for tests: over the network in memory with a manual clock, or over
 * the real one. Each node writes down every event, in words, in `log`.
 */
import type { Message, RaftId } from '../../src/raft/index.ts';
import {
  type BulkSink,
  type LocalPeer,
  type PeerStatus,
  TcpTransport,
  type TransportEvents,
  type TransportOptions,
} from '../../src/transport/index.ts';
import type { Clock, LogFields, Logger, Network, Random } from '../../src/world/index.ts';

export class RigNode {
  readonly id: RaftId;
  readonly transport: TcpTransport;
  readonly messages: { readonly from: RaftId; readonly message: Message }[] = [];
  readonly frames: { readonly from: RaftId; readonly kind: number; readonly text: string }[] = [];
  /** `connected 2`, `unreachable 2 refused`. */
  readonly log: string[] = [];
  /** Warnings and errors: the event, and the field `refusal` if there is one. */
  readonly warnings: string[] = [];
  /** What their field `error` said. */
  readonly complaints: string[] = [];
  readonly errors: Error[] = [];
  admit: TransportEvents['admit'] = async () => {};
  bulk: (from: RaftId, message: Message) => Promise<BulkSink> = async () => {
    throw new Error('no bulk expected here');
  };
  /** Called at each event: for waiting without sleeping. */
  onEvent: () => void = () => {};

  constructor(id: RaftId, transport: (logger: Logger) => TcpTransport) {
    this.id = id;
    this.transport = transport(this.#logger());
  }

  local(changes: Partial<LocalPeer> = {}): LocalPeer {
    return {
      clusterName: 'test',
      clusterId: 'cluster-1',
      nodeId: `n${this.id}`,
      raftId: this.id,
      incarnation: `life-${this.id}`,
      address: `n${this.id}:7000`,
      ...changes,
    };
  }

  get status(): readonly PeerStatus[] {
    return this.transport.status();
  }

  events(): TransportEvents {
    const told = (line?: string): void => {
      if (line !== undefined) this.log.push(line);
      this.onEvent();
    };
    return {
      messages: (from, messages) => {
        for (const message of messages) this.messages.push({ from, message });
        told();
      },
      frame: (from, kind, payload) => {
        this.frames.push({ from, kind, text: Buffer.from(payload).toString() });
        told();
      },
      connected: (peer) => told(`connected ${peer}`),
      unreachable: (peer, reason, error) => {
        this.errors.push(error);
        told(`unreachable ${peer} ${reason}`);
      },
      bulk: (from, message) => this.bulk(from, message),
      admit: (peer) => this.admit(peer),
    };
  }

  start(changes: Partial<LocalPeer> = {}): Promise<void> {
    return this.transport.start(this.local(changes), this.events());
  }

  /** Resolves at the first event after which `isReached`. */
  until(isReached: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isReached()) return;
        this.onEvent = () => {};
        resolve();
      };
      this.onEvent = look;
      look();
    });
  }

  #logger(): Logger {
    const note = (event: string, fields: LogFields = {}): void => {
      const refusal = fields['refusal'] === undefined ? '' : ` ${fields['refusal']}`;
      this.warnings.push(`${event}${refusal}`);
      this.complaints.push(String(fields['error'] ?? ''));
    };
    const logger: Logger = {
      debug: () => {},
      info: () => {},
      warn: note,
      error: note,
      child: () => logger,
    };
    return logger;
  }
}

export interface RigParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly port?: number;
  readonly host?: string;
  readonly options?: TransportOptions;
}

export function rigNode(id: RaftId, parts: RigParts): RigNode {
  const { network, clock, random, options } = parts;
  const listen = { host: parts.host ?? `n${id}`, port: parts.port ?? 7_000 };
  return new RigNode(
    id,
    (logger) =>
      new TcpTransport({
        network,
        clock,
        random,
        logger,
        listen,
        ...(options === undefined ? {} : { options }),
      }),
  );
}

/** Repeatable: a counter behind a mixing function (splitmix32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
  return {
    below: (bound) => next() % bound,
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
  };
}
