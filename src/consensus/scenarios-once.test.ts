/**
 * Exactly once, whatever happens in between (S-104, N-40): clients with sessions keep several requests
 * under way, send copies of each to several nodes at once, and go on sending until they are answered,
 * while links are cut both ways and one way, leaders change, processes die and come back, and snapshots
 * take the place of the log, on followers that fell behind too.
 *
 * The machine answers a command with its place in the journal. So an answer says all: the command
 * stands at that place on every node, it stands nowhere else, and every copy got the same answer.
 * A failing run has its seed in the title.
 */
import { expect, it } from 'vitest';
import { until } from '../../sim/rigs/test-cluster.ts';
import { seededRandom } from '../../sim/rigs/transport-rig.ts';
import { ClusterError } from '../errors.ts';
import type { MemoryStorage } from '../storage/index.ts';
import { type Made, Stage } from './scenarios.fixture.ts';

type Dice = (bound: number) => number;

const CLIENTS = 4;
const WINDOW = 6;
const FAULTS = 8;

interface Request {
  readonly sequence: number;
  readonly command: string;
  /** Every answer that any copy got. */
  readonly answers: string[];
}

/** A client that has lost patience: many requests under way, copies of each on their way to anybody. */
class Storm {
  readonly requests: Request[] = [];
  readonly #nodes: ReadonlyMap<string, Made>;
  readonly #dice: Dice;
  readonly #name: string;
  #session = 0;
  #isOver = false;
  #work: Promise<unknown> = Promise.resolve();

  constructor(name: string, nodes: ReadonlyMap<string, Made>, dice: Dice) {
    this.#name = name;
    this.#nodes = nodes;
    this.#dice = dice;
  }

  get answered(): number {
    return this.requests.filter(({ answers }) => answers.length > 0).length;
  }

  async begin(): Promise<void> {
    this.#session = await this.#repeat((node) => node.openSession({ timeoutMs: 300 }));
    this.#work = Promise.all(Array.from({ length: WINDOW }, () => this.#lane()));
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#work;
  }

  /** One request after the other; the lanes together make the window. */
  async #lane(): Promise<void> {
    while (!this.#isOver) {
      const sequence = this.requests.length + 1;
      const request = { sequence, command: `${this.#name}.${sequence}`, answers: [] };
      this.requests.push(request);
      const copies = 1 + this.#dice(3);
      await Promise.all(Array.from({ length: copies }, () => this.#send(request)));
    }
  }

  async #send(request: Request): Promise<void> {
    const command = Buffer.from(request.command);
    const answer = await this.#repeat(async (node) => {
      const { sequence } = request;
      const id = { session: this.#session, sequence, acknowledgedBelow: this.#acknowledgedBelow };
      try {
        const { bytes } = await node.propose(command, { request: id, timeoutMs: 300 });
        return Buffer.from(bytes).toString();
      } catch (error) {
        // Another copy was answered, and the client said so: the result need not be kept.
        const isStale = error instanceof ClusterError && error.code === 'SEQUENCE_STALE';
        if (isStale && request.answers.length > 0) return undefined;
        throw error;
      }
    });
    if (answer !== undefined) request.answers.push(answer);
  }

  get #acknowledgedBelow(): number {
    const open = this.requests.find(({ answers }) => answers.length === 0);
    return open?.sequence ?? this.requests.length + 1;
  }

  /** On anybody, until it succeeds. What no retry may ever meet ends the test. */
  async #repeat<T>(ask: (node: Made['node']) => Promise<T>): Promise<T> {
    for (;;) {
      const all = [...this.#nodes.values()];
      const { node } = all[this.#dice(all.length)] as Made;
      try {
        return await ask(node);
      } catch (error) {
        const code = error instanceof ClusterError ? error.code : String(error);
        if (['SEQUENCE_STALE', 'SESSION_EXPIRED', 'REQUEST_INVALID'].includes(code)) throw error;
        if (!(error instanceof ClusterError)) throw error;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }
}

/** One thing that goes wrong, and its end. `progress` waits until clients have got further meanwhile. */
async function disturb(
  stage: Stage,
  nodes: Map<string, Made>,
  dice: Dice,
  progress: (count: number) => Promise<void>,
): Promise<void> {
  const names = [...nodes.keys()];
  const name = names[dice(names.length)] as string;
  const made = nodes.get(name) as Made;
  const { raftId } = made.node.status();
  const ignore = (): undefined => undefined;
  switch (dice(5)) {
    case 0: {
      stage.kill(made);
      await progress(dice(40));
      const storage = (made.storage as MemoryStorage).crash();
      nodes.set(name, await stage.start(name, { storage }));
      break;
    }
    case 1:
      stage.bus.isolate(raftId);
      await progress(60);
      break;
    case 2: {
      // It hears one of the others no more, who goes on hearing it.
      const others = [1, 2, 3].filter((id) => id !== raftId);
      stage.bus.cut(others[dice(2)] as number, raftId);
      await progress(30);
      break;
    }
    case 3:
      await made.node.transferLeadership(name, { timeoutMs: 300 }).catch(ignore);
      await made.node
        .transferLeadership(names[dice(3)] as string, { timeoutMs: 300 })
        .catch(ignore);
      break;
    default:
      await made.node.snapshot().catch(ignore);
  }
  stage.bus.heal();
  await progress(20);
}

for (const seed of [1, 2, Date.now() % 1_000_000]) {
  it(`S-104 N-40 storms of copies are applied exactly once, seed ${seed}`, async () => {
    await using stage = new Stage(3, {
      tickIntervalMs: 5,
      stopTimeoutMs: 20,
      snapshotIntervalEntries: 30,
      snapshotCatchUpEntries: 5,
    });
    const dice: Dice = (bound) => random.below(bound);
    const random = seededRandom(seed);
    const started = await stage.startAll();
    const nodes = new Map(started.map((made) => [made.node.nodeId, made]));
    const storms = Array.from({ length: CLIENTS }, (_, i) => {
      const own = seededRandom(seed * 1_000 + i);
      return new Storm(`c${i}`, nodes, (bound) => own.below(bound));
    });
    await Promise.all(storms.map((storm) => storm.begin()));
    const answered = (): number => storms.reduce((sum, storm) => sum + storm.answered, 0);
    const progress = async (count: number): Promise<void> => {
      const goal = answered() + count;
      await until(`${goal} requests are answered`, () => answered() >= goal);
    };
    for (let fault = 0; fault < FAULTS; fault++) await disturb(stage, nodes, dice, progress);
    await Promise.all(storms.map((storm) => storm.end()));

    const all = [...nodes.values()];
    await Promise.all(all.map(({ node }) => node.readIndex({ timeoutMs: 10_000 })));
    const requests = storms.flatMap((storm) => storm.requests);
    for (const { machine, node } of all) {
      expect(node.phase).toBe('running');
      expect(machine.journal.length).toBe(requests.length);
      for (const { command, answers } of requests) {
        expect(answers.length).toBeGreaterThan(0);
        for (const answer of answers) expect(machine.journal[Number(answer) - 1]).toBe(command);
      }
    }
    expect(new Set(all.map(({ node }) => node.status().stateHash)).size).toBe(1);
    const taken = all.map(({ node }) => node.status().snapshotIndex);
    expect(Math.min(...taken)).toBeGreaterThan(1);
  });
}
