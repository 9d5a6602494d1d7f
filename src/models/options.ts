// The options of every model as schemas: what the registry checks, help texts list and documents show is read from here.

import * as z from "zod/mini";
import { OptionError } from "../core/errors.ts";
import { backendNames } from "../kernels/backend.ts";
import { activationNames } from "../layers/pointwise/activation.ts";
import { initKinds } from "../layers/initial-coefficients.ts";
import { networkNames } from "../populations/networks/task-networks.ts";

/** Options of one model by name, each made by {@link option}. */
export type OptionSchema = z.ZodMiniObject<Record<string, OptionType>>;

/** The schema of one option. */
export type OptionType = z.ZodMiniType;

/** What is known of an option besides its schema. */
const about = z.registry<{ expected: string; description: string }>();

/**
 * One option that may be left out.
 * @param expected what it has to be, for errors: `one of mean, sum`
 * @param description what it does, with its default, for help texts
 */
export const option = (schema: OptionType, expected: string, description: string): OptionType =>
  z.optional(schema).register(about, { expected, description });

/** A schema of these options and no others. */
export const optionSchema = (options: Record<string, OptionType>): OptionSchema =>
  z.object(options);

/** An option that is a list of sizes. */
export const sizes = (description: string): OptionType =>
  option(
    z.array(z.int().check(z.minimum(1))).check(z.minLength(1)),
    "a list of whole numbers of at least 1",
    description,
  );

/** An option that is one of some words. */
export const choice = (choices: readonly string[], description: string): OptionType =>
  option(z.enum([...choices]), `one of ${choices.join(", ")}`, description);

/** An option that is a whole number. */
export const wholeOption = (min: number, description: string, max?: number): OptionType =>
  max === undefined
    ? option(z.int().check(z.minimum(min)), `a whole number of at least ${min}`, description)
    : option(
        z.int().check(z.minimum(min), z.maximum(max)),
        `a whole number from ${min} to ${max}`,
        description,
      );

const maxDistance = option(
  z.custom<number>((value) => typeof value === "number" && value >= 0), // Infinity is no limit
  "a number of at least 0",
  "tensors further apart share one block of coefficients per direction; default 2",
);

/** Options of models with a dense head. */
export const headOptions = {
  head: sizes("sizes of the dense head; the last is the number of outputs"),
  dropout: option(
    z.number().check(z.minimum(0), z.lt(1)),
    "a rate of at least 0 and below 1",
    "dropout rate in the head while training; default 0",
  ),
};

const channels = {
  channels: sizes("channels from the input to the last layer, beginning with 1"),
};

/** Options of equivariant layers with pooling and a head; NFN fixes how it treats fixed axes. */
const equivariantOptions = {
  ...channels,
  pointwise: wholeOption(0, "how many of the first layers act on every entry alone"),
  activation: choice(activationNames, "between layers; default relu"),
  bias: choice(["full", "tensor", "none"], "default full; tensor in NFN"),
  aggregation: choice(["mean", "sum"], "how axes are reduced; default mean"),
  positions: option(
    z.boolean(),
    "one of true, false",
    "learned positions along fixed axes that are permuted; default true, false in NFN",
  ),
  share: option(
    z.object({ maxDistance }),
    'an object, as in {} or {"maxDistance": 2}',
    "share coefficients between structurally equal pairs of tensors; default none",
  ),
  scales: choice(["ignore", "respect"], "commute with scale parts too; default ignore"),
  init: choice(initKinds, "how coefficients start; default balanced, fan-in in NFN"),
  pooling: choice(["complete", "mean"], "with or without diagonals; default complete, mean in NFN"),
  backend: choice(backendNames, "what runs the layers; default kernels"),
  ...headOptions,
};

export const nfnOptions = optionSchema(equivariantOptions);

export const unfOptions = optionSchema({
  ...equivariantOptions,
  fixedAxes: choice(["permute", "fold"], "permuted with positions, or channels; default permute"),
});

/** Products have no reference executor. */
const productsBackend = choice(
  ["kernels", "engine"],
  "what runs layers and products; default kernels",
);

export const productsOptions = optionSchema({
  ...channels,
  activation: equivariantOptions.activation,
  bias: choice(["full", "tensor", "none"], "default full"),
  aggregation: equivariantOptions.aggregation,
  share: equivariantOptions.share,
  init: choice(initKinds, "how coefficients start; default balanced"),
  rounds: wholeOption(1, "how often a chain may pass the stream of a cycle; default 1", 16),
  rank: wholeOption(1, "fixed entries that ends of chains keep; default 8", 4096),
  outer: option(z.boolean(), "one of true, false", "outer products too; default true"),
  maxDerived: wholeOption(0, "products that are made at most; default 2000", 1_000_000),
  backend: productsBackend,
  ...headOptions,
});

export const slicedOptions = optionSchema({
  directions: wholeOption(1, "random directions for each layer; default 16"),
  quantiles: wholeOption(1, "quantiles kept of the projections on each direction; default 8"),
  ...headOptions,
});

