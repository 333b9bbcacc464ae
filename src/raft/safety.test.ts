/**
 * The five promises of the paper's figure 3, under everything that a network and a power switch can
 * do to a group of pure cores: messages lost, doubled, delayed and reordered; work of the storage
 * threads done late; crashes that lose what was not written; snapshots, compaction, entries that are
 * not in memory, members that come and go. The sequence of events is random, and shrinks.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bytes,
  stepQuietly,
  TestGroup,
  type TestNode,
  type TestOptions,
  text,
} from './raft.fixture.ts';
import {
  ConfChangeTransition,
  ConfChangeType,
  type Entry,
  type Message,
  MessageType,
  StateType,
} from './types.ts';

const KINDS = [
  'tick',
  'tick',
  'ready',
  'ready',
  'ready',
  'write',
  'write',
  'apply',
  'deliver',
  'deliver',
  'deliver',
  'deliver',
  'deliver',
  'flush',
  'drop',
  'double',
  'propose',
  'read',
  'campaign',
  'crash',
  'compact',
  'evict',
  'load',
  'change',
  'transfer',
  'unreachable',
] as const;

interface Event {
  readonly kind: (typeof KINDS)[number];
  readonly node: number;
  readonly pick: number;
}

const event: fc.Arbitrary<Event> = fc.record({
  kind: fc.constantFrom(...KINDS),
  node: fc.integer({ min: 1, max: 4 }),
  pick: fc.nat(1000),
});

class Checker {
  readonly #leaders = new Map<number, number>();
  /** By "term/index": what that entry is. Once seen anywhere, it is that everywhere. */
  readonly #entries = new Map<string, string>();
  readonly #applied = new Map<number, string>();
  readonly #leaderEnd = new Map<string, number>();
  /** The highest index known to be committed when a read was asked. */
  readonly #readFloor = new Map<string, number>();

  /** Election safety. */
  leader(node: TestNode): void {
    if (!node.isLeader) return;
    const { term } = node.raw.basicStatus().hardState;
    const known = this.#leaders.get(term) ?? node.id;
    expect(known, `two leaders in term ${term}`).toBe(node.id);
    this.#leaders.set(term, node.id);
  }

  /** Log matching, entry by entry: index and term determine the content and what comes before. */
  entries(entries: readonly Entry[], prevTerm: number | undefined): void {
    let before = prevTerm;
    for (const entry of entries) {
      const key = `${entry.term}/${entry.index}`;
      const content = `${entry.type}:${text(entry.data)}`;
      const known = this.#entries.get(key) ?? content;
      expect(known, `two entries at ${key}`).toBe(content);
      this.#entries.set(key, content);
      if (before !== undefined) {
        const link = `before ${key}`;
        const knownBefore = this.#entries.get(link) ?? String(before);
        expect(knownBefore, `two histories of ${key}`).toBe(String(before));
        this.#entries.set(link, String(before));
      }
      before = entry.term;
    }
  }

  /** Leader append-only: in one term a leader writes each index once. */
  leaderWrites(node: TestNode, entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined || !node.isLeader) return;
    const own = entries.filter((entry) => entry.term === node.raw.basicStatus().hardState.term);
    if (own.length === 0) return;
    const key = `${node.id}/${own[0]!.term}`;
    const end = this.#leaderEnd.get(key);
    if (end !== undefined) expect(own[0]!.index, 'a leader rewrote its log').toBeGreaterThan(end);
    this.#leaderEnd.set(key, own.at(-1)!.index);
  }

  /** State machine safety, and with it leader completeness as far as anybody can see it. */
  applied(node: TestNode): void {
    let last = 0;
    for (const entry of node.applied) {
      expect(entry.index, 'applied out of order').toBeGreaterThan(last);
      last = entry.index;
      const content = `${entry.term}:${entry.type}:${text(entry.data)}`;
      const known = this.#applied.get(entry.index) ?? content;
      expect(content, `two entries applied at ${entry.index}`).toBe(known);
      this.#applied.set(entry.index, content);
    }
  }

  /** Leader completeness: an own entry on disk has everything committed before below it. */
  leaderLog(node: TestNode): void {
    const { term } = node.raw.basicStatus().hardState;
    const last = node.log.lastIndex();
    if (!node.isLeader || node.log.term(last) !== term) return;
    for (const [index, content] of this.#applied) {
      if (index < node.log.firstIndex() || index > last) continue;
      const [entry] = node.log.entries(index, index + 1, 1) ?? [];
      if (entry === undefined) continue;
      expect(`${entry.term}:${entry.type}:${text(entry.data)}`).toBe(content);
    }
  }

  readAsked(context: string): void {
    this.#readFloor.set(context, Math.max(0, ...this.#applied.keys()));
  }

  /** A read sees at least what anybody had applied when it was asked. */
  readAnswered(context: string, index: number): void {
    expect(index, 'a stale read').toBeGreaterThanOrEqual(this.#readFloor.get(context) ?? 0);
  }
}

