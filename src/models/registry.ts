// Every invariant model by name, with plain options: what the command line, experiments and checkpoints refer to.

import { OptionError } from "../core/errors.ts";
import { noSuchName } from "../core/nearest-name.ts";
import { checkFunctions, openRegistry } from "../core/registry.ts";
import { quasi } from "./wrappers/quasi.ts";
import type { Backend } from "../kernels/backend.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { deepSets } from "./deep-sets.ts";
import { gramNN } from "./gram-nn.ts";
import { layered } from "./layered.ts";
import { magep } from "./magep.ts";
import type { InputKind, Model } from "./model.ts";
import { monomial } from "./monomial.ts";
import { networkProbes } from "./running/network-probes.ts";
import { nfn } from "./nfn.ts";
import { pictureEditor } from "./picture-editor.ts";
import { probes } from "./running/probes.ts";
import { slicedModel } from "./sliced.ts";
import { flatMLP, linearOnStatistics, publishedStatNN, statNN } from "./stat-nn.ts";
import {
  checkOptions,
  editorOptions,
  layeredHeadOptions,
  kernelHeadOptions,
  layeredOptions,
  linearOptions,
  networkProbesOptions,
  nfnOptions,
  noOptions,
  type OptionSchema,
  probesOptions,
  productsOptions,
  schemaOf,
  slicedOptions,
  statisticsOptions,
  unfOptions,
} from "./options.ts";
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

