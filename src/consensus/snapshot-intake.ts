/**
 * How a snapshot arrives: the follower's side. A leader offers the file behind a MsgSnap; its bytes go to
 * the storage piece by piece, and the message is stepped into the core once the file is durable here.
 *
 * One that holds nothing new is refused, and the core hears of it all the same: its answer tells the leader
 * from where on to send the log (NASTY 37).
 *
 * One arrives at a time. A leader of a later term takes the place of an earlier one, whose transfer may
 * go on for long before it notices; an earlier one is refused. What came of a transfer that ended early
 * is the storage's to keep, so that the next one goes on from there.
 */
import { ClusterError } from '../errors.ts';
import type { LogIndex, Message, RaftId, Term } from '../raft/index.ts';
import type { SnapshotReceiver, Storage } from '../storage/index.ts';
import type { BulkSink } from '../transport/index.ts';
import type { Logger } from '../world/index.ts';
import { snapshotOffered } from './peer-input.ts';

export interface IntakeHost {
  readonly storage: Storage;
  readonly logger: Logger;
  appliedIndex(): LogIndex;
  /** That this node knows of. */
  term(): Term;
  /** The file that the message announces is durable here, or what it holds is applied here. */
  stepSnapshot(message: Message): void;
}

interface Incoming {
  readonly from: RaftId;
  readonly term: Term;
  readonly index: LogIndex;
  receiver: SnapshotReceiver | undefined;
  /** Why nothing more of it is taken. */
  ended: Error | undefined;
}

export class SnapshotIntake {
  readonly #host: IntakeHost;
  #current: Incoming | undefined;
  /** Transfers that are being closed. */
  readonly #closing: Set<Promise<void>> = new Set();
  #isStopped = false;

  constructor(host: IntakeHost) {
    this.#host = host;
  }

  /** A peer offers the file behind a MsgSnap. Rejects with why it is not wanted. */
  async receive(from: RaftId, message: Message): Promise<BulkSink> {
    const { storage, logger } = this.#host;
    const snapshot = snapshotOffered(from, message);
    const { index } = snapshot.metadata;
    this.#checkWanted(from, message, index);
    const incoming: Incoming = {
      from,
      term: message.term,
      index,
      receiver: undefined,
      ended: undefined,
    };
    if (this.#current !== undefined) {
      this.#abandon(this.#current, failed(index, `${from} sends one in term ${message.term}`));
    }
    this.#current = incoming;
    let receiver: SnapshotReceiver;
    try {
      receiver = await storage.receiveSnapshot(snapshot);
    } catch (error) {
      this.#abandon(incoming, error as Error);
      throw error;
    }
    incoming.receiver = receiver;
    if (incoming.ended !== undefined) {
      this.#close(receiver);
      throw incoming.ended;
    }
    logger.info('snapshot.receiving', { from, index, fromByte: receiver.received });
    return this.#sinkOf(incoming, receiver, message);
  }

  /** No more of anything; resolves when all files are closed. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#current !== undefined) {
      this.#abandon(this.#current, failed(this.#current.index, 'the node is stopping'));
    }
    await Promise.all(this.#closing);
  }

  #checkWanted(from: RaftId, message: Message, index: LogIndex): void {
    const { term } = message;
    if (this.#isStopped) throw failed(index, 'the node is stopping');
    const known = Math.max(this.#host.term(), this.#current?.term ?? 0);
    if (term < known)
      throw failed(index, `${from} leads in term ${term}, and this is term ${known}`);
    const applied = this.#host.appliedIndex();
    if (index > applied) return;
    // The core answers how far this node is. A leader that lost all answers while its log was cut short
    // knows of no way but a snapshot: refused in silence, it would offer the same one for ever.
    this.#host.stepSnapshot(message);
    throw new ClusterError(
      'SNAPSHOT_OUT_OF_DATE',
      `snapshot at ${index} is not needed: ${applied} is applied here`,
    );
  }

  #sinkOf(incoming: Incoming, receiver: SnapshotReceiver, message: Message): BulkSink {
    const { logger } = this.#host;
    const { from, index } = incoming;
    return {
      received: receiver.received,
      write: async (chunk) => {
        if (incoming.ended !== undefined) throw incoming.ended;
        await receiver.write(chunk);
      },
      finish: async () => {
        if (incoming.ended !== undefined) throw incoming.ended;
        try {
          await receiver.finish();
        } finally {
          if (this.#current === incoming) this.#current = undefined;
        }
        logger.info('snapshot.received', { from, index });
        this.#host.stepSnapshot(message);
      },
      abort: (reason) => {
        logger.warn('snapshot.receiveFailed', { from, index, error: reason.message });
        this.#abandon(incoming, reason);
      },
    };
  }

  #abandon(incoming: Incoming, reason: Error): void {
    if (this.#current === incoming) this.#current = undefined;
    if (incoming.ended !== undefined) return;
    incoming.ended = reason;
    if (incoming.receiver !== undefined) this.#close(incoming.receiver);
  }

  #close(receiver: SnapshotReceiver): void {
    const done: Promise<void> = receiver
      .abort()
      .catch(() => undefined)
      .then(() => void this.#closing.delete(done));
    this.#closing.add(done);
  }
}

function failed(index: LogIndex, why: string): ClusterError {
  return new ClusterError('TRANSFER_FAILED', `the snapshot at ${index} is not taken: ${why}`, {
    details: { index },
  });
}
