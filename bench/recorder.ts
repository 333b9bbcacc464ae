/**
 * Keeps what the rounds bring until it becomes series: figures by name, failures by name. Names are those
 * of the table; the order is that of their first coming.
 */
import type { LoadResult } from './load/spec.ts';
import type { Finding, Series } from './report/findings.ts';
import { ratio } from './statistics.ts';

export class Recorder {
  readonly #series = new Map<string, Series & { readonly rounds: number[] }>();
  /** By series, by code. */
  readonly #failures = new Map<string, Map<string, number>>();

  add(name: string, unit: string, value: number): void {
    this.#add({ name, unit }, value);
  }

  /** Told on the line of the series `name`, which comes first; found as `name, part`. */
  addPart(name: string, part: string, unit: string, value: number): void {
    this.#add({ name: `${name}, ${part}`, part, unit }, value);
  }

  /**
   * Throughput, and as parts of it median and tail and processor time an operation; the rounds of a part are
   * found by its name behind the load's, such as `puts, p99`. Where nothing ended, nothing a second is what
   * went through, and the rest took for ever.
   */
  addLoad(name: string, result: LoadResult): void {
    const { count, skipped, failures } = result;
    for (const [code, times] of Object.entries(failures)) this.#failed(name, code, times);
    if (skipped > 0) this.#failed(name, 'not begun in time', skipped);
    if (count === 0) this.#failed(name, 'nothing ended within the window; rounds', 1);
    const part = (of: string, unit: string, value: number): void =>
      this.addPart(name, of, unit, count === 0 ? Number.POSITIVE_INFINITY : value);
    this.add(name, '1/s', result.perSecond);
    part('p50', 'ms', result.p50Ms);
    part('p99', 'ms', result.p99Ms);
    part('server CPU', 'µs', (result.serverCpuSeconds * 1e6) / count);
    part('client CPU', 'µs', (result.clientCpuSeconds * 1e6) / count);
  }

  /** Rounds of a series; none if it never came. */
  rounds(name: string): readonly number[] {
    return this.#series.get(name)?.rounds ?? [];
  }

  /** Operations of a load that failed, or were not begun in time, in all rounds. */
  failed(name: string): number {
    const byCode = this.#failures.get(name)?.values() ?? [];
    return [...byCode].reduce((sum, count) => sum + count, 0);
  }

  /**
   * One load against another, round by round, by their rates or by a part of them. It is worth as much as
   * what failed on the way, on either side: a refusal takes no time at all.
   */
  against(ours: string, theirs: string, part = ''): Pick<Finding, 'value' | 'failed'> {
    const suffix = part === '' ? '' : `, ${part}`;
    return {
      value: ratio(this.rounds(ours + suffix), this.rounds(theirs + suffix)),
      failed: this.failed(ours) + this.failed(theirs),
    };
  }

  series(): Series[] {
    return [...this.#series.values()];
  }

  /** Failed operations are shown, never hidden in a rate. */
  notes(): string[] {
    return [...this.#failures].flatMap(([name, byCode]) =>
      [...byCode].map(([code, count]) => `failed: ${name}: ${code}: ${count}`),
    );
  }

  #add(of: Omit<Series, 'rounds'>, value: number): void {
    const series = this.#series.get(of.name) ?? { ...of, rounds: [] };
    series.rounds.push(value);
    this.#series.set(of.name, series);
  }

  #failed(name: string, code: string, count: number): void {
    const byCode = this.#failures.get(name) ?? new Map<string, number>();
    byCode.set(code, (byCode.get(code) ?? 0) + count);
    this.#failures.set(name, byCode);
  }
}
