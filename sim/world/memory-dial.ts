/**
 * One attempt to connect, in the simulated network. The kernels do it among themselves: the acceptor's
 * process may stand still (the connection waits in its backlog), the dialer's too (it finds the answer
 * when it goes on, and looks at it before it believes its own deadline).
 *
 * A knock that gets no answer, because a link is cut, a host is off or a segment was lost, is repeated
 * after 1, 3 and 7 s, until the deadline. Nobody accepts what the dialer could not be told of.
 */
import { type Address, type Connection, NetworkError, type Timer } from '../../src/world/index.ts';
import type { MemoryConnection } from './memory-connection.ts';
import type { MemoryNetwork } from './memory-network.ts';
import type { NetworkProcess } from './network-process.ts';

/** A kernel knocks again when nothing answers. */
const DIAL_RETRIES_MS: readonly number[] = [0, 1_000, 3_000, 7_000];

interface Outcome {
  readonly resolve: (connection: Connection) => void;
  readonly reject: (reason: unknown) => void;
}

export class MemoryDial {
  readonly #network: MemoryNetwork;
  readonly #process: NetworkProcess;
  readonly #address: Address;
  readonly #outcome: Outcome;
  #isOver = false;
  /** A knock was heard, and its answer is under way. */
  #isHeard = false;
  readonly #timers: Timer[] = [];
  #unlisten: () => void = () => {};

  constructor(network: MemoryNetwork, process: NetworkProcess, address: Address, outcome: Outcome) {
    this.#network = network;
    this.#process = process;
    this.#address = address;
    this.#outcome = outcome;
  }

  begin(timeoutMs: number, signal: AbortSignal | undefined): void {
    const { loop } = this.#process;
    if (signal !== undefined) this.#obey(signal);
    if (this.#isOver) return;
    const where = `${this.#address.host}:${this.#address.port}`;
    // Like the real one: what came in while the process was stopped is looked at first.
    const expired = (): void => {
      this.#timers.push(
        loop.io(0, () => this.#fail(new NetworkError('timeout', `${where} did not answer`))),
      );
    };
    this.#timers.push(loop.after(timeoutMs, expired));
    for (const retryMs of DIAL_RETRIES_MS) {
      if (retryMs >= timeoutMs) continue;
      const link = this.#network.link(this.#process.host, this.#address.host);
      this.#timers.push(this.#network.clock.io(retryMs + link.latency(), this.#knock));
    }
  }

  #obey(signal: AbortSignal): void {
    const calledOff = (): void => this.#fail(signal.reason);
    if (signal.aborted) {
      calledOff();
      return;
    }
    signal.addEventListener('abort', calledOff);
    this.#unlisten = () => signal.removeEventListener('abort', calledOff);
  }

  readonly #knock = (): void => {
    if (this.#isOver || this.#isHeard || this.#process.isDead || this.#isSilent) return;
    const { host, port } = this.#address;
    const there = this.#network.link(this.#process.host, host);
    const back = this.#network.link(host, this.#process.host);
    // Both are drawn, whatever comes of the first: luck is the same with and without it.
    const [isLost, isAnswerLost] = [there.loses(), back.loses()];
    if (isLost || isAnswerLost) return;
    this.#isHeard = true;
    const connection = this.#network.connect(this.#process, host, port);
    // Not to be cancelled: if nobody wants the answer, the acceptor must hear of that.
    this.#network.clock.io(back.latency(), () => this.#answered(connection));
  };

  /** A crossing that is cut, or a host that is off: no answer at all. */
  get #isSilent(): boolean {
    const [from, to] = [this.#process.host, this.#address.host];
    const network = this.#network;
    const isCut = network.link(from, to).isCut || network.link(to, from).isCut;
    return isCut || network.isDead(from) || network.isDead(to);
  }

  #answered(connection: MemoryConnection | undefined): void {
    if (this.#isOver || this.#process.isDead || this.#isSilent) {
      connection?.drop();
      this.#isHeard = false;
      return;
    }
    this.#process.loop.io(0, () => {
      if (this.#isOver || this.#process.isDead) {
        connection?.drop();
        return;
      }
      const { host, port } = this.#address;
      const kind = connection === undefined ? 'refused' : 'dialed';
      this.#network.trace?.(kind, this.#process.host, host, 0, 0);
      if (connection === undefined) {
        this.#fail(new NetworkError('refused', `${host}:${port}: nothing listens there`));
        return;
      }
      this.#finish();
      connection.isHeld = true;
      this.#outcome.resolve(connection);
    });
  }

  #fail(reason: unknown): void {
    if (this.#isOver || this.#process.isDead) return;
    this.#finish();
    this.#outcome.reject(reason);
  }

  #finish(): void {
    this.#isOver = true;
    this.#unlisten();
    for (const timer of this.#timers) timer.cancel();
  }
}
