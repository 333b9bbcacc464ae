/** What a benchmark is, and what it is told. */
import type { Section } from './report/findings.ts';

export interface BenchmarkContext {
  /** In each of them everything takes its turn. */
  readonly rounds: number;
  /** Of one measurement. */
  readonly seconds: number;
  /** Before it, not counted. */
  readonly warmSeconds: number;
  /** Of what is asked for by its length: the soak, the watch for false elections. */
  readonly minutes: number;
  /** As little of everything as shows that it works: for tests. */
  readonly isTrial: boolean;
  /** What is under way, for who waits. */
  readonly tell: (line: string) => void;
}

export interface Benchmark {
  readonly name: string;
  /** One line, for --help. */
  readonly about: string;
  readonly run: (context: BenchmarkContext) => Promise<readonly Section[]>;
}

/** Calls `work` once for each of the rounds, and says which one it is. */
export async function inRounds(
  { rounds, tell }: Pick<BenchmarkContext, 'rounds' | 'tell'>,
  what: string,
  work: (round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    tell(`${what}: round ${round + 1} of ${rounds}`);
    await work(round);
  }
}
