/**
 * From the codes of the operating system to the few faults that anybody above tells apart. Messages
 * name the address and say what to look at next.
 *
 * `refused` is more than a word: it proves that no process listens there, so a follower may conclude
 * that its leader died without waiting for an election timeout. Only ECONNREFUSED maps to it.
 */
import { type Address, NetworkError, type NetworkFault } from './types.ts';

export function codeOf(cause: unknown): string {
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return 'no code';
  return String(cause.code);
}

export function listenFault(address: Address, cause: unknown): NetworkError {
  const where = `${address.host}:${address.port}`;
  const code = codeOf(cause);
  if (code === 'EADDRINUSE') {
    return new NetworkError(
      'address-in-use',
      `can not listen on ${where}: the address is in use; stop the process that listens there, ` +
        'or choose another port',
      cause,
    );
  }
  const reasons: Readonly<Record<string, string>> = {
    EADDRNOTAVAIL: 'this machine has no such address; use one of its own, or 0.0.0.0',
    EACCES: 'this user may not; ports below 1024 need a privilege',
    ERR_SOCKET_BAD_PORT: 'the port must be a whole number from 0 to 65535',
  };
  const reason = reasons[code] ?? (cause instanceof Error ? cause.message : code);
  return new NetworkError('address-invalid', `can not listen on ${where}: ${reason}`, cause);
}

const DIAL_FAULTS: Readonly<Record<string, NetworkFault>> = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timeout',
  ECONNRESET: 'reset',
  ERR_SOCKET_BAD_PORT: 'address-invalid',
};

export function dialFault(address: Address, host: string, cause: unknown): NetworkError {
  const named = host === address.host ? '' : ` (${host})`;
  const where = `${address.host}:${address.port}${named}`;
  const code = codeOf(cause);
  const fault = DIAL_FAULTS[code] ?? 'unreachable';
  const reasons: Readonly<Partial<Record<NetworkFault, string>>> = {
    refused: 'nothing listens there',
    timeout: 'no answer in time; the machine is off, cut off, or drops our packets',
    reset: 'the other side broke the connection off while it was being made',
    'address-invalid': 'the port must be a whole number from 1 to 65535',
  };
  const reason = reasons[fault] ?? `the network says ${code}; check routes and firewalls`;
  return new NetworkError(fault, `can not dial ${where}: ${reason}`, cause);
}

export function socketFault(remote: string, cause: unknown): NetworkError {
  const code = codeOf(cause);
  const fault: NetworkFault =
    code === 'ETIMEDOUT' ? 'timeout' : code === 'EHOSTUNREACH' ? 'unreachable' : 'reset';
  return new NetworkError(fault, `the connection to ${remote} broke: ${code}`, cause);
}

/** This machine has no way to addresses of that kind: says nothing about the other side. */
const NO_WAY: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'ENETUNREACH', 'EAFNOSUPPORT']);

/**
 * What the attempts at all addresses of one name come to. A refusal proves that the process is dead
 * only if it can not be alive behind an address that did not answer.
 */
export function dialVerdict(failures: readonly NetworkError[]): NetworkError | undefined {
  const telling = failures.filter((failure) => !NO_WAY.has(codeOf(failure.cause)));
  return telling.find((failure) => failure.fault !== 'refused') ?? telling[0] ?? failures[0];
}
