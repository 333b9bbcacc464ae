/**
 * No process ends by itself without a reason that somebody gave it: a node that fails names a code, and that
 * code must be excused by what was done to its machine (a disk that was made to fail, bits that were flipped,
 * sectors put in each other's place, an older disk put back, a wipe, a removal). INVARIANT, STATE_DIVERGED and
 * all the others are nobody's doing but the code's.
 *
 * Whoever brings such a fault about tells of it (event `fault`); what the checker can see for itself it
 * looks up: a wipe, and a removal that stands in the committed log. A node that was asked to stop and fails on
 * the way is judged likewise.
 */
import { ClusterError, type ErrorCode } from '../../src/errors.ts';
import type { Excuse, SimEvent } from '../cluster/events.ts';
import { type Checker, Violation } from './checker.ts';
import { ClusterRecords, nameOf } from './cluster-records.ts';

type Reason = Excuse | 'wipe';

const EXCUSED_BY: Readonly<Partial<Record<ErrorCode, readonly Reason[]>>> = {
  DISK_FAILED: ['disk-failing', 'disk-full'],
  DISK_FULL: ['disk-full'],
  DATA_DIR_UNUSABLE: ['disk-failing', 'disk-full'],
  DATA_CORRUPT: ['disk-rot', 'misplaced-sectors'],
  DATA_DIR_FORMAT: ['disk-rot'],
  DATA_DIR_MISMATCH: ['wipe', 'removal', 'twin'],
  DATA_DIR_IN_USE: ['twin'],
  ADDRESS_IN_USE: ['twin'],
  MEMBER_WIPED: ['wipe', 'roll-back', 'twin'],
  MEMBER_REMOVED: ['removal', 'wipe'],
  MEMBER_TWIN: ['twin', 'wipe', 'roll-back'],
  DATA_ROLLED_BACK: ['roll-back'],
};

export class ExplainedEnds implements Checker {
  readonly name = 'no end without a reason';
  readonly #records: ClusterRecords;
  readonly #reasons: Map<string, Set<Reason>> = new Map();

  constructor(records: ClusterRecords = new ClusterRecords()) {
    this.#records = records;
  }

  event(event: SimEvent): void {
    this.#records.see(event);
    if (event.kind === 'wiped') this.#reasonsOf(event.node).add('wipe');
    else if (event.kind === 'fault') this.#reasonsOf(event.node).add(event.what);
    else if (event.kind === 'ended' && (event.how === 'failed' || event.error !== undefined)) {
      this.#failed(event, event.error);
    }
  }

  #failed(event: SimEvent, error: Error | undefined): void {
    const code = error instanceof ClusterError ? error.code : undefined;
    const excuses = code === undefined ? [] : (EXCUSED_BY[code] ?? []);
    const reasons = this.#reasonsOf(event.node);
    if (excuses.some((excuse) => reasons.has(excuse))) return;
    if (code === 'MEMBER_REMOVED' && this.#isRemoved(event.node)) return;
    const how =
      event.kind === 'ended' && event.how === 'stopped' ? 'failed in its stop' : 'ended by itself';
    const done = reasons.size === 0 ? 'nothing' : [...reasons].join(', ');
    throw new Violation(
      this.name,
      `${nameOf(event)} ${how} with ${code ?? 'no code'} (${error?.message ?? 'no error'}); ` +
        `what was done to its machine that ends a process: ${done}` +
        (code === undefined ? `\n${error?.stack ?? ''}` : ''),
    );
  }

  #isRemoved(node: string): boolean {
    const state = this.#records.configurations.newest?.state;
    const raftId = this.#records.of(node).identity?.raftId;
    if (state === undefined || raftId === undefined) return false;
    const { voters, votersOutgoing, learners, learnersNext } = state;
    return ![voters, votersOutgoing, learners, learnersNext].some((ids) => ids.includes(raftId));
  }

  #reasonsOf(node: string): Set<Reason> {
    let reasons = this.#reasons.get(node);
    if (reasons === undefined) {
      reasons = new Set();
      this.#reasons.set(node, reasons);
    }
    return reasons;
  }
}
