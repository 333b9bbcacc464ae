/**
 * At most one leader a term (paper, figure 3: election safety).
 *
 * Who leads is seen in what is said: appends, heartbeats, snapshots and calls to take over come from the
 * leader of their term only. And in what a node says of itself, after each of its steps.
 *
 * A leader is one process, not one node: a process that began anew and leads the same term again has another
 * log than the first time, under the same term, and the entries of the two can not be told apart. That is as
 * bad as two nodes. So the first life to lead a term is the only one that ever may.
 *
 * And it leads by the votes of a majority (paper 5.2): when it is first seen to lead, that very process must
 * have been told the votes of that term, each voter counted once however often its answer came, and have its own
 * durable. The voters are those of the newest committed configuration, or of the one before it while it may
 * not have applied the newest: who has a change in its log knows that the one before it is committed, and
 * takes that in before it campaigns. Whether the voters had a right to vote so is the business of promises.ts.
 */
import { type Message, MessageType, type RaftId, type Term } from '../../src/raft/index.ts';
import type { SimEvent } from '../cluster/events.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { EventLoop } from '../world/event-loop.ts';
import { type Checker, Violation } from './checker.ts';
import { ClusterRecords, nameOf } from './cluster-records.ts';
import { configurationText, hasMajority } from './configurations.ts';

interface Leader {
  readonly node: string;
  readonly life: number;
  readonly raftId: RaftId;
  readonly incarnation: string;
  /** What it was seen to do. */
  readonly by: string;
}

/** Votes that a process was told, of the newest term of which it was told any. */
interface Votes {
  readonly life: number;
  readonly term: Term;
  readonly from: Set<RaftId>;
}

const LEADERS_ONLY: ReadonlyMap<MessageType, string> = new Map([
  [MessageType.App, 'sent an append'],
  [MessageType.Heartbeat, 'sent a heartbeat'],
  [MessageType.Snap, 'sent a snapshot'],
  [MessageType.TimeoutNow, 'told another one to take over'],
]);

export class OneLeader implements Checker {
  readonly name = 'one leader a term';
  readonly #records: ClusterRecords;
  readonly #leaders: Map<Term, Leader> = new Map();
  /** Lives that were leading when they were last looked at. */
  readonly #leading: Map<string, number> = new Map();
  readonly #votes: Map<string, Votes> = new Map();

  constructor(records: ClusterRecords = new ClusterRecords()) {
    this.#records = records;
  }

  event(event: SimEvent): void {
    this.#records.see(event);
    if (event.kind === 'sent') this.#sent(event, event.message);
    else if (event.kind === 'received') this.#received(event, event.message);
  }

  step({ name }: EventLoop, cluster: SimCluster): void {
    const process = cluster.machines.get(name)?.process;
    if (process === undefined || !process.engine.isLeader) {
      this.#leading.delete(name);
      return;
    }
    if (this.#leading.get(name) === process.life) return;
    this.#leading.set(name, process.life);
    const { raftId, incarnation, term } = process.engine.status();
    const { node, life } = process;
    this.#leads(term, { node, life, raftId, incarnation, by: 'called itself leader' });
  }

  #sent({ node, life }: SimEvent, { type, term, from }: Message): void {
    const by = LEADERS_ONLY.get(type);
    if (by === undefined) return;
    const known = this.#leaders.get(term);
    if (known?.node === node && known.life === life && known.raftId === from) return;
    const incarnation = this.#records.of(node).identity?.incarnation ?? '';
    this.#leads(term, { node, life, raftId: from, incarnation, by });
  }

  #received(event: SimEvent, { type, term, from, reject }: Message): void {
    if (type === MessageType.VoteResp && !reject) this.#granted(event, term, from);
    const by = LEADERS_ONLY.get(type);
    if (by === undefined) return;
    const known = this.#leaders.get(term);
    if (known === undefined || known.raftId === from) return;
    throw new Violation(
      this.name,
      `${nameOf(event)} got what only a leader sends, of term ${term}, from raft id ${from}; ` +
        `${text(known)} leads that term`,
    );
  }

  #leads(term: Term, leader: Leader): void {
    const known = this.#leaders.get(term);
    if (known === undefined) {
      this.#leaders.set(term, leader);
      this.#checkElected(term, leader);
      return;
    }
    if (known.node === leader.node && known.life === leader.life) return;
    throw new Violation(
      this.name,
      `two leaders in term ${term}: ${text(known)} ${known.by}, then ${text(leader)} ${leader.by}`,
    );
  }

  #granted({ node, life }: SimEvent, term: Term, from: RaftId): void {
    const known = this.#votes.get(node);
    if (known?.life === life && known.term === term) known.from.add(from);
    else if (known?.life !== life || known.term < term) {
      this.#votes.set(node, { life, term, from: new Set([from]) });
    }
  }

  #checkElected(term: Term, leader: Leader): void {
    const record = this.#records.of(leader.node);
    const inForce = this.#records.configurations.inForceFor(record.appliedIndex);
    const votes = this.#votes.get(leader.node);
    const isCounted = votes?.life === leader.life && votes.term === term;
    const { durableState } = record;
    const hasOwn = durableState.term === term && durableState.vote === leader.raftId;
    const hasVoted = (id: RaftId): boolean =>
      id === leader.raftId ? hasOwn : isCounted && votes.from.has(id);
    const [newest] = inForce;
    if (newest === undefined) return;
    if (inForce.some(({ state }) => hasMajority(state, hasVoted))) return;
    const others = isCounted ? [...votes.from].filter((id) => id !== leader.raftId) : [];
    throw new Violation(
      this.name,
      `${text(leader)} leads term ${term} (it ${leader.by}) without a majority of ` +
        `${configurationText(newest.state)}: its own vote is ${hasOwn ? '' : 'not '}on its disk, and it was ` +
        `told the votes of ${others.length === 0 ? 'nobody else' : `raft ids ${others.join(' ')}`}`,
    );
  }
}

function text({ node, life, raftId, incarnation }: Leader): string {
  return `${nameOf({ node, life })} of raft id ${raftId} and incarnation ${incarnation}`;
}
