/**
 * `submit`, the form of `propose` that takes a listener: each is told once, in the order of the proposals,
 * never too early; what is refused at once is thrown, and its listener hears nothing. Whoever builds a door
 * on an engine rests on exactly that: an answer that came twice would answer somebody else's request.
 */
import type { ProposalListener, ProposeOptions } from '../../src/consensus/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { begun, type CaseSpec, type Checks, codeOf, nextTurn, pollUntil } from '../kit/index.ts';
import { bytesOf, type EngineBench, type Node, REFUSED } from './bench.ts';

type EngineCase = CaseSpec<EngineBench>;

/** What one listener was told. */
interface Word {
  readonly command: string;
  readonly what: string;
  readonly index: number;
  /** How often this node had applied the command by then. */
  readonly applied: number;
}

/** Submits on one node, and writes down what its listeners are told. */
class Ears {
  readonly words: Word[] = [];
  readonly #node: Node;

  constructor(node: Node) {
    this.#node = node;
  }

  get names(): string[] {
    return this.words.map(({ command }) => command);
  }

  /** `bytes`: what is given for the command. `wrong`: thrown by the listener, once it was told. */
  submit(command: string, options: ProposeOptions = {}, bytes = bytesOf(command), wrong?: Error) {
    const { engine, journal } = this.#node;
    const told = (what: string, index: number): void => {
      const applied = journal.count(command);
      this.words.push({ command, what, index, applied });
      if (wrong !== undefined) throw wrong;
    };
    const listener: ProposalListener = {
      applied: (index, { code, bytes: answer }) =>
        told(`${code} ${Buffer.from(answer).toString('latin1')}`, index),
      failed: (error) => told(codeOf(error) ?? String(error), 0),
    };
    const answer: unknown = engine.submit(bytes, options, listener);
    // It is to answer nothing. One that answers a promise instead fails by what its listeners are told.
    void begun(() => answer);
  }

  async hears(checks: Checks, bench: EngineBench, count: number): Promise<void> {
    const clause = 'every listener is told';
    checks.current = clause;
    const isSo = await pollUntil(() => this.words.length >= count, bench.patienceMs);
    checks.holds(clause, isSo, `${count} of them`, this.names);
  }
}

/** What the process is told of errors that nobody caught, while `work` runs. */
async function uncaughtDuring(work: () => Promise<void>): Promise<unknown[]> {
  const errors: unknown[] = [];
  process.setUncaughtExceptionCaptureCallback((error) => errors.push(error));
  try {
    await work();
  } finally {
    process.setUncaughtExceptionCaptureCallback(null);
  }
  return errors;
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await nextTurn();
}