class Storm {
  readonly group: TestGroup;
  readonly checker = new Checker();
  #proposals = 0;
  #reads = 0;

  constructor(options: TestOptions) {
    this.group = new TestGroup([1, 2, 3], options, { strangers: [4] });
  }

  run({ kind, node: id, pick }: Event): void {
    const node = this.group.node(id);
    const { wire } = this.group;
    switch (kind) {
      case 'tick':
        for (let i = 0; i <= pick % 6; i++) node.raw.tick();
        break;
      case 'ready':
        this.takeReady(node);
        break;
      case 'write':
        wire.push(...node.writeOne());
        break;
      case 'apply':
        wire.push(...node.applyOne());
        break;
      case 'deliver':
      case 'double':
      case 'drop':
        this.deliver(kind, pick);
        break;
      case 'flush':
        this.group.settle();
        break;
      case 'propose':
        quietly(() => node.raw.propose(bytes(`p${this.#proposals++}`)));
        break;
      case 'read': {
        const context = `r${this.#reads++}`;
        this.checker.readAsked(context);
        node.raw.readIndex(bytes(context));
        break;
      }
      case 'campaign':
        node.raw.campaign();
        break;
      case 'crash':
        node.restart();
        break;
      case 'compact':
        node.compact();
        break;
      case 'evict':
        node.log.cachedFrom = node.log.lastIndex() - (pick % 3);
        break;
      case 'load':
        node.load();
        break;
      case 'change':
        quietly(() => node.raw.proposeConfChange(changeFrom(pick)));
        break;
      case 'transfer':
        node.raw.transferLeadership((pick % 3) + 1);
        break;
      case 'unreachable':
        node.raw.reportUnreachable((pick % 4) + 1);
        for (let peer = 1; peer <= 4; peer++) node.raw.reportSnapshot(peer, pick % 2 === 0);
        break;
    }
    this.check();
  }

  takeReady(node: TestNode): void {
    if (!node.raw.hasReady()) return;
    const { ready, outgoing } = node.takeReady();
    this.checker.leaderWrites(node, ready.entries);
    for (const message of outgoing) {
      if (message.type === MessageType.App) this.checker.entries(message.entries, message.logTerm);
    }
    this.group.wire.push(...outgoing);
  }

  deliver(kind: 'deliver' | 'double' | 'drop', pick: number): void {
    const { wire } = this.group;
    if (wire.length === 0) return;
    const at = pick % wire.length;
    const message = wire[at]!;
    if (kind !== 'double') wire.splice(at, 1);
    if (kind !== 'drop') this.step(message);
  }

  step(message: Message): void {
    const target = this.group.nodes.find(({ id }) => id === message.to);
    if (target !== undefined) stepQuietly(target.raw, message);
  }

  check(): void {
    for (const node of this.group.nodes) {
      this.checker.leader(node);
      this.checker.applied(node);
      this.checker.leaderLog(node);
      for (const { context, index } of node.readStates.splice(0)) {
        this.checker.readAnswered(text(context), index);
      }
    }
  }

  /** Who was removed is stopped, as its shell would do; a removed leader leads on otherwise. */
  removed(): (id: number) => boolean {
    const [newest] = [...this.group.nodes].sort((a, b) => b.appliedIndex - a.appliedIndex);
    const { voters, votersOutgoing, learners } = newest!.confState;
    const members = new Set([...voters, ...votersOutgoing, ...learners]);
    return (id) => !members.has(id);
  }

