/**
 * How `quorate log inspect` puts a data folder into lines for people: first whose it is, then the log,
 * snapshots, facts and other files, and last, where the eye rests, what is wrong and what to do.
 */
import type { Entry } from '../../raft/index.ts';
import type {
  DamageReport,
  DataFolderReport,
  FactReport,
  LogReport,
  SnapshotReport,
} from '../../storage/index.ts';
import type { FolderHolder } from '../../world/index.ts';
import { tableLines } from '../terminal.ts';

/** Node ids by raft id. */
export type MemberNames = ReadonlyMap<number, string>;

export interface FolderView {
  readonly report: DataFolderReport;
  readonly holder: FolderHolder | undefined;
  readonly names: MemberNames;
  readonly color: boolean;
}

const LABEL_WIDTH = 14;
/** Runs of terms, segments and snapshots beyond it are summed up; --json has them all. */
const ROWS_MAX = 12;
const PREVIEW_CHARS = 60;
const PREVIEW_BYTES = 1024;
const FACT_CHARS_MAX = 160;
const KINDS = ['commands', 'membership', 'membership'] as const;

export function folderLines(view: FolderView): string[] {
  const { report } = view;
  return [
    ...identityLines(view),
    '',
    ...(report.log === undefined
      ? ['log           none that can be read']
      : logLines(report.log, view)),
    '',
    ...snapshotLines(report.snapshots, view.names),
    ...(report.facts.length === 0 ? [] : ['', 'facts', ...report.facts.map(factLine)]),
    ...leftoverLines(report),
    '',
    ...verdictLines(view),
  ];
}

function row(label: string, value: string): string {
  return `${`  ${label}`.padEnd(LABEL_WIDTH)}${value}`;
}

function identityLines({ report, holder }: FolderView): string[] {
  const { identity } = report;
  const lines = [`data folder   ${report.directory}`];
  if (identity === undefined) {
    lines.push(row('node', report.damage.length > 0 ? 'not known' : 'none: the folder is fresh'));
  } else {
    lines.push(
      row('cluster', `${identity.clusterName} (${identity.clusterId})`),
      row(
        'node',
        `${identity.nodeId} (raft id ${identity.raftId}, incarnation ${identity.incarnation})`,
      ),
    );
  }
  const by = holder?.pid === undefined ? 'a process' : `process ${holder.pid} on ${holder.host}`;
  lines.push(row('in use', holder === undefined ? 'no' : `by ${by}; what follows is a glimpse`));
  return lines;
}

function logLines(log: LogReport, { names, report }: FolderView): string[] {
  const { firstIndex, lastIndex, lastTerm, hardState, terms, segments } = log;
  const title =
    log.entries === 0
      ? `empty; the next entry is ${count(firstIndex)}`
      : `${plural(log.entries, 'entry', 'entries')}: ${count(firstIndex)} to ${count(lastIndex)} (term ${lastTerm})`;
  const vote = hardState.vote === 0 ? 'none' : nameOf(hardState.vote, names);
  const lines = [
    `log           ${log.isWhole ? '' : 'up to the damage: '}${title}`,
    row('hard state', `term ${hardState.term}, vote ${vote}, commit ${count(hardState.commit)}`),
  ];
  const shown = terms.slice(-ROWS_MAX).map(({ index, term }) => `${term} from ${count(index)}`);
  if (shown.length > 0) {
    const earlier = terms.length - shown.length;
    lines.push(
      row('terms', `${earlier > 0 ? `${earlier} earlier ones, ` : ''}${shown.join(', ')}`),
    );
  }
  lines.push(row('end', endOf(log)));
  const { witness } = report;
  if (witness !== undefined) {
    const where = `offset ${count(witness.offset)} of segment ${witness.segment}`;
    lines.push(row('witness', `durable up to ${where}`));
  }
  const files = segments.reduce((sum, segment) => sum + segment.segmentBytes, 0);
  const used = `${bytes(log.usedBytes)} used of ${bytes(files)}`;
  lines.push(row('segments', `${plural(segments.length, 'file', 'files')}, ${used}`));
  const rows = segments
    .slice(-ROWS_MAX)
    .map((segment) => [
      baseName(segment.path),
      segment.firstIndex === undefined
        ? 'no entries'
        : `${count(segment.firstIndex)} to ${count(segment.lastIndex ?? segment.firstIndex)}`,
      plural(segment.records, 'record', 'records'),
      `${bytes(segment.usedBytes)} of ${bytes(segment.segmentBytes)}`,
    ]);
  if (segments.length > rows.length) lines.push(`${' '.repeat(LABEL_WIDTH)}… and older ones`);
  return [...lines, ...tableLines(rows, LABEL_WIDTH)];
}

function endOf({ torn, isSealed, isWhole }: LogReport): string {
  if (!isWhole) return 'damaged, see below';
  if (torn !== undefined) {
    return (
      `unfinished: ${bytes(torn.bytes)} at offset ${count(torn.offset)} of ${baseName(torn.path)} (${torn.how}); ` +
      'the next start leaves them behind'
    );
  }
  return isSealed ? 'closed in good order' : 'whole, but not closed (a node runs on it, or died)';
}

