/** How a working part is broken on purpose: some of its members are replaced, the rest is passed on. */

/** Members not in `changes` are those of `target`, methods with their own `this`. */
export function override<T extends object>(target: T, changes: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      const source = Object.hasOwn(changes, name) ? changes : target;
      const value: unknown = Reflect.get(source, name, source);
      return typeof value === 'function' ? value.bind(source) : value;
    },
  });
}

/** Ids (without the suite's name) of the cases that failed. */
export function failedIds(report: {
  readonly results: readonly { readonly id: string; readonly status: string }[];
}): string[] {
  const failed = report.results.filter(({ status }) => status === 'failed');
  return failed.map(({ id }) => id.slice(id.indexOf('/') + 1));
}
