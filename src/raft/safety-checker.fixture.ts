/**
 * For tests: the five promises of the paper's figure 3, and what holds between any two calls of one
 * core, watched from outside. It keeps its own picture of every log - all that a core ever handed out
 * to be written - so that it sees what is in memory and not on the disk yet.
 */
import { expect } from 'vitest';
import { type TestNode, text } from './raft.fixture.ts';
import { type Entry, type Message, MessageType, type Ready } from './types.ts';

function contentOf(entry: Entry): string {
  return `${entry.term}:${entry.type}:${text(entry.data)}`;
}

function storedTerm({ log }: TestNode, index: number): number | undefined {
  return index > log.lastIndex() ? undefined : log.term(index);
}

/** A log as the core has it, rebuilt from its Readys. */
class Mirror {
  base: number;
  baseTerm: number;
  entries: Entry[];

  constructor(node: TestNode) {
    this.base = node.log.firstIndex() - 1;
    this.baseTerm = node.log.term(this.base);
    this.entries = [...node.log.allEntries()];
  }

  write({ snapshot, entries }: Ready): void {
    if (snapshot !== undefined) {
      this.base = snapshot.metadata.index;
      this.baseTerm = snapshot.metadata.term;
      this.entries = [];
    }
    const first = entries[0]?.index;
    if (first === undefined) return;
    this.entries.length = first - this.base - 1;
    this.entries.push(...entries);
  }

  at(index: number): Entry | undefined {
    return this.entries[index - this.base - 1];
  }

  termAt(index: number): number | undefined {
    return index === this.base ? this.baseTerm : this.at(index)?.term;
  }
}

/** What a core had when it was last looked at, in this life of it. */
interface Seen {
  readonly term: number;
  readonly commit: number;
  readonly leadsIn: number;
  readonly lastIndex: number;
}

interface Committed {
  readonly content: string;
  /** The lowest term in which somebody knew it. */
  readonly term: number;
}

export interface Bounds {
  readonly inflightMessagesMax: number;
}

export class SafetyChecker {
  readonly #bounds: Bounds;
  readonly #leaders = new Map<number, number>();
  readonly #votes = new Map<string, number>();
  readonly #entries = new Map<string, string>();
  readonly #committed = new Map<number, Committed>();
  readonly #applied = new Map<number, string>();
  readonly #readFloors = new Map<string, number>();
  readonly #mirrors = new Map<number, Mirror>();
  readonly #seen = new Map<number, Seen>();
  /** Up to where commits of a node were noted, in this life of it. */
  readonly #commitsNoted = new Map<number, number>();
  /** "node/term" of leaders whose log was compared with what was committed. */
  readonly #leadersCompared = new Set<string>();
  readonly #appliedChecked = new Map<number, { entries: readonly Entry[]; count: number }>();
  #commitMax = 0;
  readsAnswered = 0;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  started(node: TestNode): void {
    this.#mirrors.set(node.id, new Mirror(node));
    this.#seen.delete(node.id);
    this.#commitsNoted.delete(node.id);
  }

  /** A Ready was taken; everything that the core has in memory was handed out with it or before. */
  tookReady(node: TestNode, ready: Ready): void {
    const mirror = this.#mirrors.get(node.id)!;
    const first = ready.entries[0]?.index ?? 0;
    const before =
      ready.snapshot?.metadata.index === first - 1 ? undefined : mirror.termAt(first - 1);
    mirror.write(ready);
    this.#logMatching(ready.entries, before);
    this.#commits(node, mirror);
    this.#leaderCompleteness(node, mirror);
  }

  left(messages: readonly Message[]): void {
    for (const { type, from, to, term, reject, entries, logTerm } of messages) {
      if (type === MessageType.VoteResp && !reject) this.#vote(from, term, to);
      if (type === MessageType.App) this.#logMatching(entries, logTerm);
    }
  }