function snapshotLines(snapshots: readonly SnapshotReport[], names: MemberNames): string[] {
  if (snapshots.length === 0) return ['snapshots     none'];
  const lines = [`snapshots     ${snapshots.length}, newest first`];
  for (const snapshot of snapshots.slice(0, ROWS_MAX)) {
    const { index, term, confState, sections } = snapshot;
    const voters = confState.voters.map((id) => nameOf(id, names));
    const outgoing = confState.votersOutgoing.map((id) => nameOf(id, names));
    const learners = [...confState.learners, ...confState.learnersNext];
    const members = [
      `voters ${voters.join(', ') || 'none'}`,
      ...(outgoing.length > 0 ? [`leaving a joint membership of ${outgoing.join(', ')}`] : []),
      ...(learners.length > 0
        ? [`learners ${learners.map((id) => nameOf(id, names)).join(', ')}`]
        : []),
    ];
    const parts = sections.map((section) => `${section.name} ${bytes(section.bytes)}`);
    lines.push(
      row(
        '',
        `entry ${count(index)} (term ${term}), ${bytes(snapshot.bytes)}: ${members.join('; ')}`,
      ),
      row('', `  ${parts.join(', ') || 'no sections'}`),
    );
  }
  return lines;
}

function factLine({ name, bytes: size, text }: FactReport): string {
  const shown = text === undefined ? bytes(size) : text.trimEnd().replace(/\s*\n\s*/g, ' ');
  const cut = shown.length > FACT_CHARS_MAX ? `${shown.slice(0, FACT_CHARS_MAX)}…` : shown;
  return `${`  ${name}  `.padEnd(LABEL_WIDTH)}${cut}`;
}

function leftoverLines({ leftovers, directory }: DataFolderReport): string[] {
  if (leftovers.length === 0) return [];
  const rows = leftovers.map((file) => [
    file.path.slice(directory.length + 1),
    bytes(file.bytes),
    file.what,
  ]);
  return ['', 'other files', ...tableLines(rows, 2)];
}

function placeOf({ path, offset }: DamageReport): string {
  if (path === undefined) return '';
  return `${path}${offset === undefined ? '' : ` at offset ${offset}`}: `;
}

/** What speaks against starting a node on it, and what to do. */
function verdictLines({ report, color }: FolderView): string[] {
  const paint = (code: number, text: string): string =>
    color ? `\u001b[${code}m${text}\u001b[0m` : text;
  const lines: string[] = [];
  const { damage, warnings } = report;
  for (const one of warnings) {
    lines.push(
      paint(33, `! damaged, but not needed: ${placeOf(one)}${one.what}`),
      '  what to do: nothing; a newer snapshot is whole.',
    );
  }
  for (const { advice, ...one } of damage) {
    lines.push(paint(31, `! damaged: ${placeOf(one)}${one.what}`));
    if (advice !== undefined && damage.every((one) => one.advice === advice)) continue;
    if (advice !== undefined) lines.push(`  what to do: ${advice}.`);
  }
  const [common] = damage;
  if (common?.advice !== undefined && damage.every((one) => one.advice === common.advice)) {
    lines.push(`  what to do: ${common.advice}.`);
  }
  const facts = new Set(report.facts.map((fact) => fact.name));
  if (facts.has('quarantine')) {
    lines.push(
      paint(31, '! in quarantine: the state of this node differed from that of a majority'),
      '  what to do: keep the folder for the search; replace the member by one with an empty folder.',
    );
  }
  if (facts.has('rolled-back')) {
    lines.push(
      paint(31, '! went back: this folder is older than what its node had acknowledged'),
      '  what to do: remove the member, and let it join anew with an empty folder.',
    );
  }
  if (facts.has('removed')) {
    lines.push(
      paint(31, '! removed: this node is no member of its cluster any more'),
      '  what to do: stop it for good. To come back it needs an empty folder and another identity.',
    );
  }
  return lines.length > 0 ? lines : [paint(32, 'No damage found.')];
}

export function entryTitle(): string {
  return `${'INDEX'.padStart(12)}  ${'TERM'.padStart(6)}  ${'KIND'.padEnd(10)}  ${'BYTES'.padStart(9)}  DATA`;
}

export function entryLine(entry: Entry): string {
  const kind = entry.type === 0 && entry.data.length === 0 ? 'new leader' : KINDS[entry.type];
  const cells = [
    String(entry.index).padStart(12),
    String(entry.term).padStart(6),
    kind.padEnd(10),
    count(entry.data.length).padStart(9),
    preview(entry.data),
  ];
  return cells.join('  ').trimEnd();
}

export function entryObject(entry: Entry): Readonly<Record<string, unknown>> {
  const { index, term, type, data } = entry;
  return {
    index,
    term,
    type,
    bytes: data.length,
    dataBase64: Buffer.from(data).toString('base64'),
  };
}

/** What can be read of it; one dot for a run of bytes that can not. */
function preview(data: Uint8Array): string {
  const some = Buffer.from(data.subarray(0, PREVIEW_BYTES)).toString('latin1');
  const text = some.replace(/[^\x20-\x7e]+/g, '·');
  const isCut = data.length > PREVIEW_BYTES || text.length > PREVIEW_CHARS;
  return isCut ? `${text.slice(0, PREVIEW_CHARS)}…` : text;
}

function nameOf(id: number, names: MemberNames): string {
  return names.get(id) ?? `raft id ${id}`;
}

function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function plural(value: number, one: string, many: string): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let size = value / 1024;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}