/** What is known of a model before it is built. */
export interface ModelEntry {
  /** How the command line, experiments and checkpoints call it. */
  readonly name: string;
  /** One line for help texts and tables. */
  readonly summary: string;
  /** Predictions do not change when a group element of the spec acts. */
  readonly invariant: boolean;
  /** Its options: checked by {@link buildModel}, listed in help texts. */
  readonly options: OptionSchema;
  /** How it reads weights, by its options. @default "asinh" */
  readonly inputs?: (options: ModelOptions) => InputKind;
  /** Its option `networks` names networks of a task; those of the population by default. @default false */
  readonly runsTaskNetworks?: boolean;
  /** The option that makes it wider, and its usual value; absent where there is none. */
  readonly width?: { readonly option: "channels" | "head"; readonly sizes: readonly number[] };
  /** It is linear in its vector: experiments solve for its parameters where the loss is convex. @default false */
  readonly solved?: boolean;
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

const linearInputs = (): InputKind => "linear";
const byScales = ({ scales }: ModelOptions): InputKind =>
  scales === "respect" ? "linear" : "asinh";

const entries: readonly ModelEntry[] = [
  {
    name: "unf",
    inputs: byScales,
    options: unfOptions,
    width: { option: "channels", sizes: [1, 16, 16] },
    summary: "universal neural functional layers, our defaults; fixed axes by position encodings",
    invariant: true,
    build: (spec, options) => unf(spec, options),
  },
  {
    name: "unf-hybrid",
    inputs: byScales,
    options: unfOptions,
    width: { option: "channels", sizes: [1, 16, 16] },
    summary: "the same behind a first layer that lifts every weight by itself",
    invariant: true,
    build: (spec, options) => hybridUNF(spec, options),
  },
  {
    name: "unf-products",
    inputs: linearInputs,
    options: productsOptions,
    width: { option: "channels", sizes: [1, 16, 16] },
    summary:
      "universal neural functional over products of weights: sees through scales, signs, bases",
    invariant: true,
    build: (spec, options) => unfProducts(spec, options),
  },
  {
    name: "monomial",
    inputs: linearInputs,
    options: kernelHeadOptions,
    width: { option: "channels", sizes: [1, 16, 16, 5] },
    summary:
      "Monomial-NFN, as published: linear layers that respect scales; layer after layer only",
    invariant: true,
    build: (spec, options) => monomial(spec, options),
  },
  {
    name: "magep",
    inputs: linearInputs,
    options: kernelHeadOptions,
    width: { option: "channels", sizes: [1, 20, 20, 20] },
    summary:
      "MAGEP-NFN, as published: polynomials of weights that respect scales; layer after layer only",
    invariant: true,
    build: (spec, options) => magep(spec, options),
  },
  {
    name: "transformer-nfn",
    inputs: linearInputs,
    options: layeredHeadOptions,
    width: { option: "channels", sizes: [1, 10] },
    summary:
      "Transformer-NFN, as published: Transformers without residuals; takes rows of the stream for fixed",
    invariant: false,
    build: (spec, options) => transformerNFN(spec, options),
  },
  {
    name: "unf-published",
    options: noOptions,
    summary: "the UNF predictor as published: 1-16-16 channels, mean pooling, head 512-1",
    invariant: true,
    training: publishedTraining,
    build: (spec, options) => publishedUNF(spec, options),
  },
  {
    name: "layered",
    options: layeredOptions,
    summary: "layers by name, those of plug-ins too, then pooling and a dense head",
    invariant: true,
    build: (spec, options) => layered(spec, options),
  },
  {
    name: "nfn-np",
    options: nfnOptions,
    width: { option: "channels", sizes: [1, 16, 16] },
    summary: "neural functional network, all neurons permuted, no position encodings",
    invariant: true,
    build: (spec, options) => nfn(spec, { variant: "np", ...options }),
  },
  {
    name: "nfn-hnp",
    options: nfnOptions,
    width: { option: "channels", sizes: [1, 4, 4] },
    summary: "neural functional network, hidden neurons permuted, fixed axes folded into channels",
    invariant: true,
    build: (spec, options) => nfn(spec, { variant: "hnp", channels: [1, 4, 4], ...options }),
  },
  {
    name: "deep-sets",
    options: layeredHeadOptions,
    width: { option: "channels", sizes: [1, 16, 16] },
    summary: "every tensor as a set of numbers",
    invariant: true,
    build: (spec, options) => deepSets(spec, options),
  },
  {
    name: "deep-sets-one-set",
    options: layeredHeadOptions,
    width: { option: "channels", sizes: [1, 16, 16] },
    summary: "all numbers of a network as one set, whatever tensor they are of",
    invariant: true,
    build: (spec, options) =>
      deepSets(spec, { name: "deep-sets-one-set", ...options, sets: "one" }),
  },
  {
    name: "stat-nn",
    options: statisticsOptions,
    width: { option: "head", sizes: [128, 128, 1] },
    summary: "dense network on seven statistics of every tensor",
    invariant: true,
    build: (spec, options) => statNN(spec, options),
  },
  {
    name: "gram-nn",
    inputs: linearInputs,
    options: statisticsOptions,
    width: { option: "head", sizes: [128, 128, 1] },
    summary: "the same with what tensors on one axis have in common: overlaps of Gram matrices",
    invariant: true,
    build: (spec, options) => gramNN(spec, options),
  },
  {
    name: "stat-nn-published",
    options: noOptions,
    summary: "stat-nn as published with UNF: hidden layers 600-600-600",
    invariant: true,
    training: publishedTraining,
    build: (spec, options) => publishedStatNN(spec, options),
  },
  {
    name: "sliced",
    options: slicedOptions,
    width: { option: "head", sizes: [128, 128, 1] },
    summary: "dense network on sorted projections of every layer's neurons",
    invariant: true,
    build: (spec, options) => slicedModel(spec, options),
  },
  {
    name: "probes",
    inputs: () => "raw",
    options: probesOptions,
    width: { option: "head", sizes: [128, 128, 1] },
    summary:
      "runs every network at 64 learned inputs: reads what it computes, not its weights; layer after layer only",
    invariant: true,
    build: (spec, options) => probes(spec, options),
  },
  {
    name: "network-probes",
    inputs: () => "raw",
    options: networkProbesOptions,
    runsTaskNetworks: true,
    width: { option: "head", sizes: [128, 128, 1] },
    summary:
      "runs every network of a task at 64 learned inputs: reads what it computes, not its weights",
    invariant: true,
    build: (spec, options) => networkProbes(spec, options),
  },
  {
    name: "picture-editor",
    inputs: () => "raw",
    options: editorOptions,
    summary:
      "edits networks that are images in weight space and runs them: its prediction is the image; sine networks only",
    invariant: true,
    build: (spec, options) => pictureEditor(spec, options),
  },
  {
    name: "linear",
    options: linearOptions,
    solved: true,
    summary: "linear model on the same statistics",
    invariant: true,
    build: (spec, options) => linearOnStatistics(spec, options),
  },
  {
    name: "flat-mlp",
    options: statisticsOptions,
    width: { option: "head", sizes: [64, 64, 1] },
    summary: "dense network on all weights in a row; not invariant, a control",
    invariant: false,
    build: (spec, options) => flatMLP(spec, options),
  },
];

const registry = openRegistry<ModelEntry>(
  "model",
  Object.fromEntries(entries.map((entry) => [entry.name, entry])),
);

/** A model of one's own, with the name by which `buildModel`, commands and checkpoints refer to it. */
export interface NamedModel extends Omit<ModelEntry, "summary" | "options"> {
  /** One line for help texts and tables. @default the name */
  readonly summary?: string;
  /** Its options: a schema, or their names alone, whose values `build` checks itself. @default none */
  readonly options?: OptionSchema | readonly string[];
}

/** Names of all models, as `buildModel`, `train` and experiments take them. */
export const modelNames = (): readonly string[] => registry.names();

/** Before the name of a model: the same, respecting scales and bases up to a learned amount (models/wrappers/quasi.ts). */
export const quasiPrefix = "quasi:";

/** Whether there is a model of that name, behind a prefix or without one. */
export const isModelName = (name: string): boolean =>
  registry.names().includes(name.startsWith(quasiPrefix) ? name.slice(quasiPrefix.length) : name);

/** What is known of a model. @throws {OptionError} listing the names there are; `hint` ends the message */
export function modelEntry(name: string, hint = ""): ModelEntry {
  if (name.startsWith(quasiPrefix)) {
    const inner = modelEntry(name.slice(quasiPrefix.length), hint);
    return {
      ...inner,
      name,
      summary: `${inner.summary}; respects scales and bases up to a learned amount`,
      build: (spec, options) => quasi(inner.build(spec, { ...options, name: inner.name })),
    };
  }
  const entry = registry.get(name);
  if (entry !== undefined) return entry;
  throw new OptionError(
    `buildModel: ${noSuchName("model", name, modelNames())}; others come from registerModel or a plug-in${hint}`,
  );
}

/**
 * Adds a model, for this process; worker threads know it when it comes from a plug-in.
 * @throws {OptionError} when the name is taken, `build` is no function, or `options` is neither a schema nor a list of names
 */
export function registerModel(model: NamedModel): void {
  checkFunctions("model", model, ["build"]);
  const { name, summary = name, options = [] } = model;
  registry.add(name, Object.freeze({ ...model, summary, options: schemaOf(name, options) }));
}

/** The model of that name over a spec. @throws {OptionError} listing the names there are, or for options it cannot have */
export function buildModel(name: string, spec: SymmetrySpec, options: ModelOptions = {}): Model {
  const entry = modelEntry(name);
  checkOptions(name, entry.options, options);
  return entry.build(spec, { ...options, name });
}

/** How a model of the registry reads weights. */
export function inputsOf(name: string, options: ModelOptions = {}): InputKind {
  return modelEntry(name).inputs?.(options) ?? "asinh";
}

/** Options with the backend that was asked for, if any; models whose layers have no choice keep theirs. */
export const withBackend = (
  name: string,
  options: ModelOptions,
  backend: Backend | undefined,
): ModelOptions =>
  backend !== undefined && isModelName(name) && "backend" in modelEntry(name).options.shape
    ? { ...options, backend }
    : options;

/** Options with the networks that a population holds, where the model runs networks of a task and was not told which. */
export const withNetworks = (
  name: string,
  options: ModelOptions,
  networks: string | undefined,
): ModelOptions =>
  networks !== undefined && registry.get(name)?.runsTaskNetworks === true
    ? { networks, ...options }
    : options;
