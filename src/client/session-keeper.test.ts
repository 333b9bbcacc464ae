/** When the client leaves its session by itself: after a long rest, and only when nothing of it is open. */
import { expect, it } from 'vitest';
import { CLIENT_SESSION_REST_MS } from '../limits.ts';
import { encodeU64, OP } from '../protocol/index.ts';
import type { Dispatcher } from './dispatcher.ts';
import { PendingCall } from './pending-call.ts';
import { SessionKeeper } from './session-keeper.ts';

it('opens a new session after a long rest, unless a request is still open', async () => {
  let now = 0;
  let sessions = 0;
  // Answers at once: the opening of sessions, and every write.
  const dispatcher = {
    admit: () => true,
    route: (call: PendingCall) => {
      const isOpening = call.op === OP.openSession;
      call.succeed(isOpening ? encodeU64(++sessions) : encodeU64(0), 0, 8);
    },
  } as unknown as Dispatcher;
  const keeper = new SessionKeeper(dispatcher, 1_000, () => now);
  const write = async (): Promise<number | undefined> => {
    const call = new PendingCall({
      op: OP.propose,
      body: new Uint8Array(0),
      decode: () => undefined,
      local: false,
      isWrite: true,
      isRepeatable: false,
      request: undefined,
      deadlineAt: Number.POSITIVE_INFINITY,
      signal: undefined,
    });
    keeper.route(call);
    await call.answer;
    return call.request?.session;
  };
  expect(await write()).toBe(1);
  now += CLIENT_SESSION_REST_MS;
  expect(await write()).toBe(1);
  now += CLIENT_SESSION_REST_MS + 1;
  expect(await write()).toBe(2);
  const open = await keeper.take();
  now += CLIENT_SESSION_REST_MS + 1;
  expect(await write()).toBe(open.session);
});
