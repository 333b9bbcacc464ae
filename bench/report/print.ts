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

/** By verdict, all of one width. */
const MARKS: Readonly<Record<string, string>> = {
  true: 'holds ',
  false: 'SHORT ',
  undefined: 'absent',
};

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
  const { item, what, value, unit, target } = finding;
  const mark = target === undefined ? 'beside' : MARKS[String(holds(finding))];
  const wanted = target === undefined ? '' : `, wanted ${target.is} ${figure(target.value)}`;
  return `  ${mark}  ${item}: ${what}: ${figure(value)} ${unit}${wanted}`;
}

/** The last word of a run: all findings that were demanded, together. */
export function summaryLines(sections: readonly Section[]): string[] {
  const demanded = sections
    .flatMap(({ findings }) => findings)
    .filter((finding) => finding.target !== undefined)
    .sort((a, b) => a.item - b.item);
  if (demanded.length === 0) return [];
  const held = demanded.filter((finding) => holds(finding) === true).length;
  const absent = demanded.filter((finding) => holds(finding) === undefined).length;
  const unjudged = absent === 0 ? '' : `; ${absent} could not be measured here`;
  const verdict = `  ${held} of ${demanded.length} demands hold${unjudged}`;
  return ['', 'Demands', ...demanded.map(findingLine), verdict];
}
