/** The way of one put through client, leader and followers, found again in what each of them asked of the kernel. */
import type { Call, CallKind } from './syscall-trace.ts';

/** What one process did, and by which descriptors it talks to whom. */
export interface Party {
  readonly calls: readonly Call[];
}

export interface Leader extends Party {
  readonly toClient: number;
}

export interface Follower extends Party {
  readonly toLeader: number;
  /** The leader's end of that. */
  readonly fromLeader: number;
}

export interface Parties {
  readonly client: Party & { readonly toLeader: number };
  readonly leader: Leader;
  readonly followers: readonly Follower[];
}

/**
 * One after the other; what the leader's own record takes is beside them. A record is one call where writes can be
 * synced by themselves (`O_DSYNC` on ext4, XFS, btrfs); elsewhere only its writing is seen.
 */
export const STEPS = [
  'client to leader: written, until it is read',
  'leader: read, until the frame to the follower is written',
  'leader to follower: written, until it is read',
  'follower: read, until its record begins to be written',
  'follower: record written and synced',
  'follower: synced, until the answer is written',
  'follower to leader: written, until it is read',
  'leader: read, until the answer to the client is written',
  'leader to client: written, until it is read',
] as const;

export const OWN_RECORD = 'beside: record of the leader written and synced' as const;
export const WHOLE = 'all of it' as const;

/** In seconds, of each put for which all of it is there; of the follower that answered first. */
export function stepsOfPuts({ client, leader, followers }: Parties): Map<string, number[]> {
  const found = new Map<string, number[]>();
  const add = (what: string, seconds: number): void => {
    const list = found.get(what);
    if (list === undefined) found.set(what, [seconds]);
    else list.push(seconds);
  };
  const sent = client.calls.filter((it) => it.kind === 'write' && it.fd === client.toLeader);
  const asked = search(leader, 'read', leader.toClient);
  const answered = search(leader, 'write', leader.toClient);
  const own = search(leader, 'store');
  const received = search(client, 'read', client.toLeader);
  const ways = followers.map((follower) => wayOver(leader, follower));
  for (const { began } of sent) {
    const taken = asked(began)?.ended;
    const over = taken === undefined ? [] : ways.map((way) => way(taken));
    const [first] = over
      .filter((times) => times !== undefined)
      .sort((one, other) => one.at(-1)! - other.at(-1)!);
    const answer = first === undefined ? undefined : answered(first.at(-1)!)?.began;
    const end = answer === undefined ? undefined : received(answer)?.ended;
    if (end === undefined) continue;
    const times = [began, taken!, ...first!, answer!, end];
    for (const [at, step] of STEPS.entries()) add(step, times[at + 1]! - times[at]!);
    add(WHOLE, end - began);
    const record = own(taken!);
    if (record !== undefined) add(OWN_RECORD, record.ended - record.began);
  }
  return found;
}

/** Frame written, read; record begun, synced; answer written, read. */
function wayOver(leader: Leader, follower: Follower): (after: number) => number[] | undefined {
  const frame = search(leader, 'write', follower.fromLeader);
  const read = search(follower, 'read', follower.toLeader);
  const store = search(follower, 'store');
  const answer = search(follower, 'write', follower.toLeader);
  const heard = search(leader, 'read', follower.fromLeader);
  return (after) => {
    const written = frame(after)?.began;
    const arrived = written === undefined ? undefined : read(written)?.ended;
    const record = arrived === undefined ? undefined : store(arrived);
    const told = record === undefined ? undefined : answer(record.ended)?.began;
    const back = told === undefined ? undefined : heard(told)?.ended;
    if (back === undefined) return undefined;
    return [written!, arrived!, record!.began, record!.ended, told!, back];
  };
}

/** The first call of that kind that begins, or of a read ends, at that time or later. Times only rise. */
function search(
  { calls }: Party,
  kind: CallKind,
  fd?: number,
): (after: number) => Call | undefined {
  const timeOf = (call: Call): number => (kind === 'read' ? call.ended : call.began);
  const wanted = calls
    .filter((it) => it.kind === kind && it.result > 0 && (fd === undefined || it.fd === fd))
    .sort((one, other) => timeOf(one) - timeOf(other));
  let at = 0;
  return (after) => {
    while (at < wanted.length && timeOf(wanted[at]!) < after) at++;
    return wanted[at];
  };
}
