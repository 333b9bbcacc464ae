/**
 * The replicated state of one node, as far as the log was applied: the application's state machine,
 * and beside it what the node itself replicates (sessions, members, the state hash).
 *
 * Applying is synchronous and deterministic; no clock, no randomness, no I/O in here. The same
 * entries in the same order give the same results and the same hash on every node.
 *
 * The hash is a rolling CRC-32 over each entry's data and then every result's code and bytes, in order:
 * two replicas that ever applied other bytes, or answered differently, differ in it from then on. The
 * data is hashed before it is applied: a machine that writes into what it is given writes into the log
 * in memory, and who is sent those bytes later has to show.
 */
import { crc32 } from 'node:zlib';
import { assert, ClusterError } from '../errors.ts';
import type { ConfState, Entry, LogIndex, RaftId, Term } from '../raft/index.ts';
import type { SnapshotReader, SnapshotSection } from '../storage/index.ts';
import { resultLength, writeResult } from './compact-result.ts';
import { applyFailure } from './complaints.ts';
import { CommandKind, PartCursor } from './envelope.ts';
import { restoreMachine } from './machine-restore.ts';
import { captureSections, checkResults } from './machine-results.ts';
import { type Founder, type MemberRecord, MemberTable } from './members.ts';
import { decodeNodeSection, encodeNodeSection, NODE_SECTION } from './node-section.ts';
import { NodeResultCode, PENDING, SessionTable } from './sessions.ts';
import type { ApplyContext, CommandResult, RequestId, StateMachine } from './types.ts';

const EMPTY = new Uint8Array(0);
const HASH_SCRATCH_BYTES = 16 * 1024;
/** Code and length, in front of a result's bytes. */
const HASHED_HEAD_BYTES = 8;

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
  readonly #scratch = new Uint8Array(HASH_SCRATCH_BYTES);
  readonly #scratchView = new DataView(this.#scratch.buffer);
  #appliedIndex: LogIndex = 0;
  #appliedTerm: Term = 0;
  #hash = 0;
  #isRestoring = false;

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

  /** Half of the state is another one: nobody is to read it, whatever index was applied. */
  get isRestoring(): boolean {
    return this.#isRestoring;
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
    const results = this.#applyParts(PartCursor.over(entry.data), entry);
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
    const { leaving, arriving } = this.members;
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
      ...(arriving.length === 0 ? {} : { arriving }),
    };
    const node = {
      name: NODE_SECTION,
      chunks: encodeNodeSection(state, this.sessions.records()),
    };
    return [node, ...captureSections(this.#machine)];
  }

  /** Where it fails the state stays half restored, for good: the node is to end. */
  async restore(reader: Pick<SnapshotReader, 'section'>): Promise<void> {
    this.#isRestoring = true;
    const section = reader.section(NODE_SECTION);
    if (section === undefined) {
      throw new ClusterError('DATA_CORRUPT', `snapshot has no section ${NODE_SECTION}`);
    }
    const { state, sessions } = await decodeNodeSection(section);
    await restoreMachine(this.#machine, reader, state.index);
    this.sessions.restore(state.nextSession, sessions);
    const { nextRaftId, confState, members } = state;
    this.members.restore(nextRaftId, confState, members, state);
    this.#hash = state.hash;
    this.#appliedIndex = state.index;
    this.#appliedTerm = state.term;
    this.#isRestoring = false;
  }

  #advance(entry: Entry): void {
    const applied = this.#appliedIndex;
    assert(entry.index === applied + 1, 'entries are applied one after the other', {
      applied,
      next: entry.index,
    });
    this.#appliedIndex = entry.index;
    this.#appliedTerm = entry.term;
    this.#hash = crc32(entry.data, this.#hash);
  }

  /** Runs of application commands go to the state machine in one call. */
  #applyParts(parts: PartCursor, entry: Entry): CommandResult[] {
    const results: CommandResult[] = new Array<CommandResult>(parts.count);
    let run = new Run();
    const flush = (): void => {
      if (run.commands.length === 0) return;
      this.#applyRun(run, results, entry);
      run = new Run();
    };
    for (let i = 0; parts.next(); i++) {
      let known = parts.hasRequest ? this.sessions.admit(parts, entry.index) : undefined;
      if (known === PENDING) {
        flush();
        known = this.sessions.admit(parts, entry.index);
      }
      if (known !== undefined) {
        results[i] = known;
      } else if (parts.kind === CommandKind.Application) {
        run.add(i, parts);
      } else {
        flush();
        results[i] = this.#applyNodeCommand(parts.kind, parts.body(), entry.index);
      }
    }
    flush();
    return results;
  }

  #applyRun(run: Run, results: CommandResult[], entry: Entry): void {
    const { commands, places, requests } = run;
    const { index, term } = entry;
    const answers = this.#answersTo(commands, { index, term });
    for (let k = 0; k < commands.length; k++) {
      const result = answers[k] as CommandResult;
      results[places[k] as number] = result;
      const request = requests[k];
      if (request !== undefined) this.sessions.record(request, result);
    }
  }

  #answersTo(commands: readonly Uint8Array[], context: ApplyContext): readonly CommandResult[] {
    try {
      const answers = this.#machine.applyBatch(commands, context);
      return checkResults(answers, commands.length, context.index);
    } catch (error) {
      throw applyFailure(context.index, error);
    }
  }

  #applyNodeCommand(kind: CommandKind, body: Uint8Array, index: LogIndex): CommandResult {
    switch (kind) {
      case CommandKind.OpenSession:
        return done(encodeNumbers(this.sessions.open(index)));
      case CommandKind.CloseSession:
        this.sessions.close(decodeNumber(body));
        return done(EMPTY);
      case CommandKind.ExpireSession:
        this.sessions.expire(decodeNumber(body), decodeNumber(body, 1));
        return done(EMPTY);
      case CommandKind.MintMember: {
        const nodeId = Buffer.from(body).toString('utf8');
        const existing = this.members.byNodeId(nodeId);
        if (existing !== undefined) {
          return { code: NodeResultCode.MemberExists, bytes: encodeNumbers(existing.raftId) };
        }
        return done(encodeNumbers(this.members.mint(nodeId)));
      }
      default:
        throw new ClusterError('COMMAND_UNKNOWN', `command of kind ${kind} is not known`);
    }
  }

  #extendHash(results: readonly CommandResult[]): void {
    const scratch = this.#scratch;
    let used = 0;
    for (const result of results) {
      const length = resultLength(result);
      if (used + HASHED_HEAD_BYTES + length > HASH_SCRATCH_BYTES) {
        this.#hash = crc32(scratch.subarray(0, used), this.#hash);
        used = 0;
      }
      this.#scratchView.setUint32(used, result.code, true);
      this.#scratchView.setUint32(used + 4, length, true);
      used += HASHED_HEAD_BYTES;
      if (used + length <= HASH_SCRATCH_BYTES) {
        writeResult(result, scratch, used);
        used += length;
      } else {
        this.#hash = crc32(result.bytes, crc32(scratch.subarray(0, used), this.#hash));
        used = 0;
      }
    }
    this.#hash = crc32(scratch.subarray(0, used), this.#hash);
  }
}

/** Commands of one entry that go to the state machine together. */
class Run {
  readonly commands: Uint8Array[] = [];
  /** Which of the entry's commands each is. */
  readonly places: number[] = [];
  readonly requests: (RequestId | undefined)[] = [];

  add(place: number, part: PartCursor): void {
    this.commands.push(part.body());
    this.places.push(place);
    this.requests.push(part.request());
  }
}

function done(bytes: Uint8Array): CommandResult {
  return { code: 0, bytes };
}
