/**
 * A profile of Node as text: the functions in which most time was spent, or in which most was allocated, each
 * by itself (what it calls counts for what it calls).
 */
import { basename } from 'node:path';

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  /** From 0. */
  readonly lineNumber: number;
}

/** What `--cpu-prof` writes. */
export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  /** Ids of nodes. */
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
  /** Microseconds of the machine's monotonic clock. */
  readonly startTime: number;
}

/** Of the same clock. */
export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

/** What the sampler of allocations writes. */
export interface HeapProfile {
  readonly head: HeapNode;
}

export interface HeapNode {
  readonly callFrame: CallFrame;
  /** Bytes, of which most are collected by now. */
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}

export interface FunctionShare {
  /** Function, file and line. */
  readonly name: string;
  /** Microseconds, or bytes. */
  readonly amount: number;
  /** Of what was spent at all, idle time left out. */
  readonly share: number;
}

const IDLE = '(idle)';

/** Within the span alone: what starting up took is another question. */
export function topOfCpuProfile(
  profile: CpuProfile,
  count: number,
  { from, to }: TimeSpan,
): FunctionShare[] {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const amounts = new Map<string, number>();
  let time = profile.startTime;
  for (const [at, id] of profile.samples.entries()) {
    const delta = profile.timeDeltas[at] ?? 0;
    time += delta;
    if (time >= from && time <= to) add(amounts, names.get(id) ?? '?', delta);
  }
  return largest(amounts, count);
}

export function topOfHeapProfile(profile: HeapProfile, count: number): FunctionShare[] {
  const amounts = new Map<string, number>();
  const visit = ({ callFrame, selfSize, children }: HeapNode): void => {
    add(amounts, nameOf(callFrame), selfSize);
    for (const child of children) visit(child);
  };
  visit(profile.head);
  return largest(amounts, count);
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const name = functionName === '' ? '(nameless)' : functionName;
  return url === '' ? name : `${name} ${basename(url)}:${lineNumber + 1}`;
}

function add(amounts: Map<string, number>, name: string, amount: number): void {
  if (name !== IDLE) amounts.set(name, (amounts.get(name) ?? 0) + amount);
}

function largest(amounts: ReadonlyMap<string, number>, count: number): FunctionShare[] {
  const total = [...amounts.values()].reduce((sum, amount) => sum + amount, 0);
  return [...amounts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, amount]) => ({ name, amount, share: total === 0 ? 0 : amount / total }));
}