export const probesOptions = optionSchema({
  ...headOptions,
  probes: wholeOption(1, "inputs at which every network is run; default 64"),
  networks: choice(
    ["sine", "relu", "tanh"],
    "what networks compute between linear layers; default sine",
  ),
  omega: option(
    z.number().check(z.gt(0)),
    "a number above 0",
    "frequency of sine networks; default 30",
  ),
});
export const networkProbesOptions = optionSchema({
  ...headOptions,
  networks: choice(
    networkNames(),
    "what networks compute; default the population's task, or the only network with these tensors",
  ),
  probes: wholeOption(1, "inputs at which every network is run; default 64"),
  statistics: option(
    z.boolean(),
    "one of true, false",
    "the head reads seven statistics of every tensor too; default false",
  ),
});
export const editorOptions = optionSchema({
  map: choice(["nfn-np", "nfn-hnp", "unf"], "what says how weights change; default nfn-np"),
  hidden: sizes("channels between the layers of the map; default 16, 16"),
  copies: wholeOption(1, "changed networks whose images are averaged; default 1", 64),
  pixels: option(
    z.array(z.int().check(z.minimum(1), z.maximum(1024))).check(z.length(2)),
    "height and width, whole numbers from 1 to 1024",
    "height and width of the images; default 28, 28",
  ),
  omega: probesOptions.shape.omega,
  scales: option(
    z.record(z.string(), z.number().check(z.gt(0))),
    "numbers above 0 by tensor",
    "what weights are divided by before they are read, by tensor; default 1",
  ),
  backend: equivariantOptions.backend,
});

/** Options of models whose layers have channels, and a head. */
export const layeredHeadOptions = optionSchema({ ...headOptions, ...channels });
export const kernelHeadOptions = optionSchema({
  ...headOptions,
  ...channels,
  backend: productsBackend,
});
export const statisticsOptions = optionSchema(headOptions);
export const linearOptions = optionSchema({
  outputs: wholeOption(1, "numbers to predict; default 1"),
});
export const layeredOptions = optionSchema({
  layers: option(
    z.array(z.string()).check(z.minLength(1)),
    "a list of names of layers",
    "layers in order, those of plug-ins too; default pointwise, equivariant",
  ),
  channels: sizes("channels after each layer, one number a layer; default 16"),
  activation: choice(activationNames, "after every layer; default relu"),
  pooling: choice(["complete", "mean"], "with or without diagonals; default complete"),
  head: headOptions.head,
});
export const noOptions = optionSchema({});

/** The schema of a plug-in's options, which may be names alone. @throws {OptionError} when it is neither */
export function schemaOf(model: string, options: OptionSchema | readonly string[]): OptionSchema {
  if (options instanceof z.ZodMiniObject) return options;
  const isList = Array.isArray(options) && options.every((name) => typeof name === "string");
  if (!isList)
    throw new OptionError(
      `register: model "${model}" expected options as a list of names, or as a schema made by optionSchema`,
    );
  const any = option(z.any(), "a value that the model checks", "described by its plug-in");
  return optionSchema(Object.fromEntries(options.map((name) => [name, any])));
}

/** One option of a model for help texts and tables. */
export interface OptionInfo {
  readonly name: string;
  /** What it has to be. */
  readonly expected: string;
  readonly description: string;
}

const infoOf = (name: string, schema: OptionType): OptionInfo => ({
  name,
  ...(about.get(schema) ?? { expected: "another value", description: "" }),
});

/** The options of a schema in its order. */
export const optionInfos = (schema: OptionSchema): OptionInfo[] =>
  Object.entries(schema.shape).map(([name, one]) => infoOf(name, one));

/** @throws {OptionError} for an option that the model does not have, or a value that it cannot have */
export function checkOptions(model: string, schema: OptionSchema, options: unknown): void {
  const names = Object.keys(schema.shape);
  const isRecord = typeof options === "object" && options !== null && !Array.isArray(options);
  const unknown = isRecord
    ? Object.keys(options).find((key) => !names.includes(key))
    : JSON.stringify(options);
  if (unknown !== undefined) {
    const expected = names.length > 0 ? `an object with ${names.join(", ")}` : "no options";
    throw new OptionError(
      `buildModel: model "${model}" has no option ${unknown}, expected ${expected}`,
    );
  }
  checkValues(model, schema, options as object);
}

/**
 * Checks the options that a schema knows, as builders do; what else there is, such as a name, is left alone.
 * @throws {OptionError} for the first value that an option cannot have
 */
export function checkValues(model: string, schema: OptionSchema, options: object): void {
  const [issue] = schema.safeParse(options).error?.issues ?? [];
  if (issue === undefined) return;
  const [place, expected, value] = placeOf(schema, options, issue.path);
  throw new OptionError(`${model}: ${place} expected ${expected}, got ${JSON.stringify(value)}`);
}

/** Name, expectation and value of the option that an issue is about; entries of a list count as the list. */
function placeOf(
  schema: OptionSchema,
  options: unknown,
  [key, ...rest]: readonly PropertyKey[],
): readonly [place: string, expected: string, value: unknown] {
  const name = String(key);
  const value = (options as Record<string, unknown>)[name];
  const type = schema.shape[name];
  const inner = type instanceof z.ZodMiniOptional ? type.def.innerType : undefined;
  if (rest.length === 0 || !(inner instanceof z.ZodMiniObject))
    return [name, infoOf(name, schema.shape[name]).expected, value];
  const [place, expected, found] = placeOf(inner as OptionSchema, value, rest);
  return [`${name}.${place}`, expected, found];
}
