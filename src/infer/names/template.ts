// What a template of one model family is, and the builder it works with: templates assign tensors one by one, declare axes with
// sizes taken from shapes, and everything that does not fit is written down instead of guessed.

import type { Axis } from "../../symmetry/types.ts";

/** A tensor by name, without its numbers. */
export interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** What names and shapes do not say. */
export interface ModelFacts {
  /** Attention heads. */
  readonly heads?: number;
  /** Key/value heads where queries share them. @default heads */
  readonly keyValueHeads?: number;
  readonly headSize?: number;
  /** Heads of encoder and decoder, where they differ. @default heads */
  readonly sides?: { readonly encoder?: number; readonly decoder?: number };
  /** Whether a language model without an output matrix uses its token embedding for it. */
  readonly tied?: boolean;
  /** What kind of model a config says it is, as `llama`: tells how norms use their gains. */
  readonly modelType?: string;
  /** Whether every head weighs distances by a slope of its own (ALiBi), so that their order is fixed. */
  readonly alibi?: boolean;
  /** Whether queries, keys and values are cut at a bound. */
  readonly clips?: boolean;
  /** Activation of the plain families (`mlp`, `cnn`): with it their axes also get a scale part. */
  readonly activation?: "relu" | "tanh" | "sine";
  /** With activation `sine`: hidden layers are sin(omega (W x + b)), and biases have phases. */
  readonly omega?: number;
}

/** Where one network of a family stands among the names of a file. */
export interface Place {
  /** What stands before every name of the network; "" where it is the whole file. */
  readonly prefix: string;
  /** The part of a config.json that describes it, as `vision_config`. */
  readonly section?: string;
}

/** How the tensors of one family are named, and which axes they have. */
export interface Template {
  readonly family: string;
  /** Which models and name styles, for people. */
  readonly covers: string;
  /** Only used when asked for by name: its tensor names say too little about the network. */
  readonly optIn: boolean;
  /** `model_type` of configs that describe this very network; a config that names another one is refused. */
  readonly modelTypes: readonly string[];
  /** Where its networks stand, several in one file perhaps; none where the names are not of this family. */
  readonly places?: (names: ReadonlySet<string>) => readonly Place[];
  /** Whether these names look like this family: one network, without a prefix. Asked where there is no `places`. */
  matches?(names: ReadonlySet<string>): boolean;
  /** Claims every tensor of the family at a place. */
  read(builder: SpecBuilder, place: Place): void;
}

/**
 * Who sees the order of an axis: modules outside its layer (`head`: attention maps show it), or those that add positions to
 * queries and keys (`position`). An axis of several layers is seen by all anyway.
 */
export type AxisView = "head" | "position";

/** A dimension of a tensor. */
export type TensorDimension = readonly [tensor: string, dimension: number];

/** Where a factor stands. */
export interface FactorPlaces {
  readonly times: TensorDimension;
  readonly with: readonly TensorDimension[];
  readonly over: readonly TensorDimension[];
}

/** What a template of a family reads tensors from, and declares axes with. */
export interface SpecBuilder {
  readonly facts: ModelFacts;
  readonly names: readonly string[];
  has(name: string): boolean;
  /** The shape of a tensor, if it is there. */
  peek(name: string): readonly number[] | undefined;
  /** The shape of a tensor that must be there with this rank; its absence is a problem, then null. */
  shape(name: string, rank: number): readonly number[] | null;
  /** Declares an axis; one of the same name again must have the same size. Returns the name. */
  axis(name: string, size: number, extra?: Partial<Omit<Axis, "size">>): string;
  /** The size of an axis that was declared. */
  sizeOf(axis: string): number | undefined;
  fix(name: string): void;
  /** Claims a tensor whose dimensions are these expressions. */
  assign(name: string, axes: readonly string[]): void;
  /** Claims it if it is there. */
  assignIf(name: string, axes: readonly string[]): boolean;
  /**
   * One factor of either sign for every index of an axis: it multiplies these dimensions and divides those. Only where all of them
   * are that axis and nothing else; tensors that are not there are left out.
   */
  factor(name: string, places: FactorPlaces): void;
  /** Explains a tensor that carries no symmetry: counters, masks, tables of positions. */
  ignore(name: string): void;
  /** Names a layer: what begins with this prefix is inside it. A tensor in it that nobody knows holds its axes still. */
  layer(prefix: string): void;
  /** Says who else sees the order of an axis. */
  seen(axis: string, by: AxisView): void;
  problem(message: string, tensor?: string): void;
  /** What was told does not agree with the tensors. */
  contradiction(message: string): void;
  warn(message: string): void;
}

/** The prefix before the first name that ends with `ending`, or null. */
export function prefixBefore(names: Iterable<string>, ending: string): string | null {
  for (const name of names)
    if (name === ending || name.endsWith(`.${ending}`)) return name.slice(0, -ending.length);
  return null;
}

/** A prefix and those of the modules around it, from the nearest to the root. */
export function prefixesAround(prefix: string): string[] {
  const around = [prefix];
  while (around[around.length - 1] !== "") {
    const last = around[around.length - 1];
    around.push(last.slice(0, last.lastIndexOf(".", last.length - 2) + 1));
  }
  return around;
}

/** What tells one style of names of a family from others. */
export interface StyleSigns {
  /** Names by which it is known. */
  readonly anchors: readonly string[];
  /** What stands in the way of this style: tensors that another one has. */
  readonly without?: readonly string[];
  /** The part of a config that describes it. */
  readonly section?: string;
}

/** The styles whose names stand behind a prefix. */
export const stylesAt = <Style extends StyleSigns>(
  styles: readonly Style[],
  names: ReadonlySet<string>,
  prefix: string,
): Style[] =>
  styles.filter(
    ({ anchors, without = [] }) =>
      anchors.every((name) => names.has(prefix + name)) &&
      !without.some((name) => names.has(prefix + name)),
  );

/** Where networks stand of which one of these styles is known; `separatorOf` is what stands between names of modules. */
export function placesOfStyles<Style extends StyleSigns>(
  styles: readonly Style[],
  names: ReadonlySet<string>,
  separatorOf: (style: Style) => string = () => ".",
): Place[] {
  const prefixes = styles.flatMap((style) => {
    const [first] = style.anchors;
    const inside = separatorOf(style) + first;
    const found = [...names].filter((name) => name === first || name.endsWith(inside));
    return found.map((name) => name.slice(0, -first.length));
  });
  return [...new Set(prefixes)].flatMap((prefix) =>
    stylesAt(styles, names, prefix)
      .slice(0, 1)
      .map(({ section }) => ({ prefix, ...(section !== undefined && { section }) })),
  );
}

/** Numbers in place of their placeholders; `{i-1}` and `{i+1}` are the numbers beside, `{a}` is the number j as a letter. */
export const filled = (text: string, numbers: Readonly<Record<string, number>>): string =>
  text
    .replaceAll("{a}", String.fromCodePoint(97 + (numbers["j"] ?? 0)))
    .replaceAll(/\{([ijkn])([+-]1)?\}/g, (_, key: string, step = "0") =>
      String((numbers[key] ?? 0) + Number(step)),
    );