  /** A member votes once a term, in all its lives. */
  #vote(voter: number, term: number, candidate: number): void {
    if (candidate === 0) return;
    const key = `${voter}/${term}`;
    const known = this.#votes.get(key) ?? candidate;
    expect(candidate, `${voter} voted twice in term ${term}`).toBe(known);
    this.#votes.set(key, candidate);
  }

  /** Index and term determine an entry, and by induction everything before it. */
  #logMatching(entries: readonly Entry[], termBefore: number | undefined): void {
    let before = termBefore;
    for (const entry of entries) {
      const key = `${entry.term}/${entry.index}`;
      const content = contentOf(entry);
      const known = this.#entries.get(key) ?? content;
      expect(content, `two entries at ${key}`).toBe(known);
      this.#entries.set(key, content);
      if (before !== undefined) {
        const link = `before ${key}`;
        const knownBefore = this.#entries.get(link) ?? String(before);
        expect(String(before), `two histories of ${key}`).toBe(knownBefore);
        this.#entries.set(link, knownBefore);
      }
      before = entry.term;
    }
  }

  #commits(node: TestNode, mirror: Mirror): void {
    const { term, commit } = node.raw.basicStatus().hardState;
    this.#commitMax = Math.max(this.#commitMax, commit);
    const noted = Math.max(mirror.base, this.#commitsNoted.get(node.id) ?? 0);
    this.#commitsNoted.set(node.id, commit);
    for (let index = noted + 1; index <= commit; index++) {
      const entry = mirror.at(index);
      if (entry === undefined) expect.fail(`${node.id} committed ${index}, which it does not have`);
      const content = contentOf(entry);
      const known = this.#committed.get(index);
      if (known !== undefined) {
        expect(content, `two entries committed at ${index}`).toBe(known.content);
      }
      if (known === undefined || term < known.term) this.#committed.set(index, { content, term });
    }
  }

  /** A leader has everything that was committed in earlier terms, from its first moment on. */
  #leaderCompleteness(node: TestNode, mirror: Mirror): void {
    if (!node.isLeader) return;
    const { term } = node.raw.basicStatus().hardState;
    const key = `${node.id}/${term}`;
    if (this.#leadersCompared.has(key)) return;
    this.#leadersCompared.add(key);
    for (const [index, { content, term: knownIn }] of this.#committed) {
      if (knownIn >= term || index <= mirror.base) continue;
      const entry = mirror.at(index);
      const own = entry === undefined ? 'nothing' : contentOf(entry);
      expect(own, `leader ${node.id} of term ${term} lacks the committed ${index}`).toBe(content);
    }
  }

  /** What holds between any two calls. */
  check(node: TestNode): void {
    // What is stored binds; a vote that was handed out to be written may be lost with the power.
    const { term, vote } = node.log.initialState().hardState;
    this.#vote(node.id, term, vote);
    this.#electionSafety(node);
    this.#bookkeeping(node);
    this.#stateMachineSafety(node);
    for (const { context, index } of node.readStates.splice(0)) {
      this.readsAnswered += 1;
      const floor = this.#readFloors.get(text(context)) ?? 0;
      expect(index, 'a stale read').toBeGreaterThanOrEqual(floor);
    }
  }

  #electionSafety(node: TestNode): void {
    if (!node.isLeader) return;
    const { term } = node.raw.basicStatus().hardState;
    const known = this.#leaders.get(term) ?? node.id;
    expect(node.id, `two leaders in term ${term}`).toBe(known);
    this.#leaders.set(term, node.id);
  }

  #bookkeeping(node: TestNode): void {
    const { hardState, applied, progress } = node.raw.status();
    const { term, commit } = hardState;
    const { lastIndex } = node.raw;
    const seen = this.#seen.get(node.id);
    const holds = (is: boolean, what: string): void => {
      if (!is)
        expect.fail(`${node.id}: ${what}: ${JSON.stringify({ term, commit, applied, seen })}`);
    };
    holds(commit <= lastIndex, 'committed more than it has');
    holds(applied <= commit, 'applied more than is committed');
    holds(term >= (seen?.term ?? 0), 'the term fell');
    holds(commit >= (seen?.commit ?? 0), 'the commit index fell');
    const leadsIn = node.isLeader ? term : 0;
    const isSameLead = leadsIn > 0 && seen?.leadsIn === leadsIn;
    holds(!isSameLead || lastIndex >= seen.lastIndex, 'a leader cut its own log');
    for (const [id, { match, next, inflightCount }] of progress) {
      holds(match < next, `match ${match} is not below next ${next} of ${id}`);
      holds(match <= lastIndex, `match ${match} of ${id} is beyond the log`);
      const isBounded = inflightCount <= this.#bounds.inflightMessagesMax;
      holds(isBounded, `${inflightCount} messages are on their way to ${id}`);
    }
    this.#seen.set(node.id, { term, commit, leadsIn, lastIndex });
  }

  #stateMachineSafety(node: TestNode): void {
    const { applied } = node;
    const checked = this.#appliedChecked.get(node.id);
    const isContinued = checked?.entries === applied && checked.count <= applied.length;
    const from = isContinued ? checked.count : 0;
    let last = applied[from - 1]?.index ?? 0;
    for (let at = from; at < applied.length; at++) {
      const entry = applied[at]!;
      if (entry.index <= last) expect.fail(`${node.id} applied ${entry.index} after ${last}`);
      last = entry.index;
      const content = contentOf(entry);
      if (entry.index >= node.log.firstIndex() && storedTerm(node, entry.index) !== entry.term) {
        expect.fail(`${node.id} applied ${entry.index}, which is not on its disk`);
      }
      const known = this.#applied.get(entry.index);
      if (known === undefined) this.#applied.set(entry.index, content);
      else if (known !== content) expect.fail(`two entries applied at ${entry.index}`);
    }
    this.#appliedChecked.set(node.id, { entries: applied, count: applied.length });
  }

  readAsked(context: string): void {
    this.#readFloors.set(context, this.#commitMax);
  }
}
