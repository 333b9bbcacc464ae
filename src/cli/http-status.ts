/**
 * Asks one node for its status over HTTP, with a short deadline, and makes of every way in which that
 * can fail a reason that a person understands.
 */
export type HttpAnswer =
  | { readonly reachable: true; readonly code: number; readonly body: Record<string, unknown> }
  | { readonly reachable: false; readonly reason: string };

/** A client door answers with a frame of its own protocol, and a peers' door hangs up. */
export const NO_HTTP = 'what answers there speaks no HTTP';

export async function askHttp(
  address: string,
  path: string,
  timeoutMs: number,
): Promise<HttpAnswer> {
  try {
    const response = await fetch(`http://${address}${path}`, {
      signal: AbortSignal.timeout(timeoutMs),
      headers: { connection: 'close' },
    });
    const body: unknown = await response.json();
    if (typeof body !== 'object' || body === null) throw new SyntaxError('no object');
    return { reachable: true, code: response.status, body: body as Record<string, unknown> };
  } catch (error) {
    return { reachable: false, reason: reasonOf(error, timeoutMs) };
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`;
  if (error instanceof SyntaxError) return 'something else answers there, not a node';
  const code = (error.cause as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ECONNREFUSED') return 'nobody listens there: the node is not running';
  if (code?.startsWith('HPE_') === true) return NO_HTTP;
  if (code === 'ENOTFOUND') return 'the host name is not known';
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') return 'the connection broke';
  return code ?? error.message;
}
