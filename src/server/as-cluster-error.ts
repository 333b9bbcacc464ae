/**
 * What leaves a door is always a `ClusterError`. Anything else that was thrown is a bug of ours: the
 * caller gets INTERNAL without its words (they may hold what he must not see), the log gets all of it.
 */
import { ClusterError } from '../errors.ts';
import { textOf } from '../given.ts';
import type { Logger } from '../world/index.ts';

export function asClusterError(error: unknown, logger: Logger, operation: string): ClusterError {
  if (error instanceof ClusterError) return error;
  logger.error('request.fault', {
    operation,
    message: textOf(error),
    stack: error instanceof Error ? error.stack : undefined,
  });
  return new ClusterError(
    'INTERNAL',
    `an unexpected fault in ${operation}; the node's log has the details (event request.fault)`,
  );
}
