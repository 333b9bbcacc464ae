/**
 * The load driver: a process of its own, so that it takes nothing from the event loop of whoever serves or
 * watches. Questions come as JSON lines on standard input (see spec.ts), each is answered by one line. It
 * ends with its standard input.
 */
import { createInterface } from 'node:readline';
import { ceilingTarget, type Issuer } from './ceiling-target.ts';
import { closedLoop } from './closed-loop.ts';
import { openLoop } from './open-loop.ts';
import { quorateTarget } from './quorate-target.ts';
import type { LoadQuestion, LoadSpec, LoadTarget } from './spec.ts';
import { Trace } from './trace.ts';
import { Watchers } from './watchers.ts';

const TRACED = { operation: 'put', valueBytes: 256, keys: 10_000 } as const;

let traced: { readonly trace: Trace; readonly issuer: Issuer } | undefined;
const watchers = new Watchers();

async function issuerOf(
  target: LoadTarget,
  load: Pick<LoadSpec, 'operation' | 'valueBytes' | 'keys'>,
): Promise<Issuer> {
  if (target.kind === 'ceiling') return await ceilingTarget(target.port);
  return await quorateTarget(target.clients, load);
}

async function load(spec: LoadSpec): Promise<unknown> {
  const issuer = await issuerOf(spec.target, spec);
  try {
    const { rate } = spec;
    if (rate === undefined) return await closedLoop(issuer.issue, spec);
    return await openLoop(issuer.issue, { ...spec, rate });
  } finally {
    await issuer.close();
  }
}

async function answer(question: LoadQuestion): Promise<unknown> {
  switch (question.kind) {
    case 'load':
      return await load(question);
    case 'trace': {
      const issuer = await issuerOf(question.target, TRACED);
      traced = { issuer, trace: new Trace(issuer.issue, question.everyMs) };
      return {};
    }
    case 'end-trace': {
      const result = await traced?.trace.end();
      await traced?.issuer.close();
      return result ?? { error: 'there is no trace' };
    }
    case 'watch':
      await watchers.add(question.nodes, question.count, question.keys);
      return { told: watchers.told };
    case 'watched':
      return { told: watchers.told };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let answered: unknown;
  try {
    answered = await answer(JSON.parse(line) as LoadQuestion);
  } catch (error) {
    answered = { error: error instanceof Error ? error.message : String(error) };
  }
  process.stdout.write(`${JSON.stringify(answered)}\n`);
}
process.exit(0);
