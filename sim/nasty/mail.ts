/**
 * The mail of a cluster in a script's hands: raft messages that arrive at a machine are held, copied,
 * dropped or delayed by rules, and delivered when the script says so. Nothing is forged: what is delivered
 * was sent by a node, to that node. So whatever comes of it could come of a network, too.
 *
 * Rules are asked in the order in which they were made; the first one that wants a message has it. What is
 * delivered once its process is dead reaches nobody. Snapshots (bulk) and forwarded proposals are not mail.
 */
import { type Message, MessageType } from '../../src/raft/index.ts';
import type { AppendBatch } from '../../src/storage/index.ts';
import type { SimEvent } from '../cluster/events.ts';
import { processOf, raftIdOf } from './moves.ts';
import type { NastyStage } from './scenario.ts';

export type Which = (message: Message, to: string) => boolean;

interface Letter {
  readonly to: string;
  readonly message: Message;
  readonly pass: (message: Message) => void;
}

interface Rule {
  readonly to: string | undefined;
  readonly which: Which;
  take(letter: Letter): void;
}

/** Messages of a type, of a sender, and such that. */
export function letters(
  type: MessageType | readonly MessageType[],
  from?: string,
  where: (message: Message) => boolean = () => true,
): Which {
  const types: readonly MessageType[] = typeof type === 'number' ? [type] : type;
  return (message) =>
    types.includes(message.type) &&
    (from === undefined || message.from === raftIdOf(from)) &&
    where(message);
}

/** What a rule has taken. */
export class Pile {
  readonly #stage: NastyStage;
  readonly #letters: Letter[] = [];
  readonly #end: () => void;

  constructor(stage: NastyStage, end: () => void) {
    this.#stage = stage;
    this.#end = end;
  }

  get messages(): readonly Message[] {
    return this.#letters.map(({ message }) => message);
  }

  add(letter: Letter): void {
    this.#letters.push(letter);
  }

  /** Delivers the message at that place, once more if it was delivered before. */
  deliver(at: number): void {
    const letter = this.#letters.at(at);
    if (letter === undefined) throw new Error(`nothing lies at ${at} of ${this.#letters.length}`);
    const { to, message, pass } = letter;
    processOf(this.#stage, to).loop.io(0, () => pass(message));
  }

  /** Takes no more; what comes now passes. */
  end(): void {
    this.#end();
  }

  /** Delivers all, in order, and takes no more. */
  release(): void {
    this.end();
    for (const { to, message, pass } of this.#letters) {
      this.#stage.cluster.machine(to).process?.loop.io(0, () => pass(message));
    }
  }
}

/** Of the machines that there are when it is made. */
export class Mail {
  readonly #stage: NastyStage;
  readonly #rules: Rule[] = [];

  constructor(stage: NastyStage) {
    this.#stage = stage;
    for (const { name } of stage.cluster.machines.values()) this.#watch(name);
  }

  /** Keeps them. `to` undefined: wherever they arrive. */
  hold(to: string | undefined, which: Which): Pile {
    return this.#pile(to, which, false);
  }

  /** Lets them pass, and keeps a copy of each. */
  copy(to: string | undefined, which: Which): Pile {
    return this.#pile(to, which, true);
  }

  /** They are lost; the pile tells which. */
  drop(to: string | undefined, which: Which): Pile {
    return this.#pile(to, which, false);
  }

  delay(to: string | undefined, which: Which, ms: number): () => void {
    return this.#add({
      to,
      which,
      take: ({ to: name, message, pass }) =>
        processOf(this.#stage, name).loop.io(ms, () => pass(message)),
    });
  }

  /** Nobody else is asked for votes by anybody: only this one can win an election. */
  onlyCandidate(name: string): Pile {
    const asks = letters([MessageType.Vote, MessageType.PreVote]);
    return this.drop(
      undefined,
      (message, to) => asks(message, to) && message.from !== raftIdOf(name),
    );
  }

  /** All rules end; what they have taken stays where it is. */
  clear(): void {
    this.#rules.length = 0;
  }

  #watch(name: string): void {
    this.#stage.cluster.machine(name).intercept = (message, pass) => {
      const isFor = ({ to, which }: Rule): boolean =>
        (to === undefined || to === name) && which(message, name);
      const rule = this.#rules.find(isFor);
      if (rule === undefined) pass(message);
      else rule.take({ to: name, message, pass });
    };
  }

  #pile(to: string | undefined, which: Which, isPassed: boolean): Pile {
    const pile = new Pile(this.#stage, () => end());
    const end = this.#add({
      to,
      which,
      take: (letter) => {
        pile.add(letter);
        if (isPassed) letter.pass(letter.message);
      },
    });
    return pile;
  }

  #add(rule: Rule): () => void {
    this.#rules.push(rule);
    return () => {
      const at = this.#rules.indexOf(rule);
      if (at >= 0) this.#rules.splice(at, 1);
    };
  }
}

/** Remembers all that happens from now on. */
export class Witness {
  events: SimEvent[] = [];

  constructor(stage: NastyStage) {
    stage.cluster.listen((event) => {
      this.events.push(event);
    });
  }

  /** Forgets what was so far. */
  clear(): void {
    this.events = [];
  }

  /** What the node has sent of those. */
  sent(by: string, which: Which): readonly Message[] {
    return this.#messages('sent', by, which);
  }

  /** What has reached the node of those. */
  received(by: string, which: Which): readonly Message[] {
    return this.#messages('received', by, which);
  }

  /** What was handed to the node's storage, or has become durable there. */
  batches(step: 'appended' | 'durable', by: string): readonly AppendBatch[] {
    return this.events.flatMap((event) =>
      event.kind === step && event.node === by ? [event.batch] : [],
    );
  }

  #messages(kind: 'sent' | 'received', by: string, which: Which): readonly Message[] {
    return this.events.flatMap((event) =>
      event.kind === kind && event.node === by && which(event.message, by) ? [event.message] : [],
    );
  }
}
