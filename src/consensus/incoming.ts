/**
 * What comes from peers, on its way into the loop: messages of the algorithm, and the node's own frames.
 *
 * The rule that it protects: what does not make sense is refused here, by name, and changes nothing; it must
 * not stop this node, and not get into a log that others have to apply (see peer-input.ts). A frame is decoded
 * as a whole before any of it takes effect.
 */
import { type Message, MessageType, type RaftId, type RawNode } from '../raft/index.ts';
import type { Logger } from '../world/index.ts';
import { decodeAnswers, decodeProposals, FrameKind } from './forwarding.ts';
import type { LeaderCalls } from './leader-calls.ts';
import type { Loop } from './loop.ts';
import { checkPartProposable, messageFault } from './peer-input.ts';
import type { Proposals } from './proposals.ts';
import type { Replica } from './replica.ts';
import { rolledBack, tellsOfLostLog } from './rolled-back.ts';
import { decodeStateClaim, type StateHashes } from './state-hashes.ts';

export interface IncomingHost {
  readonly core: Pick<RawNode, 'lastIndex' | 'term'>;
  readonly loop: Pick<Loop, 'step' | 'guard'>;
  readonly logger: Logger;
  readonly replica: Pick<Replica, 'members'>;
  readonly proposals: Proposals;
  readonly stateHashes: StateHashes;
  readonly leaderCalls: LeaderCalls;
}

export class Incoming {
  readonly #host: IncomingHost;

  constructor(host: IncomingHost) {
    this.#host = host;
  }

  /** Messages of the algorithm, in the order in which they came. */
  messages(from: RaftId, messages: readonly Message[]): void {
    for (const message of messages) {
      const fault = messageFault(from, message) ?? this.#strangerFault(from, message);
      if (fault === undefined) this.#step(message);
      else this.#host.logger.warn('message.refused', { from, type: message.type, fault });
    }
  }

  #step(message: Message): void {
    const { core, loop } = this.#host;
    if (tellsOfLostLog(message, core)) {
      loop.guard(() => {
        throw rolledBack(core.lastIndex, message.commit);
      });
    } else loop.step(message);
  }

  /**
   * A leader that this node does not know yet may be one all the same, and is listened to. But what it
   * knows of this log it has from this node: a commit beyond it is a stranger's, not a lost log's.
   */
  #strangerFault(from: RaftId, { type, commit }: Message): string | undefined {
    if (type !== MessageType.Heartbeat) return undefined;
    const { lastIndex } = this.#host.core;
    if (commit <= lastIndex) return undefined;
    if (this.#host.replica.members.get(from) !== undefined) return undefined;
    return `no member, and claims that ${commit} is committed; this log ends at ${lastIndex}`;
  }

  /** A frame of the node's own; one of a kind that is not known comes from a newer release. */
  frame(from: RaftId, kind: number, payload: Uint8Array): void {
    let input: (() => void) | undefined;
    try {
      input = this.#inputOf(from, kind, payload);
    } catch (error) {
      this.#host.logger.warn('frame.invalid', { from, kind, error: String(error) });
    }
    if (input !== undefined) this.#host.loop.guard(input);
  }

  /** What the frame asks for, decoded as a whole. @throws ClusterError CODEC_INVALID. */
  #inputOf(from: RaftId, kind: number, payload: Uint8Array): (() => void) | undefined {
    const { leaderCalls, logger, proposals } = this.#host;
    if (kind === FrameKind.Proposals) {
      const asked = decodeProposals(payload);
      return () => {
        for (const { id, part } of asked) this.#takeRemote(from, id, part);
      };
    }
    if (kind === FrameKind.Answers) {
      const answers = decodeAnswers(payload);
      return () => {
        for (const answer of answers) proposals.forwarded.heard(from, answer);
      };
    }
    if (kind === FrameKind.StateHash) {
      const claim = decodeStateClaim(payload);
      return () => this.#host.stateHashes.claimed(from, claim);
    }
    if (kind === FrameKind.LeaderCall) return leaderCalls.asked(from, payload);
    if (kind === FrameKind.LeaderAnswer) return leaderCalls.answered(from, payload);
    logger.debug('frame.ignored', { from, kind });
    return undefined;
  }

  #takeRemote(from: RaftId, id: number, part: Uint8Array): void {
    const { proposals, logger } = this.#host;
    try {
      checkPartProposable(part);
    } catch (error) {
      logger.warn('proposal.refused', { from, error: String(error) });
      proposals.refuseRemote(from, id);
      return;
    }
    proposals.addRemote(from, id, part);
  }
}
