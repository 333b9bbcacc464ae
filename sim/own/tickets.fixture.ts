/** A machine that is right, and mistakes that can be put into it. */
import type { CommandResult } from '../../src/consensus/index.ts';
import type { SimpleMachine } from '../../src/state/index.ts';
import type { Simulation, SimulationOptions } from './simulation.ts';

/** `draw` gives out the next number, `call` the one that waits longest. */
export class Tickets implements SimpleMachine {
  last = 0;
  waiting: number[] = [];

  apply(command: Uint8Array): Uint8Array | CommandResult {
    if (Buffer.from(command).toString() === 'draw') {
      this.last += 1;
      this.waiting.push(this.last);
      return Buffer.from(String(this.last));
    }
    const first = this.waiting.shift();
    if (first === undefined) return { code: 1, bytes: Buffer.from('nobody waits') };
    return Buffer.from(String(first));
  }

  snapshot(): Uint8Array {
    return Buffer.from(JSON.stringify({ last: this.last, waiting: this.waiting }));
  }

  restore(state: Uint8Array): void {
    Object.assign(this, JSON.parse(Buffer.from(state).toString()));
  }
}

/** The last number is in memory only. */
export class ForgetfulTickets extends Tickets {
  override snapshot(): Uint8Array {
    return Buffer.from(JSON.stringify({ last: 0, waiting: this.waiting }));
  }
}

/** Numbers by the clock. */
export class ClockTickets extends Tickets {
  override apply(command: Uint8Array): Uint8Array | CommandResult {
    this.last = Date.now();
    return super.apply(command);
  }
}

export class ThrowingTickets extends Tickets {
  override apply(command: Uint8Array): Uint8Array | CommandResult {
    if (this.waiting.length === 3) throw new RangeError('the room is full');
    return super.apply(command);
  }
}

/** The order of those who wait is lost in a snapshot, and shows in no result for long. */
export class ShuffledTickets extends Tickets {
  override restore(state: Uint8Array): void {
    super.restore(state);
    this.waiting.reverse();
  }

  override apply(command: Uint8Array): Uint8Array | CommandResult {
    return Buffer.from(command).toString() === 'draw' ? super.apply(command) : Buffer.from('0');
  }
}

export function simulationOf<Machine extends Tickets>(
  make: () => Machine,
  rest: Partial<Simulation<Machine>> = {},
): Simulation<Machine> {
  return {
    machine: make,
    command: (random) => Buffer.from(random.pick(['draw', 'draw', 'call'])),
    nodes: 3,
    ...rest,
  };
}

/** Short runs: a few rounds of seconds. */
export const SHORT: SimulationOptions = {
  seeds: { from: 1, to: 1 },
  mode: 'crashing',
  durationMs: 20_000,
  operations: 150,
  shrink: false,
};
