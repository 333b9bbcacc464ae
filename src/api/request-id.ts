/**
 * Request ids as text: `<session>/<sequence>` or `<session>/<sequence>/<acknowledgedBelow>`. They make a
 * write safe to repeat; a malformed one is refused and never ignored, because a caller who believes
 * that he is protected and is not would apply a write twice.
 */
import type { RequestId } from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';

const FORM: RegExp = /^([1-9][0-9]{0,15})\/([1-9][0-9]{0,15})(?:\/([1-9][0-9]{0,15}))?$/;

export function parseRequestId(text: string): RequestId {
  const match = FORM.exec(text);
  const numbers = match?.slice(1).map((part) => (part === undefined ? 0 : Number(part))) ?? [];
  const [session = 0, sequence = 0, acknowledgedBelow = 0] = numbers;
  if (match === null || !numbers.every(Number.isSafeInteger)) {
    throw new ClusterError(
      'REQUEST_INVALID',
      `request id ${JSON.stringify(text.slice(0, 80))} is not <session>/<sequence>, such as 12/1; ` +
        'open a session first and number its writes from 1',
      { details: { field: 'quorate-request-id' } },
    );
  }
  return checkRequestId(
    acknowledgedBelow === 0 ? { session, sequence } : { session, sequence, acknowledgedBelow },
  );
}

/** The rules of a request id, whichever door it came through. */
export function checkRequestId(request: RequestId): RequestId {
  const { session, sequence, acknowledgedBelow } = request;
  const whole = Number.isSafeInteger(session) && Number.isSafeInteger(sequence);
  if (!whole || session < 1 || sequence < 1) {
    throw new ClusterError(
      'REQUEST_INVALID',
      `request id: session ${session} and sequence ${sequence} must be whole numbers from 1`,
      { details: { field: 'request' } },
    );
  }
  if (
    acknowledgedBelow !== undefined &&
    !(acknowledgedBelow <= sequence && acknowledgedBelow > 0)
  ) {
    throw new ClusterError(
      'REQUEST_INVALID',
      `request id: acknowledgedBelow ${acknowledgedBelow} must be from 1 to the sequence ${sequence}`,
      { details: { field: 'request' } },
    );
  }
  return request;
}

export function formatRequestId(request: RequestId): string {
  return `${request.session}/${request.sequence}`;
}
