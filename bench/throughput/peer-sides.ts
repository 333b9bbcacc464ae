/** The peers that are there; of the others, why they are not. */
import { ETCD_MISSING, etcdVersion } from '../peers/etcd-cluster.ts';
import { goProgram } from '../peers/go-programs.ts';
import { etcdSide } from './sides.ts';

type EtcdSide = Awaited<ReturnType<typeof etcdSide>>;

export interface FoundEtcd {
  readonly side: EtcdSide | undefined;
  /** For the report: which version, or what is missing. */
  readonly note: string;
}

export async function findEtcd(tell: (line: string) => void): Promise<FoundEtcd> {
  const version = etcdVersion();
  if (version === undefined) return { side: undefined, note: `without etcd: ${ETCD_MISSING}` };
  const program = goProgram('etcdload', tell);
  if ('missing' in program) return { side: undefined, note: `without etcd: ${program.missing}` };
  const side = await etcdSide(program.path);
  return { side, note: `etcd ${version} with its Go client, all defaults` };
}
