/**
 * N-40. Nodes are killed again and again, at any operation, while clients write, snapshots are taken and the
 * log is freed. Were the state and the index up to which it is applied not one thing, an entry would take
 * effect twice, or not at all, on one node and not on the others; and a client that repeats a request
 * whose outcome it does not know would have it done twice.
 *
 * A single client counts up, one request at a time, each under its own id, and repeats each until it has an
 * answer, at another node each time. So the answer to the nth request is n, whatever happened in between.
 */
import { apiOf, type SimProcess } from '../cluster/sim-process.ts';
import { Asked } from './asked.ts';
import { openSession } from './asks.ts';
import { allIsWell, isUp, lead, read, statusOf, until, utf8 } from './moves.ts';
import type { NastyScenario, NastyStage } from './scenario.ts';
import { OFTEN } from './snapshots.ts';

const REQUESTS = 160;
/** So many requests from one death that is planned to the next. */
const KILL_EVERY = 2;
const OPERATIONS_MAX = 80;
const DEATHS_MIN = 20;
const ATTEMPT_MS = 1_500;
const ATTEMPTS_MAX = 40;
const NAMES: readonly string[] = ['n1', 'n2', 'n3'];

interface Count {
  kills: number;
  repeats: number;
  snapshots: number;
}

async function run(stage: NastyStage): Promise<void> {
  const { cluster, random } = stage;
  const count: Count = { kills: 0, repeats: 0, snapshots: 0 };
  const forget = cluster.listen((event) => {
    if (event.kind === 'snapshot-saved') count.snapshots += 1;
    if (event.kind !== 'ended') return;
    count.kills += 1;
    const { node } = event;
    cluster.kernel.nature.after(random.between(5, 400), () => {
      if (cluster.machine(node).process === undefined) cluster.start(node);
    });
  });
  await lead(stage, 'n1');
  const session = await openSession(stage, 'n1');
  for (let sequence = 1; sequence <= REQUESTS; sequence++) {
    if (sequence % KILL_EVERY === 0) {
      const how = random.chance(50) ? 'killed' : 'power-cut';
      cluster.dieAfter(random.pick(NAMES), random.between(1, OPERATIONS_MAX), how);
    }
    const value = await countUp(stage, { session, sequence }, count);
    stage.expect(value === BigInt(sequence), `request ${sequence} is answered with ${value}`);
  }
  // All at once, with the deaths that still wait for their operation.
  for (const name of NAMES) cluster.kill(name);
  await until(stage, 'all are back', () => NAMES.every((name) => isUp(stage, name)));
  forget();
  const { kills, repeats, snapshots } = count;
  stage.expect(kills >= DEATHS_MIN, `only ${kills} processes died`);
  stage.expect(repeats > 0, 'no request had to be repeated');
  stage.expect(snapshots > 0, 'no snapshot was taken');
  stage.trouble(`${kills} deaths, ${repeats} requests repeated, ${snapshots} snapshots`);
  await allIsWell(stage);
  for (const name of NAMES) {
    const seen = await read(stage, name, 'count');
    stage.expect(seen === String(REQUESTS), `${name} has counted to ${seen}`);
  }
  const hashes = new Set(NAMES.map((name) => statusOf(stage, name).stateHash));
  stage.expect(hashes.size === 1, 'all nodes have the same hash of all they did');
}

/** One request, repeated until it is answered. */
async function countUp(
  stage: NastyStage,
  request: { readonly session: number; readonly sequence: number },
  count: Count,
): Promise<bigint> {
  const { cluster, random } = stage;
  const command = { kind: 'increment', key: utf8('count'), by: 1n } as const;
  const work = async (process: SimProcess): Promise<bigint> => {
    const result = await apiOf(process).write(command, { timeoutMs: ATTEMPT_MS, request });
    if (result.kind !== 'increment') throw new Error(`an increment gave ${result.kind}`);
    return result.value;
  };
  for (let at = 0; at < ATTEMPTS_MAX; at++) {
    if (at > 0) count.repeats += 1;
    const name = random.pick(NAMES);
    const asked = new Asked(cluster.ask(name, work, { timeoutMs: ATTEMPT_MS }));
    await until(stage, 'the request comes to an end', () => asked.isSettled);
    if (asked.value !== undefined) return asked.value;
    stage.expect(asked.code !== 'SESSION_EXPIRED', 'its session is in use, and lives');
    await cluster.run(random.between(1, 100));
  }
  stage.expect(false, `request ${request.sequence} was tried ${ATTEMPTS_MAX} times`);
  return 0n;
}

export const EXACTLY_ONCE: NastyScenario = {
  number: 40,
  title: 'kills at any operation, with snapshots and repeated requests: all of it once',
  cluster: { tuning: OFTEN },
  run,
};
