/** A call as tests need one that only moves it about. */
import { OP } from '../protocol/index.ts';
import { PendingCall } from './pending-call.ts';

export function someCall(correlation = 0): PendingCall {
  const call = new PendingCall({
    op: OP.get,
    body: new Uint8Array(0),
    decode: () => undefined,
    local: false,
    isWrite: false,
    isRepeatable: true,
    request: undefined,
    deadlineAt: Number.POSITIVE_INFINITY,
    signal: undefined,
  });
  call.correlation = correlation;
  return call;
}
