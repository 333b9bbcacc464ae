/**
 * For tests: everything that a network, a disk and a power switch can do to a group of cores, as a
 * list of events that fast-check makes and shrinks. Messages are lost, doubled, delayed, reordered,
 * cut off by partitions; storage work is done late; crashes lose what was not written; members come
 * and go; logs are compacted and dropped from memory.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import { bytes, stepQuietly, TestGroup, type TestNode, type TestOptions } from './raft.fixture.ts';
import { SafetyChecker } from './safety-checker.fixture.ts';
import {
  type ConfChange,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  type Message,
  MessageType,
} from './types.ts';

/** Everything that may happen. */
const KINDS = [
  'tick',
  'work',
  'ready',
  'write',
  'apply',
  'receive',
  'deliver',
  'drop',
  'double',
  'hold',
  'release',
  'flush',
  'cut',
  'mend',
  'propose',
  'read',
  'elect',
  'campaign',
  'crash',
  'compact',
  'evict',
  'load',
  'change',
  'transfer',
  'report',
  'forget',
] as const;

type Kind = (typeof KINDS)[number];
type Weights = Readonly<Partial<Record<Kind, number>>>;

export type Theme = 'everything' | 'elections' | 'heirs' | 'logs' | 'members' | 'reads';

/** A storm of everything at once seldom gets far in anything; so most have a theme. */
const THEMES: Readonly<Record<Theme, Weights>> = {
  everything: Object.fromEntries(KINDS.map((kind) => [kind, /work|receive/.test(kind) ? 6 : 2])),
  /** Rivals for the same term, votes on their way to the disk, power that fails between them. */
  elections: {
    campaign: 6,
    work: 8,
    receive: 10,
    ready: 3,
    write: 3,
    crash: 5,
    double: 1,
    propose: 1,
  },
  /** Leaders that hand over to members that have not applied who the members are. */
  heirs: {
    transfer: 5,
    change: 5,
    elect: 3,
    ready: 6,
    write: 6,
    receive: 9,
    work: 2,
    apply: 1,
    flush: 1,
    propose: 1,
    tick: 2,
    double: 1,
    crash: 1,
  },
  /** Leaders that follow on one another quickly, each with something that few have got. */
  logs: {
    elect: 5,
    propose: 5,
    cut: 6,
    mend: 3,
    flush: 4,
    work: 3,
    receive: 3,
    ready: 2,
    write: 2,
    crash: 2,
    hold: 2,
    release: 2,
    double: 2,
    tick: 2,
  },
  /** Members that come and go, with snapshots for those who come late. */
  members: {
    change: 6,
    elect: 4,
    flush: 5,
    cut: 4,
    mend: 3,
    propose: 2,
    tick: 3,
    work: 4,
    receive: 4,
    crash: 2,
    compact: 2,
    transfer: 1,
    report: 1,
  },
  /** Leaders that do not know yet that they were replaced, and late answers. */
  reads: {
    read: 8,
    elect: 4,
    cut: 5,
    mend: 2,
    flush: 2,
    propose: 4,
    work: 4,
    receive: 4,
    hold: 2,
    release: 2,
    double: 2,
    tick: 3,
  },
};

/** What was held back longest is lost. */
const HELD_MAX = 60;

export interface StormEvent {
  readonly kind: Kind;
  readonly node: number;
  readonly pick: number;
}

function eventsOf(theme: Theme): fc.Arbitrary<StormEvent[]> {
  const weights = Object.entries(THEMES[theme]) as [Kind, number][];
  const kinds = weights.flatMap(([kind, weight]) => new Array<Kind>(weight).fill(kind));
  const event = fc.record({
    kind: fc.constantFrom(...kinds),
    // The fourth is a stranger at first: it is there less often than the others.
    node: fc.constantFrom(1, 2, 3, 1, 2, 3, 4),
    pick: fc.nat(1000),
  });
  return fc.array(event, { minLength: 50, maxLength: 400, size: 'max' });
}

/** Members 1, 2 and 3, and 4 that may join. 1 and 2 stay voters, so that there is a group to heal. */
export class Storm {
  readonly group: TestGroup;
  readonly checker: SafetyChecker;
  /** Messages that come later than everything else. */
  #held: Message[] = [];
  #proposals = 0;
  #reads = 0;

