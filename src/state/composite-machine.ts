/**
 * Several state machines behind one log.
 *
 * Each part has a tag, the first byte of its commands, and a name, under which its sections stand in a
 * snapshot (`app.<name>.…`). A part sees its commands whole, tag included, in the order of the log; parts
 * share nothing, so runs of commands of one part are handed over together.
 *
 * The rule it protects: tags are never used again for another machine. A command whose tag has no part
 * here stops the node (COMMAND_UNKNOWN): some other node may know it, and skipping it would fork. One
 * without a tag can be known to nobody, ever: a rejection.
 */
import type { ApplyContext, CommandResult, StateMachine } from '../consensus/index.ts';
import { assert, ClusterError } from '../errors.ts';
import type { SnapshotReader, SnapshotSection } from '../storage/index.ts';
import { encodeRejection, type Rejection } from './rejections.ts';

const NO_TAG: Rejection = {
  code: 'REQUEST_INVALID',
  list: 'command',
  index: 0,
  field: 'bytes',
  actual: 0,
};

export interface MachinePart extends StateMachine {
  /** `[a-z0-9-]+`. */
  readonly name: string;
  /** 1 to 255. */
  readonly tag: number;
}

/** One machine of several: a command's first byte is the tag of the part that it is for. */
export function composeMachines(parts: readonly MachinePart[]): CompositeMachine {
  return new CompositeMachine(parts);
}

/**
 * Several machines behind one log. Each part has its tag, its snapshot sections, and no view of the
 * others.
 */
export class CompositeMachine implements StateMachine {
  readonly #byTag: Map<number, MachinePart> = new Map();

  constructor(parts: readonly MachinePart[]) {
    const names = new Set<string>();
    for (const part of parts) {
      const { name, tag } = part;
      assert(/^[a-z0-9-]+$/.test(name), 'a machine has a plain name', { name });
      assert(Number.isInteger(tag) && tag >= 1 && tag <= 255, 'a tag is one byte', { name, tag });
      assert(!this.#byTag.has(tag) && !names.has(name), 'machines differ', { name, tag });
      this.#byTag.set(tag, part);
      names.add(name);
    }
  }

  /**
   * Answers what the part does, so that the node finds a promise, which it refuses.
   * @throws ClusterError REQUEST_INVALID where no part has the tag; what the part has against it.
   */
  check(command: Uint8Array): unknown {
    const part = this.#byTag.get(command[0] ?? 0);
    if (part !== undefined) return part.check?.(command);
    const tags = [...this.#byTag].map(([tag, { name }]) => `${tag} (${name})`).join(', ');
    const begins = command.length === 0 ? 'is empty' : `begins with tag ${command[0]}`;
    throw new ClusterError('REQUEST_INVALID', `the command ${begins}: the machines have ${tags}`, {
      details: { field: 'command', tag: command[0] },
    });
  }

  applyBatch(commands: readonly Uint8Array[], at: ApplyContext): readonly CommandResult[] {
    const results: CommandResult[] = [];
    for (let from = 0; from < commands.length; ) {
      if (!commands[from]?.[0]) {
        results.push(encodeRejection(NO_TAG));
        from++;
        continue;
      }
      const part = this.#partOf(commands[from] as Uint8Array, at);
      let to = from + 1;
      while (to < commands.length && commands[to]?.[0] === part.tag) to++;
      const isAll = to - from === commands.length;
      const answers = part.applyBatch(isAll ? commands : commands.slice(from, to), at);
      assert(answers.length === to - from, 'one result for each command', { machine: part.name });
      if (isAll) return answers;
      for (const answer of answers) results.push(answer);
      from = to;
    }
    return results;
  }

  snapshot(): SnapshotSection[] {
    const sections: SnapshotSection[] = [];
    for (const part of this.#byTag.values()) {
      for (const section of part.snapshot()) {
        const isOwn = section.name.startsWith(`app.${part.name}.`);
        assert(isOwn, 'a machine names its sections after itself', {
          machine: part.name,
          section: section.name,
        });
        sections.push(section);
      }
    }
    return sections;
  }

  async restore(reader: Pick<SnapshotReader, 'section'>): Promise<void> {
    for (const part of this.#byTag.values()) await part.restore(reader);
  }

  #partOf(command: Uint8Array, at: ApplyContext): MachinePart {
    const part = this.#byTag.get(command[0] ?? 0);
    if (part !== undefined) return part;
    throw new ClusterError(
      'COMMAND_UNKNOWN',
      `the entry at ${at.index} (term ${at.term}) holds a command with tag ${command[0]}, which no machine of this version has; start a version that knows it`,
      { details: { index: at.index, term: at.term, tag: command[0] } },
    );
  }
}
