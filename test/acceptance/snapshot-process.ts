/**
 * A node of `snapshot` seen from outside: its process, what it told, what it answered, and the most
 * memory that it ever had. Every process is killed by its own pid when the program ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import type { LogFields } from '../../src/world/index.ts';
import { until } from '../waiting.ts';
import type { NodeSetup, Order } from './snapshot-node.ts';

const PROGRAM = fileURLToPath(new URL('./snapshot-node.js', import.meta.url));
const MEMORY_LOOK_MS = 100;
const ORDER_MS_MAX = 180_000;

export interface Told {
  readonly event: string;
  readonly fields: LogFields;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const alive = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

export class SnapshotProcess {
  readonly nodeId: string;
  readonly told: Told[] = [];
  readonly exit: Promise<void>;
  stderr = '';
  isOver = false;
  /** In MiB, since it began. 0 where the system does not tell. */
  peakMiB = 0;
  readonly #child: ChildProcess;
  readonly #waiting: Map<number, Waiting> = new Map();
  readonly #onTold: (told: Told) => void;
  #orders = 0;

  constructor(setup: NodeSetup, onTold: (told: Told) => void = () => {}) {
    this.nodeId = setup.nodeId;
    this.#onTold = onTold;
    const child = spawn(process.execPath, [PROGRAM, JSON.stringify(setup)], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child = child;
    alive.add(child);
    child.stdin.on('error', () => {});
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    createInterface({ input: child.stdout }).on('line', (line) => this.#line(line));
    const looking = setInterval(() => this.#lookAtMemory(), MEMORY_LOOK_MS);
    this.exit = new Promise((resolve) => {
      child.once('close', () => {
        clearInterval(looking);
        this.isOver = true;
        alive.delete(child);
        for (const { reject } of this.#waiting.values()) {
          reject(new Error(`node ${this.nodeId} ended: ${this.stderr}`));
        }
        resolve();
      });
    });
  }

  async event(name: string, timeoutMs: number): Promise<LogFields> {
    const { fields } = await until(`${name} of ${this.nodeId}`, timeoutMs, () => {
      const found = this.told.find(({ event }) => event === name);
      if (found === undefined && this.isOver) throw new Error(`it ended: ${this.stderr}`);
      return found;
    });
    return fields;
  }

  async order<T>(op: string, more: Omit<Partial<Order>, 'id' | 'op'> = {}): Promise<T> {
    const id = ++this.#orders;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    this.#child.stdin?.write(`${JSON.stringify({ ...more, id, op })}\n`);
    const timer = setTimeout(() => {
      this.#waiting.get(id)?.reject(new Error(`${this.nodeId} did not answer ${op}`));
    }, ORDER_MS_MAX);
    try {
      return (await answer) as T;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** kill -9; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#lookAtMemory();
    this.#child.kill('SIGKILL');
    await this.exit;
  }

  #line(line: string): void {
    const { id, value, error, event, fields } = JSON.parse(line) as {
      id?: number;
      value?: unknown;
      error?: string;
      event?: string;
      fields?: LogFields;
    };
    if (event !== undefined) {
      const told = { event, fields: fields ?? {} };
      this.told.push(told);
      this.#onTold(told);
    } else if (error !== undefined) {
      this.#waiting.get(id ?? 0)?.reject(new Error(`${this.nodeId}: ${error}`));
    } else this.#waiting.get(id ?? 0)?.resolve(value);
  }

  /** The kernel keeps the peak itself, so that nothing is missed between two looks. */
  #lookAtMemory(): void {
    try {
      const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
      const kib = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
      this.peakMiB = Math.max(this.peakMiB, Math.round(kib / 1024));
    } catch {
      // No such system, or no such process any more.
    }
  }
}
