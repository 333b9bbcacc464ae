/** hashicorp/raft as nodes of an `EmbeddedCluster`. */
import type { NodeCommand } from '../cluster/embedded-cluster.ts';

/** `path`: of the built program `raftload`. */
export function hashicorpNode(path: string): NodeCommand {
  return (number, addresses, folder) => [
    path,
    `-id=${number}`,
    `-addresses=${addresses.join(',')}`,
    `-dir=${folder}`,
  ];
}
