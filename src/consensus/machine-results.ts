/**
 * What a state machine gives back, looked at before it counts: results of commands, parts of a snapshot.
 *
 * The rule that it protects: every node comes to the same results, and can hand them on. A machine whose
 * `apply` is async answers promises, which are no results; a code of 60,000 would pass for one of the
 * node's own. Those are bugs of the machine: the node ends and says which answer was wrong, and of which
 * entry. It is the same on every node.
 *
 * A result that is merely too large is no such bug: it may rest on the data, and it would end all nodes
 * at once. The command was applied, and stays so; in the place of its result stands a rejection of the
 * node's own with the length and the checksum, so that state hashes still tell nodes that differ.
 */
import { types } from 'node:util';
import { crc32 } from 'node:zlib';
import { ClusterError } from '../errors.ts';
import { shown } from '../given.ts';
import { RESULT_BYTES_MAX } from '../limits.ts';
import type { LogIndex } from '../raft/index.ts';
import type { SnapshotSection } from '../storage/index.ts';
import { CompactResult } from './compact-result.ts';
import { snapshotFailure } from './complaints.ts';
import { NODE_CODES_FROM, NodeResultCode } from './sessions.ts';
import type { CommandResult, StateMachine } from './types.ts';

const DUTY =
  'It must return, at once and not as a promise, an array with one ' +
  `{ code: 0 to ${NODE_CODES_FROM - 1}, bytes: Uint8Array } for each command`;

/** One result for each command, fit to be kept and sent. @throws ClusterError STATE_MACHINE_FAILED. */
export function checkResults(
  answers: unknown,
  commands: number,
  index: LogIndex,
): readonly CommandResult[] {
  if (!Array.isArray(answers)) {
    leaveAlone(answers);
    throw wrong(index, `${shown(answers)} for ${commands} commands`);
  }
  if (answers.length !== commands) {
    throw wrong(index, `${answers.length} results for ${commands} commands`);
  }
  let checked: readonly CommandResult[] = answers;
  for (let i = 0; i < commands; i++) {
    const answer: unknown = answers[i];
    if (answer instanceof CompactResult && isSmallCompact(answer)) continue;
    const fault = faultOf(answer);
    if (fault !== undefined) {
      for (const one of answers) leaveAlone(one);
      throw wrong(index, `as result ${i + 1} of ${commands} ${fault}`);
    }
    const result = answer as CommandResult;
    if (result.bytes.length <= RESULT_BYTES_MAX) continue;
    if (checked === answers) checked = [...answers];
    (checked as CommandResult[])[i] = tooLarge(result);
  }
  return checked;
}

/** Whether a result of that kind may pass without its bytes being made; else it is looked at as all others. */
function isSmallCompact({ code, byteLength }: CompactResult): boolean {
  return (
    Number.isInteger(code) && code >= 0 && code < NODE_CODES_FROM && byteLength <= RESULT_BYTES_MAX
  );
}

function faultOf(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null) return shown(answer);
  const { code, bytes } = answer as Partial<CommandResult>;
  if (!Number.isInteger(code)) {
    const isResult = 'code' in answer;
    return isResult ? `one with the code ${shown(code)}` : `${shown(answer)} without a code`;
  }
  if ((code as number) < 0 || (code as number) >= NODE_CODES_FROM) {
    return `one with the code ${code}`;
  }
  if (types.isUint8Array(bytes)) return undefined;
  const why = bytes === undefined ? ' (a copy of a result by a spread has none)' : '';
  return `one whose bytes are ${shown(bytes)}${why}`;
}

/** Nobody waits for it; should it fail as well, that must not end the process. */
function leaveAlone(value: unknown): void {
  if (value instanceof Promise) value.catch(() => undefined);
}

function wrong(index: LogIndex, what: string): ClusterError {
  const message = `applyBatch of the state machine returned ${what}, at entry ${index}. ${DUTY}`;
  return new ClusterError('STATE_MACHINE_FAILED', message, { details: { index } });
}

function tooLarge({ code, bytes }: CommandResult): CommandResult {
  const kept = new Uint8Array(24);
  const view = new DataView(kept.buffer);
  for (const [i, value] of [bytes.length, crc32(bytes), code].entries()) {
    view.setFloat64(8 * i, value, true);
  }
  return { code: NodeResultCode.ResultTooLarge, bytes: kept };
}

/** For whoever proposed it. */
export function resultTooLarge({ bytes }: CommandResult, index: LogIndex): ClusterError {
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(0, true);
  return new ClusterError(
    'RESULT_TOO_LARGE',
    `the command was applied at entry ${index}, and its result has ${length} bytes: at most ` +
      `${RESULT_BYTES_MAX} can be kept and sent. Do not repeat it; let the command answer less`,
    { details: { index, bytes: length, max: RESULT_BYTES_MAX } },
  );
}

/** The machine's part of a snapshot. @throws ClusterError: its own, or STATE_MACHINE_FAILED. */
export function captureSections(machine: StateMachine): readonly SnapshotSection[] {
  try {
    return checkSections(machine.snapshot());
  } catch (error) {
    throw snapshotFailure(error);
  }
}

/** @throws ClusterError STATE_MACHINE_FAILED. */
export function checkSections(sections: unknown): readonly SnapshotSection[] {
  if (Array.isArray(sections)) {
    const names = new Set<string>();
    return sections.map((section, i) => checkSection(section, i, names));
  }
  leaveAlone(sections);
  throw new ClusterError(
    'STATE_MACHINE_FAILED',
    `snapshot of the state machine returned ${shown(sections)}: it must return, at once, an array of ` +
      'sections { name, chunks }',
  );
}

/** `names`: of the sections before it. */
function checkSection(section: unknown, i: number, names: Set<string>): SnapshotSection {
  const { name, chunks } = (section ?? {}) as Partial<SnapshotSection>;
  const isNamed = typeof name === 'string' && name.startsWith('app.') && !names.has(name);
  const isList = typeof chunks === 'object' && chunks !== null;
  if (isNamed && isList) {
    names.add(name);
    return { name, chunks: checkedChunks(name, chunks) };
  }
  const what = isNamed ? `chunks ${shown(chunks)}` : `the name ${shown(name)}`;
  throw new ClusterError(
    'STATE_MACHINE_FAILED',
    `section ${i + 1} of the state machine's snapshot has ${what}: it must have a name of its own that ` +
      'begins with app. and chunks that can be iterated',
  );
}

async function* checkedChunks(
  name: string,
  chunks: SnapshotSection['chunks'],
): AsyncIterable<Uint8Array> {
  try {
    for await (const chunk of chunks) {
      if (!types.isUint8Array(chunk)) {
        throw new ClusterError(
          'STATE_MACHINE_FAILED',
          `section ${name} of the state machine's snapshot has a chunk that is ${shown(chunk)}: ` +
            'it must be a Uint8Array',
        );
      }
      yield chunk;
    }
  } catch (error) {
    throw snapshotFailure(error);
  }
}

/**
 * What the machine has against a command is thrown as it is. A promise would be told too late: the command is
 * proposed by then. @throws ClusterError STATE_MACHINE_FAILED for one; what `check` throws.
 */
export function askCheck(machine: StateMachine, command: Uint8Array): void {
  const answer: unknown = machine.check?.(command);
  if (!(answer instanceof Promise)) return;
  leaveAlone(answer);
  throw new ClusterError(
    'STATE_MACHINE_FAILED',
    'check of the state machine returned a promise: it must not be async, and throw at once what it has ' +
      'against a command. Nothing was proposed',
  );
}
