/**
 * What Linux knows of a process: the processor time that it has used, its memory, its open files. Read from
 * /proc, so without help of the process itself: the same for ours and for others.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ, which is 100 on every Linux that runs Node. */
const TICK_SECONDS = 0.01;
/** Of /proc/PID/stat, counted after the command's name. */
const USER_TICKS_AT = 11;
const SYSTEM_TICKS_AT = 12;

/** Of all its threads, in user and kernel mode, since it began; exact to 10 ms. */
export function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name stands in brackets and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[USER_TICKS_AT]) + Number(fields[SYSTEM_TICKS_AT])) * TICK_SECONDS;
}

export function cpuSecondsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}

/** Memory that it occupies, in bytes. */
export function residentBytes(pid: number): number {
  return numberIn(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmRSS') * 1024;
}

export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/**
 * What a process has asked of the kernel since it began. Not the bytes that it wrote: the kernel counts whole
 * folios, of up to a mebibyte, for each of their bytes.
 */
export interface KernelWork {
  /** Calls of read and its kin, on files and sockets alike. */
  readonly readCalls: number;
  readonly writeCalls: number;
  /** Of all threads, wanted or not. */
  readonly switches: number;
}

export function kernelWorkOf(pids: readonly number[]): KernelWork {
  const sum = { readCalls: 0, writeCalls: 0, switches: 0 };
  for (const pid of pids) {
    const io = readFileSync(`/proc/${pid}/io`, 'utf8');
    sum.readCalls += numberIn(io, 'syscr');
    sum.writeCalls += numberIn(io, 'syscw');
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
      sum.switches += numberIn(status, 'voluntary_ctxt_switches');
      sum.switches += numberIn(status, 'nonvoluntary_ctxt_switches');
    }
  }
  return sum;
}

function numberIn(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1]);
}
