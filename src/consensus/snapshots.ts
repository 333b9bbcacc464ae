/**
 * Snapshots of the replicated state: when they are taken, and how they travel.
 *
 * One is captured between two applies, in one step, and written while the node goes on. Behind it the
 * log is freed, but for the entries that a slow follower may still want. A follower that wants older
 * ones gets the file: the core's MsgSnap carries only its descriptor, the bytes go over the bulk
 * connection, and the message is stepped into the other core once the file is durable there.
 */
import { ClusterError } from '../errors.ts';
import type { LogIndex, Message, RaftId } from '../raft/index.ts';
import type { Storage } from '../storage/index.ts';
import type { BulkSink, BulkSource } from '../transport/index.ts';
import type { Logger } from '../world/index.ts';
import type { RaftNodeConfig } from './config.ts';
import { FOUNDING_INDEX } from './founding.ts';
import { snapshotOffered } from './peer-input.ts';
import type { Replica } from './replica.ts';

/**
 * Ticks after which a snapshot that could not be written is tried again. Each attempt writes the whole
 * state, and a disk that is full stays so for a while; meanwhile the log grows, and nothing is lost.
 */
const RETRY_TICKS = 100;

export interface SnapshotHost {
  readonly config: RaftNodeConfig;
  readonly storage: Storage;
  readonly replica: Replica;
  readonly logger: Logger;
  sendBulk(message: Message, source: BulkSource): Promise<void>;
  /** The file that the message announces is durable here. */
  stepSnapshot(message: Message): void;
  reportSnapshot(to: RaftId, ok: boolean): void;
}

export class Snapshots {
  readonly #host: SnapshotHost;
  readonly #sending = new Set<RaftId>();
  #saving: Promise<void> | undefined;
  #bytesApplied = 0;
  #lastIndex: LogIndex;
  /** A peer's snapshot is taking the place of the state: there is nothing whole to capture. */
  #isReplacing = false;
  /** The members are others than in the newest snapshot. */
  #isOutdated = false;
  /** Ticks left until a snapshot may be tried again after one failed. */
  #restTicks = 0;

  constructor(host: SnapshotHost) {
    this.#host = host;
    this.#lastIndex = host.storage.newestSnapshot?.index ?? 0;
  }

  /** Index of the newest snapshot of this node's state. */
  get index(): LogIndex {
    return this.#lastIndex;
  }

  /** After entries of that many bytes were applied. Takes a snapshot when it is due. */
  applied(bytes: number): void {
    this.#bytesApplied += bytes;
    this.#saveWhenDue();
  }

  tick(): void {
    if (this.#restTicks === 0) return;
    this.#restTicks--;
    this.#saveWhenDue();
  }

  #saveWhenDue(): void {
    if (this.#saving !== undefined || this.#restTicks > 0) return;
    const { config, replica } = this.#host;
    const entries = replica.appliedIndex - this.#lastIndex;
    const due =
      this.#isOutdated ||
      entries >= config.snapshotIntervalEntries ||
      this.#bytesApplied >= config.snapshotIntervalBytes;
    if (due) void this.save().catch(() => undefined);
  }

  membersChanged(): void {
    this.#isOutdated = true;
  }

  /** A peer's snapshot begins to take the place of the state. */
  replacing(): void {
    this.#isReplacing = true;
  }

  /** It has taken the place of the state. */
  installed(index: LogIndex): void {
    this.#isReplacing = false;
    this.#isOutdated = false;
    this.#lastIndex = Math.max(this.#lastIndex, index);
    this.#bytesApplied = 0;
  }

  /** Takes a snapshot now, or waits for the one under way. Rejects when it could not be written. */
  save(): Promise<void> {
    this.#saving ??= this.#save().finally(() => {
      this.#saving = undefined;
    });
    return this.#saving;
  }

  /** Waits for work on the disk to end. */
  async settle(): Promise<void> {
    await this.#saving?.catch(() => undefined);
  }

  async #save(): Promise<void> {
    const { replica, logger } = this.#host;
    const index = replica.appliedIndex;
    if (this.#isReplacing || index <= Math.max(this.#lastIndex, FOUNDING_INDEX)) return;
    const [bytesApplied, wasOutdated] = [this.#bytesApplied, this.#isOutdated];
    this.#bytesApplied = 0;
    this.#isOutdated = false;
    try {
      await this.#write(index);
    } catch (error) {
      logger.warn('snapshot.failed', { index, error: String(error) });
      // An install has brought a newer one: then nothing is amiss.
      if (this.#lastIndex < index) {
        this.#bytesApplied += bytesApplied;
        this.#isOutdated ||= wasOutdated;
        this.#restTicks = RETRY_TICKS;
      }
      throw error;
    }
  }

  async #write(index: LogIndex): Promise<void> {
    const { config, storage, replica, logger } = this.#host;
    const at = { index, term: replica.appliedTerm, confState: replica.members.confState };
    const saved = await storage.saveSnapshot(at, replica.capture());
    this.#lastIndex = Math.max(this.#lastIndex, index);
    logger.info('snapshot.saved', { index, bytes: saved.bytes });
    const freeTo = index - config.snapshotCatchUpEntries;
    if (freeTo >= storage.firstIndex()) await storage.compact(freeTo);
  }

  /** The core wants a follower to get the snapshot that the message describes. */
  send(message: Message): void {
    if (this.#sending.has(message.to)) return;
    this.#sending.add(message.to);
    void this.#send(message);
  }

  async #send(message: Message): Promise<void> {
    const { logger } = this.#host;
    const { to } = message;
    const index = message.snapshot?.metadata.index;
    try {
      logger.info('snapshot.sending', { to, index });
      await this.#sendFile(message);
      logger.info('snapshot.sent', { to, index });
      this.#host.reportSnapshot(to, true);
    } catch (error) {
      logger.warn('snapshot.sendFailed', { to, index, error: String(error) });
      this.#host.reportSnapshot(to, false);
    } finally {
      this.#sending.delete(to);
    }
  }

  async #sendFile(message: Message): Promise<void> {
    const { storage } = this.#host;
    const stored = storage.newestSnapshot;
    if (stored === undefined || stored.index !== message.snapshot?.metadata.index) {
      throw new ClusterError('TRANSFER_FAILED', 'a newer snapshot has taken the place of this one');
    }
    const reader = await storage.openSnapshot(stored);
    try {
      const source = {
        bytes: stored.bytes,
        read: (position: number, length: number) => reader.read(position, length),
      };
      await this.#host.sendBulk(message, source);
    } finally {
      await reader.close();
    }
  }

  /** A peer offers the file behind a MsgSnap. */
  async receive(from: RaftId, message: Message): Promise<BulkSink> {
    const { storage, replica, logger } = this.#host;
    const snapshot = snapshotOffered(from, message);
    const { index } = snapshot.metadata;
    if (index <= replica.appliedIndex) {
      throw new ClusterError(
        'SNAPSHOT_OUT_OF_DATE',
        `snapshot at ${index} is not needed: ${replica.appliedIndex} is applied here`,
      );
    }
    const receiver = await storage.receiveSnapshot(snapshot);
    logger.info('snapshot.receiving', { from, index, from_byte: receiver.received });
    return {
      received: receiver.received,
      write: (chunk) => receiver.write(chunk),
      finish: async () => {
        await receiver.finish();
        logger.info('snapshot.received', { from, index });
        this.#host.stepSnapshot(message);
      },
      abort: (reason) => {
        logger.warn('snapshot.receiveFailed', { from, index, error: reason.message });
        void receiver.abort().catch(() => undefined);
      },
    };
  }
}
