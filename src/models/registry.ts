// Every invariant model by name, with plain options: what the command line, experiments and checkpoints refer to.

import { OptionError } from "../core/errors.ts";
import { checkFunctions, openRegistry } from "../core/registry.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { deepSets } from "./deep-sets.ts";
import { layered } from "./layered.ts";
import type { Model } from "./model.ts";
import { nfn } from "./nfn.ts";
import { flatMLP, linearOnStatistics, publishedStatNN, statNN } from "./stat-nn.ts";
import { hybridUNF, publishedUNF, unf } from "./unf.ts";

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
  ...headed,
];

const entries = {
  unf: {
    options: functional,
    width: { option: "channels", sizes: [1, 16, 16] },
    summary: "universal neural functional layers, our defaults; fixed axes by position encodings",
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
  "unf-published": {
    options: [],
    summary: "the UNF predictor as published: 1-16-16 channels, mean pooling, head 512-1",
    invariant: true,
    training: publishedTraining,
    build: (spec, options) => publishedUNF(spec, options),
  },
  layered: {
    options: ["layers", "channels", "activation", "pooling", "head"],
    summary: "layers by name, those of plug-ins too, then pooling and a dense head",
    invariant: true,
    build: (spec, options) => layered(spec, options),
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

const registry = openRegistry<ModelEntry>("model", entries);

/** A model of one's own, with the name by which `buildModel`, commands and checkpoints refer to it. */
export interface NamedModel extends Omit<ModelEntry, "summary" | "options"> {
  readonly name: string;
  /** One line for help texts and tables. @default the name */
  readonly summary?: string;
  /** Names of its options. @default none */
  readonly options?: readonly string[];
}

/** Names of all models, as `buildModel`, `train` and experiments take them. */
export const modelNames = (): readonly string[] => registry.names();

/** What is known of a model. @throws {OptionError} listing the names there are; `hint` ends the message */
export function modelEntry(name: string, hint = ""): ModelEntry {
  const entry = registry.get(name);
  if (entry !== undefined) return entry;
  throw new OptionError(
    `buildModel: unknown model "${name}", expected one of ${modelNames().join(", ")}; others come from registerModel or a plug-in${hint}`,
  );
}

/**
 * Adds a model, for this process; worker threads know it when it comes from a plug-in.
 * @throws {OptionError} when the name is taken, or `build` is no function
 */
export function registerModel({ name, ...entry }: NamedModel): void {
  checkFunctions("model", { name, ...entry }, ["build"]);
  const { summary = name, options = [] } = entry;
  registry.add(name, Object.freeze({ ...entry, summary, options }));
}

/** The model of that name over a spec. @throws {OptionError} listing the names there are. */
export function buildModel(name: string, spec: SymmetrySpec, options: ModelOptions = {}): Model {
  const entry = modelEntry(name);
  const known = entry.options;
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
  return entry.build(spec, { ...options, name });
}
