/**
 * Operations on the ceiling pipeline: what one turn of the loop brings is written as one piece, and answers
 * are counts, so that they belong to the oldest that wait.
 */
import { connect } from 'node:net';
import { ENTRY_BYTES, onCounts } from '../ceiling/protocol.ts';
import type { Issue } from './closed-loop.ts';

const COUNTS = 2 ** 32;

export interface Issuer {
  readonly issue: Issue;
  close(): Promise<void>;
}

export async function ceilingTarget(port: number): Promise<Issuer> {
  const socket = connect(port, '127.0.0.1').setNoDelay();
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject);
  });
  let waiting: ((error?: unknown) => void)[] = [];
  let read = 0;
  let counted: number | undefined;
  let unsent = 0;
  const flush = (): void => {
    socket.write(Buffer.alloc(unsent * ENTRY_BYTES, 1));
    unsent = 0;
  };
  onCounts(socket, (count) => {
    // The first one tells where the leader is: what was acknowledged to others before.
    let acknowledged = counted === undefined ? 0 : (count - counted + COUNTS) % COUNTS;
    counted = count;
    while (acknowledged-- > 0) waiting[read++]?.();
    if (read < 1_000) return;
    waiting = waiting.slice(read);
    read = 0;
  });
  socket.on('error', (error) => {
    for (const done of waiting.slice(read)) done(error);
  });
  // The count that the leader tells whoever comes.
  await until(() => counted !== undefined);
  return {
    issue: (_number, done) => {
      waiting.push(done);
      if (unsent++ === 0) process.nextTick(flush);
    },
    close: async () => {
      socket.destroy();
    },
  };
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 1));
}
