/**
 * The bytes of a command belong to the log: they are the very ones that are sent to other nodes, and applied
 * again after a restart. A machine that writes into them changes its node's history, and what then breaks looks
 * like a fault of the cluster. So copies are kept, and each call of the machine is followed by a look.
 *
 * A machine may keep a command and write into it much later; the last ones are looked at as well. What was
 * changed is put back, so that no checker stumbles over it before the machine's author is told.
 */
import { ClusterError } from '../../src/errors.ts';
import type { LogIndex } from '../../src/raft/index.ts';
import { bytesTexts } from './bytes-text.ts';

/** Commands of calls before this one that are looked at again. */
const KEPT_MAX = 32;

interface Kept {
  readonly index: LogIndex;
  readonly command: Uint8Array;
  readonly copy: Uint8Array;
}

export class CommandGuard {
  #kept: Kept[] = [];

  /** Before the machine is called. */
  keep(commands: readonly Uint8Array[], index: LogIndex): void {
    const now = commands.map((command) => ({ index, command, copy: Uint8Array.from(command) }));
    this.#kept = [...this.#kept.slice(-KEPT_MAX), ...now];
  }

  /** After it, whether it threw or not. `name`: of the function. @throws ClusterError STATE_MACHINE_FAILED. */
  look(name: string): void {
    let changed: string | undefined;
    for (const { index, command, copy } of this.#kept) {
      if (Buffer.compare(command, copy) === 0) continue;
      const [was, is] = bytesTexts([copy, command]);
      changed ??= `command ${index} (${was} became ${is})`;
      command.set(copy);
    }
    if (changed === undefined) return;
    const message = `${name} changed the bytes of ${changed}; they belong to the log: copy them`;
    throw new ClusterError('STATE_MACHINE_FAILED', message);
  }
}
