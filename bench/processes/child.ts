/**
 * One process that was started here: its lines, its end, and a way to talk to it (one JSON object a line,
 * both ways). Whatever happens to this program, its children do not outlive it: each is remembered and
 * killed by its own pid when we end. Temporary folders go the same way.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Of what a child said on standard error, for the message when it fails. */
const COMPLAINTS_KEPT = 4_000;
const STOP_MS_MAX = 10_000;
const INTERRUPTED = 130;

const alive = new Set<ChildProcess>();
const folders = new Set<string>();
let isGuarding = false;

/** Only once there is something to look after: importing this file changes nothing. */
function guard(): void {
  if (isGuarding) return;
  isGuarding = true;
  process.on('exit', () => {
    for (const child of alive) child.kill('SIGKILL');
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => process.exit(INTERRUPTED));
  }
}

/** Below the system's temporary folder; gone when this process ends, if `removeFolder` did not come first. */
export function makeFolder(name: string): string {
  guard();
  const folder = mkdtempSync(join(tmpdir(), `quorate-bench-${name}-`));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

interface Waiter {
  readonly wants: (line: string) => boolean;
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export interface ChildOptions {
  /** Where standard output and error go; default: they are read here. */
  readonly logFile?: string;
  /** In messages. */
  readonly name: string;
}

export class Child {
  readonly name: string;
  readonly exit: Promise<void>;
  readonly #child: ChildProcess;
  readonly #waiters = new Set<Waiter>();
  #unread: string[] = [];
  #rest = '';
  #complaints = '';
  #isOver = false;

  constructor(command: string, args: readonly string[], { name, logFile }: ChildOptions) {
    guard();
    this.name = name;
    const log = logFile === undefined ? undefined : openSync(logFile, 'a');
    const stdio = log === undefined ? 'pipe' : (['pipe', log, log] as const);
    this.#child = spawn(command, args, { stdio: stdio as 'pipe', env: cleanEnvironment() });
    if (log !== undefined) closeSync(log);
    alive.add(this.#child);
    this.#child.stdin?.on('error', () => {});
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-COMPLAINTS_KEPT);
    });
    this.exit = new Promise((resolve) => {
      const end = (why: string): void => {
        this.#end(why);
        resolve();
      };
      this.#child.once('error', (error) => end(error.message));
      this.#child.once('close', (code, signal) => end(`it ended with ${signal ?? code}`));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The next line that is wanted; those that came before it are passed over. */
  line(wants: (line: string) => boolean, timeoutMs: number): Promise<string> {
    const at = this.#unread.findIndex(wants);
    if (at >= 0) return Promise.resolve(this.#unread.splice(0, at + 1).at(-1)!);
    if (this.#isOver) return Promise.reject(this.#failure('it ended'));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(this.#failure(`it did not answer within ${timeoutMs} ms`));
      }, timeoutMs);
      const waiter: Waiter = { wants, resolve, reject, timer };
      this.#waiters.add(waiter);
    });
  }

  /** Sends one object, and waits for the line that answers it. */
  async ask<T>(question: unknown, timeoutMs: number): Promise<T> {
    this.#unread = [];
    this.tell(question);
    const answer = JSON.parse(await this.line((line) => line.startsWith('{'), timeoutMs)) as T;
    const { error } = answer as { readonly error?: string };
    if (error !== undefined) throw new Error(`${this.name}: ${error}`);
    return answer;
  }

  tell(object: unknown): void {
    this.#child.stdin?.write(`${JSON.stringify(object)}\n`);
  }

  closeInput(): void {
    this.#child.stdin?.end();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exit;
  }

  /** In good order, and by force when that takes too long. */
  async stop(): Promise<void> {
    if (this.#isOver) return;
    this.#child.stdin?.end();
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), STOP_MS_MAX);
    await this.exit;
    clearTimeout(timer);
  }

  #hear(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const waiter = [...this.#waiters].find(({ wants }) => wants(line));
      if (waiter === undefined) {
        this.#unread.push(line);
        continue;
      }
      this.#waiters.delete(waiter);
      clearTimeout(waiter.timer);
      waiter.resolve(line);
    }
  }

  #end(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    alive.delete(this.#child);
    for (const { reject, timer } of this.#waiters) {
      clearTimeout(timer);
      reject(this.#failure(why));
    }
    this.#waiters.clear();
  }

  #failure(why: string): Error {
    const said = this.#complaints.trim();
    return new Error(`${this.name}: ${why}${said === '' ? '' : `\n${said}`}`);
  }
}

/** A Node process of ours. */
export function nodeChild(name: string, path: string, args: readonly string[]): Child {
  return new Child(process.execPath, [path, ...args], { name });
}

/** What is measured must not depend on how the caller has set up his shell. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const isForeign = ([name]: [string, unknown]): boolean => !/^(QUORATE|ETCD|VITEST)/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(isForeign));
}
