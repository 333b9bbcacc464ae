/**
 * Loaded into a node before its own code: samples what is allocated, also what was collected soon after, which
 * Node's own `--heap-prof` leaves out, and which is what a hot path is made of. Begins at SIGUSR2, so that
 * starting up is not in it; writes into the folder that its own URL names when the process ends.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';

/** Bytes between two samples, on average. */
const INTERVAL_BYTES = 32 * 1024;

const folder = new URL(import.meta.url).searchParams.get('folder') ?? '.';
const session = new Session();
session.connect();

process.on('SIGUSR2', () => {
  const options = {
    samplingInterval: INTERVAL_BYTES,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  };
  session.post('HeapProfiler.startSampling', options);
});

process.on('exit', () => {
  session.post('HeapProfiler.stopSampling', (error, answer) => {
    const path = join(folder, `allocations.${process.pid}.heapprofile`);
    if (error === null) writeFileSync(path, JSON.stringify(answer.profile));
  });
});
