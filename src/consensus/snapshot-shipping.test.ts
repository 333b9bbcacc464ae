/**
 * The leader's side of a transfer, with the core, the line and the clock played by the test: which file
 * is sent, what is kept for whom and for how long, when it is tried again, and when it ends.
 */
import { describe, expect, it } from 'vitest';
import { CONF, entries, save } from '../../sim/rigs/storage-rig.ts';
import { SNAPSHOT_LOG_HELD_BYTES_MIN } from '../limits.ts';
import {
  type Message,
  MessageType,
  makeMessage,
  type PeerProgress,
  ProgressState,
} from '../raft/index.ts';
import { MemoryStorage, type SnapshotReader, type StoredSnapshot } from '../storage/index.ts';
import type { BulkSource } from '../transport/index.ts';
import type { LogFields, Logger } from '../world/index.ts';
import { SnapshotShipping } from './snapshot-shipping.ts';

const FOLLOWER = 2;
const NEWCOMER = 4;
const CATCH_UP = 5;

interface Sent {
  readonly index: number | undefined;
  readonly term: number;
  readonly source: BulkSource;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Whatever is pending in microtasks has run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function progressAt(match: number, state: ProgressState): PeerProgress {
  return {
    match,
    next: match + 1,
    state,
    recentActive: true,
    isLearner: false,
    pendingSnapshot: 0,
    inflightCount: 0,
    inflightFull: false,
    paused: false,
  };
}

/** A storage whose files can be damaged behind its back. */
class DamagedStorage extends MemoryStorage {
  damagedIndex = 0;
  /** Before a file is closed. */
  onClose: () => Promise<void> = async () => {};

  override async openSnapshot(snapshot: StoredSnapshot): Promise<SnapshotReader> {
    const reader = await super.openSnapshot(snapshot);
    const isDamaged = snapshot.index === this.damagedIndex;
    return {
      snapshot: reader.snapshot,
      section: (name) => reader.section(name),
      close: async () => {
        await this.onClose();
        await reader.close();
      },
      read: async (position, length) => {
        const bytes = Buffer.from(await reader.read(position, length));
        if (isDamaged && position <= 60 && position + length > 60) bytes[60 - position]! ^= 1;
        return bytes;
      },
    };
  }
}

class Rig {
  readonly storage = new DamagedStorage();
  readonly sent: Sent[] = [];
  readonly reports: string[] = [];
  readonly events: string[] = [];
  readonly shipping: SnapshotShipping;
  progress: PeerProgress | undefined = progressAt(0, ProgressState.Snapshot);
  isLeader = true;
  bytesApplied = 0;
  released = 0;
  fresh = 0;
  onFresh: () => Promise<void> = async () => {};

  constructor() {
    const note = (event: string, _fields?: LogFields): void => void this.events.push(event);
    const logger: Logger = {
      debug: note,
      info: note,
      warn: note,
      error: note,
      child: () => logger,
    };
    this.shipping = new SnapshotShipping({
      storage: this.storage,
      logger,
      catchUpEntries: CATCH_UP,
      isLeader: () => this.isLeader,
      progressOf: () => this.progress,
      bytesApplied: () => this.bytesApplied,
      saveFresh: async () => {
        this.fresh++;
        await this.onFresh();
      },
      released: () => void this.released++,
      sendBulk: (message, source) =>
        new Promise((resolve, reject) => {
          const index = message.snapshot?.metadata.index;
          this.sent.push({ index, term: message.term, source, resolve, reject });
        }),
      reportSnapshot: (to, ok) => void this.reports.push(`${to} ${ok ? 'ok' : 'failed'}`),
    });
  }

  static async make(): Promise<Rig> {
    const rig = new Rig();
    await rig.storage.append({ entries: entries(1, 100) });
    await save(rig.storage, 20);
    return rig;
  }

  get last(): Sent {
    return this.sent[this.sent.length - 1]!;
  }

