/**
 * The window in which operations count. It opens and closes by timers, and what counts is when they really
 * ran: a busy event loop makes the window later or longer, never the figures wrong.
 */
import { Histogram } from '../histogram.ts';
import { cpuSecondsOf } from '../processes/proc-files.ts';
import type { LoadResult } from './spec.ts';

export class MeasuredWindow {
  readonly #serverPids: readonly number[];
  readonly #latency = new Histogram();
  readonly #failures: Record<string, number> = {};
  #failed = 0;
  #skipped = 0;
  #isOpen = false;
  #openedAt = 0;
  #seconds = 0;
  #serverCpu = 0;
  #clientCpu = 0;

  constructor(serverPids: readonly number[]) {
    this.#serverPids = serverPids;
  }

  open(): void {
    this.#serverCpu = cpuSecondsOf(this.#serverPids);
    this.#clientCpu = ownCpuSeconds();
    this.#openedAt = performance.now();
    this.#isOpen = true;
  }

  close(): void {
    this.#seconds = (performance.now() - this.#openedAt) / 1_000;
    this.#isOpen = false;
    this.#serverCpu = cpuSecondsOf(this.#serverPids) - this.#serverCpu;
    this.#clientCpu = ownCpuSeconds() - this.#clientCpu;
  }

  ended(startMs: number, endMs: number): void {
    if (this.#isOpen) this.#latency.record(endMs - startMs);
  }

  /** Counted also outside: a warm-up that fails is worth to be known. */
  failed(error: unknown): void {
    const code = String((error as { readonly code?: unknown })?.code ?? error);
    this.#failures[code] = (this.#failures[code] ?? 0) + 1;
    this.#failed++;
  }

  skipped(count: number): void {
    if (this.#isOpen) this.#skipped += count;
  }

  /** How it went since it was opened; of a window that is open still, until now. */
  result(): LoadResult {
    const latency = this.#latency;
    const seconds = this.#isOpen ? (performance.now() - this.#openedAt) / 1_000 : this.#seconds;
    return {
      count: latency.count,
      failed: this.#failed,
      failures: this.#failures,
      skipped: this.#skipped,
      seconds,
      perSecond: latency.count / seconds,
      p50Ms: latency.quantileMs(0.5),
      p99Ms: latency.quantileMs(0.99),
      maxMs: latency.maxMs,
      serverCpuSeconds: this.#serverCpu,
      clientCpuSeconds: this.#clientCpu,
      latency: latency.toJSON(),
    };
  }
}

function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
