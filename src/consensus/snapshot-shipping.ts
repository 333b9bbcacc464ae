/**
 * How a follower that needs what the log does not hold any more gets the state: the leader's side.
 *
 * The core says once that a follower needs a snapshot, and then waits for a report. What happens between
 * is here, and these are its rules:
 *
 * - **A transfer goes on where it broke off.** So the file that was begun stays the one that is sent, and
 *   stays on the disk, although newer ones were taken meanwhile: a newer file would begin at byte 0.
 * - **The log waits for it.** What comes after the snapshot that is being sent is kept until the follower
 *   follows the log again; or it would need another snapshot when it has this one, for ever. The bound
 *   is what another snapshot would cost: more log than that is not kept for anybody.
 * - **A newcomer gets a snapshot that names it.** One that does not name it is of no use to it, so a
 *   fresh one is taken; only then, for writing the whole state is dear.
 * - **Failures rest.** Whoever got further than last time tries again at once, all others ever more rarely:
 *   the core would ask again with the next heartbeat.
 * - **What only a leader may do ends with leadership**, at the next tick.
 *
 * A snapshot that arrives whole and is refused for its checksum may be damaged here. It is read through
 * then, and if it is, a fresh one takes its place: or it would be sent again and again (NASTY 37).
 */
import { crc32 } from 'node:zlib';
import { ClusterError } from '../errors.ts';
import { textOf } from '../given.ts';
import { BULK_CHUNK_BYTES, SNAPSHOT_LOG_HELD_BYTES_MIN } from '../limits.ts';
import {
  type ConfState,
  type LogIndex,
  type Message,
  type PeerProgress,
  ProgressState,
  type RaftId,
  type Snapshot,
  type Term,
} from '../raft/index.ts';
import {
  encodeSnapshotDescriptor,
  type SnapshotReader,
  type Storage,
  type StoredSnapshot,
} from '../storage/index.ts';
import type { BulkSource } from '../transport/index.ts';
import type { Logger } from '../world/index.ts';

/** Longest rest after an attempt that got no further, in ticks: a follower that comes back waits no longer. */
const REST_TICKS_MAX = 16;
/** A snapshot that was on its way to the disk when it was asked for may be too old; the next one is not. */
const FRESH_TRIES = 2;

export interface ShippingHost {
  readonly storage: Storage;
  readonly logger: Logger;
  /** A follower that is behind by no more needs nothing kept for it: `snapshotCatchUpEntries`. */
  readonly catchUpEntries: number;
  isLeader(): boolean;
  progressOf(follower: RaftId): PeerProgress | undefined;
  /** Bytes of entries that were applied since the node began: how much the log has grown. */
  bytesApplied(): number;
  /** Takes a snapshot of the present state, or waits for the one under way. */
  saveFresh(): Promise<void>;
  /** Less of the log is held than before. */
  released(): void;
  sendBulk(message: Message, source: BulkSource): Promise<void>;
  reportSnapshot(to: RaftId, ok: boolean): void;
}

/** The file that one follower is sent. It stays on the disk while it is open here. */
interface Shipment {
  readonly stored: StoredSnapshot;
  readonly reader: SnapshotReader;
  /** It has arrived, told in this term. */
  deliveredTerm: Term | undefined;
}

/** A follower that needs a snapshot, or has got one and does not follow the log yet. */
class Receiver {
  readonly to: RaftId;
  /** What the core asked for last, and nobody has begun with. */
  asked: Message | undefined;
  shipment: Shipment | undefined;
  isRunning = false;
  isEnded = false;
  /** The log after this stays; `undefined`: it was let go of. */
  heldFrom: LogIndex | undefined;
  /** `bytesApplied` when the holding began. */
  heldSince: number;
  /** Where the attempts before began, at best. */
  resumedAt = -1;
  /** Attempts in a row that got no further. */
  failures = 0;
  /** Ticks until the core is told that it failed, and asks again. */
  restTicks = 0;

  constructor(to: RaftId, heldSince: number) {
    this.to = to;
    this.heldSince = heldSince;
  }
}

/** What one attempt has read of the file, which tells how far it came. */
interface Track {
  from: number | undefined;
  end: number;
  isUnreadable: boolean;
}

export class SnapshotShipping {
  readonly #host: ShippingHost;
  readonly #receivers: Map<RaftId, Receiver> = new Map();
  /** Transfers that run, and readers that are being closed. */
  readonly #open: Set<Promise<void>> = new Set();
  /** A file that fails its own checksum, and must not be sent. */
  #damaged: StoredSnapshot | undefined;

  constructor(host: ShippingHost) {
    this.#host = host;
  }

  /** The log after this index is wanted by a follower that gets a snapshot. */
  get heldFrom(): LogIndex | undefined {
    let first: LogIndex | undefined;
    for (const { heldFrom } of this.#receivers.values()) {
      if (heldFrom !== undefined) first = Math.min(first ?? heldFrom, heldFrom);
    }
    return first;
  }

