/** Violations in lines for people: what is wrong, how to see it again, what it needs. */
import { bytesText } from './bytes-text.ts';
import type { SimulationSettings } from './check-simulation.ts';
import type { ShrunkRun, SimulationViolation } from './simulation.ts';

const INDENT = ' '.repeat(11);
const COMMANDS_SHOWN = 40;

export function violationLines(
  violation: SimulationViolation,
  { replayCommand }: Pick<SimulationSettings, 'replayCommand'>,
): string[] {
  const { seed, mode, nodes, atMs, checker, message, about } = violation;
  const again =
    replayCommand === undefined
      ? `simulate(simulation, { seeds: { from: ${seed}, to: ${seed} }, mode: '${mode}', nodes: ${nodes}, ` +
        'onTrace: console.log })'
      : `${replayCommand} --seeds ${seed}..${seed} --mode ${mode} --nodes ${nodes} --trace`;
  return [
    `VIOLATION  seed ${seed} (${mode}) after ${(atMs / 1000).toFixed(3)} s: ${checker}`,
    ...message.split('\n').map((line) => INDENT + line),
    ...(about === 'cluster'
      ? [`${INDENT}This is a rule of Quorate itself: please report it, with this seed`]
      : []),
    `${INDENT}again: ${again}`,
  ];
}

export function shrunkLines({
  nodes,
  rounds,
  commands,
  message,
  trace,
  tries,
}: ShrunkRun): string[] {
  const faults = rounds.reduce((sum, round) => sum + round.faults.length, 0);
  const needs = [
    counted(nodes, 'node'),
    counted(rounds.length, 'round'),
    counted(faults, 'fault'),
    counted(commands.length, 'command'),
  ];
  const lines = [`what it needs: ${needs.join(', ')} (found in ${counted(tries, 'run')})`];
  for (const [at, round] of rounds.entries()) {
    lines.push(`  round ${at + 1}: ${round.faultMs} ms`);
    for (const { atMs, kind, args } of round.faults) {
      const what = Object.entries(args).map(([name, value]) => `${name} ${value}`);
      lines.push(`    ${String(atMs).padStart(6)} ms ${kind} ${what.join(', ')}`.trimEnd());
    }
  }
  for (const { atMs, client, command } of commands.slice(0, COMMANDS_SHOWN)) {
    const text = bytesText(Buffer.from(command, 'hex'));
    lines.push(`    ${String(atMs).padStart(6)} ms client ${client}: ${text}`);
  }
  const more = commands.length - COMMANDS_SHOWN;
  if (more > 0) lines.push(`    and ${more} commands more`);
  // The violation itself comes last, in full.
  const course = trace.filter((line) => !/^ *[\d.]+ !!!! /.test(line));
  lines.push('and what happens then, at its end:', ...course.map((line) => `  ${line}`));
  lines.push(...message.split('\n').map((line) => INDENT + line));
  return lines;
}

export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