  /** The network heals: somebody must lead, and what is proposed must get through. */
  heal(): void {
    const { group } = this;
    for (let round = 0; round < 300; round++) {
      const isStopped = this.removed();
      group.isLost = ({ from, to }) => isStopped(from) || isStopped(to);
      for (const node of group.nodes) {
        if (!isStopped(node.id)) node.raw.tick();
        for (let peer = 1; peer <= 4; peer++) node.raw.reportSnapshot(peer, false);
      }
      group.settle();
      for (const node of group.nodes) node.load();
      group.settle();
      this.check();
      const leader = group.leaders.find(({ id }) => !isStopped(id));
      if (leader !== undefined) quietly(() => leader.raw.propose(bytes(`heal${round}`)));
      group.settle();
      const voters = leader?.confState.voters ?? [];
      const isThrough = (id: number): boolean => {
        const { texts } = group.node(id);
        return texts.at(-1) === `heal${round}`;
      };
      if (leader !== undefined && voters.every(isThrough)) return;
    }
    const states = group.nodes.map(({ raw, confState, appliedIndex }) => {
      const { id, hardState, softState } = raw.basicStatus();
      return { id, hardState, softState, appliedIndex, confState };
    });
    expect.fail(`the group did not recover after the network healed: ${JSON.stringify(states)}`);
  }
}

function quietly(action: () => void): void {
  try {
    action();
  } catch (error) {
    if ((error as { code?: string }).code !== 'PROPOSAL_DROPPED') throw error;
  }
}

function changeFrom(pick: number) {
  const nodeId = (pick % 4) + 1;
  const type = [ConfChangeType.AddNode, ConfChangeType.RemoveNode, ConfChangeType.AddLearnerNode][
    pick % 3
  ]!;
  // Never without node 1 and 2, so that healing has somebody to heal.
  const safe = nodeId <= 2 ? { type: ConfChangeType.AddNode, nodeId } : { type, nodeId };
  const transition = [
    ConfChangeTransition.Auto,
    ConfChangeTransition.JointImplicit,
    ConfChangeTransition.Auto,
  ][pick % 7 === 0 ? 1 : 0]!;
  return { transition, changes: [safe], context: bytes('') };
}

/** A fixed sequence for each node: timeouts differ, runs repeat. */
function options(extra: TestOptions, seed: number): TestOptions {
  let state = seed + 1;
  const random = (bound: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % bound;
  };
  return { electionTick: 5, asyncStorageWrites: true, random, ...extra };
}

describe('safety under any sequence of events', () => {
  const variants: readonly (readonly [string, TestOptions])[] = [
    ['plain', {}],
    ['pre-vote and quorum check', { preVote: true, checkQuorum: true }],
    ['small limits', { maxInflightMsgs: 2, maxSizePerMsg: 10, maxCommittedSizePerReady: 15 }],
    ['step-down on removal', { preVote: true, checkQuorum: true, stepDownOnRemoval: true }],
  ];
  for (const [name, extra] of variants) {
    it(name, () => {
      const property = fc.property(
        fc.array(event, { minLength: 50, maxLength: 400, size: 'max' }),
        fc.nat(1_000_000),
        (events, seed) => {
          const storm = new Storm(options(extra, seed));
          for (const e of events) storm.run(e);
          storm.heal();
        },
      );
      fc.assert(property, { numRuns: 15, endOnFailure: true });
    });
  }

  it('reaches what it checks: leaders, commits, snapshots and reads do occur', () => {
    const storm = new Storm(options({}, 7));
    const rounds: Event['kind'][] = [
      'tick',
      'flush',
      'propose',
      'flush',
      'read',
      'flush',
      'compact',
    ];
    for (let i = 0; i < 70; i++) {
      storm.run({ kind: rounds[i % rounds.length]!, node: (i % 3) + 1, pick: i });
    }
    storm.heal();
    expect(storm.group.node(1).texts.length).toBeGreaterThan(5);
    expect(storm.group.node(1).log.firstIndex()).toBeGreaterThan(3);
    expect(storm.group.leaders[0]?.raw.basicStatus().softState.state).toBe(StateType.Leader);
  });
});