  /** The core wants a follower to get a snapshot, and will do nothing for it until it is told how it ended. */
  send(message: Message): void {
    const { to } = message;
    const receiver = this.#receivers.get(to) ?? new Receiver(to, this.#host.bytesApplied());
    this.#receivers.set(to, receiver);
    receiver.asked = message;
    receiver.restTicks = 0;
    if (!receiver.isRunning) this.#track(this.#run(receiver));
  }

  tick(): void {
    for (const receiver of [...this.#receivers.values()]) {
      const progress = this.#host.isLeader() ? this.#host.progressOf(receiver.to) : undefined;
      if (progress === undefined) this.#end(receiver);
      else this.#look(receiver, progress);
    }
  }

  /** Nothing more is sent; resolves when no file is read any more, whatever became of the transfers. */
  async stop(): Promise<void> {
    for (const receiver of [...this.#receivers.values()]) this.#end(receiver);
    while (this.#open.size > 0) await Promise.all(this.#open);
  }

  #look(receiver: Receiver, progress: PeerProgress): void {
    if (receiver.restTicks > 0 && --receiver.restTicks === 0) {
      this.#host.reportSnapshot(receiver.to, false);
    }
    this.#limitHold(receiver);
    if (!receiver.isRunning && this.#isFollowing(receiver, progress)) this.#end(receiver);
  }

  /** It follows the log, as near as those that never needed a snapshot. */
  #isFollowing({ shipment }: Receiver, { state, match }: PeerProgress): boolean {
    if (state !== ProgressState.Replicate || match < (shipment?.stored.index ?? 0)) return false;
    return this.#host.storage.lastIndex() - match <= this.#host.catchUpEntries;
  }

  #limitHold(receiver: Receiver): void {
    const { logger } = this.#host;
    const held = this.#host.bytesApplied() - receiver.heldSince;
    const max = Math.max(SNAPSHOT_LOG_HELD_BYTES_MIN, receiver.shipment?.stored.bytes ?? 0);
    if (receiver.heldFrom === undefined || held <= max) return;
    logger.warn('snapshot.logHeldTooLong', { to: receiver.to, heldBytes: held, max });
    receiver.heldFrom = undefined;
    if (!receiver.isRunning) this.#drop(receiver);
    this.#host.released();
  }

  #end(receiver: Receiver): void {
    receiver.isEnded = true;
    receiver.asked = undefined;
    this.#receivers.delete(receiver.to);
    if (!receiver.isRunning) this.#drop(receiver);
    this.#host.released();
  }

  #drop(receiver: Receiver): void {
    const { shipment } = receiver;
    receiver.shipment = undefined;
    const { logger } = this.#host;
    if (shipment === undefined) return;
    const closed = shipment.reader.close().catch((error: unknown) => {
      logger.warn('snapshot.closeFailed', { error: textOf(error) });
    });
    this.#track(closed);
  }

  /** Work that may have a file open; it never rejects. */
  #track(work: Promise<void>): void {
    this.#open.add(work);
    void work.then(() => this.#open.delete(work));
  }

  // ---- one follower's transfers ------------------------------------------------------------------

