/**
 * Engines with one mistake each in what they do with `submit` and its listeners; as those of broken-engines.fixture.ts.
 */
import type { ProposalListener } from '../../src/consensus/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { ClusterError } from '../../src/errors.ts';
import { override } from '../kit/override.fixture.ts';
import type { BrokenEngine, Wrap } from './engine-rigs.fixture.ts';

/** `change` makes another listener of each one that `submit` is given. */
function tellsOtherwise(change: (listener: ProposalListener) => ProposalListener): Wrap {
  return (engine) =>
    override<Engine>(engine, {
      submit: (command, options, listener) => engine.submit(command, options, change(listener)),
    });
}

function tellsTwice(): Wrap {
  return tellsOtherwise((listener) => ({
    applied: (index, result) => {
      listener.applied(index, result);
      listener.applied(index, result);
    },
    failed: (error) => listener.failed(error),
  }));
}

/** The last of those who are told in one turn comes first. */
function tellsTheLastFirst(): Wrap {
  const waiting: (() => void)[] = [];
  return tellsOtherwise((listener) => ({
    applied: (index, result) => {
      waiting.push(() => listener.applied(index, result));
      setImmediate(() => waiting.pop()?.());
    },
    failed: (error) => listener.failed(error),
  }));
}

/** It takes for done what was only begun. */
function tellsAtOnce(): Wrap {
  return (engine) =>
    override<Engine>(engine, {
      submit: (command, options, listener) => {
        engine.submit(command, options, { applied: () => {}, failed: () => {} });
        listener.applied(1, { code: 0, bytes: new Uint8Array(0) });
      },
    });
}

/** What was submitted in one turn is proposed at its end, from the bytes as they are then. */
function readsBytesLater(): Wrap {
  return (engine) =>
    override<Engine>(engine, {
      submit: (command, options, listener) => {
        // Only where nothing is refused: that would be another mistake.
        if (!Buffer.from(command).includes('kept by')) engine.submit(command, options, listener);
        else queueMicrotask(() => engine.submit(command, options, listener));
      },
    });
}

function tellsWhatItRefuses(): Wrap {
  return (engine) =>
    override<Engine>(engine, {
      submit: (command, options, listener) => {
        try {
          engine.submit(command, options, listener);
        } catch (error) {
          queueMicrotask(() => listener.failed(error as Error));
        }
      },
    });
}

function doesNotAskTheMachine(): Wrap {
  return (engine, machine) => {
    Object.defineProperty(machine, 'check', { value: undefined });
    return engine;
  };
}

/** It tells them one after another, in one loop that nobody guards. */
function endsWithAThrowingListener(): Wrap {
  return (engine, machine) => {
    let hasThrown = false;
    const tell = (call: () => void): void => {
      if (hasThrown) return;
      hasThrown = true;
      call();
      hasThrown = false;
    };
    const wrap = tellsOtherwise((listener) => ({
      applied: (index, result) => tell(() => listener.applied(index, result)),
      failed: (error) => tell(() => listener.failed(error)),
    }));
    return wrap(engine, machine);
  };
}

function forgetsWhoWaits(): Wrap {
  return tellsOtherwise((listener) => ({
    applied: (index, result) => listener.applied(index, result),
    failed: () => {},
  }));
}

/** Nobody takes its ear from the signal when the wait is over. */
function tellsOfLateSignals(): Wrap {
  return (engine) =>
    override<Engine>(engine, {
      submit: (command, options, listener) => {
        engine.submit(command, options, listener);
        const tell = (): void => listener.failed(new ClusterError('ABORTED', 'the caller gave up'));
        options.signal?.addEventListener('abort', tell);
      },
    });
}

export const BROKEN_SUBMITS: readonly BrokenEngine[] = [
  {
    name: 'tells a listener twice',
    wrap: tellsTwice,
    fails: ['submit/told-once', 'submit/throwing-listener'],
    says: /each once, in the order of the proposals/,
  },
  {
    name: 'tells the last listener first',
    wrap: tellsTheLastFirst,
    fails: ['submit/told-once', 'submit/throwing-listener'],
    says: /each once, in the order of the proposals/,
  },
  {
    name: 'tells listeners at once, and takes for done what was only begun',
    wrap: tellsAtOnce,
    fails: [
      'submit/told-once',
      'submit/throwing-listener',
      'submit/stopped',
      'signal/ends-the-wait',
    ],
    says: /nobody is told before `submit` has returned/,
  },
  {
    name: 'reads the bytes of a command later',
    wrap: readsBytesLater,
    fails: ['submit/bytes'],
    says: /what is applied is what was given\n.*kept by/,
  },
  {
    name: 'tells what it should throw',
    wrap: tellsWhatItRefuses,
    fails: ['submit/refused', 'submit/stopped'],
    says: /there is a bound on commands\n.*throws/,
  },
  {
    name: 'does not ask the machine what it takes',
    wrap: doesNotAskTheMachine,
    fails: ['submit/refused'],
    says: /what the machine's `check` refuses/,
  },
  {
    name: 'tells nobody any more once a listener has thrown',
    wrap: endsWithAThrowingListener,
    fails: ['submit/throwing-listener'],
    says: /every listener is told\n.*4 of them/,
  },
  {
    name: 'forgets those who wait when it stops',
    wrap: forgetsWhoWaits,
    fails: ['submit/stopped', 'signal/ends-the-wait'],
    says: /every listener is told\n.*3 of them/,
  },
  {
    name: 'tells of a signal that comes too late',
    wrap: tellsOfLateSignals,
    fails: ['signal/too-late'],
    says: /hears nothing of a later signal\n.*\["applied"\]\n.*\["applied", "ABORTED"\]/,
  },
];
