// Plain objects keyed by names that come from files: names like `__proto__` or `toString` must be just names.

/** The entry of that name, or undefined; never an inherited property. */
export function lookup<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** A frozen record from entries, in order; every name becomes an own property. */
export function frozenRecord<T>(
  entries: Iterable<readonly [string, T]>,
): Readonly<Record<string, T>> {
  return Object.freeze(Object.fromEntries(entries) as Record<string, T>);
}
