/**
 * The door to the world: everything that a node can not compute by itself. A node gets one `World`
 * and reaches nothing else, so that the whole node runs unchanged on a real machine and inside a
 * deterministic simulator.
 *
 * Rules for implementations:
 * - Callbacks never run inside the call that registered them.
 * - A promise of the disk or the network settles once; after a (simulated) crash it never settles.
 * - Operations on one file that were asked for in order take effect in order.
 */

export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  readonly logger: Logger;
}

/** One callback that is to come. */
export interface Timer {
  /** After this the callback does not run. Harmless when it has run already. */
  cancel(): void;
}

/** Time, and the order of things. Monotonic, so that a change of the wall clock moves nothing. */
export interface Clock {
  /** Monotonic milliseconds, fractions included, from an arbitrary origin. */
  now(): number;
  /** Milliseconds since 1970 by the wall clock. For display and for proposers' timestamps only. */
  wallTime(): number;
  /** Runs `callback` once, not before `delayMs` have passed. */
  after(delayMs: number, callback: () => void): Timer;
  /** Runs `callback` once, after the I/O that this round of the loop delivers; `afterIo` waits one more poll. */
  soon(callback: () => void): void;
  /** Runs `callback` after the I/O that is pending at this moment was delivered. */
  afterIo(callback: () => void): void;
}

/** Where chance comes from. A simulator gives numbers that a seed brings back. */
export interface Random {
  /** A whole number in `[0, bound)`; `1 <= bound <= 2^32`. */
  below(bound: number): number;
  /** `length` bytes that nobody can guess. */
  bytes(length: number): Uint8Array;
}

/** Facts about a file. `size` in bytes. */
export interface FileInfo {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'other';
  readonly size: number;
}

/**
 * Paths are strings of the host's form. Errors are `DiskError`s.
 *
 * Durability: what was written to a file is durable after `sync` of the file; that a file exists
 * under a name, was renamed or removed, is durable after `syncDirectory` of its directory.
 */
export interface Disk {
  /** Creates the directory and its parents; fine when it exists. Not durable before its parent is synced. */
  makeDirectory(path: string): Promise<void>;
  /** Names in no particular order. */
  list(path: string): Promise<readonly FileInfo[]>;
  /** `undefined`: there is nothing at that path. */
  info(path: string): Promise<FileInfo | undefined>;
  /** Opens a file. @throws DiskError `missing`, `exists`, as the mode says. */
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** Puts the file in the place of `to`, whether there is one or not, in one step. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; fine when there is none. */
  remove(path: string): Promise<void>;
  /** Makes the names in the directory durable: files that came, went or were renamed. */
  syncDirectory(path: string): Promise<void>;
  /** Bytes that may still be written below `path`. */
  freeBytes(path: string): Promise<number>;
  /**
   * Takes the directory for this process until released or until the process dies, however it dies.
   * @throws DiskError `locked` when a live process (this one included) holds it; the message says which.
   */
  lock(directory: string): Promise<DirectoryLock>;
}

/** A directory that this process holds alone. */
export interface DirectoryLock {
  /** Lets others have it. Idempotent. */
  release(): Promise<void>;
}

/** `read`: must exist. `write`: read and write, must exist. `create`: read and write, must not exist. */
export type OpenMode = 'read' | 'write' | 'create';

/**
 * An open file. Positions and sizes are bytes. @throws DiskError `full`, `failed` from every
 * operation.
 */
export interface DiskFile {
  /**
   * Reads up to `length` bytes; fewer only at the end of the file. `into`: memory of at least that length
   * that nobody else needs. The answer may lie in it, or in memory of its own.
   */
  read(position: number, length: number, into?: Uint8Array): Promise<Uint8Array>;
  /** Writes all chunks, one after the other, beginning at `position`. The chunks must not change until it settles. */
  write(position: number, chunks: readonly Uint8Array[]): Promise<void>;
  /** Makes data (and size) durable: fdatasync. A failure is final: never sync that file again. */
  sync(): Promise<void>;
  /** `write`, then `sync`, as one operation of the door: one trip where the implementation can. */
  writeAndSync(position: number, chunks: readonly Uint8Array[]): Promise<void>;
  /** Cuts the file off, or fills it up with zeros, to that size. Durable after `sync`. */
  truncate(size: number): Promise<void>;
  /** Its size now. */
  size(): Promise<number>;
  /** Lets go of the file, without a sync. */
  close(): Promise<void>;
}

