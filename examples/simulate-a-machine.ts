/**
 * A state machine of one's own under everything that befalls a cluster: a queue of tickets. Run it with
 * `npx quorate sim dist/examples/simulate-a-machine.js`.
 */
import assert from 'node:assert/strict';
import { type CommandResult, type SimpleMachine, toText } from 'quorate';
import type { Simulation } from 'quorate/sim';

/** `draw` gives out the next number, `call` the one that waits longest, `leave 7` gives a place up. */
export class Tickets implements SimpleMachine {
  protected last = 0;
  readonly waiting: Set<number> = new Set();

  apply(command: Uint8Array): Uint8Array | CommandResult {
    const [verb, number = ''] = toText(command).split(' ');
    if (verb === 'draw') {
      this.last += 1;
      this.waiting.add(this.last);
      return Buffer.from(String(this.last));
    }
    const [first] = verb === 'call' ? this.waiting : [Number(number)];
    if (first !== undefined && this.waiting.delete(first)) return Buffer.from(String(first));
    return { code: 1, bytes: Buffer.from('nobody waits') };
  }

  snapshot(): Uint8Array {
    return Buffer.from(JSON.stringify({ last: this.last, waiting: [...this.waiting] }));
  }

  restore(state: Uint8Array): void {
    const { last, waiting } = JSON.parse(toText(state));
    this.last = last;
    this.waiting.clear();
    for (const number of waiting) this.waiting.add(number);
  }
}

export const simulation: Simulation<Tickets> = {
  machine: () => new Tickets(),
  command: (random, step) => {
    const verbs = ['draw', 'draw', 'call', `leave ${random.between(1, 1 + (step >> 1))}`];
    return Buffer.from(random.pick(verbs));
  },
  check: (machines) => {
    for (const { waiting } of machines) {
      assert.deepEqual(
        [...waiting],
        [...waiting].sort((a, b) => a - b),
        'first come, first served',
      );
    }
  },
};
