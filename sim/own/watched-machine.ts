/**
 * A user's state machine as a node of the simulator has it: called under a sky of its own, its answers looked
 * at before anybody counts on them, and what it throws put into words that its author understands.
 *
 * An error of Quorate's own passes as it is where it comes from the reader of a snapshot: it is the disk's,
 * or that of a node that is being stopped.
 */
import type { ApplyContext, CommandResult, StateMachine } from '../../src/consensus/index.ts';
import { checkResults, checkSections } from '../../src/consensus/machine-results.ts';
import { ClusterError } from '../../src/errors.ts';
import { simpleMachine } from '../../src/state/index.ts';
import type { SnapshotReader, SnapshotSection } from '../../src/storage/index.ts';
import { bytesText } from './bytes-text.ts';
import { isSimple } from './check-simulation.ts';
import { CommandGuard } from './command-guard.ts';
import type { MachineSky } from './machine-sky.ts';
import type { OwnMachine } from './simulation.ts';

/** Lines of a stack that lead to the place; the rest is ours. */
const STACK_LINES = 4;
const COMMANDS_SHOWN = 3;

export class WatchedMachine implements StateMachine {
  /** As the user made it. */
  readonly own: OwnMachine;
  readonly check?: (command: Uint8Array) => void;
  readonly #sky: MachineSky;
  readonly #to: StateMachine;
  readonly #guard: CommandGuard = new CommandGuard();

  constructor(make: () => OwnMachine, sky: MachineSky) {
    this.#sky = sky;
    const own = sky.under(make);
    const machine = isSimple(own) ? simpleMachine(own) : own;
    this.own = own;
    this.#to = machine;
    if (machine.check !== undefined) {
      this.check = (command) => sky.under(() => machine.check?.(command));
    }
  }

  /** What it looked at that is not the same on all nodes. */
  get looked(): ReadonlySet<string> {
    return this.#sky.looked;
  }

  applyBatch(commands: readonly Uint8Array[], at: ApplyContext): readonly CommandResult[] {
    const what = (): string => {
      const shown = commands.slice(0, COMMANDS_SHOWN).map(bytesText).join(', ');
      const more = commands.length > COMMANDS_SHOWN ? ', ...' : '';
      const count = commands.length === 1 ? 'the command' : `${commands.length} commands`;
      return `while it applied entry ${at.index} (${count} ${shown}${more})`;
    };
    this.#guard.keep(commands, at.index);
    let results: readonly CommandResult[];
    try {
      results = this.#called(what, () => this.#to.applyBatch(commands, at));
    } finally {
      this.#guard.look(isSimple(this.own) ? 'apply' : 'applyBatch');
    }
    checkResults(results, commands.length, at.index);
    return results;
  }

  snapshot(): readonly SnapshotSection[] {
    const what = (): string => 'in snapshot()';
    const sections = checkSections(this.#called(what, () => this.#to.snapshot()));
    return sections.map(({ name, chunks }) => ({ name, chunks: this.#watched(chunks) }));
  }

  async restore(reader: Pick<SnapshotReader, 'section'>): Promise<void> {
    try {
      await this.#sky.under(() => this.#to.restore(reader));
    } catch (error) {
      if (error instanceof ClusterError) throw error;
      throw threw(error, 'in restore(), of a snapshot that another one of its kind had made');
    }
  }

  /** Its chunks are made when they are asked for, perhaps much later: that is tested as well. */
  async *#watched(chunks: SnapshotSection['chunks']): AsyncGenerator<Uint8Array> {
    const sky = this.#sky;
    const all = sky.under(() => iteratorOf(chunks));
    let isWaiting = false;
    try {
      for (;;) {
        const next = await sky.under(() => all.next());
        if (next.done === true) return;
        isWaiting = true;
        yield next.value;
        isWaiting = false;
      }
    } finally {
      if (isWaiting) await sky.under(() => all.return?.());
    }
  }

  #called<T>(what: () => string, action: () => T): T {
    try {
      return this.#sky.under(action);
    } catch (error) {
      throw threw(error, what());
    }
  }
}

function iteratorOf(
  chunks: SnapshotSection['chunks'],
): Iterator<Uint8Array> | AsyncIterator<Uint8Array> {
  if (Symbol.asyncIterator in chunks) return chunks[Symbol.asyncIterator]();
  return chunks[Symbol.iterator]();
}

function threw(error: unknown, where: string): ClusterError {
  const { stack } = (error ?? {}) as { stack?: unknown };
  const lines =
    typeof stack === 'string' ? stack.split('\n').slice(0, STACK_LINES) : [String(error)];
  return new ClusterError('STATE_MACHINE_FAILED', `it threw ${where}: ${lines.join('\n')}`, {
    cause: error,
  });
}
