/**
 * `quorate start`: one node in the foreground, from its configuration to its exit code.
 *
 * Standard output gets one line, the ready line, and only when the node could answer a linearizable read:
 * whoever waits for it may send traffic. What is for people goes to standard error. Three things can end
 * a node: a signal (or the end of standard input, when asked for), a fault, an error at the start; each
 * has its own way out, all of them bounded in time.
 */
import { ClusterError } from '../../errors.ts';
import { toleranceText } from '../config/check.ts';
import { type ConfigSources, loadConfig } from '../config/load.ts';
import type { DaemonConfig } from '../config/schema.ts';
import { Daemon, type DaemonAddresses } from '../daemon/daemon.ts';
import { letHeapGrow } from '../daemon/heap.ts';
import { ExitCode, exitCodeOf } from '../exit-codes.ts';
import { errorLines } from '../report-error.ts';
import { say, type Terminal, tell } from '../terminal.ts';

export interface StartOptions {
  readonly file: string | undefined;
  readonly flags: ConfigSources['flags'];
  readonly checkOnly: boolean;
  readonly exitOnStdinClose: boolean;
}

const READY_POLL_MS = 20;
/** First report that the node still waits; then after twice as long, up to the last. */
const WAITING_REPORT_MS = 2_000;
const WAITING_REPORT_MS_MAX = 60_000;
/** After a fault the doors get this long to say goodbye. */
const LEAVE_MS_MAX = 1_000;

export async function start(terminal: Terminal, options: StartOptions): Promise<number> {
  const { file, flags } = options;
  const sources = { file, flags, env: terminal.env, cwd: terminal.cwd };
  const { config, warnings } = await loadConfig(sources);
  if (options.checkOnly) {
    const { stringify } = await import('yaml');
    terminal.stdout.write(stringify(config));
    for (const warning of warnings) tell(terminal, `quorate: warning: ${warning}`);
    return ExitCode.ok;
  }
  for (const warning of warnings) tell(terminal, `quorate: warning: ${warning}`);
  // A supervisor has said it for all of its nodes already.
  if (!options.exitOnStdinClose) introduce(terminal, config);
  const daemon = new Daemon(config, (line) => tell(terminal, line));
  const asked = stopAsked(terminal, options.exitOnStdinClose);
  const addresses = await startUp(config, daemon, asked);
  if (addresses === undefined) {
    asked.forget();
    return ExitCode.ok;
  }
  letHeapGrow();
  daemon.logger.info('daemon.listening', { ...addresses, dataDir: config.node.dataDir });
  const failed = daemon.engine.failed.then((error) => ({ error }));
  const ended = Promise.race([asked.promise, failed]);
  let isEnded = false;
  void ended.then(() => {
    isEnded = true;
  });
  void sayReady(terminal, config, daemon, addresses, () => isEnded);
  const end = await ended;
  asked.forget();
  if ('error' in end) return await leave(terminal, config, daemon, end.error);
  return await stopInOrder(terminal, config, daemon, end.reason);
}

/** `undefined`: it was to join a cluster, and was stopped before it was let in. */
async function startUp(
  config: DaemonConfig,
  daemon: Daemon,
  asked: StopAsked,
): Promise<DaemonAddresses | undefined> {
  if (config.cluster.join.length === 0) return await daemon.start();
  let isStarted = false;
  let isStopped = false;
  void asked.promise.then(async () => {
    if (isStarted) return;
    isStopped = true;
    await daemon.stop();
  });
  try {
    const addresses = await daemon.start();
    isStarted = true;
    return addresses;
  } catch (error) {
    await daemon.stop();
    if (isStopped) return undefined;
    throw error;
  }
}

function introduce(terminal: Terminal, { cluster, node, listen }: DaemonConfig): void {
  const origin =
    cluster.join.length === 0
      ? toleranceText(cluster.members.length)
      : `joins by ${cluster.join.join(', ')}, unless its data folder is in it already`;
  tell(
    terminal,
    `quorate: node ${node.id} of cluster ${cluster.name}: ${origin}. ` +
      `Listens for peers on ${listen.peers}; the others dial ${node.address}.`,
  );
}