/** What went wrong, as far as anybody above needs to tell cases apart. */
export type DiskFault =
  | 'missing'
  | 'exists'
  | 'full'
  | 'failed'
  | 'read-only'
  | 'denied'
  | 'locked'
  | 'not-a-directory';

/** What a disk could not do: `fault` for programs, `path` and the message for people. */
export class DiskError extends Error {
  readonly fault: DiskFault;
  readonly path: string;

  constructor(fault: DiskFault, path: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'DiskError';
    this.fault = fault;
    this.path = path;
  }
}

/** Where to listen or to dial. Host is a name or an address, IPv6 without brackets. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Ordered byte streams between processes. TLS comes in here, as another implementation. */
export interface Network {
  /**
   * Port 0 picks a free one.
   * @throws NetworkError `address-in-use`, `address-invalid`.
   */
  listen(address: Address, onConnection: (connection: Connection) => void): Promise<Listener>;
  /**
   * Resolves the host anew on each call. When `signal` is aborted, nobody wants the connection any more:
   * a dial that can be called off rejects with the signal's reason and leaves nothing behind.
   * @throws NetworkError `refused`, `timeout`, `unresolved`, `unreachable`.
   */
  dial(address: Address, timeoutMs: number, signal?: AbortSignal): Promise<Connection>;
}

/** A port that takes connections. */
export interface Listener {
  readonly address: Address;
  /** Stops accepting. Connections that were accepted live on. */
  close(): Promise<void>;
}

/** What a connection tells its owner. Never from inside a call of the owner. */
export interface ConnectionEvents {
  /** The chunk is the receiver's to keep. */
  data(chunk: Uint8Array): void;
  /** `queuedBytes` fell to 0 after `write` had returned false. */
  drain(): void;
  /** Once, last of all. Without an error when the other side ended it in good order. */
  close(error?: Error): void;
}

/** An ordered stream of bytes, both ways. */
export interface Connection {
  /** `host:port` of the other side, for messages to people. */
  readonly remote: string;
  /** To be called once, in the same turn in which the connection was handed over; events follow. */
  attach(events: ConnectionEvents): void;
  /**
   * Hands the chunks to the kernel, in order, as one vectored write. They must not change afterwards.
   * False: more than the kernel took at once is queued; go on after `drain`.
   */
  write(chunks: readonly Uint8Array[]): boolean;
  /** Bytes taken by `write` that the kernel has not taken yet. */
  readonly queuedBytes: number;
  /** Stops `data` events until `resume`; the sender is slowed down by TCP. */
  pause(): void;
  /** `data` events go on. */
  resume(): void;
  /** Drops the connection at once; `close` follows. */
  destroy(): void;
}

/**
 * What went wrong, as far as anybody above needs to tell cases apart. `refused`: the machine is
 * there and nobody listens.
 */
export type NetworkFault =
  | 'address-in-use'
  | 'address-invalid'
  | 'refused'
  | 'timeout'
  | 'unresolved'
  | 'unreachable'
  | 'reset';

/** What a network could not do: `fault` for programs, the message for people. */
export class NetworkError extends Error {
  readonly fault: NetworkFault;

  constructor(fault: NetworkFault, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'NetworkError';
    this.fault = fault;
  }
}

/** Plain values; they are written out as JSON. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured: `event` is a stable name such as `leader.elected`; the rest goes into fields. */
export interface Logger {
  /** For those who look for a bug. */
  debug(event: string, fields?: LogFields): void;
  /** What an operator may want to have seen. */
  info(event: string, fields?: LogFields): void;
  /** What goes on, but not as it should. */
  warn(event: string, fields?: LogFields): void;
  /** What does not go on. */
  error(event: string, fields?: LogFields): void;
  /** A logger that adds these fields to each line. */
  child(fields: LogFields): Logger;
}