export function submitCases(): EngineCase[] {
  return [
    {
      id: 'submit/told-once',
      title: 'a listener is told once, on any node, in order, when the command is applied there',
      body: async (checks, bench) => {
        const [leader, follower] = await bench.trio(checks);
        const commands = Array.from({ length: 20 }, (_, i) => `${i}`);
        for (const node of [leader, follower]) {
          const ears = new Ears(node);
          const own = commands.map((command) => `${node.engine.nodeId}.${command}`);
          const before = (await bench.read(checks, node)).length;
          for (const command of own) ears.submit(command);
          checks.equal('nobody is told before `submit` has returned', ears.names, []);
          await ears.hears(checks, bench, own.length);
          await settled();
          checks.equal('each once, in the order of the proposals', ears.names, own);
          for (const [at, { command, what, index, applied }] of ears.words.entries()) {
            const expected = `0 ${before + at + 1} ${command}`;
            checks.equal('the result is that of the state machine', what, expected);
            checks.equal('by then this node has applied it', applied, 1);
            const isLater = index >= (ears.words[at - 1]?.index ?? 1);
            checks.holds('later ones stand later', isLater, 'an index', index);
          }
        }
      },
    },
    {
      id: 'submit/bytes',
      title: "the command's bytes are the caller's again when submit has returned",
      body: async (checks, bench) => {
        const [leader, follower] = await bench.trio(checks);
        for (const node of [leader, follower]) {
          const ears = new Ears(node);
          const command = `kept by ${node.engine.nodeId}`;
          const bytes = bytesOf(command);
          ears.submit(command, {}, bytes);
          bytes.fill(0x78);
          await ears.hears(checks, bench, 1);
          const clause = 'what is applied is what was given';
          checks.equal(clause, (await bench.read(checks, node)).at(-1), command);
        }
      },
    },
    {
      id: 'submit/refused',
      title: 'what is refused at once is thrown, is not proposed, and its listener hears nothing',
      body: async (checks, bench) => {
        const [leader, follower] = await bench.trio(checks);
        for (const node of [leader, follower]) {
          const ears = new Ears(node);
          const large = new Uint8Array(8 * 1024 * 1024);
          const tooLarge = (): void => ears.submit('large', {}, large);
          checks.throws('there is a bound on commands', tooLarge, ['COMMAND_TOO_LARGE']);
          const signal = AbortSignal.abort();
          const given = (): void => ears.submit('x', { signal });
          checks.throws('a signal that has fired', given, ['ABORTED']);
          const checked = (): void => ears.submit(REFUSED);
          checks.throws("what the machine's `check` refuses", checked, ['REQUEST_INVALID']);
          const promised = (): Promise<unknown> => node.engine.propose(bytesOf(REFUSED));
          await checks.rejects('by `propose` too', promised, ['REQUEST_INVALID']);
          await bench.write(checks, node, 'after');
          checks.equal('the listener heard nothing', ears.names, []);
          checks.equal('nothing of it was proposed', node.journal.count(REFUSED), 0);
        }
      },
    },
    {
      id: 'submit/throwing-listener',
      title: 'a listener that throws harms neither the node nor those who are told next',
      body: async (checks, bench) => {
        const [leader, follower] = await bench.trio(checks);
        for (const node of [leader, follower]) {
          const ears = new Ears(node);
          const wrong = new Error('the listener is wrong');
          const errors = await uncaughtDuring(async () => {
            for (const name of ['a', 'b', 'c']) ears.submit(name, {}, bytesOf(name), wrong);
            ears.submit('d');
            await ears.hears(checks, bench, 4);
            await settled();
          });
          checks.equal('each is told once, in order', ears.names, ['a', 'b', 'c', 'd']);
          const isOwn = errors.length === 3 && errors.every((error) => error === wrong);
          checks.holds('what it throws is thrown outside', isOwn, 'three errors', errors);
          await bench.write(checks, node, 'the node goes on');
        }
      },
    },
    {
      id: 'submit/stopped',
      title:
        'who waits when the engine stops is told; before the start and afterwards it is thrown',
      body: async (checks, bench) => {
        const cluster = await bench.cluster(3);
        // Alone of three: nothing can be decided, so all of it waits.
        const node = await bench.node(cluster, cluster.nodeIds[0] as string);
        const ears = new Ears(node);
        const submit = (): void => ears.submit('x');
        checks.throws('before the start', submit, ['NOT_STARTED']);
        await checks.resolves('it starts', () => node.engine.start());
        for (const name of ['a', 'b', 'c']) ears.submit(name, { timeoutMs: 60_000 });
        await stop(checks, bench, node.engine);
        await ears.hears(checks, bench, 3);
        checks.throws('a stopped engine refuses', submit, ['NODE_STOPPED']);
        await settled();
        checks.equal('each is told once', ears.names, ['a', 'b', 'c']);
        const codes = ears.words.map(({ what }) => what);
        const isKnown = codes.every(
          (code) => code === 'NODE_STOPPED' || code === 'OUTCOME_UNKNOWN',
        );
        checks.holds('and why', isKnown, 'NODE_STOPPED or OUTCOME_UNKNOWN', codes);
      },
    },
  ];
}

async function stop(checks: Checks, bench: EngineBench, engine: Engine): Promise<void> {
  const stopping = begun(() => engine.stop());
  await checks.resolves('it stops', () => stopping, bench.patienceMs);
}
