import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, it } from 'vitest';

import { realClock } from './real-clock.ts';

/** Keeps the event loop busy, as a long callback does. */
function block(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

it('never calls back before the time, also when the loop noted the time long ago', async () => {
  const clock = realClock();
  for (const delayMs of [0, 0.4, 1.2, 3.7]) {
    await new Promise<void>((done) => setImmediate(done));
    block(5);
    const startMs = clock.now();
    await new Promise<void>((done) => clock.after(delayMs, done));
    expect(clock.now() - startMs).toBeGreaterThanOrEqual(delayMs);
  }
});

it('does not call back after cancel, and cancel after the end is harmless', async () => {
  const clock = realClock();
  const calls: string[] = [];
  const cancelled = clock.after(1, () => calls.push('cancelled'));
  cancelled.cancel();
  const done = await new Promise<{ cancel(): void }>((resolve) => {
    const timer = clock.after(5, () => resolve(timer));
  });
  done.cancel();
  expect(calls).toEqual([]);
});

it('waits longer than the longest timer of Node', async () => {
  const clock = realClock();
  let called = false;
  const timer = clock.after(2 ** 31 + 5_000, () => {
    called = true;
  });
  await new Promise<void>((done) => clock.after(10, done));
  timer.cancel();
  expect(called).toBe(false);
});

it('afterIo lets bytes that arrived during a long turn be delivered first', async () => {
  const clock = realClock();
  const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const order: string[] = [];
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  await new Promise<void>((done) => {
    socket.on('data', () => order.push('data'));
    socket.write('ping', () => {
      // The echo needs a turn of the same loop; then it waits in the kernel while this one is blocked.
      setImmediate(() => {
        block(20);
        clock.afterIo(() => {
          order.push('after');
          done();
        });
      });
    });
  });
  socket.destroy();
  server.close();
  expect(order).toEqual(['data', 'after']);
});

it('soon comes after the callback that asked for it, and before afterIo', async () => {
  const clock = realClock();
  const order: string[] = [];
  await new Promise<void>((done) => {
    setTimeout(() => {
      clock.afterIo(() => {
        order.push('after I/O');
        done();
      });
      clock.soon(() => order.push('soon'));
      order.push('asked');
    }, 1);
  });
  expect(order).toEqual(['asked', 'soon', 'after I/O']);
});
