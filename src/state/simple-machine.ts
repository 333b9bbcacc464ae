/**
 * The smallest way to a replicated state machine: three functions. For states that fit into memory and
 * into one array of bytes; what is larger implements `StateMachine` itself and streams.
 */
import type { CommandResult, StateMachine } from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
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
  /** Replaces the whole state by what `snapshot` gave, on this node or another. */
  restore(state: Uint8Array): void;
}

const SECTION = 'app.state';

/** Makes a `StateMachine` of three functions. */
export function simpleMachine(simple: SimpleMachine): StateMachine {
  return {
    applyBatch(commands: readonly Uint8Array[]): CommandResult[] {
      return commands.map((command) => {
        const answer = simple.apply(command);
        return answer instanceof Uint8Array ? { code: 0, bytes: answer } : answer;
      });
    },
    snapshot(): SnapshotSection[] {
      return [{ name: SECTION, chunks: [simple.snapshot()] }];
    },
    async restore(reader): Promise<void> {
      const section = reader.section(SECTION);
      if (section === undefined) {
        throw new ClusterError('DATA_CORRUPT', `the snapshot has no section ${SECTION}`);
      }
      const chunks: Uint8Array[] = [];
      for await (const chunk of section) chunks.push(chunk);
      simple.restore(Buffer.concat(chunks));
    },
  };
}
