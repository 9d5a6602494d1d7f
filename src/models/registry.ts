// Every invariant model by name, with plain options: what the command line, experiments and checkpoints refer to.

import { OptionError } from "../core/errors.ts";
import type { SymmetrySpec } from "../spec/types.ts";
import { deepSets } from "./deep-sets.ts";
import type { Model } from "./model.ts";
import { nfn } from "./nfn.ts";
import { flatMLP, linearOnStatistics, statNN } from "./stat-nn.ts";
import { hybridUNF, unf } from "./unf.ts";

/** JSON-like options of a model; each builder documents its own. */
export type ModelOptions = Readonly<Record<string, unknown>>;

export interface ModelEntry {
  /** One line for help texts and tables. */
  readonly summary: string;
  /** Predictions do not change when a group element of the spec acts. */
  readonly invariant: boolean;
  /** Names of its options. */
  readonly options: readonly string[];
  /** The option that makes it wider, and its usual value; absent where there is none. */
  readonly width?: { readonly option: "channels" | "head"; readonly sizes: readonly number[] };
  build(spec: SymmetrySpec, options: ModelOptions): Model;
}

const headed = ["head", "dropout"];
const functional = [
  "channels",
  "pointwise",
  "activation",
  "bias",
  "aggregation",
  "fixedAxes",
  "positions",
  "scales",
  "share",
  "init",
  "pooling",
  ...headed,
];

const entries = {
  unf: {
    options: functional,
    width: { option: "channels", sizes: [1, 16, 16] },
    summary: "universal neural functional; fixed axes permuted with position encodings",
    invariant: true,
    build: (spec, options) => unf(spec, options),
  },
  "unf-hybrid": {
    options: functional,
    width: { option: "channels", sizes: [1, 16, 16] },
    summary: "the same behind a first layer that lifts every weight by itself",
    invariant: true,
    build: (spec, options) => hybridUNF(spec, options),
  },
  "nfn-np": {
    options: functional,
    width: { option: "channels", sizes: [1, 16, 16] },
    summary: "neural functional network, all neurons permuted, no position encodings",
    invariant: true,
    build: (spec, options) => nfn(spec, { variant: "np", ...options }),
  },
  "nfn-hnp": {
    options: functional,
    width: { option: "channels", sizes: [1, 4, 4] },
    summary: "neural functional network, hidden neurons permuted, fixed axes folded into channels",
    invariant: true,
    build: (spec, options) => nfn(spec, { variant: "hnp", channels: [1, 4, 4], ...options }),
  },
  "deep-sets": {
    options: [...headed, "channels"],
    width: { option: "channels", sizes: [1, 16, 16] },
    summary: "every tensor as a set of numbers",
    invariant: true,
    build: (spec, options) => deepSets(spec, options),
  },
  "stat-nn": {
    options: headed,
    width: { option: "head", sizes: [128, 128, 1] },
    summary: "dense network on seven statistics of every tensor",
    invariant: true,
    build: (spec, options) => statNN(spec, options),
  },
  linear: {
    options: ["outputs"],
    summary: "linear model on the same statistics",
    invariant: true,
    build: (spec, options) => linearOnStatistics(spec, options),
  },
  "flat-mlp": {
    options: headed,
    width: { option: "head", sizes: [64, 64, 1] },
    summary: "dense network on all weights in a row; not invariant, a control",
    invariant: false,
    build: (spec, options) => flatMLP(spec, options),
  },
} satisfies Record<string, ModelEntry>;

export const modelRegistry: Readonly<Record<string, ModelEntry>> = Object.freeze(entries);
export const modelNames: readonly string[] = Object.keys(entries);

/** The model of that name over a spec. @throws {OptionError} listing the names there are. */
export function buildModel(name: string, spec: SymmetrySpec, options: ModelOptions = {}): Model {
  if (!Object.hasOwn(modelRegistry, name)) {
    throw new OptionError(
      `buildModel: unknown model "${name}", expected one of ${modelNames.join(", ")}`,
    );
  }
  const known = modelRegistry[name].options;
  const isRecord = typeof options === "object" && options !== null && !Array.isArray(options);
  const unknown = isRecord
    ? Object.keys(options).find((key) => !known.includes(key))
    : JSON.stringify(options);
  if (unknown !== undefined) {
    throw new OptionError(
      `buildModel: model "${name}" has no option ${unknown}, expected an object with ${known.join(", ")}`,
    );
  }
  return modelRegistry[name].build(spec, { ...options, name });
}
