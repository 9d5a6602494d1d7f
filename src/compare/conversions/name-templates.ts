// Names of tensors without their numbers: `layers.#.weight` with 3 for `layers.3.weight`.

/** A name in which every number is replaced by a mark. */
export interface NameTemplate {
  readonly template: string;
  readonly numbers: readonly number[];
  /** By number, the last word before it; "" where there is none. */
  readonly words: readonly string[];
  /** Up to the first number, that replaced; the whole template where there is none. */
  readonly head: string;
  /** Behind the first number, as it is. */
  readonly rest: string;
}

/** Splits a name into what repeats from layer to layer and its numbers. */
export function nameTemplate(name: string): NameTemplate {
  const found = [...name.matchAll(/\d+/g)];
  const template = name.replaceAll(/\d+/g, "#");
  const [first] = found;
  return {
    template,
    numbers: found.map(([digits]) => Number(digits)),
    words: found.map(({ index }) => /([A-Za-z]+)[^A-Za-z]*$/.exec(name.slice(0, index))?.[1] ?? ""),
    head: first === undefined ? template : `${name.slice(0, first.index)}#`,
    rest: first === undefined ? "" : name.slice(first.index + first[0].length),
  };
}
