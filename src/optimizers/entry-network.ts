// The network of a learned optimizer, for n networks with a theta each: dense layers on every entry by itself, then perhaps a last
// layer that sees more. Numbers go through generated kernels, what stands for numbers in a traced function through the engine.

import type { numpy as np } from "@jax-js/jax";
import type { ArrayRecord } from "../engine/arrays.ts";
import type { KernelLayer } from "../kernels/stack.ts";
import { kernelNetworks } from "../layers/kernel-networks.ts";
import { holdNumbers } from "../layers/kernel-stage.ts";
import { type ExecutablePlan, planLowered } from "../plan/plan-spec.ts";
import { lowerSpec } from "../symmetry/lower.ts";
import { defineSpec } from "../symmetry/spec.ts";
import type { DenseEntries } from "./dense-entries.ts";
import type { OutputLayer } from "./outputs/output-layer.ts";

export interface EntryNetworkOptions {
  readonly dense: DenseEntries;
  readonly last?: OutputLayer | undefined;
  /** Entries of all tensors. */
  readonly entries: number;
}

/**
 * Features [n, entries, inputs], and the steps done before this one [n] where there are functions of time, to [n, entries], or without
 * a last layer to [n, entries, outputs]. @keeps prepared @consumes features and steps
 */
export type EntryNetwork = (
  prepared: ArrayRecord,
  features: np.Array,
  steps?: np.Array,
) => np.Array;

/** Every entry alone: one tensor along one axis. */
function entriesAlone(entries: number): ExecutablePlan {
  const spec = defineSpec({
    axes: { entry: { size: entries, group: "permutation" } },
    tensors: { entries: ["entry"] },
  });
  return planLowered(lowerSpec(spec));
}

function kernelLayers(
  { sizes, activateLast }: DenseEntries,
  last: OutputLayer | undefined,
  executable: ExecutablePlan,
): KernelLayer[] {
  const dense = sizes.slice(1).map((outputChannels, i): KernelLayer => ({
    kind: "pointwise",
    name: `dense${i}`,
    executable,
    inputChannels: sizes[i],
    outputChannels,
    aggregation: "mean",
    bias: "tensor",
    positions: [],
    activation: i < sizes.length - 2 || activateLast ? "relu" : "identity",
  }));
  if (last === undefined) return dense;
  return [
    ...dense,
    {
      ...last.kernels.layer,
      name: "out",
      executable,
      inputChannels: sizes[sizes.length - 1],
      outputChannels: 1,
      aggregation: "mean",
      positions: [],
      activation: "identity",
    },
  ];
}

/** See {@link EntryNetwork}. */
export function entryNetwork({ dense, last, entries }: EntryNetworkOptions): EntryNetwork {
  const tensors = last?.kernels.tensors;
  const run = kernelNetworks(() => ({
    layers: kernelLayers(dense, last, tensors?.executable ?? entriesAlone(entries)),
  }));
  return (prepared, features, steps) => {
    if (!holdNumbers([features, ...Object.values(prepared)])) {
      const hidden = dense.apply(prepared, features, steps);
      return last === undefined ? hidden : last.apply(prepared, hidden);
    }
    const [n] = features.shape;
    const bias = dense.firstBias(prepared, steps);
    const results = run(
      { ...prepared, "dense0.bias": bias },
      tensors === undefined ? [features] : tensors.enter(features),
    );
    bias.dispose();
    if (tensors !== undefined) return tensors.leave(prepared, results);
    return last === undefined ? results[0] : results[0].reshape([n, entries]);
  };
}
