/**
 * The replicated state of one node, as far as the log was applied: the application's state machine,
 * and beside it what the node itself replicates (sessions, members, the state hash).
 *
 * Applying is synchronous and deterministic; no clock, no randomness, no I/O in here. The same
 * entries in the same order give the same results and the same hash on every node.
 *
 * The hash is a rolling CRC-32 over every result's code and bytes, in order: two replicas that ever
 * answered differently differ in it from then on.
 */
import { crc32 } from 'node:zlib';
import { assert, ClusterError } from '../errors.ts';
import type { ConfState, Entry, LogIndex, RaftId, Term } from '../raft/index.ts';
import type { SnapshotReader, SnapshotSection } from '../storage/index.ts';
import { CommandKind, decodeEnvelope, type Part } from './envelope.ts';
import { restoreMachine } from './machine-restore.ts';
import { checkResults, checkSections } from './machine-results.ts';
import { type Founder, type MemberRecord, MemberTable } from './members.ts';
import { decodeNodeSection, encodeNodeSection, NODE_SECTION } from './node-section.ts';
import { NodeResultCode, PENDING, SessionTable } from './sessions.ts';
import type { CommandResult, StateMachine } from './types.ts';

const EMPTY = new Uint8Array(0);
const HASH_SCRATCH_BYTES = 16 * 1024;

/** Session ids, minted raft ids and indexes in bodies and results: one f64, a safe integer. */
export function encodeNumbers(...numbers: number[]): Uint8Array {
  const bytes = new Uint8Array(8 * numbers.length);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of numbers.entries()) view.setFloat64(8 * i, value, true);
  return bytes;
}

export function decodeNumber(bytes: Uint8Array, position = 0): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const value = bytes.length >= 8 * (position + 1) ? view.getFloat64(8 * position, true) : -1;
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new ClusterError('CODEC_INVALID', `number ${position} of a node command is ${value}`);
}

/** A state hash as people see it: 8 hexadecimal digits. */
export function hashText(hash: number): string {
  return hash.toString(16).padStart(8, '0');
}

export class Replica {
  readonly sessions: SessionTable = new SessionTable();
  readonly members: MemberTable = new MemberTable();
  readonly #machine: StateMachine;
  readonly #scratch = Buffer.alloc(HASH_SCRATCH_BYTES);
  #appliedIndex: LogIndex = 0;
  #appliedTerm: Term = 0;
  #hash = 0;

