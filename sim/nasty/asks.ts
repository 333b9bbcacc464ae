/**
 * Requests that a script begins and does not wait for: it wants to know later whether, when and how they
 * were answered. What must be answered at once is a move (moves.ts).
 */
import type { RequestId } from '../../src/consensus/index.ts';
import type { KvCommand, KvResult } from '../../src/state/index.ts';
import { apiOf, type SimProcess } from '../cluster/sim-process.ts';
import { Asked } from './asked.ts';
import { textOf, until, utf8 } from './moves.ts';
import type { NastyStage } from './scenario.ts';

/** How long a node may take over a request, if a script does not say. */
const REQUEST_MS = 30_000;
/** The script itself waits longer than any node may. */
const ANSWER_MS = 120_000;

export function begin<T>(
  stage: NastyStage,
  node: string,
  work: (process: SimProcess) => Promise<T>,
): Asked<T> {
  return new Asked(stage.cluster.ask(node, work, { timeoutMs: ANSWER_MS }));
}

/** A read; `timeoutMs` is what the node is given for it. */
export function beginRead(
  stage: NastyStage,
  node: string,
  key: string,
  options: { timeoutMs?: number; consistency?: 'local' } = {},
): Asked<string | undefined> {
  return begin(stage, node, (process) => {
    return textOf(process, key, { timeoutMs: REQUEST_MS, ...options });
  });
}

export function beginCommand(
  stage: NastyStage,
  node: string,
  command: KvCommand,
  options: { timeoutMs?: number; request?: RequestId } = {},
): Asked<KvResult> {
  return begin(stage, node, (process) => {
    return apiOf(process).write(command, { timeoutMs: REQUEST_MS, ...options });
  });
}

/** Waits until it is answered, well or badly. */
export async function ended<T>(stage: NastyStage, what: string, asked: Asked<T>): Promise<void> {
  await until(stage, `${what} is answered`, () => asked.isSettled, ANSWER_MS);
}

/** Waits for its answer. @throws Violation when it is an error. */
export async function answered<T>(stage: NastyStage, what: string, asked: Asked<T>): Promise<T> {
  await ended(stage, what, asked);
  stage.expect(asked.error === undefined, `${what}: ${asked.error?.message}`);
  return asked.value as T;
}

/** Adds to a counter, under a request id where one is given; what it is then. */
export async function increment(
  stage: NastyStage,
  node: string,
  key: string,
  request?: RequestId,
): Promise<bigint> {
  const command: KvCommand = { kind: 'increment', key: utf8(key), by: 1n };
  const asked = beginCommand(stage, node, command, request === undefined ? {} : { request });
  const result = await answered(stage, `${node} counts up ${key}`, asked);
  stage.expect(result.kind === 'increment', `${node} answers an increment`);
  return result.kind === 'increment' ? result.value : 0n;
}

export async function openSession(stage: NastyStage, node: string): Promise<number> {
  const asked = begin(stage, node, ({ engine }) => engine.openSession({ timeoutMs: REQUEST_MS }));
  return await answered(stage, `${node} opens a session`, asked);
}
