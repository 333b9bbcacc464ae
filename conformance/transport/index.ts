/**
 * The contract of `Transport` (src/transport/types.ts) as cases. Raft itself forgives a transport nearly
 * everything, but the node does not: it pipelines, so it needs order; it counts on what it sent until it is
 * told `unreachable`; and it is not reentrant, so no event may come inside a call.
 */
import { type ConformanceCase, makeCases } from '../kit/index.ts';
import { TransportBench } from './bench.ts';
import { bulkCases } from './bulk-cases.ts';
import { deliveryCases } from './delivery-cases.ts';
import { handshakeCases } from './handshake-cases.ts';
import { mannerCases } from './manner-cases.ts';
import { checkNet, checkRig, type TransportAbility, type TransportRig } from './rig.ts';

export type { TransportAbility, TransportNet, TransportNode, TransportRig } from './rig.ts';

/** Reasons why cases that need an ability are left out; `undefined` when the rig has it. */
export type TransportAbilities = Readonly<Record<TransportAbility, string | undefined>>;

/** The cases for a transport of your own. */
export function transportConformance(rig: TransportRig): ConformanceCase[] {
  checkRig(rig);
  const reasonWithout = (ability: TransportAbility): string | undefined =>
    rig.offers.includes(ability) ? undefined : `the rig does not offer ${ability}`;
  const can: TransportAbilities = {
    move: reasonWithout('move'),
    break: reasonWithout('break'),
    cut: reasonWithout('cut'),
    handshake: reasonWithout('handshake'),
  };
  const suite = {
    name: 'transport',
    open: async () => {
      const net = await rig.net();
      checkNet(net, rig.offers);
      return new TransportBench(net, rig);
    },
    close: (bench: TransportBench) => bench.close(),
  };
  const specs = [
    ...deliveryCases(can),
    ...mannerCases(can),
    ...handshakeCases(can),
    ...bulkCases(),
  ];
  return makeCases(suite, specs);
}