  constructor(machine: StateMachine) {
    this.#machine = machine;
  }

  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }

  get appliedTerm(): Term {
    return this.#appliedTerm;
  }

  get hash(): number {
    return this.#hash;
  }

  get stateHash(): string {
    return hashText(this.#hash);
  }

  /** The state that every founding member writes by itself. */
  found(
    nextRaftId: RaftId,
    confState: ConfState,
    members: readonly MemberRecord[],
    index: LogIndex,
    term: Term,
  ): void {
    this.members.restore(nextRaftId, confState, members);
    this.#appliedIndex = index;
    this.#appliedTerm = term;
  }

  /** One result for each command of a normal entry, in order. Throws what must stop the node. */
  applyNormal(entry: Entry): readonly CommandResult[] {
    this.#advance(entry);
    if (entry.data.length === 0) return [];
    const results = this.#applyParts(decodeEnvelope(entry.data), entry);
    this.#extendHash(results);
    return results;
  }

  /** After raft has taken the membership change over. */
  applyMembership(
    entry: Entry,
    confState: ConfState,
    added: MemberRecord | undefined,
    founders: readonly Founder[] = [],
  ): void {
    this.#advance(entry);
    this.members.change(confState, added, founders);
  }

  /** What a snapshot holds, captured now and iterated later. */
  capture(): SnapshotSection[] {
    const { leaving } = this.members;
    const state = {
      index: this.#appliedIndex,
      term: this.#appliedTerm,
      hash: this.#hash,
      nextSession: this.sessions.nextId,
      nextRaftId: this.members.nextRaftId,
      minted: this.members.minted,
      confState: this.members.confState,
      members: this.members.records(),
      ...(leaving.length === 0 ? {} : { leaving }),
    };
    const node = {
      name: NODE_SECTION,
      chunks: encodeNodeSection(state, this.sessions.records()),
    };
    return [node, ...checkSections(this.#machine.snapshot())];
  }

  async restore(reader: Pick<SnapshotReader, 'section'>): Promise<void> {
    const section = reader.section(NODE_SECTION);
    if (section === undefined) {
      throw new ClusterError('DATA_CORRUPT', `snapshot has no section ${NODE_SECTION}`);
    }
    const { state, sessions } = await decodeNodeSection(section);
    await restoreMachine(this.#machine, reader, state.index);
    this.sessions.restore(state.nextSession, sessions);
    const { nextRaftId, confState, members, minted, leaving } = state;
    this.members.restore(nextRaftId, confState, members, minted, leaving);
    this.#hash = state.hash;
    this.#appliedIndex = state.index;
    this.#appliedTerm = state.term;
  }

  #advance(entry: Entry): void {
    const applied = this.#appliedIndex;
    assert(entry.index === applied + 1, 'entries are applied one after the other', {
      applied,
      next: entry.index,
    });
    this.#appliedIndex = entry.index;
    this.#appliedTerm = entry.term;
  }

  /** Runs of application commands go to the state machine in one call. */
  #applyParts(parts: readonly Part[], entry: Entry): CommandResult[] {
    const results: CommandResult[] = new Array<CommandResult>(parts.length);
    let run: number[] = [];
    const flush = (): void => {
      if (run.length > 0) this.#applyRun(parts, run, results, entry);
      run = [];
    };
    for (const [i, part] of parts.entries()) {
      let known = part.request && this.sessions.admit(part.request, entry.index);
      if (known === PENDING) {
        flush();
        known = part.request && this.sessions.admit(part.request, entry.index);
      }
      if (known !== undefined) {
        results[i] = known;
      } else if (part.kind === CommandKind.Application) {
        run.push(i);
      } else {
        flush();
        results[i] = this.#applyNodeCommand(part, entry.index);
      }
    }
    flush();
    return results;
  }

  #applyRun(
    parts: readonly Part[],
    run: readonly number[],
    results: CommandResult[],
    entry: Entry,
  ): void {
    const commands = run.map((i) => (parts[i] as Part).body);
    const { index, term } = entry;
    const given: unknown = this.#machine.applyBatch(commands, { index, term });
    const answers = checkResults(given, commands.length, index);
    for (const [k, i] of run.entries()) {
      const result = answers[k] as CommandResult;
      results[i] = result;
      const { request } = parts[i] as Part;
      if (request !== undefined) this.sessions.record(request, result);
    }
  }

  #applyNodeCommand(part: Part, index: LogIndex): CommandResult {
    switch (part.kind) {
      case CommandKind.OpenSession:
        return done(encodeNumbers(this.sessions.open(index)));
      case CommandKind.CloseSession:
        this.sessions.close(decodeNumber(part.body));
        return done(EMPTY);
      case CommandKind.ExpireSession:
        this.sessions.expire(decodeNumber(part.body), decodeNumber(part.body, 1));
        return done(EMPTY);
      case CommandKind.MintMember: {
        const nodeId = Buffer.from(part.body).toString('utf8');
        const existing = this.members.byNodeId(nodeId);
        if (existing !== undefined) {
          return { code: NodeResultCode.MemberExists, bytes: encodeNumbers(existing.raftId) };
        }
        return done(encodeNumbers(this.members.mint(nodeId)));
      }
      default:
        throw new ClusterError('COMMAND_UNKNOWN', `command of kind ${part.kind} is not known`);
    }
  }

  #extendHash(results: readonly CommandResult[]): void {
    let used = 0;
    for (const { code, bytes } of results) {
      if (used + 8 + bytes.length > HASH_SCRATCH_BYTES) {
        this.#hash = crc32(this.#scratch.subarray(0, used), this.#hash);
        used = 0;
      }
      this.#scratch.writeUInt32LE(code, used);
      this.#scratch.writeUInt32LE(bytes.length, used + 4);
      used += 8;
      if (used + bytes.length <= HASH_SCRATCH_BYTES) {
        this.#scratch.set(bytes, used);
        used += bytes.length;
      } else {
        this.#hash = crc32(bytes, crc32(this.#scratch.subarray(0, used), this.#hash));
        used = 0;
      }
    }
    this.#hash = crc32(this.#scratch.subarray(0, used), this.#hash);
  }
}

function done(bytes: Uint8Array): CommandResult {
  return { code: 0, bytes };
}
