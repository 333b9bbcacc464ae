/**
 * One node of the development cluster as a child process: started, listened to, started again when it
 * dies, and left alone when starting it again could do harm (its disk failed, its data is damaged).
 *
 * The child's standard input is a pipe that nobody writes to. When this process dies, however it dies,
 * the pipe closes, and the child, which was told to watch it, stops: no orphans. The child has its own
 * process group, so that a Ctrl-C reaches only this process, which then asks each child once.
 */
import { type ChildProcess, spawn } from 'node:child_process';

import { STAY_DOWN_CODES } from '../exit-codes.ts';

export type NodeLife =
  | { readonly state: 'starting'; readonly pid: number | undefined }
  | { readonly state: 'ready'; readonly pid: number }
  | { readonly state: 'waiting'; readonly restartInMs: number; readonly why: string }
  | { readonly state: 'down'; readonly code: number; readonly why: string }
  | { readonly state: 'stopped' };

export interface NodeProcessOptions {
  readonly id: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onChange: (life: NodeLife) => void;
  /** A line that the node said on standard error, for people. */
  readonly onLine: (line: string) => void;
  readonly restartDelaysMs?: readonly number[];
  readonly stableAfterMs?: number;
  readonly stopTimeoutMs?: number;
}

const RESTART_DELAYS_MS = [200, 500, 1_000, 2_000, 5_000] as const;
/** A child that lived so long was healthy: its next death counts as the first. */
const STABLE_AFTER_MS = 10_000;
/** Beyond the node's own bound on a stop in good order. */
const STOP_TIMEOUT_MS = 12_000;
/** Lines of a dying node that are kept for the reason. */
const LAST_LINES = 4;

export class NodeProcess {
  readonly #options: NodeProcessOptions;
  #child: ChildProcess | undefined;
  #life: NodeLife = { state: 'starting', pid: undefined };
  #deaths = 0;
  #startedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopping = false;
  #exited: Promise<void> = Promise.resolve();
  #lastLines: string[] = [];

  constructor(options: NodeProcessOptions) {
    this.#options = options;
  }

  get life(): NodeLife {
    return this.#life;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const [program = '', ...args] = this.#options.command;
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: this.#options.env,
      detached: true,
      windowsHide: true,
    });
    this.#child = child;
    this.#startedAt = performance.now();
    this.#lastLines = [];
    this.#become({ state: 'starting', pid: child.pid });
    child.stdin.on('error', () => {});
    eachLine(child.stdout, (line) => {
      if (line.startsWith('quorate ready ') && child.pid !== undefined) {
        this.#become({ state: 'ready', pid: child.pid });
      }
    });
    eachLine(child.stderr, (line) => {
      this.#lastLines = [...this.#lastLines, line].slice(-LAST_LINES);
      this.#options.onLine(line);
    });
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#ended(`could not be started: ${error.message}`, 1);
        resolve();
      });
      child.once('close', (code, signal) => {
        this.#ended(signal === null ? `ended with code ${code}` : `was killed (${signal})`, code);
        resolve();
      });
    });
  }

  /** Asks the node to stop, waits for it, and kills it when it takes too long. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined) {
      this.#become({ state: 'stopped' });
      return;
    }
    child.kill('SIGTERM');
    const limit = this.#options.stopTimeoutMs ?? STOP_TIMEOUT_MS;
    const killer = setTimeout(() => child.kill('SIGKILL'), limit);
    await this.#exited;
    clearTimeout(killer);
  }

  #ended(how: string, code: number | null): void {
    if (this.#child === undefined) return;
    this.#child = undefined;
    if (this.#isStopping) {
      this.#become({ state: 'stopped' });
      return;
    }
    if (code !== null && STAY_DOWN_CODES.includes(code)) {
      this.#become({ state: 'down', code, why: this.#lastLines.join('\n') || how });
      return;
    }
    const { stableAfterMs = STABLE_AFTER_MS, restartDelaysMs = RESTART_DELAYS_MS } = this.#options;
    if (performance.now() - this.#startedAt > stableAfterMs) this.#deaths = 0;
    const delay = restartDelaysMs[Math.min(this.#deaths, restartDelaysMs.length - 1)] ?? 0;
    this.#deaths++;
    this.#become({ state: 'waiting', restartInMs: delay, why: how });
    this.#timer = setTimeout(() => this.start(), delay);
  }

  #become(life: NodeLife): void {
    this.#life = life;
    this.#options.onChange(life);
  }
}

function eachLine(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  stream.on('error', () => {});
}
