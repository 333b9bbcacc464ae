/**
 * Without a majority: nothing is acknowledged, every request ends within its deadline, the answer says who is
 * missing, and what may have happened is called unknown. With the majority back, all goes on.
 */

import { until } from '../waiting.ts';
import type { Cluster } from './cluster.ts';
import { expectCommand, http, judge } from './expecting.ts';
import { machineMs } from './machine-clock.ts';
import { gapOf, isWithin, MachineWitness, told } from './machine-witness.ts';
import type { Report } from './report.ts';

const DEADLINE_MS = 1_500;
/** Beyond the deadline, for the answer's way. */
const GRACE_MS = 500;

export async function noMajority(report: Report, cluster: Cluster): Promise<void> {
  report.section('Without a majority');
  const leader = await cluster.leader();
  const { http: address, clients } = cluster.node(leader);
  const others = cluster.nodes.map((node) => node.id).filter((id) => id !== leader);
  await http(address, { method: 'PUT', path: '/v1/kv/before', body: 'kept' });
  await Promise.all(others.map((id) => cluster.kill(id)));
  const headers = { 'quorate-timeout-ms': String(DEADLINE_MS) };
  const put = { method: 'PUT', path: '/v1/kv/lonely', body: 'x', headers };
  await using witness = await MachineWitness.start();
  const beginMs = machineMs();
  const first = await http(address, put);
  const took = gapOf([beginMs, machineMs()], await witness.take());
  judge(
    report,
    'a write right after two of three nodes died: its outcome is unknown, and it says so',
    { code: first.status, text: first.text },
    { code: 504, says: ['OUTCOME_UNKNOWN', 'unknown'] },
  );
  report.check(
    isWithin(took, DEADLINE_MS + GRACE_MS),
    `it was answered within its deadline of ${DEADLINE_MS} ms`,
    told(took),
  );
  await until('the leader to step down', 10_000, async () => {
    return (await cluster.report(leader))?.role !== 'leader';
  });
  const second = await http(address, put);
  judge(
    report,
    'a later write: nothing happened, and it names who is missing',
    { code: second.status, text: second.text },
    { code: 503, says: ['NO_QUORUM', 'nothing was proposed', ...others] },
  );
  const read = await http(address, { path: '/v1/kv/before', headers });
  judge(
    report,
    'a linearizable read is refused',
    { code: read.status, text: read.text },
    { code: 503, says: others },
  );
  const local = await http(address, { path: '/v1/kv/before?consistency=local' });
  judge(
    report,
    'a local read is answered',
    { code: local.status, text: local.text },
    { code: 200, says: ['kept'] },
  );
  const ready = await http(address, { path: '/readyz' });
  judge(
    report,
    'readyz says no, and who is missing',
    { code: ready.status, text: ready.text },
    { code: 503, says: others },
  );
  const alive = await http(address, { path: '/healthz' });
  judge(
    report,
    'healthz says yes: restarting this node would not help',
    { code: alive.status, text: alive.text },
    { code: 200, says: ['ok'] },
  );
  await expectCommand(
    report,
    'the same on the command line',
    ['kv', 'put', 'x', 'y', '--nodes', clients, '--timeout-ms', '1000'],
    { code: 11, says: others },
  );
  const all = cluster.nodes.map((node) => node.http).join(',');
  await expectCommand(report, 'status says what to do', ['status', '--nodes', all], {
    code: 1,
    says: ['unreachable', 'writes wait', `Start ${others[0]}`],
  });
  await Promise.all(others.map((id) => cluster.startAndWait(id)));
  const after = await http(address, { path: '/v1/kv/before' });
  judge(
    report,
    'with the majority back, all goes on',
    { code: after.status, text: after.text },
    { code: 200, says: ['kept'] },
  );
}
