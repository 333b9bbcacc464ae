/** The clock of all times that processes tell each other here: the machine's monotonic one. */

/** `[from, to]` by `machineMs`. */
export type Span = readonly [number, number];

/** In ms, from a beginning that is the same for all processes of a machine. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
