/** Sections as text: a table of the series with every round, then the findings, each with its verdict. */
import {
  type Finding,
  figure,
  holds,
  type Section,
  type Series,
  seriesSummary,
} from './findings.ts';

const NUMBER_WIDTH = 9;

/** All of one width. */
const MARK_WIDTH = 6;

function markOf(finding: Finding): string {
  if (finding.target === undefined) return 'beside';
  if (Number.isNaN(finding.value)) return 'absent';
  if (isSpoilt(finding)) return 'FAILED';
  return holds(finding) === true ? 'holds' : 'SHORT';
}

const isSpoilt = ({ failed = 0 }: Finding): boolean => failed > 0;

export function sectionLines({ title, series, findings, notes, text = [] }: Section): string[] {
  return [
    '',
    title,
    ...seriesLines(series),
    ...findings.map(findingLine),
    ...notes.map((note) => `  note: ${note}`),
    ...text.map((line) => `  ${line}`),
  ];
}

/** Of each its median, what belongs to it, largest by smallest round, and the rounds. */
function seriesLines(series: readonly Series[]): string[] {
  const heads = series.filter(({ part }) => part === undefined);
  const nameWidth = Math.max(...heads.map(({ name }) => name.length));
  const unitWidth = Math.max(...heads.map(({ unit }) => unit.length));
  return heads.map((head) => {
    const { median, spread } = seriesSummary(head);
    const parts = series.filter(
      ({ name, part }) => part !== undefined && name === `${head.name}, ${part}`,
    );
    const rounds = head.rounds.map(figure).join(' ');
    return [
      `  ${head.name.padEnd(nameWidth)}`,
      `${figure(median).padStart(NUMBER_WIDTH)} ${head.unit.padEnd(unitWidth)}`,
      ...parts.map(partText),
      `(spread ${figure(spread)}: ${rounds})`,
    ].join('  ');
  });
}

function partText(series: Series): string {
  const { median } = seriesSummary(series);
  return `${series.part} ${figure(median).padStart(5)} ${series.unit}`;
}

export function findingLine(finding: Finding): string {
  const { item, what, value, unit, target, failed } = finding;
  const wanted = target === undefined ? '' : `, wanted ${target.is} ${figure(target.value)}`;
  const spoilt = isSpoilt(finding) ? `, but ${failed} operations failed` : '';
  const mark = markOf(finding).padEnd(MARK_WIDTH);
  return `  ${mark}  ${item}: ${what}: ${figure(value)} ${unit}${wanted}${spoilt}`;
}

/** What a reader of the last word must know of the run. */
export interface RunOutline {
  /** Of the demands, what this run does not measure, and what does. */
  readonly leftOut: readonly string[];
  /** Absent: as many rounds as a verdict takes. */
  readonly firstLook?: string;
}

/** The last word of a run: all findings that were demanded, together. */
export function summaryLines(
  sections: readonly Section[],
  { leftOut, firstLook }: RunOutline = { leftOut: [] },
): string[] {
  const demanded = sections
    .flatMap(({ findings }) => findings)
    .filter((finding) => finding.target !== undefined)
    .sort((a, b) => a.item - b.item);
  if (demanded.length === 0) return [];
  const count = (mark: string): number =>
    demanded.filter((finding) => markOf(finding) === mark).length;
  const held = count('holds');
  const absent = count('absent');
  const spoilt = count('FAILED');
  const verdict = [
    firstLook === undefined
      ? `${held} of ${demanded.length} demands hold`
      : `${held} of ${demanded.length} would hold; ${firstLook}`,
    ...(absent === 0 ? [] : [`${absent} could not be measured here`]),
    ...(spoilt === 0 ? [] : [`${spoilt} spoilt by operations that failed`]),
  ].join('; ');
  return [
    '',
    'Demands',
    ...demanded.map(findingLine),
    ...leftOut.map((line) => `  not in this run  ${line}`),
    `  ${verdict}`,
  ];
}
