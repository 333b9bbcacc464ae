/** Placeholder until the power-loss disk lands: a pass-through. */
import type { Disk } from './types.ts';

export interface PowerLossOptions {
  readonly ignoreSync?: boolean;
}

export function powerLossDisk(base: Disk, _options: PowerLossOptions = {}): Disk {
  return base;
}
