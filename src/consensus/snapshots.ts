/**
 * Snapshots of the replicated state: when they are taken, and what of the log they make free.
 *
 * One is captured between two applies, in one step, and written while the node goes on. Behind it the
 * log is freed, but for the entries that a slow follower may still want. A follower that wants older
 * ones gets the file: see snapshot-shipping.ts for how it leaves, snapshot-intake.ts for how it arrives.
 *
 * Writing a large state takes seconds, of the processor and of the disk, and on all nodes at once. Unless
 * somebody waits for it, it is done at half the speed: after each step the node has as long for others.
 *
 * One that gets no further (a section of the machine that hangs, a disk that does) is waited for, as nobody can
 * tell it from one that is slow; but it is said, since no log is freed meanwhile.
 *
 * A change of members takes no snapshot: it is in the log. Only a newcomer needs a snapshot that names
 * it, and if the newest does not, it is taken when the newcomer asks.
 */
import { ClusterError } from '../errors.ts';
import {
  SNAPSHOT_CHEAP_BYTES,
  SNAPSHOT_LOG_HELD_BYTES_MIN,
  SNAPSHOT_SILENCE_MS_MAX,
} from '../limits.ts';
import type { LogIndex, Message, PeerProgress, RaftId, Term } from '../raft/index.ts';
import type { Storage } from '../storage/index.ts';
import type { BulkSink, BulkSource } from '../transport/index.ts';
import type { Clock, Logger } from '../world/index.ts';
import { AppliedBytes } from './applied-bytes.ts';
import { storageFailure } from './complaints.ts';
import type { RaftNodeConfig } from './config.ts';
import { FOUNDING_INDEX } from './founding.ts';
import { interruptibleSections } from './interruptible.ts';
import type { Replica } from './replica.ts';
import { SnapshotIntake } from './snapshot-intake.ts';
import { SnapshotShipping } from './snapshot-shipping.ts';
import type { SnapshotFailure } from './types.ts';
import { HalfSpeed, Interruption, Pauses } from './waiting.ts';

/**
 * Ticks after which a snapshot that could not be written is tried again. Each attempt writes the whole
 * state, and a disk that is full stays so for a while; meanwhile the log grows, and nothing is lost.
 */
const RETRY_TICKS = 100;
/**
 * A large state is written again once the log has grown by this part of it. Writing a key takes about a
 * third of the time of applying it again at a restart, and is done on every node while it has other work.
 */
const GROWTH_PART = 1 / 2;
/** Or when this many times the usual number of entries came: each costs memory, and time at the start. */
const ENTRIES_FACTOR_MAX = 50;

export interface SnapshotHost {
  readonly clock: Clock;
  readonly config: RaftNodeConfig;
  readonly storage: Storage;
  readonly replica: Replica;
  readonly logger: Logger;
  isLeader(): boolean;
  term(): Term;
  /** What the leader knows of a follower. */
  progressOf(follower: RaftId): PeerProgress | undefined;
  sendBulk(message: Message, source: BulkSource): Promise<void>;
  /** The file that the message announces is durable here, or what it holds is applied here. */
  stepSnapshot(message: Message): void;
  reportSnapshot(to: RaftId, ok: boolean): void;
}

export class Snapshots {
  readonly #host: SnapshotHost;
  readonly #shipping: SnapshotShipping;
  readonly #intake: SnapshotIntake;
  #saving: Promise<void> | undefined;
  /** The one that is being written; for how long it has not got on. */
  #writing: { readonly index: LogIndex; silentTicks: number } | undefined;
  /** Those between the steps of the one that is being written; over when somebody waits for it. */
  #pauses: Pauses;
  /** Since the newest snapshot. */
  #bytesApplied = 0;
  readonly #appliedEver = new AppliedBytes();
  #lastIndex: LogIndex;
  /** A peer's snapshot is taking the place of the state: there is nothing whole to capture. */
  #isReplacing = false;
  /** The node takes no part any more. */
  readonly #end = new Interruption();
  /** Ticks left until a snapshot may be tried again after one failed. */
  #restTicks = 0;
  #failure: SnapshotFailure | undefined;
  /** One freeing of the log at a time. */
  #freeing: Promise<void> | undefined;

