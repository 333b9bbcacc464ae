/**
 * Messages that tell a follower nothing but how far the log is committed, held back for a moment. The core
 * makes one for every follower whenever something is committed. Where writes follow each other the next
 * append says the same a moment later; then the one held back is not sent at all. Of writes that come one
 * at a time this saves half of all messages, answers to them included, and each of them wakes somebody.
 *
 * The rules that it protects:
 * - It delays, and never alone decides what a follower learns: what is held goes out after
 *   COMMIT_NOTICE_MS at the latest, and in front of whatever else is sent to the same peer before.
 * - Only an append of the same term with entries takes its place: it carries a commit index that is as high.
 * - What was held by a leader of an earlier term says nothing any more.
 *
 * A message may always be lost, so not to send one breaks no rule of Raft; the answer that never comes
 * would have told the leader what it knows.
 */
import { COMMIT_NOTICE_MS } from '../limits.ts';
import { type Message, MessageType, type RaftId, type Term } from '../raft/index.ts';
import type { Clock, Timer } from '../world/index.ts';

export interface CommitNoticesHost {
  readonly clock: Clock;
  /** Does what a timer has come for; what it throws ends the node. */
  guard(input: () => void): void;
  term(): Term;
  send(message: Message): void;
  /** What was sent is to leave now. */
  flush(): void;
}

export class CommitNotices {
  readonly #host: CommitNoticesHost;
  readonly #held = new Map<RaftId, Message>();
  #timer: Timer | undefined;

  constructor(host: CommitNoticesHost) {
    this.#host = host;
  }

  /** Sends the message, now or in a moment, or sees that another one says it. */
  send(message: Message): void {
    const { type, to, entries } = message;
    if (type === MessageType.App) {
      if (entries.length === 0) {
        this.#hold(message);
        return;
      }
      this.#held.delete(to);
    } else this.release(to);
    this.#host.send(message);
  }

  /** Something else goes to that peer now. */
  release(to: RaftId): void {
    const message = this.#held.get(to);
    if (message === undefined) return;
    this.#held.delete(to);
    if (message.term === this.#host.term()) this.#host.send(message);
  }

  /** What is held leaves now: it tells more than how far the log is, such as who votes. */
  hurry(): void {
    this.#timer?.cancel();
    this.#due();
  }

  stop(): void {
    this.#held.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #hold(message: Message): void {
    this.#held.set(message.to, message);
    this.#timer ??= this.#host.clock.after(COMMIT_NOTICE_MS, () =>
      this.#host.guard(() => this.#due()),
    );
  }

  #due(): void {
    this.#timer = undefined;
    if (this.#held.size === 0) return;
    for (const to of [...this.#held.keys()]) this.release(to);
    this.#host.flush();
  }
}
