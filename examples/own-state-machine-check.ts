/**
 * A state machine of one's own, and what stateMachineConformance has to say about it: first a queue that is
 * right, then the same with a mistake that every test on one node would pass.
 */
import { type CommandResult, type SimpleMachine, simpleMachine } from 'quorate';
import { type ConformanceDice, runConformance, stateMachineConformance } from 'quorate/conformance';

/** A queue of jobs: `put <job>` adds one, `take <worker>` gives the oldest to a worker. */
class Jobs implements SimpleMachine {
  protected waiting: string[] = [];
  readonly #taken = new Map<string, string>();

  apply(command: Uint8Array): Uint8Array | CommandResult {
    const [verb, name = ''] = Buffer.from(command).toString().split(' ');
    if (verb === 'put' && name !== '') {
      this.waiting.push(name);
      return Buffer.from(String(this.waiting.length));
    }
    if (verb !== 'take' || name === '') return { code: 1, bytes: Buffer.from('put or take') };
    const job = this.next();
    if (job === undefined) return { code: 2, bytes: Buffer.from('nothing waits') };
    this.#taken.set(job, name);
    return Buffer.from(job);
  }

  protected next(): string | undefined {
    return this.waiting.shift();
  }

  snapshot(): Uint8Array {
    return Buffer.from(JSON.stringify({ waiting: this.waiting, taken: [...this.#taken] }));
  }

  restore(state: Uint8Array): void {
    const { waiting, taken } = JSON.parse(Buffer.from(state).toString());
    this.waiting = waiting;
    this.#taken.clear();
    for (const [job, worker] of taken) this.#taken.set(job, worker);
  }
}

/** Gives out any job: another one on each node. */
class UnfairJobs extends Jobs {
  protected override next(): string | undefined {
    return this.waiting.splice(Math.floor(Math.random() * this.waiting.length), 1)[0];
  }
}

async function check(name: string, jobs: () => SimpleMachine): Promise<void> {
  const cases = stateMachineConformance({
    machine: () => simpleMachine(jobs()),
    command: (dice: ConformanceDice) => {
      const text = dice.below(3) > 0 ? `put job-${dice.below(50)}` : `take worker-${dice.below(4)}`;
      return Buffer.from(text);
    },
    garbage: (dice) => dice.bytes(dice.below(20)),
  });
  const { passed, failed, skipped, results } = await runConformance(cases);
  console.log(`${name}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
  const [first] = results.flatMap(({ failure }) => failure ?? []);
  if (first !== undefined) console.log(`  ${first.caseId}: ${first.clause}`);
}

await check('Jobs', () => new Jobs());
await check('UnfairJobs', () => new UnfairJobs());