  constructor(host: SnapshotHost) {
    this.#host = host;
    this.#pauses = new Pauses(host.clock);
    this.#lastIndex = host.storage.newestSnapshot?.index ?? 0;
    const { replica, config } = host;
    this.#shipping = new SnapshotShipping({
      ...host,
      catchUpEntries: config.snapshotCatchUpEntries,
      bytesApplied: () => this.#appliedEver.total,
      saveFresh: () => this.#saveFresh(),
      released: () => void this.#freeLog().catch(() => undefined),
    });
    this.#intake = new SnapshotIntake({ ...host, appliedIndex: () => replica.appliedIndex });
  }

  /** Index of the newest snapshot of this node's state. */
  get index(): LogIndex {
    return this.#lastIndex;
  }

  /** Of the newest one that was tried. */
  get failure(): SnapshotFailure | undefined {
    return this.#failure;
  }

  /** After entries of that many bytes were applied. Takes a snapshot when it is due. */
  applied(bytes: number): void {
    this.#bytesApplied += bytes;
    this.#appliedEver.add(this.#host.replica.appliedIndex, bytes);
    this.#saveWhenDue();
  }

  tick(): void {
    this.#shipping.tick();
    this.#watchWriting();
    if (this.#restTicks === 0) return;
    this.#restTicks--;
    this.#saveWhenDue();
  }

  #watchWriting(): void {
    const writing = this.#writing;
    if (writing === undefined) return;
    const { config, logger } = this.#host;
    writing.silentTicks++;
    if (writing.silentTicks !== Math.ceil(SNAPSHOT_SILENCE_MS_MAX / config.tickIntervalMs)) return;
    const { index } = writing;
    const message =
      `the snapshot has not got on for ${SNAPSHOT_SILENCE_MS_MAX} ms, and is waited for: a section of ` +
      'the state machine gives no chunk and no end, or the disk takes none';
    logger.warn('snapshot.stalled', { index, silentMs: SNAPSHOT_SILENCE_MS_MAX });
    this.#failure = { message, index };
  }

  #saveWhenDue(): void {
    if (this.#saving !== undefined || this.#restTicks > 0) return;
    const { config, replica, storage } = this.#host;
    const since = {
      entries: replica.appliedIndex - this.#lastIndex,
      bytes: this.#bytesApplied,
      stateBytes: storage.newestSnapshot?.bytes ?? 0,
    };
    if (isSnapshotDue(config, since)) void this.#saveOnce().catch(() => undefined);
  }

  /** A peer's snapshot begins to take the place of the state. */
  replacing(): void {
    this.#isReplacing = true;
  }

  /** It has taken the place of the state. */
  installed(index: LogIndex): void {
    this.#isReplacing = false;
    this.#lastIndex = Math.max(this.#lastIndex, index);
    this.#bytesApplied = 0;
    this.#failure = undefined;
  }

  /**
   * Sees to it that there is a snapshot of what is applied by now. Rejects when it could not be written, or the
   * node takes no part any more.
   */
  save(): Promise<void> {
    return this.#end.unless(this.#saveAtLeast(this.#host.replica.appliedIndex));
  }

  async #saveAtLeast(index: LogIndex): Promise<void> {
    await this.#hurry();
    // The one under way was captured before.
    if (this.#lastIndex < index) await this.#hurry();
  }

  /** Takes one now, or waits for the one under way: at full speed. */
  #hurry(): Promise<void> {
    const saving = this.#saveOnce();
    this.#pauses.end();
    return saving;
  }

  #saveOnce(): Promise<void> {
    if (this.#saving !== undefined) return this.#saving;
    this.#pauses = new Pauses(this.#host.clock);
    this.#saving = this.#save().finally(() => {
      this.#saving = undefined;
    });
    return this.#saving;
  }

  async #saveFresh(): Promise<void> {
    if (this.#saving === undefined && this.#restTicks > 0) {
      throw new ClusterError('TRANSFER_FAILED', 'no snapshot could be written a moment ago');
    }
    await this.#end.unless(this.#hurry());
  }

  /** The node takes no part any more: what is being written is given up, and who waits for it is told. */
  interrupt(why: ClusterError): void {
    this.#end.interrupt(why);
    this.#pauses.end();
  }

  /** After `interrupt`: waits until nothing of what was under way touches the disk any more. */
  async settle(): Promise<void> {
    await Promise.all([this.#shipping.stop(), this.#intake.stop()]);
    await this.#saving?.catch(() => undefined);
    await this.#freeing?.catch(() => undefined);
  }

  async #save(): Promise<void> {
    const { replica, logger } = this.#host;
    const index = replica.appliedIndex;
    if (this.#isReplacing || index <= Math.max(this.#lastIndex, FOUNDING_INDEX)) return;
    const bytesApplied = this.#bytesApplied;
    this.#bytesApplied = 0;
    try {
      await this.#write(index);
    } catch (error) {
      const failure = storageFailure(error);
      const { message } = failure;
      if (!this.#end.isOver) logger.warn('snapshot.failed', { index, error: message });
      // An install has brought a newer one: then nothing is amiss.
      if (this.#lastIndex < index) {
        this.#bytesApplied += bytesApplied;
        this.#restTicks = RETRY_TICKS;
        this.#failure = { message, index };
      }
      throw failure;
    } finally {
      this.#writing = undefined;
    }
  }

  async #write(index: LogIndex): Promise<void> {
    const { clock, storage, replica, logger } = this.#host;
    const at = { index, term: replica.appliedTerm, confState: replica.members.confState };
    const pace = new HalfSpeed(clock, this.#pauses);
    const writing = { index, silentTicks: 0 };
    this.#writing = writing;
    const step = async (): Promise<void> => {
      writing.silentTicks = 0;
      await pace.afterStep();
    };
    const sections = interruptibleSections(replica.capture(), step, this.#end);
    const saved = await storage.saveSnapshot(at, sections);
    this.#lastIndex = Math.max(this.#lastIndex, index);
    this.#failure = undefined;
    logger.info('snapshot.saved', { index, bytes: saved.bytes });
    await this.#freeLog();
  }

  /** Frees the log behind the newest snapshot, but for what followers may still want. */
  #freeLog(): Promise<void> {
    const before = this.#freeing ?? Promise.resolve();
    const done = before.catch(() => undefined).then(() => this.#compact());
    this.#freeing = done;
    return done;
  }

  async #compact(): Promise<void> {
    const { config, storage } = this.#host;
    if (this.#end.isOver || this.#isReplacing || storage.failure !== undefined) return;
    // More log than the snapshot has bytes helps nobody: whoever needs it all is sent the snapshot.
    const keptBytes = Math.max(storage.newestSnapshot?.bytes ?? 0, SNAPSHOT_LOG_HELD_BYTES_MIN);
    const behind = Math.max(
      this.#lastIndex - config.snapshotCatchUpEntries,
      this.#appliedEver.indexBehind(this.#lastIndex, keptBytes),
    );
    const freeTo = Math.min(behind, this.#shipping.heldFrom ?? behind);
    if (freeTo < storage.firstIndex()) return;
    this.#appliedEver.forgetBefore(freeTo);
    await storage.compact(freeTo);
  }

  /** The core wants a follower to get the snapshot that the message describes. */
  send(message: Message): void {
    this.#shipping.send(message);
  }

  /** A peer offers the file behind a MsgSnap. */
  receive(from: RaftId, message: Message): Promise<BulkSink> {
    return this.#intake.receive(from, message);
  }
}

/** What happened since the newest snapshot, and how large that one is. */
export interface SinceSnapshot {
  readonly entries: number;
  readonly bytes: number;
  readonly stateBytes: number;
}

/**
 * Whether it is time. A snapshot spares replaying the log and frees it; writing a gigabyte again for a
 * megabyte of log would spare nobody anything. So a large state waits until the log is worth it.
 */
export function isSnapshotDue(
  config: Pick<RaftNodeConfig, 'snapshotIntervalEntries' | 'snapshotIntervalBytes'>,
  { entries, bytes, stateBytes }: SinceSnapshot,
): boolean {
  const { snapshotIntervalEntries, snapshotIntervalBytes } = config;
  if (entries < snapshotIntervalEntries && bytes < snapshotIntervalBytes) return false;
  if (stateBytes <= SNAPSHOT_CHEAP_BYTES || bytes >= stateBytes * GROWTH_PART) return true;
  return entries >= snapshotIntervalEntries * ENTRIES_FACTOR_MAX;
}
