/**
 * The tickets of simulate-a-machine.ts with a mistake that every test on one node passes: the last number is kept
 * in memory and not in the snapshot, so a node that starts again counts from another number than the others.
 * `npx quorate sim dist/examples/simulate-a-broken-machine.js` finds it, and says so.
 */
import type { Simulation } from 'quorate/sim';

import { simulation as right, Tickets } from './simulate-a-machine.js';

class ForgetfulTickets extends Tickets {
  override snapshot(): Uint8Array {
    return Buffer.from(JSON.stringify({ last: 0, waiting: [...this.waiting] }));
  }
}

export const simulation: Simulation<ForgetfulTickets> = {
  ...right,
  machine: () => new ForgetfulTickets(),
};