  async #run(receiver: Receiver): Promise<void> {
    receiver.isRunning = true;
    while (receiver.asked !== undefined) {
      const message = receiver.asked;
      receiver.asked = undefined;
      await this.#attempt(receiver, message);
    }
    receiver.isRunning = false;
    if (receiver.isEnded) this.#drop(receiver);
  }

  async #attempt(receiver: Receiver, message: Message): Promise<void> {
    const { logger } = this.#host;
    const { to } = receiver;
    const track: Track = { from: undefined, end: 0, isUnreadable: false };
    try {
      const shipment = await this.#shipmentFor(receiver, message);
      const { index, bytes } = shipment.stored;
      logger.info('snapshot.sending', { to, index, bytes });
      const snapshot = snapshotOf(shipment.stored);
      await this.#host.sendBulk({ ...message, snapshot }, sourceOf(receiver, shipment, track));
      shipment.deliveredTerm = message.term;
      receiver.failures = 0;
      logger.info('snapshot.sent', { to, index, fromByte: track.from ?? bytes, bytes });
      if (!receiver.isEnded) this.#host.reportSnapshot(to, true);
    } catch (error) {
      if (!receiver.isEnded) await this.#failed(receiver, track, error);
    }
  }

  async #failed(receiver: Receiver, track: Track, error: unknown): Promise<void> {
    const { to, shipment } = receiver;
    const fields = { to, index: shipment?.stored.index, fromByte: track.from, toByte: track.end };
    this.#host.logger.warn('snapshot.sendFailed', { ...fields, error: textOf(error) });
    const wentOn = track.from !== undefined && track.from > receiver.resumedAt;
    receiver.resumedAt = Math.max(receiver.resumedAt, track.from ?? -1);
    receiver.failures = wentOn ? 0 : receiver.failures + 1;
    const isSuspect = track.isUnreadable || track.end === shipment?.stored.bytes;
    if (shipment !== undefined && isSuspect && (await this.#isDamaged(shipment))) {
      this.#damaged = shipment.stored;
      receiver.resumedAt = -1;
      this.#drop(receiver);
    }
    // Asked again meanwhile (in another term): that goes first.
    if (receiver.isEnded || receiver.asked !== undefined) return;
    receiver.restTicks = wentOn ? 0 : Math.min(2 ** receiver.failures, REST_TICKS_MAX);
    if (wentOn) this.#host.reportSnapshot(to, false);
  }

  // ---- which snapshot ----------------------------------------------------------------------------

  async #shipmentFor(receiver: Receiver, message: Message): Promise<Shipment> {
    const { storage } = this.#host;
    const asked = message.snapshot?.metadata.index ?? storage.firstIndex();
    const begun = receiver.shipment;
    if (begun !== undefined && this.#isOfUse(begun, receiver, message)) return begun;
    this.#drop(receiver);
    receiver.heldFrom = asked;
    receiver.heldSince = this.#host.bytesApplied();
    const stored = await this.#newestFor(receiver.to);
    const reader = await storage.openSnapshot(stored);
    const shipment: Shipment = { stored, reader, deliveredTerm: undefined };
    receiver.shipment = shipment;
    receiver.resumedAt = -1;
    receiver.heldFrom = Math.min(asked, stored.index);
    return shipment;
  }

  /** The follower may go on with what was begun: the log still follows on it. */
  #isOfUse(shipment: Shipment, { to }: Receiver, { term }: Message): boolean {
    const { index } = shipment.stored;
    if (shipment.deliveredTerm === term) return false;
    if (index + 1 < this.#host.storage.firstIndex()) return false;
    return index > (this.#host.progressOf(to)?.match ?? 0);
  }

  async #newestFor(to: RaftId): Promise<StoredSnapshot> {
    const { storage, logger } = this.#host;
    for (let tries = 0; ; tries++) {
      const newest = storage.newestSnapshot;
      const isGood = newest !== undefined && !isSameFile(newest, this.#damaged);
      if (isGood && names(newest.confState, to)) return newest;
      if (tries === FRESH_TRIES) {
        const why = isGood ? 'does not name it' : 'is damaged';
        throw failed(`the newest snapshot ${why}, and there is no newer one yet`);
      }
      logger.info('snapshot.freshNeeded', { to, newest: newest?.index });
      await this.#host.saveFresh();
    }
  }

  /** Reads the whole file. What can not be read is damaged too. */
  async #isDamaged({ stored, reader }: Shipment): Promise<boolean> {
    const { logger } = this.#host;
    let what: string;
    try {
      let checksum = 0;
      let at = 0;
      while (at < stored.bytes) {
        const bytes = await reader.read(at, Math.min(BULK_CHUNK_BYTES, stored.bytes - at));
        if (bytes.length === 0) break;
        checksum = crc32(bytes, checksum);
        at += bytes.length;
      }
      if (at === stored.bytes && checksum === stored.checksum) return false;
      what = `${at} of ${stored.bytes} bytes, which fail their checksum`;
    } catch (error) {
      what = textOf(error);
    }
    logger.error('snapshot.damaged', { index: stored.index, what, then: 'a fresh one is taken' });
    return true;
  }
}

function sourceOf(receiver: Receiver, { stored, reader }: Shipment, track: Track): BulkSource {
  return {
    bytes: stored.bytes,
    read: async (position, length) => {
      if (receiver.isEnded) throw failed('this node does not lead the follower any more');
      track.from ??= position;
      track.isUnreadable = true;
      const bytes = await reader.read(position, length);
      track.isUnreadable = bytes.length === 0;
      track.end = position + bytes.length;
      return bytes;
    },
  };
}

function snapshotOf(stored: StoredSnapshot): Snapshot {
  const { index, term, confState } = stored;
  return { metadata: { index, term, confState }, data: encodeSnapshotDescriptor(stored) };
}

/** A next learner is an outgoing voter, so it needs no look of its own. */
function names({ voters, votersOutgoing, learners }: ConfState, id: RaftId): boolean {
  return voters.includes(id) || votersOutgoing.includes(id) || learners.includes(id);
}

function isSameFile(one: StoredSnapshot, other: StoredSnapshot | undefined): boolean {
  return one.index === other?.index && one.checksum === other.checksum;
}

function failed(why: string): ClusterError {
  return new ClusterError('TRANSFER_FAILED', why);
}
