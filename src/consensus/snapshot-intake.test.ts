/** The follower's side of a transfer: whose snapshot is taken, one at a time, and that nothing stays open. */
import { describe, expect, it } from 'vitest';
import { MemoryDisk, open, save, snapshotOf } from '../../sim/rigs/storage-rig.ts';
import { type Message, MessageType, makeMessage } from '../raft/index.ts';
import { MemoryStorage, type Storage, type StoredSnapshot } from '../storage/index.ts';
import type { BulkSink } from '../transport/index.ts';
import { nullLogger } from '../world/index.ts';
import { SnapshotIntake } from './snapshot-intake.ts';

interface Rig {
  readonly disk: MemoryDisk;
  readonly storage: Storage;
  readonly intake: SnapshotIntake;
  readonly stepped: Message[];
  term: number;
  appliedIndex: number;
}

async function rigOf(): Promise<Rig> {
  const disk = new MemoryDisk();
  const storage = await open(disk);
  const stepped: Message[] = [];
  const rig = { disk, storage, stepped, term: 3, appliedIndex: 10 };
  const intake = new SnapshotIntake({
    storage,
    logger: nullLogger,
    appliedIndex: () => rig.appliedIndex,
    term: () => rig.term,
    stepSnapshot: (message) => void stepped.push(message),
  });
  return Object.assign(rig, { intake });
}

interface Offer {
  readonly leader: MemoryStorage;
  readonly stored: StoredSnapshot;
  readonly message: Message;
  readonly from: number;
}

async function offerOf(from: number, term: number, index = 20): Promise<Offer> {
  const leader = new MemoryStorage();
  const stored = await save(leader, index, 1, `state of ${from} `.repeat(50_000));
  const snapshot = snapshotOf(stored);
  const message = makeMessage({ type: MessageType.Snap, to: 9, from, term, snapshot });
  return { leader, stored, message, from };
}

async function give(offer: Offer, sink: BulkSink, part = 1): Promise<void> {
  const reader = await offer.leader.openSnapshot(offer.stored);
  const end = Math.floor(offer.stored.bytes * part);
  await sink.write(await reader.read(sink.received, end - sink.received));
}

describe('the intake of snapshots', () => {
  it('S-103 steps the message once the file is durable here, and not before', async () => {
    const { intake, storage, stepped } = await rigOf();
    const offer = await offerOf(1, 3);
    const sink = await intake.receive(1, offer.message);
    await give(offer, sink);
    expect(stepped).toEqual([]);
    await sink.finish();
    expect(stepped).toEqual([offer.message]);
    // It is here: offered again (in a later term, say) nothing needs to be sent.
    const again = await intake.receive(1, { ...offer.message, term: 4 });
    expect(again.received).toBe(offer.stored.bytes);
    await storage.close();
  });

  it('refuses what it has applied, and leaders of an earlier term', async () => {
    const rig = await rigOf();
    const offer = await offerOf(1, 3);
    rig.appliedIndex = 20;
    await expect(rig.intake.receive(1, offer.message)).rejects.toMatchObject({
      code: 'SNAPSHOT_OUT_OF_DATE',
    });
    rig.appliedIndex = 10;
    rig.term = 4;
    await expect(rig.intake.receive(1, offer.message)).rejects.toThrow('leads in term 3');
  });

  it('N-37 what it has applied the core hears of, so that the leader learns how far this node is', async () => {
    const rig = await rigOf();
    const offer = await offerOf(1, 3);
    rig.appliedIndex = 20;
    await expect(rig.intake.receive(1, offer.message)).rejects.toThrow('20 is applied here');
    expect(rig.stepped).toEqual([offer.message]);
    // What is refused for another reason says nothing about how far this node is.
    rig.term = 4;
    await expect(rig.intake.receive(1, offer.message)).rejects.toThrow('leads in term 3');
    expect(rig.stepped.length).toBe(1);
  });

  it('a leader of a later term takes the place; the earlier one is told', async () => {
    const { intake, disk, stepped } = await rigOf();
    const [old, late] = [await offerOf(1, 3), await offerOf(2, 4, 30)];
    const first = await intake.receive(1, old.message);
    await give(old, first, 0.5);
    const second = await intake.receive(2, late.message);
    await expect(first.write(Buffer.from('more'))).rejects.toMatchObject({
      code: 'TRANSFER_FAILED',
    });
    await expect(first.finish()).rejects.toMatchObject({ code: 'TRANSFER_FAILED' });
    await expect(intake.receive(1, old.message)).rejects.toThrow('leads in term 3');
    first.abort(new Error('told'));
    await give(late, second);
    await second.finish();
    expect(stepped).toEqual([late.message]);
    await intake.stop();
    expect(disk.paths().filter((path) => path.endsWith('.part')).length).toBe(1);
  });

  it('the same leader that dials anew goes on where it was', async () => {
    const { intake } = await rigOf();
    const offer = await offerOf(1, 3);
    const first = await intake.receive(1, offer.message);
    await give(offer, first, 0.6);
    // The old connection hangs; nobody has said yet that it is gone.
    const second = await intake.receive(1, offer.message);
    expect(second.received).toBeGreaterThan(offer.stored.bytes * 0.2);
    first.abort(new Error('a newer transfer from the same node began'));
    await give(offer, second);
    await second.finish();
  });

  it('ends when the node stops, with nothing left open', async () => {
    const { intake, disk, storage } = await rigOf();
    const offer = await offerOf(1, 3);
    const before = disk.openFiles;
    const sink = await intake.receive(1, offer.message);
    await give(offer, sink, 0.5);
    await intake.stop();
    expect(disk.openFiles).toBe(before);
    await expect(sink.write(Buffer.from('x'))).rejects.toThrow('the node is stopping');
    await expect(intake.receive(1, offer.message)).rejects.toThrow('the node is stopping');
    await storage.close();
  });
});
