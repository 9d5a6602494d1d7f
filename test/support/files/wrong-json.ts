// JSON in which one value has become another kind of value: null, a number out of place, a text, a list, an object, nothing.

const wrong: readonly unknown[] = [
  null,
  0,
  -1,
  1.5,
  1e300,
  "x",
  true,
  [],
  {},
  [null],
  { a: null },
  undefined,
];

type Path = readonly (string | number)[];

/** The places of a value, the whole of it first; of lists the first two, since the others are like them. */
function* placesOf(value: unknown, path: Path = []): Generator<Path> {
  yield path;
  if (typeof value !== "object" || value === null) return;
  const entries = Array.isArray(value) ? [...value.entries()].slice(0, 2) : Object.entries(value);
  for (const [key, inner] of entries) yield* placesOf(inner, [...path, key]);
}

function put(value: unknown, [key, ...rest]: Path, replacement: unknown): unknown {
  if (key === undefined) return replacement;
  const inner = (value as Record<string | number, unknown>)[key];
  if (Array.isArray(value)) return value.with(Number(key), put(inner, rest, replacement));
  const { [key]: _old, ...others } = value as Record<string | number, unknown>;
  const changed = put(inner, rest, replacement);
  return changed === undefined ? others : { ...others, [key]: changed };
}

/** A value with something wrong in one place, and that place for messages. */
export interface WrongJson {
  readonly place: string;
  readonly value: unknown;
}

/** Every place of a JSON value with every kind of wrong value in turn; undefined leaves a key out. */
export function* wrongJson(value: unknown): Generator<WrongJson> {
  for (const path of placesOf(value))
    for (const replacement of wrong) {
      if (replacement === undefined && typeof path.at(-1) !== "string") continue;
      const place = `${path.join(".") || "all"} = ${JSON.stringify(replacement) ?? "left out"}`;
      yield { place, value: put(value, path, replacement) };
    }
}
