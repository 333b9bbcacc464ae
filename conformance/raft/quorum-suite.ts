/**
 * Quorum scripts: what a majority, or two at once, have committed or decided.
 */
import {
  type AckedIndexes,
  jointCommitted,
  jointVote,
  type RaftId,
  VoteResult,
} from '../../src/raft/index.ts';
import { type Case, values, wholeNumber } from './parser.ts';
import type { Suite } from './suite.ts';

interface Groups {
  readonly incoming: readonly RaftId[];
  readonly outgoing: readonly RaftId[];
  /** Both, in order of first appearance: the order of the values. */
  readonly all: readonly RaftId[];
}

class Acked extends Map<RaftId, number> implements AckedIndexes {
  ackedIndex(id: RaftId): number | undefined {
    return this.get(id);
  }
}

export class QuorumSuite implements Suite {
  run(testCase: Case): string {
    const groups = readGroups(testCase);
    if (testCase.command === 'vote') return runVote(testCase, groups);
    if (testCase.command === 'committed') return runCommitted(testCase, groups);
    throw new Error(`unknown command ${testCase.command}`);
  }
}

function readGroups(testCase: Case): Groups {
  const read = (key: string): RaftId[] =>
    (values(testCase, key) ?? [])
      .filter((text) => text !== '' && text !== 'zero')
      .map((text) => wholeNumber(text, key));
  const incoming = unique(read('cfg'));
  const outgoing = unique(read('cfgj'));
  return { incoming, outgoing, all: unique([...incoming, ...outgoing]) };
}

function unique(ids: readonly RaftId[]): RaftId[] {
  return [...new Set(ids)];
}

function mismatch(groups: Groups, given: readonly string[]): string {
  return (
    'error: mismatched input (explicit or _) for voters ' +
    `[${groups.all.join(' ')}]: [${given.join(' ')}]`
  );
}

function runVote(testCase: Case, groups: Groups): string {
  const given = (values(testCase, 'votes') ?? []).filter((text) => text !== '');
  if (given.length !== groups.all.length) return mismatch(groups, given);
  const votes = new Map<RaftId, boolean>();
  groups.all.forEach((id, at) => {
    if (given[at] !== '_') votes.set(id, given[at] === 'y');
  });
  const result = jointVote(groups.incoming, groups.outgoing, votes);
  check(jointVote(groups.outgoing, groups.incoming, votes) === result, 'halves swapped');
  check(
    jointVote(groups.incoming, groups.incoming, votes) === jointVote(groups.incoming, [], votes),
    'with itself',
  );
  const name = Object.entries(VoteResult).find(([, value]) => value === result)?.[0];
  return `Vote${name}`;
}

function runCommitted(testCase: Case, groups: Groups): string {
  const given = (values(testCase, 'idx') ?? []).filter((text) => text !== '');
  if (given.length !== groups.all.length) return mismatch(groups, given);
  const acked = new Acked();
  groups.all.forEach((id, at) => {
    if (given[at] !== '_') acked.set(id, wholeNumber(given[at], 'idx'));
  });
  const { incoming, outgoing } = groups;
  const index = jointCommitted(incoming, outgoing, acked);
  check(jointCommitted(outgoing, incoming, acked) === index, 'halves swapped');
  check(
    jointCommitted(incoming, incoming, acked) === jointCommitted(incoming, [], acked),
    'with itself',
  );
  return chart(groups.all, acked) + (Number.isFinite(index) ? String(index) : '∞');
}

/** What must hold for any majorities; a failure is a failed case. */
function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`the answer changes ${what}`);
}

/** A bar for each member, as long as the number of members that are behind it. */
function chart(all: readonly RaftId[], acked: Acked): string {
  if (all.length === 0) return '<empty majority quorum>';
  const ids = [...all].sort((a, b) => a - b);
  const lines = ids.map((id) => {
    const index = acked.get(id);
    const behind = ids.filter((other) => (acked.get(other) ?? 0) < (index ?? 0)).length;
    const bar = index === undefined ? '?' : `${'x'.repeat(behind)}>`;
    const number = String(index ?? 0).padStart(5);
    return `${bar.padEnd(ids.length + 1)} ${number}    (id=${id.toString(16)})\n`;
  });
  return `${' '.repeat(ids.length + 4)}idx\n${lines.join('')}`;
}
