/** The client of the workloads: what it calls done, refused and unknown, whom it asks next, and when it ends. */
import { describe, expect, it } from 'vitest';
import type { RequestId } from '../../src/consensus/index.ts';
import { ClusterError, type ErrorCode } from '../../src/errors.ts';
import { SimCluster } from '../cluster/sim-cluster.ts';
import { SeededRandom } from '../world/seeded-random.ts';
import { Findings } from './findings.ts';
import { type CallOutcome, codeOf, SimClient } from './sim-client.ts';

async function makeClient(
  repeats: boolean,
): Promise<{ cluster: SimCluster; client: SimClient; findings: Findings }> {
  const cluster = new SimCluster({ seed: 5, size: 3 });
  cluster.startAll();
  await cluster.until(() => cluster.agreedLeader !== undefined, 10_000);
  const findings = new Findings(cluster);
  const random = new SeededRandom(5, 'client');
  return {
    cluster,
    client: new SimClient({ cluster, number: 1, random, repeats, findings }),
    findings,
  };
}

const refuse = (code: ErrorCode) => async (): Promise<never> => {
  throw new ClusterError(code, 'made up');
};

function codeIn(outcome: CallOutcome<unknown>): ErrorCode | undefined {
  return outcome.kind === 'done' ? undefined : codeOf(outcome.error);
}

describe('a simulated client', () => {
  it('repeats what is unknown under one id, at another node, until it is answered', async () => {
    const { cluster, client } = await makeClient(true);
    const requests: (RequestId | undefined)[] = [];
    const outcome = await cluster.settled(
      client.write(async (process, { request }) => {
        requests.push(request);
        if (requests.length < 4) await refuse('OUTCOME_UNKNOWN')();
        return process.node;
      }, 5_000),
    );
    expect(outcome).toMatchObject({ kind: 'done' });
    expect(new Set(requests.map((request) => JSON.stringify(request))).size).toBe(1);
    expect(requests[0]).toMatchObject({ sequence: 1 });
  });

  it('takes the first uncertainty as the outcome where it may not repeat', async () => {
    const { cluster, client } = await makeClient(false);
    for (const code of ['OUTCOME_UNKNOWN', 'RESULT_TOO_LARGE', 'DISK_FAILED'] as const) {
      const outcome = await cluster.settled(client.write(refuse(code), 5_000));
      expect([outcome.kind, codeIn(outcome), client.asked.length]).toEqual(['unknown', code, 1]);
    }
  });

  it('calls refused what was refused everywhere, and ends by its deadline', async () => {
    for (const repeats of [true, false]) {
      const { cluster, client } = await makeClient(repeats);
      for (const code of ['NO_LEADER', 'OVERLOADED', 'NODE_STOPPED'] as const) {
        const begunAt = cluster.nowMs;
        const work = async (): Promise<never> => {
          throw new ClusterError(code, 'made up', { details: { leader: 'n1' } });
        };
        const outcome = await cluster.settled(client.write(work, 1_000));
        expect([outcome.kind, codeIn(outcome)]).toEqual(['refused', code]);
        expect(new Set(client.asked).size).toBe(3);
        expect(cluster.nowMs - begunAt).toBeLessThan(1_001);
      }
    }
  });

  it('stays unknown when a later try is refused for certain', async () => {
    const { cluster, client } = await makeClient(true);
    let tries = 0;
    const outcome = await cluster.settled(
      client.write(() => refuse(++tries === 1 ? 'OUTCOME_UNKNOWN' : 'NO_QUORUM')(), 1_000),
    );
    expect([outcome.kind, codeIn(outcome)]).toEqual(['unknown', 'NO_QUORUM']);
    expect(tries).toBeGreaterThan(2);
  });

  it('never says that a read may have had an effect', async () => {
    const { cluster, client } = await makeClient(true);
    const outcome = await cluster.settled(client.read(refuse('OUTCOME_UNKNOWN'), 600));
    expect(outcome.kind).toBe('refused');
  });

  it('opens another session when its own is gone, and calls that write unknown', async () => {
    const { cluster, client } = await makeClient(true);
    const sessions: (number | undefined)[] = [];
    for (const end of [undefined, 'SESSION_EXPIRED', undefined, 'SEQUENCE_STALE'] as const) {
      const outcome = await cluster.settled(
        client.write(async (_process, { request }) => {
          sessions.push(request?.session);
          if (end !== undefined) await refuse(end)();
        }, 2_000),
      );
      expect(outcome.kind).toBe(end === undefined ? 'done' : 'unknown');
    }
    expect(sessions[1]).toBe(sessions[0]);
    expect(sessions[2]).not.toBe(sessions[0]);
  });

  it('says what it is done with, and nothing that is still unknown', async () => {
    const { cluster, client } = await makeClient(true);
    const acknowledged: (number | undefined)[] = [];
    for (const isLost of [false, false, true, false, false]) {
      await cluster.settled(
        client.write(async (_process, { request }) => {
          if (acknowledged.length < (request?.sequence ?? 0)) {
            acknowledged.push(request?.acknowledgedBelow);
          }
          if (isLost) await refuse('OUTCOME_UNKNOWN')();
        }, 500),
      );
    }
    expect(acknowledged).toEqual([undefined, 2, 3, 3, 3]);
  });

  it('goes on at another node when one is dead, silent, or dies with the call', async () => {
    for (const how of ['dead', 'silent', 'dies'] as const) {
      const { cluster, client } = await makeClient(true);
      await cluster.settled(client.write(async () => {}, 2_000));
      const first = client.asked.at(-1) as string;
      if (how === 'dead') cluster.kill(first);
      if (how === 'silent') cluster.cutPower(first);
      const outcome = await cluster.settled(
        client.write(async (process) => {
          if (how === 'dies' && process.node === first) {
            cluster.kernel.nature.io(1, () => cluster.kill(first));
            await new Promise(() => {});
          }
          return process.node;
        }, 5_000),
      );
      expect(outcome).toMatchObject({ kind: 'done' });
      expect(outcome.kind === 'done' && outcome.value).not.toBe(first);
    }
  });

  it('knows nothing of a write whose node died, without an id', async () => {
    const { cluster, client } = await makeClient(false);
    const outcome = await cluster.settled(
      client.write(async (process) => {
        cluster.kernel.nature.io(1, () => cluster.kill(process.node));
        await new Promise(() => {});
      }, 5_000),
    );
    expect(outcome.kind).toBe('unknown');
    expect(client.asked).toHaveLength(1);
  });

  it('ends the run when a node answers with what is a bug', async () => {
    for (const error of [new TypeError('x is undefined'), new ClusterError('INTERNAL', 'oh')]) {
      const { cluster, client, findings } = await makeClient(false);
      const work = async (): Promise<never> => {
        throw error;
      };
      await cluster.settled(client.write(work, 1_000));
      await expect(cluster.run(1)).rejects.toThrow(/c1 asked n\d/);
      expect(() => findings.check()).toThrow(/c1 asked n\d at .* ms and got/);
    }
  });
});
