/**
 * What the development cluster looks like, as text: pure functions of what is known, so that the same
 * lines serve a terminal (redrawn in place), a log (a line for each change) and the tests.
 *
 * On a log, the applied index is left out of the comparison: it changes all the time and would bury the
 * changes that matter.
 */
import type { NodeLife } from './node-process.ts';

/** Of a node's `/v1/status`; `undefined` while it does not answer. */
export interface SeenStatus {
  readonly role: string;
  readonly term: number;
  readonly appliedIndex: number;
  readonly commitIndex: number;
  readonly revision: number;
  readonly leader?: { readonly nodeId: string } | undefined;
}

export interface NodeView {
  readonly id: string;
  readonly http: string;
  readonly clients: string;
  readonly life: NodeLife;
  readonly status: SeenStatus | undefined;
}

const NUMBER_WORDS = [
  'zero',
  'one',
  'two',
  'three',
  'four',
  'five',
  'six',
  'seven',
  'eight',
  'nine',
];

/** The documented line that scripts wait for. */
export function readyLine(
  nodes: readonly { readonly id: string; readonly http: string }[],
): string {
  const word = NUMBER_WORDS[nodes.length] ?? String(nodes.length);
  const list = nodes.map((node) => `${node.id}=http://${node.http}`).join(' ');
  return `ready: ${word} node${nodes.length === 1 ? '' : 's'} ${list}`;
}

/** The folder in which the other commands look for a cluster by themselves. */
const USUAL_DIR = '.quorate';

export function readyBlock(
  nodes: readonly { readonly id: string; readonly http: string; readonly clients: string }[],
  dir: string,
): string[] {
  const first = nodes[0]?.http ?? '127.0.0.1:7301';
  const by = (door: 'clients' | 'http'): string =>
    dir === USUAL_DIR ? '' : ` --nodes ${nodes.map((node) => node[door]).join(',')}`;
  return [
    readyLine(nodes),
    '',
    '  Try it, in another terminal:',
    `    curl -X PUT --data-binary hello http://${first}/v1/kv/greeting`,
    `    npx quorate kv get greeting${by('clients')}`,
    `    npx quorate status${by('http')}`,
    '',
    `  Kill a node and read again: kill -9 $(cat ${dir}/${nodes[0]?.id ?? 'n1'}/pid)`,
    `  Data and logs of the nodes: ${dir}`,
    '  Ctrl-C stops all nodes; the data stays.',
    '',
  ];
}

interface Palette {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
}

const plain = (text: string): string => text;
const ansi =
  (code: number) =>
  (text: string): string =>
    `\u001b[${code}m${text}\u001b[0m`;

function palette(color: boolean): Palette {
  if (!color) return { good: plain, bad: plain, dim: plain, bold: plain };
  return { good: ansi(32), bad: ansi(31), dim: ansi(2), bold: ansi(1) };
}

export function tableLines(nodes: readonly NodeView[], color: boolean): string[] {
  const paint = palette(color);
  const header = row('node', 'state', 'term', 'applied', 'revision', 'pid', 'http');
  const lines = [paint.dim(header)];
  for (const node of nodes) {
    const { status } = node;
    const text = row(
      node.id,
      stateOf(node),
      status === undefined ? '-' : String(status.term),
      status === undefined ? '-' : String(status.appliedIndex),
      status === undefined ? '-' : String(status.revision),
      'pid' in node.life && node.life.pid !== undefined ? String(node.life.pid) : '-',
      node.http,
    );
    const isLeading = status?.role === 'leader';
    const isUp = node.life.state === 'ready' || node.life.state === 'starting';
    lines.push(isLeading ? paint.bold(paint.good(text)) : isUp ? text : paint.bad(text));
  }
  lines.push(paint.dim(summaryOf(nodes)));
  return lines;
}

function row(...cells: readonly string[]): string {
  // As wide as the longest that stands there: pre-candidate.
  const widths = [8, 13, 6, 10, 10, 8, 0];
  return cells
    .map((cell, i) => cell.padEnd(widths[i] ?? 0))
    .join(' ')
    .trimEnd();
}

export function stateOf({ life, status }: NodeView): string {
  if (life.state === 'waiting') return 'restarting';
  if (life.state === 'down') return `down (${life.code})`;
  if (life.state === 'stopped') return 'stopped';
  if (status !== undefined) return status.role;
  return life.state === 'starting' ? 'starting' : 'silent';
}

function summaryOf(nodes: readonly NodeView[]): string {
  const needed = Math.floor(nodes.length / 2) + 1;
  const up = nodes.filter((node) => node.status !== undefined).length;
  const spare = up - needed;
  if (spare < 0) return `${up} of ${nodes.length} nodes up; ${needed} are needed: writes wait`;
  const more = spare === 1 ? '1 more failure' : `${spare} more failures`;
  return `${up} of ${nodes.length} nodes up; tolerates ${more}`;
}

/** One line for each node whose state changed in a way that matters. */
export function changeLines(before: readonly NodeView[], after: readonly NodeView[]): string[] {
  const lines: string[] = [];
  for (const node of after) {
    const old = before.find((other) => other.id === node.id);
    const state = stateOf(node);
    const term = node.status?.term;
    const isSame =
      old !== undefined &&
      stateOf(old) === state &&
      (old.status?.term ?? term) === (term ?? old.status?.term);
    if (isSame || (node.life.state === 'starting' && node.life.pid === undefined)) continue;
    const facts =
      node.status === undefined ? '' : ` term=${term} applied=${node.status.appliedIndex}`;
    const pid = 'pid' in node.life && node.life.pid !== undefined ? ` pid=${node.life.pid}` : '';
    const why =
      node.life.state === 'waiting'
        ? ` (${node.life.why}; again in ${node.life.restartInMs} ms)`
        : '';
    lines.push(`${node.id} ${state}${facts}${pid}${why}`);
  }
  return lines;
}