  /** As the core asks: for the newest snapshot. */
  async ask(to = FOLLOWER, term = 3): Promise<void> {
    const snapshot = this.storage.snapshot();
    const fields = { type: MessageType.Snap, to, from: 1, term };
    const message: Message = makeMessage(snapshot === undefined ? fields : { ...fields, snapshot });
    this.shipping.send(message);
    await settled();
  }

  async ticks(count: number): Promise<void> {
    for (let i = 0; i < count; i++) this.shipping.tick();
    await settled();
  }

  /** The line breaks after the file was read from `from` to `to`. */
  async breakAfter(from: number, to: number): Promise<void> {
    await this.last.source.read(from, to - from);
    this.last.reject(new Error('the connection broke'));
    await settled();
  }
}

describe('which file is sent', () => {
  it('the newest at first; then the one that was begun, although a newer one came', async () => {
    const rig = await Rig.make();
    await rig.ask();
    expect(rig.last).toMatchObject({ index: 20, term: 3 });
    await rig.breakAfter(0, 50);
    expect(rig.reports).toEqual(['2 failed']);
    await save(rig.storage, 40);
    await rig.ask();
    expect(rig.sent.map(({ index }) => index)).toEqual([20, 20]);
    rig.last.resolve();
    await settled();
    expect(rig.reports).toEqual(['2 failed', '2 ok']);
  });

  it('the newest again when the log does not follow on the one that was begun any more', async () => {
    const rig = await Rig.make();
    await rig.ask();
    await rig.breakAfter(0, 50);
    await save(rig.storage, 40);
    await rig.storage.compact(30);
    await rig.ask();
    expect(rig.last.index).toBe(40);
  });

  it('the newest when the begun one arrived and did not help', async () => {
    const rig = await Rig.make();
    await rig.ask();
    rig.last.resolve();
    await settled();
    await save(rig.storage, 40);
    await rig.ask();
    expect(rig.last.index).toBe(40);
  });

  it('one that names the newcomer: taken anew only if the newest does not', async () => {
    const rig = await Rig.make();
    rig.onFresh = async () => {
      const confState = { ...CONF, learners: [NEWCOMER] };
      const at = { index: 50, term: 1, confState };
      await rig.storage.saveSnapshot(at, [{ name: 'state', chunks: [Buffer.from('fresh')] }]);
    };
    await rig.ask(NEWCOMER);
    expect([rig.fresh, rig.last.index]).toEqual([1, 50]);
    // What the core asked with stays in the log, until the newcomer follows it.
    expect(rig.shipping.heldFrom).toBe(20);
  });

  it('none that does not name the newcomer; it is said, and asked for again after a rest', async () => {
    const rig = await Rig.make();
    await rig.ask(NEWCOMER);
    expect([rig.fresh, rig.sent.length, rig.reports.length]).toEqual([2, 0, 0]);
    await rig.ticks(2);
    expect(rig.reports).toEqual(['4 failed']);
  });

  it('NASTY 37 never again one that fails its own checksum: a fresh one takes its place', async () => {
    const rig = await Rig.make();
    rig.storage.damagedIndex = 20;
    rig.onFresh = async () => void (await save(rig.storage, 60));
    await rig.ask();
    await rig.breakAfter(0, rig.last.source.bytes);
    expect(rig.events).toContain('snapshot.damaged');
    await rig.ask();
    expect([rig.fresh, rig.last.index]).toEqual([1, 60]);
  });

  it('the same again when it is whole and the receiver refused it', async () => {
    const rig = await Rig.make();
    await rig.ask();
    await rig.breakAfter(0, rig.last.source.bytes);
    expect(rig.events).not.toContain('snapshot.damaged');
    await rig.ask();
    expect([rig.fresh, rig.last.index]).toEqual([0, 20]);
  });
});

describe('the log', () => {
  it('is held behind what is sent until the follower follows it', async () => {
    const rig = await Rig.make();
    expect(rig.shipping.heldFrom).toBeUndefined();
    await rig.ask();
    await rig.ticks(1);
    expect(rig.shipping.heldFrom).toBe(20);
    rig.last.resolve();
    await settled();
    rig.progress = progressAt(20, ProgressState.Replicate);
    await rig.ticks(1);
    expect(rig.shipping.heldFrom).toBe(20);
    rig.progress = progressAt(100 - CATCH_UP, ProgressState.Replicate);
    await rig.ticks(1);
    expect(rig.shipping.heldFrom).toBeUndefined();
    expect(rig.released).toBe(1);
  });

  it('is held no longer than another snapshot would cost', async () => {
    const rig = await Rig.make();
    await rig.ask();
    rig.bytesApplied = SNAPSHOT_LOG_HELD_BYTES_MIN;
    await rig.ticks(1);
    expect(rig.shipping.heldFrom).toBe(20);
    rig.bytesApplied++;
    await rig.ticks(1);
    expect(rig.shipping.heldFrom).toBeUndefined();
    expect([rig.released, rig.events.includes('snapshot.logHeldTooLong')]).toEqual([1, true]);
    rig.last.resolve();
    await settled();
    expect(rig.reports).toEqual(['2 ok']);
  });
});

describe('attempts', () => {
  it('that got further than before are repeated at once, others after ever longer rests', async () => {
    const rig = await Rig.make();
    await rig.ask();
    await rig.breakAfter(0, 40);
    await rig.ask();
    await rig.breakAfter(40, 80);
    expect(rig.reports.length).toBe(2);
    // From the same place again: a receiver that loses all of it, a disk that is full.
    for (const rest of [2, 4, 8, 16, 16]) {
      await rig.ask();
      await rig.breakAfter(40, 90);
      const before = rig.reports.length;
      await rig.ticks(rest - 1);
      expect(rig.reports.length).toBe(before);
      await rig.ticks(1);
      expect(rig.reports.length).toBe(before + 1);
    }
  });

  it('go on one at a time; asked again in a later term, the answer is for that one', async () => {
    const rig = await Rig.make();
    await rig.ask(FOLLOWER, 3);
    await rig.ask(FOLLOWER, 5);
    expect(rig.sent.length).toBe(1);
    rig.last.reject(new Error('the connection broke'));
    await settled();
    expect(rig.sent.map(({ term }) => term)).toEqual([3, 5]);
    expect(rig.reports).toEqual([]);
    rig.last.resolve();
    await settled();
    expect(rig.reports).toEqual(['2 ok']);
  });

  it('end with leadership, and with the follower: nothing more is read, nothing reported', async () => {
    for (const end of ['leadership', 'membership', 'stop'] as const) {
      const rig = await Rig.make();
      await rig.ask();
      if (end === 'leadership') rig.isLeader = false;
      if (end === 'membership') rig.progress = undefined;
      if (end === 'stop') void rig.shipping.stop();
      await rig.ticks(1);
      expect(rig.shipping.heldFrom).toBeUndefined();
      await expect(rig.last.source.read(0, 10)).rejects.toMatchObject({ code: 'TRANSFER_FAILED' });
      rig.last.reject(new Error('ended'));
      await rig.ticks(50);
      expect(rig.reports).toEqual([]);
    }
  });

  it('are over with stop once every file is closed', async () => {
    const rig = await Rig.make();
    let closeFile = (): void => {};
    rig.storage.onClose = () =>
      new Promise((resolve) => {
        closeFile = resolve;
      });
    await rig.ask();
    let isStopped = false;
    void rig.shipping.stop().then(() => {
      isStopped = true;
    });
    await settled();
    expect(isStopped).toBe(false);
    rig.last.reject(new Error('the transport was stopped'));
    await settled();
    expect(isStopped).toBe(false);
    closeFile();
    await settled();
    expect(isStopped).toBe(true);
  });
});
