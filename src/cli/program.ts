/**
 * The command line: which commands and flags there are. What a command does is in a file of its own
 * under `commands/`, loaded when it is asked for, so that `quorate kv get` does not pay for an HTTP
 * server. Every error ends up here and becomes lines for people and an exit code.
 */

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { nearestName } from '../near-names.ts';
import { CONFIG_FIELDS } from './config/fields.ts';
import { ExitCode, exitCodeOf } from './exit-codes.ts';
import type { DevFlags, ImportFlags, KvFlags, MembersFlags, SimFlags } from './flags.ts';
import { errorLines } from './report-error.ts';
import { type Terminal, tell } from './terminal.ts';
import { VERSION } from './version.ts';

const COMMANDS = ['start', 'dev', 'status', 'members', 'kv', 'log', 'sim'] as const;
const MEMBER_COMMANDS = ['list', 'add', 'remove', 'promote', 'transfer'] as const;

/** Sets the exit code; a command that returns nothing is done. */
type Action = (...parameters: never[]) => Promise<number | undefined>;

export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  let code: number = ExitCode.ok;
  const action =
    (body: Action) =>
    async (...parameters: unknown[]): Promise<void> => {
      code = (await body(...(parameters as never[]))) ?? ExitCode.ok;
    };
  const program = buildProgram(terminal, action);
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    if (terminal.signal?.aborted === true && isAbort(error)) return ExitCode.interrupted;
    for (const line of errorLines(error)) tell(terminal, line);
    return exitCodeOf(error);
  }
}

function isAbort(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'AbortError' || (error as { code?: string }).code === 'ABORTED';
}

/** `kv put a b c` would store `b` and drop `c` without a word. Sub-commands inherit the root's leniency. */
function refuseExcess(command: Command): void {
  command.allowExcessArguments(false);
  for (const child of command.commands) refuseExcess(child);
}

type Wrap = (body: Action) => (...parameters: unknown[]) => Promise<void>;

