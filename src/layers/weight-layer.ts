// The contract of layers between features of weights, and a registry of them by name. Features are one array
// [batch, ...dims, fixed * channels] for each tensor of a plan.

import type { numpy as np } from "@jax-js/jax";
import { OptionError } from "../core/errors.ts";
import { noSuchName } from "../core/nearest-name.ts";
import { checkFunctions, openRegistry } from "../core/registry.ts";
import type { ExecutablePlan } from "../plan/plan-spec.ts";
import { dense } from "./pointwise/dense.ts";
import { equivariantLinear } from "./equivariant-linear.ts";
import type { Layer } from "./layer.ts";
import { type StagedLayer, stagedLayer } from "./layer-stack.ts";
import { pointwiseLayer } from "./pointwise/pointwise.ts";
import type { Stage } from "./stage.ts";

/** A layer between features of weights; without `stages` it is compiled as one piece. */
export interface WeightLayer extends Layer<np.Array[]> {
  stages?(scope: string): Stage[];
}

/** Channels of the features that a layer reads and makes. */
export interface LayerSizes {
  readonly inputChannels: number;
  readonly outputChannels: number;
}

/** A layer by name; it must commute with the group of the spec, which `assertEquivariant` checks. */
export interface NamedLayer {
  readonly name: string;
  /** One line for help texts. */
  readonly summary: string;
  /** The layer over the tensors of a plan. */
  create(executable: ExecutablePlan, sizes: LayerSizes): WeightLayer;
}

const registry = openRegistry<NamedLayer>("layer", {
  equivariant: {
    name: "equivariant",
    summary: "all linear maps that commute with the group",
    create: (executable, sizes) => equivariantLinear(executable, sizes),
  },
  pointwise: {
    name: "pointwise",
    summary: "one dense layer for every entry of every tensor",
    create: (executable, { inputChannels, outputChannels }) =>
      pointwiseLayer(executable, dense(inputChannels, outputChannels)),
  },
});

/** Names of all layers. */
export const layerNames = (): readonly string[] => registry.names();

/** Adds a layer, for this process. @throws {OptionError} when the name is taken */
export function registerLayer(layer: NamedLayer): void {
  checkFunctions("layer", layer, ["create"]);
  registry.add(layer.name, Object.freeze({ ...layer, summary: layer.summary ?? layer.name }));
}

/** The layer of a name over a plan, in stages. @throws {OptionError} listing the names there are */
export function createLayer(
  name: string,
  executable: ExecutablePlan,
  sizes: LayerSizes,
): StagedLayer {
  const entry = registry.get(name);
  if (entry === undefined)
    throw new OptionError(
      `createLayer: ${noSuchName("layer", name, layerNames())}; others come from registerLayer or a plug-in`,
    );
  const layer = entry.create(executable, sizes);
  return layer.stages === undefined ? stagedLayer(layer) : (layer as StagedLayer);
}
