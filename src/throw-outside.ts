/**
 * What is told to listeners (of a proposal, of a read) keeps one contract: each is told once, one after the
 * other, and nothing that one of them does harms the node or keeps it from telling the next. A listener
 * should not throw; what it throws all the same is the program's own uncaught error, and must neither get
 * lost nor end up in the loop that told it.
 */

/** Throws it in a microtask, where nobody catches it but the process. */
export function throwOutside(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
