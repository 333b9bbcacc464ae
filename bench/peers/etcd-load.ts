/** etcd's Go client as a load driver: a process for each load. */

import type { LoadResult, TraceResult } from '../load/spec.ts';
import { Child } from '../processes/child.ts';

export interface EtcdLoad {
  readonly endpoints: readonly string[];
  readonly operation: 'put' | 'get';
  readonly inflight: number;
  readonly warmSeconds: number;
  readonly seconds: number;
  readonly total?: number;
  readonly valueBytes: number;
  readonly keys: number;
  readonly serverPids: readonly number[];
}

const GRACE_MS = 30_000;
const FILL_MS_MAX = 900_000;

export async function etcdLoad(path: string, load: EtcdLoad): Promise<LoadResult> {
  const { total } = load;
  const child = new Child(
    path,
    [
      `-endpoints=${load.endpoints.join(',')}`,
      `-op=${load.operation}`,
      `-inflight=${load.inflight}`,
      `-warm=${load.warmSeconds}`,
      `-seconds=${load.seconds}`,
      `-total=${total ?? 0}`,
      `-bytes=${load.valueBytes}`,
      `-keys=${load.keys}`,
      `-pids=${load.serverPids.join(',')}`,
    ],
    { name: 'etcdload' },
  );
  const ms = (load.warmSeconds + load.seconds) * 1_000 + GRACE_MS;
  const isAnswer = (line: string): boolean => line.startsWith('{');
  const line = await child.line(isAnswer, total === undefined ? ms : FILL_MS_MAX);
  await child.exit;
  return JSON.parse(line) as LoadResult;
}

/** Puts at a steady pace until `end`. Under way when it resolves. */
export async function etcdTrace(
  path: string,
  endpoints: readonly string[],
  everyMs: number,
): Promise<{ end(): Promise<TraceResult> }> {
  const args = [`-endpoints=${endpoints.join(',')}`, '-op=trace', `-every=${everyMs}ms`];
  const child = new Child(path, args, { name: 'etcdload' });
  const isAnswer = (line: string): boolean => line.startsWith('{');
  await child.line(isAnswer, GRACE_MS);
  return {
    end: async () => {
      child.closeInput();
      const line = await child.line(isAnswer, GRACE_MS);
      await child.exit;
      return JSON.parse(line) as TraceResult;
    },
  };
}