function buildProgram(terminal: Terminal, action: Wrap): Command {
  const program = new Command('quorate')
    .description('A cluster that loses nothing: durable Raft consensus beside your service.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    .showHelpAfterError('(quorate --help lists commands and flags)')
    .allowExcessArguments(true)
    .action(() => {
      const [unknown] = program.args;
      if (unknown === undefined) return program.help();
      const near = nearestName(unknown, COMMANDS);
      const hint =
        near === undefined ? `Known are: ${COMMANDS.join(', ')}.` : `Did you mean "${near}"?`;
      program.error(`quorate: there is no command "${unknown}". ${hint}`);
    });
  addStart(program, terminal, action);
  addDev(program, terminal, action);
  addStatus(program, terminal, action);
  const memberList = addMembers(program, terminal, action);
  addKv(program, terminal, action);
  addLog(program, terminal, action);
  addSim(program, terminal, action);
  for (const command of program.commands) refuseExcess(command);
  memberList.allowExcessArguments(true);
  return program;
}

function addStart(program: Command, terminal: Terminal, action: Wrap): void {
  const command = program
    .command('start')
    .description('run one node in the foreground')
    .option('--config <file>', 'YAML configuration (or QUORATE_CONFIG)')
    .option('--check', 'check and print the configuration, start nothing')
    .option('--exit-on-stdin-close', 'stop when standard input ends (for supervisors)');
  for (const field of CONFIG_FIELDS) {
    const option = new Option(`${field.flag} <${field.placeholder.toLowerCase()}>`, field.help);
    if (field.kind === 'members' || field.kind === 'addresses') {
      option.argParser((value: string, before: readonly string[] | undefined) => [
        ...(before ?? []),
        value,
      ]);
    }
    command.addOption(option);
  }
  command.action(
    action(async (options: Record<string, string | readonly string[]>) => {
      const { start } = await import('./commands/start.ts');
      const flags: Record<string, string | readonly string[]> = {};
      for (const field of CONFIG_FIELDS) {
        const given = options[new Option(field.flag).attributeName()];
        if (given !== undefined) flags[field.path] = given;
      }
      return await start(terminal, {
        file: (options['config'] as string | undefined) ?? terminal.env['QUORATE_CONFIG'],
        flags,
        checkOnly: options['check'] !== undefined,
        exitOnStdinClose: options['exitOnStdinClose'] !== undefined,
      });
    }),
  );
}

function addDev(program: Command, terminal: Terminal, action: Wrap): void {
  program
    .command('dev')
    .description('run a cluster on this machine')
    .option('--nodes <n>', 'how many nodes', wholeNumber(1, 9), 3)
    .option('--dir <dir>', 'folder for configurations, data and logs', '.quorate')
    .option('--base-port <port>', 'ports are taken from here', wholeNumber(1, 65_000), 7100)
    .option('--fresh', 'delete the data of an earlier run first')
    .option('--no-color', 'no colours')
    .action(
      action(async (options: DevFlags) => {
        const { dev } = await import('./commands/dev.ts');
        return await dev(terminal, options);
      }),
    );
}

/** Answers the command that is meant when none is named, and so gets what is misspelt. */
function addMembers(program: Command, terminal: Terminal, action: Wrap): Command {
  const members = program
    .command('members')
    .description('who is in the cluster, and changes of it');
  const add = (name: string, help: string, isDefault = false): Command =>
    members
      .command(name, { isDefault })
      .description(help)
      .option('--nodes <addresses>', 'client addresses, comma-separated (or QUORATE_NODES)')
      .option('--timeout-ms <ms>', 'deadline of each request', wholeNumber(1, 60_000), 5000)
      .option('--json', 'one JSON object');
  const load = () => import('./commands/members.ts');
  const list = add('list', 'print them: role, address, how far behind (the default)', true);
  list.action(
    action(async (flags: MembersFlags) => {
      const [unknown] = list.args;
      if (unknown === undefined) return (await load()).list(terminal, flags);
      const near = nearestName(unknown, MEMBER_COMMANDS);
      const hint =
        near === undefined
          ? `Known are: ${MEMBER_COMMANDS.join(', ')}.`
          : `Did you mean "${near}"?`;
      return program.error(`quorate: there is no command "members ${unknown}". ${hint}`);
    }),
  );
  add('add <id> <address>', 'add a node; address: host:port where the others dial it')
    .option('--learner', 'without a vote, until it is promoted')
    .action(
      action(async (id: string, address: string, flags: MembersFlags & { learner?: boolean }) =>
        (await load()).add(terminal, id, address, flags),
      ),
    );
  add('remove <id>', 'remove a node for good').action(
    action(async (id: string, flags: MembersFlags) => (await load()).remove(terminal, id, flags)),
  );
  add('promote <id>', 'give a learner its vote').action(
    action(async (id: string, flags: MembersFlags) => (await load()).promote(terminal, id, flags)),
  );
  add('transfer <id>', 'hand leadership over to a voter').action(
    action(async (id: string, flags: MembersFlags) => (await load()).transfer(terminal, id, flags)),
  );
  return list;
}

function addStatus(program: Command, terminal: Terminal, action: Wrap): void {
  program
    .command('status')
    .description('who leads, how far each node is, what is wrong')
    .option('--nodes <addresses>', 'HTTP addresses, comma-separated (or QUORATE_HTTP)')
    .option('--timeout-ms <ms>', 'how long to wait for each node', wholeNumber(1, 60_000), 2000)
    .option('--json', 'one JSON object')
    .action(
      action(async (options: { nodes?: string; timeoutMs: number; json?: boolean }) => {
        const { status } = await import('./commands/status.ts');
        return await status(terminal, options);
      }),
    );
}

function addLog(program: Command, terminal: Terminal, action: Wrap): void {
  program
    .command('log')
    .description('look into a data folder')
    .command('inspect <dir>')
    .description('print what a data folder holds, and what is wrong with it; changes nothing')
    .option('--entries <range>', 'print entries instead: FROM..TO, FROM.., ..TO or one index')
    .option('--json', 'one JSON object; with --entries one a line')
    .action(
      action(async (dir: string, options: { entries?: string; json?: boolean }) => {
        const { inspectFolder } = await import('./commands/log-inspect.ts');
        return await inspectFolder(terminal, dir, options);
      }),
    );
}

function addSim(program: Command, terminal: Terminal, action: Wrap): void {
  program
    .command('sim <file>')
    .description('try a state machine of your own under simulated faults')
    .option('--seeds <range>', 'which runs: A..B, or one (default: 1..20)')
    .option('--mode <mode>', 'which faults: calm, lossy, crashing, ... all (default: drawn)')
    .option('--nodes <n>', 'machines that found the cluster (default: drawn)', wholeNumber(1, 9))
    .option('--trace', 'print all that happens')
    .option('--no-shrink', 'do not look for the smallest run that still fails')
    .option('--stop-at-first', 'end at the first violation')
    .option('--json', 'one JSON object at the end in place of text')
    .action(
      action(async (file: string, flags: SimFlags) => {
        const { sim } = await import('./commands/sim.ts');
        return await sim(terminal, file, flags);
      }),
    );
}

function addKv(program: Command, terminal: Terminal, action: Wrap): void {
  const kv = program.command('kv').description('keys and values');
  const add = (name: string, help: string): Command =>
    kv
      .command(name)
      .description(help)
      .option('--nodes <addresses>', 'client addresses, comma-separated (or QUORATE_NODES)')
      .option('--timeout-ms <ms>', 'deadline of each request', wholeNumber(1, 60_000), 5000)
      .option('--local', 'reads only: what the node asked has, however far it is')
      .option('--json', 'one JSON object a line');
  const load = () => import('./commands/kv.ts');
  const loadBulk = () => import('./commands/kv-bulk.ts');
  add('get <key>', 'print a value').action(
    action(async (key: string, flags: KvFlags) => (await load()).get(terminal, key, flags)),
  );
  add('put <key> <value>', 'set a value ("-": from standard input)').action(
    action(async (key: string, value: string, flags: KvFlags) =>
      (await load()).put(terminal, key, value, flags),
    ),
  );
  add('delete [key]', 'delete a key, or all keys with a prefix')
    .option('--prefix <prefix>', 'all keys that begin so')
    .action(
      action(async (key: string | undefined, flags: KvFlags & { prefix?: string }) =>
        (await load()).remove(terminal, key, flags),
      ),
    );
  add('list [prefix]', 'print keys and values in order')
    .option('--keys-only', 'without values')
    .option('--limit <n>', 'at most so many', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .action(
      action(
        async (
          prefix: string | undefined,
          flags: KvFlags & { keysOnly?: boolean; limit?: number },
        ) => (await load()).list(terminal, prefix, flags),
      ),
    );
  add('increment <key> [by]', 'add to a number, print the new one').action(
    action(async (key: string, by: string | undefined, flags: KvFlags) =>
      (await load()).increment(terminal, key, by, flags),
    ),
  );
  add('cas <key> <value>', 'set a value if the present one is as expected')
    .option('--expect <old>', 'the value that must be there')
    .option('--absent', 'the key must not exist')
    .action(
      action(
        async (
          key: string,
          value: string,
          flags: KvFlags & { expect?: string; absent?: boolean },
        ) => (await load()).compareAndSet(terminal, key, value, flags),
      ),
    );
  add('watch [prefix]', 'print changes as they happen')
    .option('--from-revision <n>', 'begin there', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option('--count <n>', 'end after so many changes', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .action(
      action(
        async (
          prefix: string | undefined,
          flags: KvFlags & { fromRevision?: number; count?: number },
        ) => (await load()).watch(terminal, prefix, flags),
      ),
    );
  add('import <file>', 'write every record of a file ("-": standard input)')
    .addOption(new Option('--format <format>').choices(['ndjson', 'lines']).default('ndjson'))
    .option('--prefix <prefix>', 'put before each key', '')
    .option('--in-flight <n>', 'requests under way', wholeNumber(1, 1024), 256)
    .option('--from-line <n>', 'skip the lines before', wholeNumber(1, Number.MAX_SAFE_INTEGER), 1)
    .option('--skip-invalid', 'go on after a record that can not be used')
    .action(
      action(async (file: string, flags: ImportFlags) =>
        (await loadBulk()).importRecords(terminal, file, flags),
      ),
    );
  add('export <file>', 'write all keys to a file ("-": standard output)')
    .option('--prefix <prefix>', 'only keys that begin so', '')
    .action(
      action(async (file: string, flags: KvFlags & { prefix: string }) =>
        (await loadBulk()).exportRecords(terminal, file, flags),
      ),
    );
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a whole number of ${least} to ${most}.`);
  };
}
