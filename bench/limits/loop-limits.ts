/** What an event loop of Node takes for what it can not do without: the wire, and the thread pool. */
import { fstat, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';

const MESSAGE_BYTES = 16;

/** Milliseconds for each of the messages, so many of them under way at once. */
export async function roundTrips(
  port: number,
  inflight: number,
  seconds: number,
): Promise<number[]> {
  const socket = connect(port, '127.0.0.1').setNoDelay();
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject);
  });
  try {
    return await exchange(socket, inflight, seconds);
  } finally {
    socket.destroy();
  }
}

function exchange(socket: Socket, inflight: number, seconds: number): Promise<number[]> {
  const times: number[] = [];
  const beganAt = performance.now();
  let sentAt = beganAt;
  let received = 0;
  // All go out together and come back together: a round is over when the last one is here.
  const send = (): void => {
    sentAt = performance.now();
    socket.cork();
    for (let at = 0; at < inflight; at++) socket.write(new Uint8Array(MESSAGE_BYTES));
    socket.uncork();
  };
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received < inflight * MESSAGE_BYTES) return;
      received = 0;
      times.push((performance.now() - sentAt) / inflight);
      if (performance.now() - beganAt >= seconds * 1_000) resolve(times);
      else send();
    });
    send();
  });
}

/** A call that does next to nothing, in the thread pool, and back. */
export async function poolHops(seconds: number): Promise<number[]> {
  const file = openSync('/dev/null', 'r');
  const times: number[] = [];
  const endAt = performance.now() + seconds * 1_000;
  for (let now = performance.now(); now < endAt; ) {
    await new Promise<void>((resolve) => fstat(file, () => resolve()));
    const after = performance.now();
    times.push(after - now);
    now = after;
  }
  return times;
}
