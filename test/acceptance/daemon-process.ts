/**
 * One `quorate` process, started as a user would start it: what it printed, whether it is ready, how it
 * ended. Every process that was started here is remembered and killed by its own pid when the program
 * ends, whatever happened.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { until } from '../waiting.ts';

const QUORATE: string = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Runs it through a shell line of this form; `$@` stands for the command. */
  readonly shell?: string;
}

const alive = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(130));
}

export class CommandProcess {
  readonly #child: ChildProcess;
  readonly exit: Promise<Exit>;
  stdout = '';
  stderr = '';
  isOver = false;

  constructor(args: readonly string[], options: RunOptions = {}) {
    const command = [process.execPath, QUORATE, ...args];
    const [program = '', ...rest] =
      options.shell === undefined ? command : ['sh', '-c', options.shell, 'sh', ...command];
    const child = spawn(program, rest, {
      cwd: options.cwd,
      env: { ...withoutOwnVariables(), ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child = child;
    alive.add(child);
    child.stdin.on('error', () => {});
    if (options.input !== undefined) child.stdin.end(options.input);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.exit = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.isOver = true;
        alive.delete(child);
        resolve({ code, signal });
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  closeInput(): void {
    this.#child.stdin?.end();
  }

  get isReady(): boolean {
    return this.stdout.includes('quorate ready ');
  }

  async ready(timeoutMs: number): Promise<void> {
    await until(`the ready line of process ${this.pid}`, timeoutMs, () => {
      if (this.isOver) throw new Error(`the process ended before it was ready: ${this.stderr}`);
      return this.isReady;
    });
  }

  /** The end within the bound, or it is killed and that is an error. */
  async ended(timeoutMs: number): Promise<Exit> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.kill('SIGKILL');
        reject(new Error(`process ${this.pid} did not end within ${timeoutMs} ms: ${this.stderr}`));
      }, timeoutMs);
    });
    try {
      return await Promise.race([this.exit, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Runs a command to its end. */
export async function runCommand(
  args: readonly string[],
  options: RunOptions & { readonly timeoutMs?: number } = {},
): Promise<CommandProcess & { readonly code: number | null }> {
  const command = new CommandProcess(args, options);
  const { code } = await command.ended(options.timeoutMs ?? 30_000);
  return Object.assign(command, { code });
}

function withoutOwnVariables(): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('QUORATE_')),
  );
}
