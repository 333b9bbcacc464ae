/**
 * Reading and writing raftpb by hand over `pbf`, as one would who takes that library: its cursor, its
 * varints, our field numbers. Only what the benchmark's messages hold.
 *
 * What it does not do, and ours must: refuse numbers beyond the safe integers (they are rounded), bound
 * what a message makes, tell an unknown type from a known one.
 */
import { PbfReader, PbfWriter } from 'pbf';
import { type Entry, type Message, makeEntry, makeMessage } from '../../src/raft/index.ts';

type Draft<T> = { -readonly [K in keyof T]: T[K] };

const NOTHING = new Uint8Array(0);

function writeEntry(entry: Entry, pbf: PbfWriter): void {
  if (entry.type !== 0) {
    pbf.writeTag(1, 0);
    pbf.writeVarint(entry.type);
  }
  writeNumber(pbf, 2, entry.term);
  writeNumber(pbf, 3, entry.index);
  if (entry.data.length > 0) {
    pbf.writeTag(4, 2);
    pbf.writeBytes(entry.data);
  }
}

function writeNumber(pbf: PbfWriter, field: number, value: number): void {
  if (value === 0) return;
  pbf.writeTag(field, 0);
  pbf.writeVarint(value);
}

export function pbfEncode(message: Message): Uint8Array {
  const pbf = new PbfWriter();
  writeNumber(pbf, 1, message.type);
  writeNumber(pbf, 2, message.to);
  writeNumber(pbf, 3, message.from);
  writeNumber(pbf, 4, message.term);
  writeNumber(pbf, 5, message.logTerm);
  writeNumber(pbf, 6, message.index);
  for (const entry of message.entries) pbf.writeMessage(7, writeEntry, entry);
  writeNumber(pbf, 8, message.commit);
  if (message.reject) writeNumber(pbf, 10, 1);
  writeNumber(pbf, 11, message.rejectHint);
  if (message.context !== undefined) {
    pbf.writeTag(12, 2);
    pbf.writeBytes(message.context);
  }
  writeNumber(pbf, 13, message.vote);
  return pbf.finish();
}

function readEntryField(field: number, entry: Draft<Entry>, pbf: PbfReader): void {
  if (field === 1) entry.type = pbf.readVarint() as Entry['type'];
  else if (field === 2) entry.term = pbf.readVarint();
  else if (field === 3) entry.index = pbf.readVarint();
  else if (field === 4) entry.data = pbf.readBytes();
}

function readMessageField(field: number, message: Draft<Message>, pbf: PbfReader): void {
  if (field === 1) message.type = pbf.readVarint() as Message['type'];
  else if (field === 2) message.to = pbf.readVarint();
  else if (field === 3) message.from = pbf.readVarint();
  else if (field === 4) message.term = pbf.readVarint();
  else if (field === 5) message.logTerm = pbf.readVarint();
  else if (field === 6) message.index = pbf.readVarint();
  else if (field === 7) {
    const entry = makeEntry(0, 0, 0, NOTHING);
    (message.entries as Entry[]).push(pbf.readMessage(readEntryField, entry));
  } else if (field === 8) message.commit = pbf.readVarint();
  else if (field === 10) message.reject = pbf.readBoolean();
  else if (field === 11) message.rejectHint = pbf.readVarint();
  else if (field === 12) message.context = pbf.readBytes();
  else if (field === 13) message.vote = pbf.readVarint();
}

export function pbfDecode(bytes: Uint8Array): Message {
  const message = makeMessage({ type: 0, entries: [] }) as Draft<Message>;
  return new PbfReader(bytes).readFields(readMessageField, message);
}
