/**
 * What the author of a transport brings, so that the suite can connect nodes, stop them, and disturb them.
 */
import type { RaftId } from '../../src/raft/index.ts';
import type { Transport } from '../../src/transport/index.ts';
import { checkOffers, checkParts, type PartRule } from '../kit/index.ts';

/** A transport that was not started yet, and where the others will find it. */
export interface TransportNode {
  readonly transport: Transport;
  /** What the others give to `addPeer`, and what this one says of itself (`LocalPeer.address`). */
  readonly address: string;
}

/** One network of its own. The suite asks for a fresh one in each case. */
export interface TransportNet {
  /**
   * A transport for the node. Asked for again after the one before was stopped: the node's next
   * life, at the same address.
   */
  node(raftId: RaftId): Promise<TransportNode> | TransportNode;
  /** Ability `move`. The next life of the node will have another address. */
  move?(raftId: RaftId): void;
  /** Ability `break`. Every connection between the two breaks at once; new ones can be made. */
  breakLinks?(a: RaftId, b: RaftId): void;
  /** Ability `cut`. Nothing passes between the two until `heal`, and nobody is told. */
  cut?(a: RaftId, b: RaftId): void;
  /** Ability `cut`. Things pass between the two again. */
  heal?(a: RaftId, b: RaftId): void;
  /**
   * Lets time pass until `isReached`, at most `withinMs` of it; says whether it was. Give it where the
   * transport runs on a clock of its own. Default: the clock on the wall.
   */
  until?(isReached: () => boolean, withinMs: number): Promise<boolean>;
  /** Gives back what the network took; its transports are stopped. */
  close?(): Promise<void> | void;
}

/**
 * What a rig can do, and what its transport claims: `handshake` means that strangers are told from
 * members and that `admit` is asked. A transport without it trusts everybody who can reach it.
 */
export type TransportAbility = 'move' | 'break' | 'cut' | 'handshake';

/** How the suite gets transports. */
export interface TransportRig {
  /** Cases that need another ability are skipped, and say so. */
  readonly offers: readonly TransportAbility[];
  /** A fresh network, on which nobody is yet. */
  net(): Promise<TransportNet> | TransportNet;
  /** The longest that anything may take: finding out a silent link, connecting again. Default 20,000 ms. */
  readonly patienceMs?: number;
}

/** Of each ability, the methods of a net that it stands for. */
const METHODS_OF: Readonly<Record<TransportAbility, readonly (keyof TransportNet)[]>> = {
  move: ['move'],
  break: ['breakLinks'],
  cut: ['cut', 'heal'],
  handshake: [],
};

/** Throws CONFIG_INVALID, naming the field. */
export function checkRig(rig: TransportRig): void {
  checkParts('rig', rig, {
    net: { type: 'function', what: 'a function that gives a fresh TransportNet' },
    patienceMs: { type: 'count', what: 'a whole number of milliseconds', isOptional: true },
  });
  checkOffers(rig.offers, Object.keys(METHODS_OF));
}

/** The same for what `net` gave. */
export function checkNet(net: TransportNet, offers: readonly TransportAbility[]): void {
  const rules: Record<string, PartRule> = {
    node: { type: 'function', what: 'a function that makes a TransportNode, not started' },
    until: { type: 'function', what: 'a function, or absent', isOptional: true },
    close: { type: 'function', what: 'a function, or absent', isOptional: true },
  };
  for (const ability of offers) {
    const what = `a function, as rig.offers lists "${ability}"`;
    for (const name of METHODS_OF[ability]) rules[name] = { type: 'function', what };
  }
  checkParts('rig.net()', net, rules);
}

/** The same for what the net's `node` gave. */
export function checkNode(node: TransportNode): void {
  checkParts('rig.net().node(id)', node, {
    transport: { type: 'object', what: 'a Transport, not started' },
    address: { type: 'string', what: 'a string, host:port' },
  });
}