interface StopAsked {
  readonly promise: Promise<{ readonly reason: string }>;
  forget(): void;
}

function stopAsked(terminal: Terminal, exitOnStdinClose: boolean): StopAsked {
  const { stdin, signal } = terminal;
  let resolve: (end: { reason: string }) => void = () => {};
  const promise = new Promise<{ reason: string }>((done) => {
    resolve = done;
  });
  const onSignal = (): void => resolve({ reason: String(signal?.reason ?? 'a signal') });
  const onEnd = (): void => resolve({ reason: 'end of standard input' });
  if (signal?.aborted === true) onSignal();
  signal?.addEventListener('abort', onSignal);
  if (exitOnStdinClose) {
    for (const event of ['end', 'close', 'error']) stdin.on(event, onEnd);
    stdin.resume();
  }
  return {
    promise,
    forget: () => {
      signal?.removeEventListener('abort', onSignal);
      for (const event of ['end', 'close', 'error']) stdin.off(event, onEnd);
      stdin.on('error', () => {});
    },
  };
}

async function sayReady(
  terminal: Terminal,
  config: DaemonConfig,
  daemon: Daemon,
  addresses: DaemonAddresses,
  isEnded: () => boolean,
): Promise<void> {
  const begin = performance.now();
  let reportAfter = WAITING_REPORT_MS;
  while (!isEnded()) {
    const answer = await daemon.api.readiness();
    if (isEnded()) return;
    if (answer.ready) {
      const { http, clients, peers } = addresses;
      say(
        terminal,
        `quorate ready node=${config.node.id} http=${http} clients=${clients} peers=${peers} pid=${process.pid}`,
      );
      daemon.logger.info('daemon.ready', { leader: answer.leader });
      return;
    }
    const waitedMs = performance.now() - begin;
    if (waitedMs > reportAfter) {
      reportAfter += Math.min(reportAfter, WAITING_REPORT_MS_MAX);
      const seconds = Math.round(waitedMs / 1000);
      daemon.logger.warn('daemon.waiting', { seconds, reasons: answer.reasons });
      tell(terminal, `quorate: not ready after ${seconds} s: ${answer.reasons.join('; ')}`);
    }
    await pause(READY_POLL_MS);
  }
}

async function stopInOrder(
  terminal: Terminal,
  config: DaemonConfig,
  daemon: Daemon,
  reason: string,
): Promise<number> {
  const { timeoutMs } = config.shutdown;
  daemon.logger.info('daemon.stopping', { reason });
  const late = pause(timeoutMs).then(() => 'late' as const);
  // A fault while stopping must not be reported as a stop in good order.
  const failed = daemon.engine.failed.then((error) => ({ error }));
  const stopped = daemon.stop().then(() => 'stopped' as const);
  const how = await Promise.race([stopped, late, failed]);
  if (how === 'stopped') {
    daemon.logger.info('daemon.stopped', {});
    return ExitCode.ok;
  }
  if (how === 'late') {
    tell(
      terminal,
      `quorate: not stopped within ${timeoutMs} ms: leaving now. Nothing is lost by it.`,
    );
    return ExitCode.failed;
  }
  return await leave(terminal, config, daemon, how.error);
}

async function leave(
  terminal: Terminal,
  config: DaemonConfig,
  daemon: Daemon,
  error: Error,
): Promise<number> {
  const code = exitCodeOf(error);
  // The node has said in the log why it failed; what follows is for people.
  daemon.logger.debug('daemon.failed', { error, exitCode: code });
  const named =
    error instanceof ClusterError && !error.message.includes(config.node.id)
      ? new ClusterError(
          error.code,
          `node ${config.node.id} has stopped taking part: ${error.message}`,
          { cause: error },
        )
      : error;
  const { cluster, node } = config;
  const failedNode = { nodeId: node.id, dataDir: node.dataDir, nodes: cluster.join };
  for (const line of errorLines(named, failedNode)) tell(terminal, line);
  await Promise.race([daemon.leave(), pause(LEAVE_MS_MAX)]);
  return code;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
