/**
 * Engines with one mistake each. `fails` lists every case that must find it, the one that names it first;
 * no other case may fail.
 */
import type { ProposalListener, ProposeOptions } from '../../src/consensus/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { ClusterError } from '../../src/errors.ts';
import { override } from '../kit/override.fixture.ts';
import type { Wrap } from './engine-rigs.fixture.ts';

export interface BrokenEngine {
  readonly name: string;
  /** A fresh one for each run: some of them know all engines. */
  readonly wrap: () => Wrap;
  readonly fails: readonly string[];
  readonly mayFail?: readonly string[];
  readonly says: RegExp;
}

/** What the leader has applied it takes for applied here. */
function acknowledgesBeforeApply(): Wrap {
  const engines = new Map<string, Engine>();
  return (engine) => {
    engines.set(engine.nodeId, engine);
    return override(engine, {
      propose: (command: Uint8Array, options?: ProposeOptions) => {
        const leader = engines.get(engine.leader?.nodeId ?? engine.nodeId) ?? engine;
        return leader.propose(command, options);
      },
    });
  };
}

function appliesRetriesTwice(): Wrap {
  return (engine) =>
    override(engine, {
      propose: (command: Uint8Array, { request: _, ...options }: ProposeOptions = {}) =>
        engine.propose(command, options),
    });
}

function swallowsStop(): Wrap {
  return (engine) => {
    let calls = 0;
    // The second call is from the suite's own end.
    return override(engine, {
      stop: async () => {
        calls += 1;
        if (calls > 3) await engine.stop();
      },
    });
  };
}

function throwsRejections(): Wrap {
  return (engine) =>
    override(engine, {
      propose: async (command: Uint8Array, options?: ProposeOptions) => {
        const result = await engine.propose(command, options);
        if (result.code !== 0) throw new ClusterError('REQUEST_INVALID', 'the machine said no');
        return result;
      },
    });
}

function doesNotWaitForReads(): Wrap {
  return (engine) =>
    override(engine, { readBarrier: () => engine.readBarrier({ consistency: 'local' }) });
}

function takesStopForFailure(): Wrap {
  return (engine) => {
    let fail = (_: Error): void => {};
    const failed = new Promise<Error>((resolve) => {
      fail = resolve;
    });
    engine.failed.then(fail, () => {});
    return override<Engine>(engine, {
      failed,
      stop: async () => {
        await engine.stop();
        fail(new Error('it was stopped'));
      },
    });
  };
}

function hidesFailures(): Wrap {
  return (engine) => override<Engine>(engine, { failed: new Promise<Error>(() => {}) });
}

function leadsForEver(): Wrap {
  return (engine) => {
    let hasLed = false;
    return override<Engine>(engine, {
      get isLeader() {
        hasLed ||= engine.isLeader;
        return hasLed;
      },
    });
  };
}

function forgetsToEndWatches(): Wrap {
  return (engine) =>
    override<Engine>(engine, {
      leaderChanges: async function* () {
        yield* engine.leaderChanges();
        await new Promise(() => {});
      },
    });
}

function waitsForEver(): Wrap {
  return (engine) =>
    override(engine, {
      propose: async (command: Uint8Array, options?: ProposeOptions) => {
        try {
          return await engine.propose(command, options);
        } catch (error) {
          const code = (error as ClusterError).code;
          if (code !== 'NO_LEADER' && code !== 'NO_QUORUM' && code !== 'OUTCOME_UNKNOWN')
            throw error;
          return await new Promise<never>(() => {});
        }
      },
    });
}

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

export const BROKEN_ENGINES: readonly BrokenEngine[] = [
  {
    name: 'acknowledges before it has applied',
    wrap: acknowledgesBeforeApply,
    fails: ['propose/applied-here'],
    says: /when a proposal resolves, this node has applied it\n.*"command 1" is in the state/,
  },
  {
    name: 'applies a retry twice',
    wrap: appliesRetriesTwice,
    fails: ['session/once', 'session/ends', 'life/restart'],
    says: /answered as the first time\n.*"1 request 1".*\n.*"2 request 1"/,
  },
  {
    name: 'swallows stop',
    wrap: swallowsStop,
    fails: [
      'life/stop',
      'life/before-start',
      'life/restart',
      'leader/changes',
      'leader/replaced',
      'read/without-majority',
      'submit/stopped',
      'members/join',
    ],
    says: /a stopped engine refuses: propose\n.*NODE_STOPPED\n.*success/,
  },
  {
    name: 'throws what was rejected',
    wrap: throwsRejections,
    fails: ['propose/rejection', 'session/rejection'],
    says: /a rejection is a result, not an error/,
  },
  {
    name: 'does not wait for reads',
    wrap: doesNotWaitForReads,
    fails: ['read/after-barrier', 'read/without-majority', 'propose/refused-at-the-door'],
    // They read on nodes that may have caught up by themselves.
    mayFail: [
      'propose/one-order',
      'propose/any-bytes',
      'propose/rejection',
      'session/once',
      'session/ends',
      'leader/replaced',
      'life/failed',
      'life/restart',
      'members/join',
    ],
    says: /a read after a barrier is linearizable/,
  },
  {
    name: 'takes a stop for a failure',
    wrap: takesStopForFailure,
    fails: ['life/stop'],
    says: /to be stopped is no failure/,
  },
  {
    name: 'hides its failure',
    wrap: hidesFailures,
    fails: ['life/failed', 'members/join'],
    says: /`failed` settles with the reason/,
  },
  {
    name: 'leads for ever once it has led',
    wrap: leadsForEver,
    fails: ['leader/transfer', 'life/stop'],
    says: /elects one leader/,
  },
  {
    name: 'never ends a watch',
    wrap: forgetsToEndWatches,
    fails: ['leader/changes'],
    says: /it ends with the engine/,
  },
  {
    name: 'waits for ever',
    wrap: waitsForEver,
    fails: ['read/without-majority'],
    says: /a proposal is not acknowledged\n.*settles within.*\n.*still pending/,
  },
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
    fails: ['submit/told-once', 'submit/throwing-listener', 'submit/stopped'],
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
    fails: ['submit/stopped'],
    says: /every listener is told\n.*3 of them/,
  },
];
