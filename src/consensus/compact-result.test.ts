/** Results that make no bytes: kept, hashed and checked as those whose bytes they stand for. */
import { describe, expect, it } from 'vitest';
import { BATCH_BYTES_MAX, RESULT_BYTES_MAX } from '../limits.ts';
import { type Entry, EntryType } from '../raft/index.ts';
import { CompactResult, resultLength, writeResult } from './compact-result.ts';
import { CommandKind, encodeEnvelope, encodePart } from './envelope.ts';
import { decodeAnswers, encodeAnswers } from './forwarding.ts';
import { checkResults } from './machine-results.ts';
import { ForwardStatus } from './proposal.ts';
import { Replica } from './replica.ts';
import type { CommandResult, StateMachine } from './types.ts';

class Repeated extends CompactResult {
  readonly code: number;
  readonly byteLength: number;

  constructor(code: number, byteLength: number) {
    super();
    this.code = code;
    this.byteLength = byteLength;
  }

  override write(target: Uint8Array, at: number): void {
    target.fill(7, at, at + this.byteLength);
  }
}

function plain(result: CommandResult): CommandResult {
  return { code: result.code, bytes: result.bytes };
}

/** Answers a command of two bytes with a result of that length, in both kinds. */
function machine(isCompact: boolean): StateMachine {
  return {
    applyBatch: (commands) =>
      commands.map(([low = 0, high = 0]) => {
        const result = new Repeated(low % 3, low + 256 * high);
        return isCompact ? result : plain(result);
      }),
    snapshot: () => [],
    restore: async () => {},
  };
}

function entry(index: number, parts: Uint8Array[]): Entry {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return { index, term: 1, type: EntryType.Normal, data: encodeEnvelope(parts, length) };
}

describe('compact results', () => {
  it('write what their bytes are', () => {
    const result = new Repeated(0, 3);
    const target = new Uint8Array(5);
    writeResult(result, target, 1);
    expect([...target]).toEqual([0, 7, 7, 7, 0]);
    writeResult(plain(result), target, 2);
    expect([...target]).toEqual([0, 7, 7, 7, 7]);
    expect([resultLength(result), resultLength(plain(result))]).toEqual([3, 3]);
  });

  it('give the state hash and the sessions of plain ones, also for a request that comes twice', () => {
    const [compact, usual] = [true, false].map((isCompact) => {
      const replica = new Replica(machine(isCompact));
      replica.applyNormal(
        entry(1, [encodePart(CommandKind.OpenSession, new Uint8Array(0), undefined)]),
      );
      const parts: Uint8Array[] = [];
      for (let i = 0; i < 60; i++) {
        const body = Uint8Array.of(i * 4, i % 7 === 0 ? 70 : 0);
        const request = { session: 1, sequence: 1 + Math.floor(i / 2), acknowledgedBelow: 2 };
        parts.push(encodePart(CommandKind.Application, body, i % 5 === 0 ? undefined : request));
      }
      const results = replica.applyNormal(entry(2, parts)).map(plain);
      return {
        results,
        hash: replica.stateHash,
        sessions: replica.sessions
          .records()
          .map(({ results, ...rest }) => [
            rest,
            results.map(([sequence, result]) => [sequence, plain(result)]),
          ]),
      };
    });
    expect(compact?.hash).toBe(usual?.hash);
    expect(compact?.sessions).toEqual(usual?.sessions);
    expect(JSON.stringify(compact?.results)).toBe(JSON.stringify(usual?.results));
  });

  it('are looked at as all others: codes of the node are refused, too long ones replaced', () => {
    expect(() => checkResults([new Repeated(60_000, 1)], 1, 5)).toThrow(/code 60000/);
    const long = new Repeated(1, RESULT_BYTES_MAX + 1);
    expect(checkResults([long], 1, 5)).toEqual(checkResults([plain(long)], 1, 5));
    expect(checkResults([new Repeated(1, 9)], 1, 5)).toEqual([new Repeated(1, 9)]);
  });

  it('travel to followers as plain ones do, in as many frames', () => {
    const answers = [0, 3, BATCH_BYTES_MAX - 100, 200, 5].map((byteLength, id) => {
      return { id, status: ForwardStatus.Applied, index: 7, result: new Repeated(1, byteLength) };
    });
    const usual = answers.map(({ result, ...rest }) => ({ ...rest, result: plain(result) }));
    const frames = encodeAnswers(answers);
    expect(frames.length).toBe(2);
    const bytes = Buffer.concat(frames);
    expect(bytes.equals(Buffer.concat(encodeAnswers(usual)))).toBe(true);
    const lengths = frames.flatMap(decodeAnswers).map(({ result }) => result.bytes.length);
    expect(lengths).toEqual(answers.map(({ result }) => result.byteLength));
  });
});
