// Every invariant model by name, with plain options: what the command line, experiments and checkpoints refer to.

import { OptionError } from "../core/errors.ts";
import type { Backend } from "../kernels/backend.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { deepSets } from "./deep-sets.ts";
import { magep } from "./magep.ts";
import type { InputKind, Model } from "./model.ts";
import { monomial } from "./monomial.ts";
import { nfn } from "./nfn.ts";
import { slicedModel } from "./sliced.ts";
import { flatMLP, linearOnStatistics, publishedStatNN, statNN } from "./stat-nn.ts";
import { transformerNFN } from "./transformer-nfn.ts";
import { hybridUNF, publishedUNF, unf } from "./unf.ts";
import { unfProducts } from "./unf-products.ts";

/** JSON-like options of a model; each builder documents its own. */
export type ModelOptions = Readonly<Record<string, unknown>>;

/** How a model was trained where it was published; without clipping of gradients. */
export interface TrainingPreset {
  /** Most passes over the training networks. */
  readonly epochs: number;
  /** Networks per step. */
  readonly batchSize: number;
  readonly rate: number;
  readonly schedule: "constant";
  /** Passes without a better validation tau before stopping. */
  readonly patience: number;
}

export interface ModelEntry {
  /** One line for help texts and tables. */
  readonly summary: string;
  /** Predictions do not change when a group element of the spec acts. */
  readonly invariant: boolean;
  /** Names of its options. */
  readonly options: readonly string[];
  /** How it reads weights, by its options. @default "asinh" */
  readonly inputs?: (options: ModelOptions) => InputKind;
  /** The option that makes it wider, and its usual value; absent where there is none. */
  readonly width?: { readonly option: "channels" | "head"; readonly sizes: readonly number[] };
  /** Absent from models that are not a publication's. */
  readonly training?: TrainingPreset;
  build(spec: SymmetrySpec, options: ModelOptions): Model;
}

/** Predictors of UNF's GRU experiment, as their published code trains them. */
const publishedTraining: TrainingPreset = Object.freeze({
  epochs: 100,
  batchSize: 10,
  rate: 1e-3,
  schedule: "constant",
  patience: 10,
});

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
  "backend",
  ...headed,
];

const linearInputs = (): InputKind => "linear";
const byScales = ({ scales }: ModelOptions): InputKind =>
  scales === "respect" ? "linear" : "asinh";

const entries = {
  unf: {
    inputs: byScales,
    options: functional,
    width: { option: "channels", sizes: [1, 16, 16] },
    summary: "universal neural functional layers, our defaults; fixed axes by position encodings",
    invariant: true,
    build: (spec, options) => unf(spec, options),
  },
  "unf-hybrid": {
    inputs: byScales,
    options: functional,
    width: { option: "channels", sizes: [1, 16, 16] },
    summary: "the same behind a first layer that lifts every weight by itself",
    invariant: true,
    build: (spec, options) => hybridUNF(spec, options),
  },
  "unf-products": {
    inputs: linearInputs,
    options: [
      "channels",
      "activation",
      "bias",
      "aggregation",
      "share",
      "init",
      "rounds",
      "rank",
      "outer",
      "maxDerived",
      ...headed,
    ],
    width: { option: "channels", sizes: [1, 16, 16] },
    summary:
      "universal neural functional over products of weights: sees through scales, signs, bases",
    invariant: true,
    build: (spec, options) => unfProducts(spec, options),
  },
  monomial: {
    inputs: linearInputs,
    options: ["channels", ...headed],
    width: { option: "channels", sizes: [1, 16, 16, 5] },
    summary:
      "Monomial-NFN, as published: linear layers that respect scales; layer after layer only",
    invariant: true,
    build: (spec, options) => monomial(spec, options),
  },
  magep: {
    inputs: linearInputs,
    options: ["channels", ...headed],
    width: { option: "channels", sizes: [1, 20, 20, 20] },
    summary:
      "MAGEP-NFN, as published: polynomials of weights that respect scales; layer after layer only",
    invariant: true,
    build: (spec, options) => magep(spec, options),
  },
  "transformer-nfn": {
    inputs: linearInputs,
    options: ["channels", ...headed],
    width: { option: "channels", sizes: [1, 10] },
    summary:
      "Transformer-NFN, as published: Transformers without residuals; takes rows of the stream for fixed",
    invariant: false,
    build: (spec, options) => transformerNFN(spec, options),
  },
  "unf-published": {
    options: [],
    summary: "the UNF predictor as published: 1-16-16 channels, mean pooling, head 512-1",
    invariant: true,
    training: publishedTraining,
    build: (spec, options) => publishedUNF(spec, options),
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
  "stat-nn-published": {
    options: [],
    summary: "the same as published with UNF: hidden layers 600-600-600",
    invariant: true,
    training: publishedTraining,
    build: (spec, options) => publishedStatNN(spec, options),
  },
  sliced: {
    options: [...headed, "directions", "quantiles"],
    width: { option: "head", sizes: [128, 128, 1] },
    summary: "dense network on sorted projections of every layer's neurons",
    invariant: true,
    build: (spec, options) => slicedModel(spec, options),
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

/** Every model by name. */
export const modelRegistry: Readonly<Record<string, ModelEntry>> = Object.freeze(entries);
/** Names of all models, as `buildModel`, `train` and experiments take them. */
export const modelNames: readonly string[] = Object.keys(entries);

/** How a model of the registry reads weights. */
export function inputsOf(name: string, options: ModelOptions = {}): InputKind {
  return modelRegistry[name].inputs?.(options) ?? "asinh";
}

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
    const expected = known.length > 0 ? `an object with ${known.join(", ")}` : "no options";
    throw new OptionError(
      `buildModel: model "${name}" has no option ${unknown}, expected ${expected}`,
    );
  }
  return modelRegistry[name].build(spec, { ...options, name });
}

/** Options with the backend that was asked for, if any; models whose layers have no choice keep theirs. */
export const withBackend = (
  name: string,
  options: ModelOptions,
  backend: Backend | undefined,
): ModelOptions =>
  backend !== undefined && (modelRegistry[name]?.options.includes("backend") ?? false)
    ? { ...options, backend }
    : options;
