/**
 * Another place and time, for as long as a synchronous function runs: the clocks of the process show
 * another day, and its randomness gives other numbers. A machine that looks at either answers
 * differently under them, at once and always, where two runs in a row might agree by chance.
 */

const AWAY_MS = 40 * 24 * 60 * 60 * 1_000;

export function underOtherSkies<T>(action: () => T): T {
  const { Date: RealDate } = globalThis;
  const realRandom = Math.random;
  const realNow = performance.now;
  const { crypto } = globalThis;
  const realFill = crypto.getRandomValues;
  const realUuid = crypto.randomUUID;
  const away = (): number => RealDate.now() + AWAY_MS;
  let draws = 0;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args) => Reflect.construct(target, args.length === 0 ? [away()] : args),
    apply: () => new RealDate(away()).toString(),
    get: (target, name) => (name === 'now' ? away : Reflect.get(target, name)),
  });
  Math.random = () => (++draws * 0.618_033) % 1;
  performance.now = () => realNow.call(performance) + AWAY_MS;
  crypto.getRandomValues = (array) => {
    if (array !== null)
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength).fill(++draws);
    return array;
  };
  crypto.randomUUID = () => `00000000-0000-4000-8000-${String(++draws).padStart(12, '0')}`;
  try {
    return action();
  } finally {
    globalThis.Date = RealDate;
    Math.random = realRandom;
    performance.now = realNow;
    crypto.getRandomValues = realFill;
    crypto.randomUUID = realUuid;
  }
}
