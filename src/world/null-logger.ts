/** A logger that says nothing, for tests and for programs that want silence. */
import type { Logger } from './types.ts';

/** A logger that says nothing. */
export const nullLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => nullLogger,
};
