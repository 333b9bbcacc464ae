/**
 * `quorate members ...`: who is in the cluster, how far each is, and the changes of that. Any node that
 * answers will do; it asks the leader by itself.
 *
 * How far a member is behind is known to the leader alone. So a list asks all nodes that it can find until
 * the leader has answered, and leaves that column empty when it did not.
 */
import { connect, type MembersAnswer, type QuorateClient } from '../../client/index.ts';
import { ClusterError } from '../../errors.ts';
import { nearestName } from '../../near-names.ts';
import { failuresTolerated } from '../config/check.ts';
import { ExitCode } from '../exit-codes.ts';
import type { MembersFlags } from '../flags.ts';
import { findNodes } from '../nodes.ts';
import { say, type Terminal, tableLines, tell } from '../terminal.ts';
import { withClient } from './kv.ts';

type Member = MembersAnswer['members'][number];

export async function list(terminal: Terminal, flags: MembersFlags): Promise<number> {
  const answer = await askAll(terminal, flags);
  if (flags.json === true) {
    say(terminal, JSON.stringify(answer));
    return ExitCode.ok;
  }
  for (const line of tableOf(answer)) say(terminal, line);
  for (const line of remarksOn(answer)) tell(terminal, line);
  return ExitCode.ok;
}

/** The leader's answer if it can be had, else the first. */
async function askAll(terminal: Terminal, flags: MembersFlags): Promise<MembersAnswer> {
  const first = await withClient(terminal, flags, (client) => client.members());
  if (first.leader === null || first.leader === first.node) return first;
  const { addresses } = findNodes(terminal, 'clients', flags.nodes);
  if (addresses.length === 1) return first;
  const { timeoutMs } = flags;
  const answers = await Promise.allSettled(
    addresses.map(async (address) => {
      const client = await connect({ nodes: [address], timeoutMs, session: false });
      return await client.members().finally(() => client.close());
    }),
  );
  const seen = answers.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  return seen.find(({ node, leader }) => node === leader) ?? first;
}

function tableOf({ members, leader, commitIndex }: MembersAnswer): string[] {
  const rows = [['NODE', 'ROLE', 'ADDRESS', 'CONNECTED', 'BEHIND']];
  for (const member of members) {
    const { nodeId, address, connected, matchIndex } = member;
    const behind = matchIndex === undefined ? '-' : String(Math.max(0, commitIndex - matchIndex));
    const title = nodeId === leader ? 'leader' : titleOf(member);
    rows.push([nodeId, title, address, connected ? 'yes' : 'no', behind]);
  }
  return tableLines(rows);
}

function titleOf({ role, wantsVote, arriving }: MembersAnswer['members'][number]): string {
  if (arriving === true) return 'voter (arriving)';
  return wantsVote === true ? 'learner (will vote)' : role;
}

function remarksOn({ members, leader, node }: MembersAnswer): string[] {
  const voters = members.filter(({ role }) => role === 'voter').length;
  const failures = failuresTolerated(voters);
  const bears = `${failures} failure${failures === 1 ? '' : 's'}`;
  const remarks = [
    `  ${voters} voter${voters === 1 ? '' : 's'}: ${Math.floor(voters / 2) + 1} must agree, ` +
      `so the cluster bears ${bears} when all are up; as seen by ${node}`,
  ];
  for (const { nodeId } of members.filter(({ arriving }) => arriving === true)) {
    remarks.push(`! do not rely on the vote of ${nodeId} yet: not all others know it for certain`);
  }
  if (leader === null) remarks.push('! nobody leads: quorate status says who is missing');
  else if (leader !== node) {
    remarks.push(`  how far each is behind is known to ${leader} alone: name it with --nodes`);
  }
  for (const { nodeId, connected, lastError } of members) {
    if (connected || nodeId === node) continue;
    remarks.push(`! ${nodeId} is not connected${lastError === undefined ? '' : `: ${lastError}`}`);
  }
  return remarks;
}

