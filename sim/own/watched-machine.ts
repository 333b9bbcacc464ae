/**
 * A user's state machine as a node of the simulator has it: called under a sky of its own, its answers looked
 * at before anybody counts on them, and what it throws put into words that its author understands.
 *
 * An error of Quorate's own passes as it is where it comes from the reader of a snapshot: it is the disk's,
 * or that of a node that is being stopped.
 */
import { types } from 'node:util';
import type { ApplyContext, CommandResult, StateMachine } from '../../src/consensus/index.ts';
import { checkResults, checkSections } from '../../src/consensus/machine-results.ts';
import { ClusterError } from '../../src/errors.ts';
import { shown } from '../../src/given.ts';
import { type SimpleMachine, simpleMachine } from '../../src/state/index.ts';
import type { SnapshotReader, SnapshotSection } from '../../src/storage/index.ts';
import { EndlessCall } from './bounded.ts';
import { bytesText } from './bytes-text.ts';
import { isSimple } from './check-simulation.ts';
import { CommandGuard } from './command-guard.ts';
import type { MachineSky } from './machine-sky.ts';
import { ownStack } from './own-stack.ts';
import type { OwnMachine } from './simulation.ts';

const COMMANDS_SHOWN = 3;
const REJECT =
  'Every node that applies this would end, all at once. To reject a command, give it a result with a code ' +
  "of your own above 0, such as { code: 1, bytes: Buffer.from('why') }";
const TAKE_BACK = 'It must take back every snapshot that the machine makes';

export class WatchedMachine implements StateMachine {
  /** As the user made it. */
  readonly own: OwnMachine;
  readonly check?: (command: Uint8Array) => void;
  readonly #sky: MachineSky;
  readonly #to: StateMachine;
  readonly #guard: CommandGuard = new CommandGuard();

  constructor(make: () => OwnMachine, sky: MachineSky) {
    this.#sky = sky;
    const own = sky.under(make, () => 'machine()');
    const machine = isSimple(own) ? simpleMachine(checked(own)) : own;
    this.own = own;
    this.#to = machine;
    if (machine.check !== undefined) {
      const where = (): string => 'check of a command';
      this.check = (command) => sky.under(() => machine.check?.(command), where);
    }
  }

  /** What was looked at in this run that is not the same on all nodes, and by which function first. */
  get looked(): ReadonlyMap<string, string> {
    return this.#sky.looked;
  }

  applyBatch(commands: readonly Uint8Array[], at: ApplyContext): readonly CommandResult[] {
    const name = isSimple(this.own) ? 'apply' : 'applyBatch';
    const where = (): string => {
      const some = commands.slice(0, COMMANDS_SHOWN).map(bytesText).join(', ');
      const more = commands.length > COMMANDS_SHOWN ? ', ...' : '';
      const count = commands.length === 1 ? 'the command' : `${commands.length} commands`;
      return `${name} of entry ${at.index} (${count} ${some}${more})`;
    };
    this.#guard.keep(commands, at.index);
    let results: readonly CommandResult[];
    try {
      results = this.#called(where, () => this.#to.applyBatch(commands, at), REJECT);
    } finally {
      this.#guard.look(name);
    }
    checkResults(results, commands.length, at.index);
    return results;
  }

  snapshot(): readonly SnapshotSection[] {
    const where = (): string => 'snapshot()';
    const sections = checkSections(this.#called(where, () => this.#to.snapshot()));
    return sections.map(({ name, chunks }) => ({ name, chunks: this.#watched(chunks) }));
  }

  async restore(reader: Pick<SnapshotReader, 'section'>): Promise<void> {
    try {
      await this.#sky.under(
        () => this.#to.restore(reader),
        () => 'restore()',
      );
    } catch (error) {
      if (error instanceof ClusterError) throw error;
      throw threw(
        error,
        'restore(), of a snapshot that another one of its kind had made',
        TAKE_BACK,
      );
    }
  }

  /** Its chunks are made when they are asked for, perhaps much later: that is tested as well. */
  async *#watched(chunks: SnapshotSection['chunks']): AsyncGenerator<Uint8Array> {
    const sky = this.#sky;
    const where = (): string => 'the chunks of snapshot()';
    const all = sky.under(() => iteratorOf(chunks), where);
    let isWaiting = false;
    try {
      for (;;) {
        const next = await sky.under(() => all.next(), where);
        if (next.done === true) return;
        isWaiting = true;
        yield next.value;
        isWaiting = false;
      }
    } finally {
      if (isWaiting) await sky.under(() => all.return?.(), where);
    }
  }

  #called<T>(where: () => string, action: () => T, advice = ''): T {
    try {
      return this.#sky.under(action, where);
    } catch (error) {
      // Says already what is wrong with an answer.
      if (error instanceof ClusterError && error.code === 'STATE_MACHINE_FAILED') throw error;
      throw threw(error, where(), advice);
    }
  }
}

function iteratorOf(
  chunks: SnapshotSection['chunks'],
): Iterator<Uint8Array> | AsyncIterator<Uint8Array> {
  if (Symbol.asyncIterator in chunks) return chunks[Symbol.asyncIterator]();
  return chunks[Symbol.iterator]();
}

/** The same three functions; what `apply` answers is looked at in the words of whoever wrote it. */
function checked(own: SimpleMachine): SimpleMachine {
  return {
    apply: (command) => {
      const answer: unknown = own.apply(command);
      if (!isAnswer(answer)) {
        if (answer instanceof Promise) answer.catch(() => undefined);
        throw new ClusterError(
          'STATE_MACHINE_FAILED',
          `apply returned ${shown(answer)} for the command ${bytesText(command)}: it must return, at once ` +
            'and not as a promise, a Uint8Array (a Buffer is one), or, to reject the command, ' +
            "{ code: 1, bytes: Buffer.from('why') }",
        );
      }
      return answer;
    },
    snapshot: () => own.snapshot(),
    restore: (state) => own.restore(state),
  };
}

/** Whether its code is one that may be is looked at where all results are. */
function isAnswer(answer: unknown): answer is Uint8Array | CommandResult {
  if (types.isUint8Array(answer)) return true;
  if (typeof answer !== 'object' || answer === null) return false;
  const { code, bytes } = answer as Partial<CommandResult>;
  return Number.isInteger(code) && types.isUint8Array(bytes);
}

function threw(error: unknown, where: string, advice = ''): ClusterError {
  const isEndless = error instanceof EndlessCall;
  const what = isEndless
    ? `${where}: ${error.message}`
    : `it threw in ${where}: ${ownStack(error).text}`;
  const lines = advice === '' || isEndless ? what : `${what}\n${advice}`;
  return new ClusterError('STATE_MACHINE_FAILED', lines, { cause: error });
}
