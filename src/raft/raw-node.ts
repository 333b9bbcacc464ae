/** The core as its caller sees it. Signatures first; the behaviour follows. */
import type { RaftConfig } from './config.ts';
import type {
  BasicStatus,
  ConfChange,
  ConfChangeV2,
  ConfState,
  Message,
  RaftId,
  RaftStatus,
  Ready,
} from './types.ts';

/* biome-ignore-all lint/correctness/noUnusedFunctionParameters: signatures first */
export class RawNode {
  constructor(config: RaftConfig) {
    throw new Error(`not built yet: ${config.id}`);
  }
  tick(): void {}
  campaign(): void {}
  propose(data: Uint8Array): void {}
  proposeEntries(datas: readonly Uint8Array[]): void {}
  proposeConfChange(change: ConfChange | ConfChangeV2): void {}
  applyConfChange(change: ConfChange | ConfChangeV2): ConfState {
    throw new Error('not built yet');
  }
  step(message: Message): void {}
  readIndex(context: Uint8Array): void {}
  transferLeadership(to: RaftId): void {}
  forgetLeader(): void {}
  reportUnreachable(id: RaftId): void {}
  reportSnapshot(id: RaftId, ok: boolean): void {}
  hasReady(): boolean {
    return false;
  }
  ready(): Ready {
    throw new Error('not built yet');
  }
  advance(): void {}
  logReadDone(): void {}
  status(): RaftStatus {
    throw new Error('not built yet');
  }
  basicStatus(): BasicStatus {
    throw new Error('not built yet');
  }
  setRandomizedElectionTimeout(ticks: number): void {}
}
