/**
 * Engines with one mistake each. `fails` lists every case that must find it, the one that names it first;
 * no other case may fail.
 */
import type { ProposeOptions, WaitOptions } from '../../src/consensus/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { ClusterError } from '../../src/errors.ts';
import { override } from '../kit/override.fixture.ts';
import type { BrokenEngine, Wrap } from './engine-rigs.fixture.ts';

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

/** A generator hears of `return` when what it waits for has come. */
function canNotBeLeft(): Wrap {
  return (engine) =>
    override<Engine>(engine, {
      memberChanges: async function* () {
        yield* engine.memberChanges();
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

/** What was proposed in one turn is handed on at its end, from a stack. */
function proposesTheLastFirst(): Wrap {
  return (engine) => {
    const waiting: (() => void)[] = [];
    const handOn = (): void => {
      for (const go of waiting.splice(0).reverse()) go();
    };
    return override(engine, {
      propose: async (command: Uint8Array, options?: ProposeOptions) => {
        await new Promise<void>((resolve) => {
          if (waiting.push(resolve) === 1) queueMicrotask(handOn);
        });
        return await engine.propose(command, options);
      },
    });
  };
}

function takesCommandsForText(): Wrap {
  return (engine) =>
    override(engine, {
      propose: (command: Uint8Array, options?: ProposeOptions) =>
        engine.propose(Buffer.from(Buffer.from(command).toString('utf8')), options),
    });
}

/** A leader follows nobody. */
function namesOthersOnly(): Wrap {
  return (engine) =>
    override(engine, {
      status: () => {
        const status = engine.status();
        return status.role === 'leader' ? { ...status, leader: undefined } : status;
      },
    });
}

function startsAgain(): Wrap {
  return (engine) => {
    let starting: Promise<void> | undefined;
    return override(engine, {
      start: () => {
        starting ??= engine.start();
        return starting;
      },
      stop: () => {
        starting = undefined;
        return engine.stop();
      },
    });
  };
}

/** It says so when it was asked, not when it was done. */
function promotesNobody(): Wrap {
  return (engine) => override(engine, { promoteLearner: async () => {} });
}

/** A signal that fires later is nobody's. */
function looksAtSignalsOnce(): Wrap {
  const unwatched = <T extends WaitOptions>({ signal, ...options }: T): Omit<T, 'signal'> =>
    signal?.aborted === true ? { signal, ...options } : options;
  return (engine) =>
    override<Engine>(engine, {
      propose: (command, options = {}) => engine.propose(command, unwatched(options)),
      submit: (command, options, listener) => engine.submit(command, unwatched(options), listener),
      readBarrier: (options = {}) => engine.readBarrier(unwatched(options)),
    });
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
      'signal/ends-the-wait',
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
    fails: [
      'read/after-barrier',
      'read/without-majority',
      'propose/refused-at-the-door',
      'signal/ends-the-wait',
    ],
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
    fails: ['leader/changes', 'watch/left'],
    says: /it ends with the engine/,
  },
  {
    name: 'waits for ever',
    wrap: waitsForEver,
    fails: ['read/without-majority'],
    says: /a proposal is not acknowledged\n.*settles within.*\n.*still pending/,
  },
  {
    name: 'proposes the last command first',
    wrap: proposesTheLastFirst,
    fails: ['propose/one-order'],
    says: /what one node proposes keeps its order\n.*"0\.0".*\n.*"0\.19"/,
  },
  {
    name: 'takes commands for text',
    wrap: takesCommandsForText,
    fails: ['propose/any-bytes'],
    says: /bytes arrive as they were proposed\n.*\n.*"7 bytes"/,
  },
  {
    name: 'does not name itself as the leader',
    wrap: namesOthersOnly,
    fails: ['leader/one'],
    says: /the status names the leader\n.*"n\d"\n.*undefined/,
  },
  {
    name: 'may be started again',
    wrap: startsAgain,
    fails: ['life/alone'],
    says: /a second start is refused\n.*NODE_STOPPED\n.*success/,
  },
  {
    name: 'takes a promotion for done that was only asked for',
    wrap: promotesNobody,
    fails: ['members/learner'],
    says: /then it votes\n/,
  },
  {
    name: 'looks at a signal once',
    wrap: looksAtSignalsOnce,
    fails: ['signal/ends-the-wait'],
    says: /a signal ends the wait of `propose`\n.*settles within.*\n.*still pending/,
  },
  {
    name: 'has watches that can not be left while they wait',
    wrap: canNotBeLeft,
    fails: ['watch/left'],
    says: /memberChanges: `return` ends the watch.*\n.*settles within.*\n.*still pending/,
  },
];
