/**
 * How much stored data may be destroyed, so that what is demanded of the cluster afterwards is fair.
 *
 * Any number of nodes may be down, cut off or without power at a time: their disks are as they were, and
 * when they are back the cluster must go on with everything that it acknowledged. Data that is gone is
 * another matter. What was acknowledged lies on a majority of the voters and may lie on no other, and a
 * voter without its data is refused its vote. So with a majority of the voters destroyed nobody can ever
 * be elected, and with them the only copies may be gone: Raft promises nothing there, and no finding of
 * a checker would mean anything.
 *
 * Hence the rule, which is stricter than needed: between two moments at which everything was healed and
 * had caught up, only a minority of the voters is struck by what destroys data (a disk wiped, a bit
 * flipped at rest, sectors that arrived at each other's places), counted with those that were replaced
 * meanwhile. And while any is struck, the voters become no fewer by an operator's deed (other than by taking out the struck ones): two of five
 * are a minority, two of four are none.
 *
 * Why replacing a struck voter keeps it: its removal is committed by a majority of the voters from
 * before, which without it are all sound, and each of them that elects anybody later has everything
 * that was committed until then. A newcomer counts only when it has caught up.
 *
 * What loses only bytes that were never synced (a power cut, also of all machines; a write error, a full
 * disk) destroys nothing: nobody was promised those. A failed sync is treacherous: the page cache
 * shows bytes that the disk may not have, so that a node that is started again on it could promise what a
 * later power cut takes. The machine is rebooted before a node is started on it again (supervisor.ts).
 */

/** Who may be asked how many there are. */
export interface Electorate {
  /** Names of the machines whose nodes vote, as far as is known. */
  voters(): readonly string[];
  /** An operator makes the voters fewer, or may have: it is not known yet whether it is done. */
  readonly isShrinking: boolean;
}

export class DataBudget {
  readonly #electorate: Electorate;
  /** Struck since the last moment at which all was whole. */
  readonly #struck: Set<string> = new Set();
  /** Of these, those in whose place there is no other member yet. */
  readonly #lost: Set<string> = new Set();
  /** Fewest voters that were seen since then. */
  #fewest = Number.POSITIVE_INFINITY;

  constructor(electorate: Electorate) {
    this.#electorate = electorate;
  }

  /** Machines whose data is destroyed and not made good. */
  get lost(): readonly string[] {
    return [...this.#lost];
  }

  /** Whether the data of this machine may be destroyed now. */
  allows(machine: string): boolean {
    if (this.#electorate.isShrinking) return false;
    const struck = this.#struck.size + (this.#struck.has(machine) ? 0 : 1);
    this.#fewest = Math.min(this.#fewest, this.#electorate.voters().length);
    return isMinority(struck, this.#fewest);
  }

  /** The data of this machine is destroyed. @throws Error when that is not allowed. */
  spend(machine: string): void {
    if (!this.allows(machine)) {
      throw new Error(`the data of ${machine} must not be destroyed: too many others were`);
    }
    this.#struck.add(machine);
    this.#lost.add(machine);
  }

  /** Another member has taken its place, and has caught up; or nobody needs it any more. */
  replaced(machine: string): void {
    this.#lost.delete(machine);
  }

  /** Whether an operator may make the voters fewer by one that is sound. */
  get allowsShrinking(): boolean {
    return this.#struck.size === 0;
  }

  /** Everything is healed, replaced and caught up. */
  allIsWhole(): void {
    this.#struck.clear();
    this.#fewest = Number.POSITIVE_INFINITY;
  }
}

/** So many of the voters are less than half of them. */
export function isMinority(count: number, voters: number): boolean {
  return 2 * count < voters;
}
