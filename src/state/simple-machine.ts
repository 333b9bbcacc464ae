/**
 * The smallest way to a replicated state machine: three functions. For states that fit into memory and
 * into one array of bytes; what is larger implements `StateMachine` itself and streams.
 */
import { types } from 'node:util';
import type { CommandResult, StateMachine } from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
import { shown } from '../given.ts';
import type { SnapshotSection } from '../storage/index.ts';

/** A state machine of three functions. */
export interface SimpleMachine {
  /**
   * Applies one command and answers bytes. Must be deterministic. To reject, return a `CommandResult`
   * with a code of your own above 0; to throw is a bug and stops the node.
   */
  apply(command: Uint8Array): Uint8Array | CommandResult;
  /** The whole state, as it is now. */
  snapshot(): Uint8Array;
  /** Replaces the whole state by what `snapshot` gave, on this node or another. A promise is waited for. */
  restore(state: Uint8Array): void | Promise<void>;
}

const SECTION = 'app.state';

const DUTIES = ['apply', 'snapshot', 'restore'] as const satisfies (keyof SimpleMachine)[];

/** Makes a `StateMachine` of three functions. @throws ClusterError CONFIG_INVALID: one is missing. */
export function simpleMachine(simple: SimpleMachine): StateMachine {
  checkIsWhole(simple);
  return {
    applyBatch(commands: readonly Uint8Array[]): CommandResult[] {
      return commands.map((command) => {
        const answer = simple.apply(command);
        return types.isUint8Array(answer) ? { code: 0, bytes: answer } : answer;
      });
    },
    snapshot(): SnapshotSection[] {
      const state: unknown = simple.snapshot();
      if (types.isUint8Array(state)) return [{ name: SECTION, chunks: [state] }];
      throw new ClusterError(
        'STATE_MACHINE_FAILED',
        `snapshot() returned ${shown(state)}: it must return, at once, the state as a Uint8Array`,
      );
    },
    async restore(reader): Promise<void> {
      const section = reader.section(SECTION);
      if (section === undefined) {
        throw new ClusterError('DATA_CORRUPT', `the snapshot has no section ${SECTION}`);
      }
      const chunks: Uint8Array[] = [];
      for await (const chunk of section) chunks.push(chunk);
      // One that is async has the state only at its end, or tells then that it has not.
      await simple.restore(Buffer.concat(chunks));
    },
  };
}

function checkIsWhole(simple: unknown): void {
  const given = (simple ?? {}) as Record<string, unknown>;
  const missing = DUTIES.filter((name) => typeof given[name] !== 'function');
  if (missing.length === 0) return;
  const isObject = typeof simple === 'object' && simple !== null;
  const what = isObject ? `an object without ${missing.join(', ')}` : shown(simple);
  throw new ClusterError(
    'CONFIG_INVALID',
    `the machine is ${what}: simpleMachine takes an object with the functions ${DUTIES.join(', ')}`,
    { details: { field: 'machine', missing } },
  );
}
