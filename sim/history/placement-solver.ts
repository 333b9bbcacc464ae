/**
 * Which candidate goes into which gap, as a question of logic: a statement for each pair ("this candidate is
 * in this gap"), clauses of which one part each must hold, and a search that learns from what went wrong.
 *
 * Built in: a gap holds exactly one candidate, a candidate is in at most one gap. Everything else comes in
 * while the search goes on, as clauses that rule out what the replay found impossible. When a clause fails,
 * the choices that led to it are traced back through the reasons of what followed from them, the search
 * jumps back to the last choice that mattered, and a new clause keeps it from the same mistake wherever it
 * comes again. Step by step it would go back through all choices made since, none of which has to do with
 * it. [Marques-Silva and Sakallah, GRASP, 1999; Moskewicz et al., Chaff, 2001: watched literals]
 *
 * A statement has a number; a literal is twice that number, plus one where it is denied. Candidates stand
 * in the order of their calls and may go into all gaps from some revision on, so the candidates of a gap
 * are the first few of all, and no table of pairs is needed.
 *
 * What may go wrong: a clause that a true order of events does not satisfy would make a good history a bad
 * one. Clauses must follow from the history alone, never from what happens to be placed.
 */
import { assert } from '../../src/errors.ts';

export type Literal = number;

/** Reasons that are no clause: below them the statement whose truth excludes this one is encoded. */
const CHOSEN = -1;
const EXCLUDED_BY = -2;

/** After each conflict later ones count for more; beyond this all counts are made small again. */
const WEIGHT_GROWTH = 1.05;
const WEIGHT_MAX = 1e100;

export interface PlacementHooks {
  placed(gap: number, candidate: number): void;
  takenBack(gap: number, candidate: number): void;
}

export class PlacementSolver {
  /** How many of the first candidates each gap may hold; never fewer than the gap before it. */
  readonly #allowed: readonly number[];
  readonly #hooks: PlacementHooks;
  readonly #offsets: number[] = [];
  readonly #gaps: Int32Array;
  /** 1: holds, -1: does not, 0: open. */
  readonly #values: Int8Array;
  readonly #levels: Int32Array;
  readonly #reasons: Int32Array;
  readonly #seen: Uint8Array;
  readonly #weights: Float64Array;
  readonly #clauses: Literal[][] = [];
  readonly #watches = new Map<Literal, number[]>();
  readonly #trail: Literal[] = [];
  readonly #choices: number[] = [];
  #propagated = 0;
  #growth = 1;
  #steps = 0;
  #isPossible = true;

  constructor(allowed: readonly number[], hooks: PlacementHooks) {
    this.#allowed = allowed;
    this.#hooks = hooks;
    let size = 0;
    for (const count of allowed) {
      this.#offsets.push(size);
      size += count;
    }
    this.#gaps = new Int32Array(size);
    for (const [gap, count] of allowed.entries()) {
      const offset = this.#offsets[gap] as number;
      this.#gaps.fill(gap, offset, offset + count);
    }
    this.#values = new Int8Array(size);
    this.#levels = new Int32Array(size);
    this.#reasons = new Int32Array(size);
    this.#seen = new Uint8Array(size);
    this.#weights = new Float64Array(size);
    for (let gap = 0; gap < allowed.length && this.#isPossible; gap++) {
      const literals = this.candidatesOf(gap).map((candidate) => this.literal(gap, candidate));
      this.#isPossible = this.add(literals);
    }
  }

  /** Literals looked at. */
  get steps(): number {
    return this.#steps;
  }