  constructor(options: TestOptions) {
    this.group = new TestGroup([1, 2, 3], options, { strangers: [4] });
    const inflightMessagesMax = options.maxInflightMsgs ?? Number.POSITIVE_INFINITY;
    this.checker = new SafetyChecker({ inflightMessagesMax });
    for (const node of this.group.nodes) this.checker.started(node);
    this.group.onReady = (node, ready) => this.checker.tookReady(node, ready);
    this.group.onSend = (messages) => this.checker.left(messages);
  }

  run({ kind, node: id, pick }: StormEvent): void {
    const node = this.group.node(id);
    this.#actions[kind](node, pick);
    if (kind === 'flush' || kind === 'elect')
      for (const each of this.group.nodes) this.checker.check(each);
    else this.checker.check(node);
  }

  readonly #actions: Readonly<Record<Kind, (node: TestNode, pick: number) => void>> = {
    tick: (node, pick) => {
      for (let i = 0; i <= pick % 6; i++) node.raw.tick();
    },
    work: (node) => this.group.work(node),
    ready: (node) => {
      if (node.raw.hasReady()) this.group.takeReady(node);
    },
    write: (node) => this.group.send(node.writeOne()),
    apply: (node) => this.group.send(node.applyOne()),
    receive: ({ id }, pick) => this.#receive(id, pick),
    deliver: ({ id }, pick) => this.#deliver(id, pick, true, true),
    double: ({ id }, pick) => this.#deliver(id, pick, true, false),
    drop: ({ id }, pick) => this.#deliver(id, pick, false, true),
    hold: () => {
      this.#held.push(...this.group.wire.splice(0));
      this.#held.splice(0, this.#held.length - HELD_MAX);
    },
    release: () => {
      this.group.wire.push(...this.#held.splice(0));
    },
    flush: () => this.group.settle(),
    cut: ({ id }, pick) => {
      this.group.isLost = lossFrom(id, pick);
    },
    mend: () => {
      this.group.isLost = () => false;
    },
    propose: (node) => {
      const data = bytes(`p${this.#proposals++}`);
      quietly(() => node.raw.propose(data));
    },
    read: (node) => {
      const context = `r${this.#reads++}`;
      this.checker.readAsked(context);
      node.raw.readIndex(bytes(context));
    },
    elect: ({ id }) => void this.group.elect(id),
    campaign: (node) => node.raw.campaign(),
    crash: (node) => {
      node.restart();
      this.checker.started(node);
    },
    compact: (node) => node.compact(),
    evict: (node, pick) => {
      node.log.cachedFrom = node.log.lastIndex() - (pick % 3);
    },
    load: (node) => node.load(),
    change: (node, pick) => quietly(() => node.raw.proposeConfChange(changeFrom(pick))),
    transfer: (node, pick) => node.raw.transferLeadership((pick % 3) + 1),
    report: (node, pick) => {
      node.raw.reportUnreachable((pick % 4) + 1);
      for (let peer = 1; peer <= 4; peer++) node.raw.reportSnapshot(peer, pick % 2 === 0);
    },
    forget: (node) => node.raw.forgetLeader(),
  };