export async function add(
  terminal: Terminal,
  nodeId: string,
  address: string,
  flags: MembersFlags & { readonly learner?: boolean },
): Promise<number> {
  const isLearner = flags.learner === true;
  const invitation = await withClient(terminal, flags, (client) =>
    isLearner ? client.addLearner(nodeId, address) : client.addNode(nodeId, address),
  );
  if (flags.json === true) {
    say(terminal, JSON.stringify(invitation));
    return ExitCode.ok;
  }
  const until = isLearner
    ? `It only follows until: quorate members promote ${nodeId}`
    : 'It gets its vote by itself when it has caught up';
  tell(terminal, `added ${nodeId} at ${address}. ${until}. Now start it on its machine:`);
  const { addresses } = findNodes(terminal, 'clients', flags.nodes);
  const parts = [
    `quorate start --cluster-name ${invitation.clusterName} --node-id ${nodeId} --data-dir DIR`,
    `--listen-peers ${address}`,
    ...addresses.map((door) => `--join ${door}`),
    ...(isLearner ? ['--join-as learner'] : []),
  ];
  say(terminal, parts.join(' '));
  return ExitCode.ok;
}

export async function remove(
  terminal: Terminal,
  nodeId: string,
  flags: MembersFlags,
): Promise<number> {
  const outcome = await withClient(terminal, flags, async (client) => {
    const { members } = await client.members();
    const member = members.find((one) => one.nodeId === nodeId);
    // This node may not know yet of a member that was added just now: the leader has the last word. One
    // that was there and is not any more was removed, also when the answer that said so was lost.
    const removed = (await client.removeNode(nodeId)) || member !== undefined;
    return { members, member, removed };
  });
  const { members, member, removed } = outcome;
  if (flags.json === true) say(terminal, JSON.stringify({ nodeId, removed }));
  if (!removed) {
    tell(terminal, `quorate: no member is called "${nodeId}"${hintFor(nodeId, members)}`);
    return ExitCode.notFound;
  }
  if (flags.json === true) return ExitCode.ok;
  const where = member === undefined ? '' : ` (${member.role} at ${member.address})`;
  say(terminal, `removed ${nodeId}${where}`);
  const left = members.filter((one) => one.nodeId !== nodeId && one.role === 'voter').length;
  const failures = failuresTolerated(left);
  const bears = `${failures} failure${failures === 1 ? '' : 's'}`;
  tell(
    terminal,
    `  ${left} voter${left === 1 ? '' : 's'} left: the cluster bears ${bears}. If ${nodeId} runs, it ` +
      'ends with exit code 9. To let it in again: empty its data folder, and start it with --join',
  );
  return ExitCode.ok;
}

export async function promote(
  terminal: Terminal,
  nodeId: string,
  flags: MembersFlags,
): Promise<number> {
  await withClient(terminal, flags, async (client) => {
    await hinting(client, nodeId, client.promoteLearner(nodeId));
  });
  if (flags.json === true) say(terminal, JSON.stringify({ nodeId }));
  else say(terminal, `${nodeId} is a voter`);
  return ExitCode.ok;
}

export async function transfer(
  terminal: Terminal,
  nodeId: string,
  flags: MembersFlags,
): Promise<number> {
  await withClient(terminal, flags, async (client) => {
    await hinting(client, nodeId, client.transferLeadership(nodeId));
  });
  if (flags.json === true) say(terminal, JSON.stringify({ leader: nodeId }));
  else say(terminal, `${nodeId} leads`);
  return ExitCode.ok;
}

/** Adds the nearest name when there is no such member. */
async function hinting(
  client: QuorateClient,
  nodeId: string,
  outcome: Promise<void>,
): Promise<void> {
  try {
    await outcome;
  } catch (error) {
    if (!(error instanceof ClusterError) || error.code !== 'MEMBER_UNKNOWN') throw error;
    const members = await client.members().then(
      (answer) => answer.members,
      () => [],
    );
    const hint = hintFor(nodeId, members);
    throw new ClusterError('MEMBER_UNKNOWN', `no member is called "${nodeId}"${hint}`, {
      details: error.details,
      cause: error,
    });
  }
}

/** Of names as short as n1 and n2 each is near to each: they are listed. */
const NAME_CHARS_LISTED = 3;

function hintFor(nodeId: string, members: readonly Member[]): string {
  const names = members.map((member) => member.nodeId);
  const near = nodeId.length > NAME_CHARS_LISTED ? nearestName(nodeId, names) : undefined;
  if (near !== undefined) return `. Did you mean "${near}"?`;
  return names.length === 0 ? '' : `; the members are ${names.join(', ')}`;
}
