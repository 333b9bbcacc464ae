/**
 * Lines of progress for whoever waits: one now and then, so that nobody takes patience for a hang, and none of a
 * work that is over soon. The first to come once `everyMs` of real time have passed is said, the others are not.
 */
const EVERY_MS = 5_000;

export function nowAndThen(
  say: (line: string) => void,
  nowMs: () => number = () => performance.now(),
): (line: string) => void {
  let saidAtMs = nowMs();
  return (line) => {
    if (nowMs() - saidAtMs < EVERY_MS) return;
    saidAtMs = nowMs();
    say(line);
  };
}