  /** That the candidate is in the gap; it must be one of `candidatesOf(gap)`. */
  literal(gap: number, candidate: number): Literal {
    return 2 * ((this.#offsets[gap] as number) + candidate);
  }

  candidatesOf(gap: number): number[] {
    return Array.from({ length: this.#allowed[gap] as number }, (_, candidate) => candidate);
  }

  /** Not ruled out so far. */
  openCandidates(gap: number): number[] {
    const offset = this.#offsets[gap] as number;
    const open: number[] = [];
    for (let i = 0; i < (this.#allowed[gap] as number); i++) {
      if (this.#values[offset + i] !== -1) open.push(i);
    }
    return open;
  }

  isAllowed(gap: number, candidate: number): boolean {
    return candidate < (this.#allowed[gap] as number);
  }

  isRuledOut(gap: number, candidate: number): boolean {
    return this.#values[(this.#offsets[gap] as number) + candidate] === -1;
  }

  isOpen(literal: Literal): boolean {
    return this.#values[literal >> 1] === 0;
  }

  holds(literal: Literal): boolean {
    return this.#values[literal >> 1] === ((literal & 1) === 0 ? 1 : -1);
  }

  /** How much a statement had to do with what went wrong lately. */
  weight(literal: Literal): number {
    return this.#weights[literal >> 1] as number;
  }

  /** Only when all is settled: what follows from older choices must not count as following from this. */
  choose(literal: Literal): void {
    assert(this.isOpen(literal), 'what is chosen is open', { literal });
    assert(this.#propagated === this.#trail.length, 'choices come after conclusions', { literal });
    this.#choices.push(this.#trail.length);
    this.#assign(literal, CHOSEN);
  }

  /** Draws all conclusions. False: there is no solution at all. */
  settle(): boolean {
    while (this.#isPossible) {
      const failed = this.#propagate();
      if (failed === undefined) break;
      this.#isPossible = this.#learn(failed);
    }
    return this.#isPossible;
  }

  /** One of these must hold; none of them does so far. False: there is no solution at all. */
  add(literals: readonly Literal[]): boolean {
    this.#steps += literals.length;
    const clause = [...literals];
    // Open ones first, then those decided last: these two must be watched.
    const rank = (one: Literal): number =>
      this.isOpen(one) ? Number.POSITIVE_INFINITY : (this.#levels[one >> 1] as number);
    clause.sort((a, b) => {
      const [left, right] = [rank(a), rank(b)];
      return left === right ? 0 : right - left;
    });
    const [first, second] = clause;
    if (first === undefined) this.#isPossible = false;
    else if (!this.isOpen(first)) this.#isPossible = this.#learn(clause);
    else if (second === undefined) {
      this.#back(0);
      this.#assign(first, this.#keep(clause));
    } else {
      const id = this.#keep(clause);
      if (!this.isOpen(second)) this.#assign(first, id);
    }
    return this.#isPossible;
  }

  #keep(clause: Literal[]): number {
    const id = this.#clauses.push(clause) - 1;
    for (const literal of clause.slice(0, 2)) this.#watch(literal, id);
    return id;
  }

  #watch(literal: Literal, id: number): void {
    const list = this.#watches.get(literal);
    if (list === undefined) this.#watches.set(literal, [id]);
    else list.push(id);
  }

  #assign(literal: Literal, reason: number): void {
    const statement = literal >> 1;
    this.#values[statement] = (literal & 1) === 0 ? 1 : -1;
    this.#levels[statement] = this.#choices.length;
    this.#reasons[statement] = reason;
    this.#trail.push(literal);
    if ((literal & 1) === 0) this.#tell(statement, 'placed');
  }

  #tell(statement: number, what: 'placed' | 'takenBack'): void {
    const gap = this.#gaps[statement] as number;
    this.#hooks[what](gap, statement - (this.#offsets[gap] as number));
  }

  /** Back to what followed from the first so many choices. */
  #back(level: number): void {
    const length = this.#choices[level];
    if (length === undefined) return;
    while (this.#trail.length > length) {
      const literal = this.#trail.pop() as Literal;
      this.#values[literal >> 1] = 0;
      if ((literal & 1) === 0) this.#tell(literal >> 1, 'takenBack');
    }
    this.#choices.length = level;
    this.#propagated = Math.min(this.#propagated, length);
  }

  /** A clause that fails; undefined: all is well. */
  #propagate(): readonly Literal[] | undefined {
    while (this.#propagated < this.#trail.length) {
      const literal = this.#trail[this.#propagated++] as Literal;
      const failed =
        ((literal & 1) === 0 ? this.#exclude(literal >> 1) : undefined) ?? this.#visit(literal ^ 1);
      if (failed !== undefined) return failed;
    }
    return undefined;
  }

  /** Nobody else in this gap, and nowhere else this candidate. */
  #exclude(statement: number): readonly Literal[] | undefined {
    const gap = this.#gaps[statement] as number;
    const offset = this.#offsets[gap] as number;
    const candidate = statement - offset;
    const others: number[] = [];
    for (let i = 0; i < (this.#allowed[gap] as number); i++) others.push(offset + i);
    for (let other = this.#allowed.length - 1; other >= 0; other--) {
      if (!this.isAllowed(other, candidate)) break;
      others.push((this.#offsets[other] as number) + candidate);
    }
    this.#steps += others.length;
    for (const other of others) {
      if (other === statement) continue;
      if (this.#values[other] === 1) return [2 * statement + 1, 2 * other + 1];
      if (this.#values[other] === 0) this.#assign(2 * other + 1, EXCLUDED_BY - statement);
    }
    return undefined;
  }

  /** Clauses that watch a literal which holds no more. */
  #visit(denied: Literal): readonly Literal[] | undefined {
    const list = this.#watches.get(denied);
    if (list === undefined) return undefined;
    let kept = 0;
    for (let i = 0; i < list.length; i++) {
      const id = list[i] as number;
      const clause = this.#clauses[id] as Literal[];
      if (clause[0] === denied) [clause[0], clause[1]] = [clause[1] as Literal, denied];
      const first = clause[0] as Literal;
      if (!this.holds(first) && this.#rewatch(clause, id)) continue;
      list[kept++] = id;
      if (this.holds(first)) continue;
      if (this.isOpen(first)) {
        this.#assign(first, id);
        continue;
      }
      while (++i < list.length) list[kept++] = list[i] as number;
      list.length = kept;
      return clause;
    }
    list.length = kept;
    return undefined;
  }

  /** Finds another literal to watch instead of the second. */
  #rewatch(clause: Literal[], id: number): boolean {
    for (let i = 2; i < clause.length; i++) {
      this.#steps++;
      const literal = clause[i] as Literal;
      if (!this.holds(literal) && !this.isOpen(literal)) continue;
      [clause[1], clause[i]] = [literal, clause[1] as Literal];
      this.#watch(literal, id);
      return true;
    }
    return false;
  }

  /** From a clause that fails: goes back, and keeps what follows. False: there is no solution. */
  #learn(failed: readonly Literal[]): boolean {
    let level = 0;
    for (const literal of failed) level = Math.max(level, this.#levels[literal >> 1] as number);
    if (level === 0) return false;
    this.#back(level);
    const learned = this.#trace(failed, level);
    const [last, ...rest] = learned as [Literal, ...Literal[]];
    let second = 0;
    for (const literal of rest) second = Math.max(second, this.#levels[literal >> 1] as number);
    const at = learned.findIndex((one, i) => i > 0 && this.#levels[one >> 1] === second);
    if (at > 1) [learned[1], learned[at]] = [learned[at] as Literal, learned[1] as Literal];
    this.#back(second);
    this.#assign(last, this.#keep(learned));
    this.#growth *= WEIGHT_GROWTH;
    return true;
  }

  /**
   * Replaces what followed by what it followed from, until one statement of the last choice is left: it
   * is denied, or one of the older ones.
   */
  #trace(failed: readonly Literal[], level: number): Literal[] {
    const older: Literal[] = [];
    const marked: number[] = [];
    let open = 0;
    let at = this.#trail.length;
    let reason: readonly Literal[] = failed;
    for (;;) {
      this.#steps += reason.length;
      for (const literal of reason) {
        const statement = literal >> 1;
        if (this.#seen[statement] === 1 || this.#levels[statement] === 0) continue;
        this.#seen[statement] = 1;
        marked.push(statement);
        this.#bump(statement);
        if (this.#levels[statement] === level) open++;
        else older.push(literal);
      }
      do at--;
      while (this.#seen[(this.#trail[at] as Literal) >> 1] === 0);
      const latest = this.#trail[at] as Literal;
      open--;
      if (open === 0) {
        for (const statement of marked) this.#seen[statement] = 0;
        return [latest ^ 1, ...older];
      }
      reason = this.#reasonOf(latest >> 1);
    }
  }

  #reasonOf(statement: number): readonly Literal[] {
    const reason = this.#reasons[statement] as number;
    assert(reason !== CHOSEN, 'what is traced further was concluded', { statement });
    if (reason <= EXCLUDED_BY) return [2 * (EXCLUDED_BY - reason) + 1];
    return this.#clauses[reason] as Literal[];
  }

  #bump(statement: number): void {
    const weight = (this.#weights[statement] as number) + this.#growth;
    this.#weights[statement] = weight;
    if (weight < WEIGHT_MAX) return;
    for (const [i, one] of this.#weights.entries()) this.#weights[i] = one / WEIGHT_MAX;
    this.#growth /= WEIGHT_MAX;
  }
}
