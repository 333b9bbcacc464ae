/**
 * What those who watch a node are told: who leads, and who its members are. A reader that is slow sees the
 * latest state, not each one; the sequence numbers say how many it has missed.
 */
import type { LogIndex, Term } from '../raft/index.ts';
import { LatestValue } from './latest-value.ts';
import type { LeaderChange, Member, MembersChange } from './types.ts';

export class ToldChanges {
  readonly leaders: LatestValue<LeaderChange>;
  readonly members: LatestValue<MembersChange>;

  constructor() {
    const nobody = { sequence: 0, term: 0, leader: undefined, isLeader: false };
    this.leaders = new LatestValue<LeaderChange>(nobody);
    this.members = new LatestValue<MembersChange>({ sequence: 0, index: 0, members: [] });
  }

  /** False: that is no news. A term without a leader is none; a leader in another term is another leadership. */
  leaderIs(leader: Member | undefined, isLeader: boolean, term: Term): boolean {
    const before = this.leaders.value;
    const isSame = leader?.raftId === before.leader?.raftId && isLeader === before.isLeader;
    if (isSame && (leader === undefined || term === before.term)) return false;
    this.leaders.set({ sequence: before.sequence + 1, term, leader, isLeader });
    return true;
  }

  membersAre(members: readonly Member[], index: LogIndex): void {
    const { sequence } = this.members.value;
    this.members.set({ sequence: sequence + 1, index, members });
  }

  /** The node takes no part any more: it knows of no leader, and nothing else will be told. */
  end(): void {
    this.leaderIs(undefined, false, this.leaders.value.term);
    this.leaders.end();
    this.members.end();
  }
}
