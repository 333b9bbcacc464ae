import { ClusterError } from '../errors.ts';
import type { Message, RaftId } from '../raft/index.ts';
import type { Address, Clock, Logger, Network, Random } from '../world/index.ts';
import type { TransportOptions } from './options.ts';
import type {
  BulkSource,
  LocalPeer,
  Peer,
  PeerStatus,
  Transport,
  TransportEvents,
} from './types.ts';

export interface TcpTransportParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly listen: Address;
  readonly options?: TransportOptions;
}

export class TcpTransport implements Transport {
  constructor(_parts: TcpTransportParts) {}
  get boundAddress(): string {
    return '';
  }
  async start(_local: LocalPeer, _events: TransportEvents): Promise<void> {
    throw new ClusterError('NOT_STARTED', 'the transport is not written yet');
  }
  async stop(): Promise<void> {}
  addPeer(_peer: Peer): void {}
  removePeer(_raftId: RaftId): void {}
  send(_message: Message): void {}
  sendFrame(_to: RaftId, _kind: number, _payload: readonly Uint8Array[]): boolean {
    return false;
  }
  flush(): void {}
  async sendBulk(_message: Message, _source: BulkSource): Promise<void> {}
  status(): readonly PeerStatus[] {
    return [];
  }
}