  /** One message for the node, any of those on their way. */
  #deliver(id: number, pick: number, isDelivered: boolean, isTaken: boolean): void {
    const { wire } = this.group;
    const places = wire.flatMap(({ to }, at) => (to === id ? [at] : []));
    if (places.length === 0) return;
    const at = places[pick % places.length]!;
    const message = wire[at]!;
    if (isTaken) wire.splice(at, 1);
    if (isDelivered) this.#step(message);
  }

  /** All that is on its way to the node; now and then beginning anywhere, and backwards. */
  #receive(id: number, pick: number): void {
    const { wire } = this.group;
    const mine = wire.filter(({ to }) => to === id);
    this.group.wire = wire.filter(({ to }) => to !== id);
    const from = mine.length === 0 ? 0 : pick % mine.length;
    const order = pick % 4 > 0 ? mine : [...mine.slice(from), ...mine.slice(0, from)].reverse();
    for (const message of order) this.#step(message);
  }

  #step(message: Message): void {
    const target = this.group.nodes.find(({ id }) => id === message.to);
    if (target !== undefined && !this.group.isLost(message)) stepQuietly(target.raw, message);
  }

  /** Who was removed is stopped, as its shell would do; a removed leader leads on otherwise. */
  #removed(): (id: number) => boolean {
    const [newest] = [...this.group.nodes].sort((a, b) => b.appliedIndex - a.appliedIndex);
    const { voters, votersOutgoing, learners } = newest!.confState;
    const members = new Set([...voters, ...votersOutgoing, ...learners]);
    return (id) => !members.has(id);
  }

  /** The network heals: somebody must lead, and what is proposed must get through. */
  heal(): void {
    const { group } = this;
    for (let round = 0; round < 300; round++) {
      if (this.#healingRound(round)) return;
    }
    const states = group.nodes.map(({ raw, confState, appliedIndex }) => {
      const { id, hardState, softState } = raw.basicStatus();
      return { id, hardState, softState, appliedIndex, confState };
    });
    expect.fail(`the group did not recover after the network healed: ${JSON.stringify(states)}`);
  }

  /** Whether all voters have applied what was proposed in this round. */
  #healingRound(round: number): boolean {
    const { group } = this;
    const isStopped = this.#removed();
    group.isLost = ({ from, to }) => isStopped(from) || isStopped(to);
    for (const node of group.nodes) {
      if (!isStopped(node.id)) node.raw.tick();
      for (let peer = 1; peer <= 4; peer++) node.raw.reportSnapshot(peer, false);
    }
    group.settle();
    for (const node of group.nodes) node.load();
    group.settle();
    for (const node of group.nodes) this.checker.check(node);
    const leader = group.leaders.find(({ id }) => !isStopped(id));
    if (leader === undefined) return false;
    // A joint configuration that was to be left by hand.
    const { votersOutgoing, autoLeave } = leader.confState;
    if (votersOutgoing.length > 0 && !autoLeave) {
      const transition = ConfChangeTransition.Auto;
      quietly(() => leader.raw.proposeConfChange({ transition, changes: [], context: bytes('') }));
    }
    quietly(() => leader.raw.propose(bytes(`heal${round}`)));
    group.settle();
    const { voters, votersOutgoing: outgoing } = leader.confState;
    return (
      outgoing.length === 0 && voters.every((id) => group.node(id).texts.at(-1) === `heal${round}`)
    );
  }
}

/** A node alone; it unheard; it deaf; acknowledgements or appends lost; one pair out of touch. */
function lossFrom(id: number, pick: number): (message: Message) => boolean {
  const other = (pick % 3) + 1;
  switch (pick % 6) {
    case 0:
    case 1:
      return ({ from, to }) => from === id || to === id;
    case 2:
      return ({ from }) => from === id;
    case 3:
      return ({ to }) => to === id;
    case 4:
      return ({ type, to }) => type === MessageType.AppResp && to === id;
    default:
      return ({ type, from, to }) => type === MessageType.App && from === id && to === other;
  }
}

function quietly(action: () => void): void {
  try {
    action();
  } catch (error) {
    if ((error as { code?: string }).code !== 'PROPOSAL_DROPPED') throw error;
  }
}

/** Both forms, one change or two, every transition, leaving included. */
function changeFrom(pick: number): ConfChange | ConfChangeV2 {
  const { AddNode, RemoveNode, AddLearnerNode } = ConfChangeType;
  const single = (seed: number) => {
    const nodeId = (seed % 4) + 1;
    const type = [AddNode, RemoveNode, AddLearnerNode][seed % 3]!;
    return nodeId <= 2 ? { type: AddNode, nodeId } : { type, nodeId };
  };
  const context = bytes('');
  const { Auto, JointImplicit, JointExplicit } = ConfChangeTransition;
  switch (pick % 6) {
    case 0:
      return { ...single(pick), context, id: 0 };
    case 1:
      return { transition: JointImplicit, changes: [single(pick)], context };
    case 2:
      return { transition: JointExplicit, changes: [single(pick), single(pick + 1)], context };
    case 3:
      return { transition: Auto, changes: [], context };
    case 4:
      return { transition: Auto, changes: [single(pick), single(pick + 5)], context };
    default:
      return { transition: Auto, changes: [single(pick)], context };
  }
}

/** A fixed sequence for each node: timeouts differ, runs repeat. */
export function stormOptions(extra: TestOptions, seed: number): TestOptions {
  let state = seed + 1;
  const random = (bound: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % bound;
  };
  return { electionTick: 5, asyncStorageWrites: true, random, ...extra };
}

/** Any sequence of events keeps every promise, and ends in a group that works. */
export function stormProperty(
  extra: TestOptions,
  themes: readonly Theme[] = Object.keys(THEMES) as Theme[],
): fc.IProperty<[StormEvent[], number]> {
  const events = fc.oneof(...themes.map(eventsOf));
  return fc.property(events, fc.nat(1_000_000), (list, seed) => {
    const storm = new Storm(stormOptions(extra, seed));
    for (const event of list) storm.run(event);
    storm.heal();
  });
}
