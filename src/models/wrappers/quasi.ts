// Functionals that respect scales and bases up to a learned amount (after quasi-equivariance, Tran et al. 2026): weights are
// multiplied by factors near 1 that depend on statistics which scales do change.

import { numpy as np } from "@jax-js/jax";
import { OptionError } from "../../core/errors.ts";
import { deriveSeed } from "../../core/random.ts";
import { prefixed, scoped } from "../../layers/layer.ts";
import { denseStack } from "../../layers/pointwise/dense.ts";
import { signedLog } from "../../layers/products/derive.ts";
import { type Stage, stage } from "../../layers/stage.ts";
import { axesOfExpression } from "../../symmetry/expression.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import type { Model, Params, WeightBatch } from "../model.ts";
import { statisticsPerTensor, weightStatistics } from "../stat-nn.ts";

/** Hidden units of the network that reads statistics. */
const hidden = 8;

/** Tensors that positive factors or bases act on: signs and permutations are no continuous part of a group. */
function continuousTensors({ axes, tensors }: SymmetrySpec): string[] {
  const acts = (name: string) =>
    axes[name].scale === "positive" || axes[name].group === "general-linear";
  return Object.entries(tensors).flatMap(([name, { axes: dims }]) =>
    dims.some((dim) => axesOfExpression(dim).some(acts)) ? [name] : [],
  );
}

/**
 * `model` on alpha(theta) theta: every tensor t that positive scales or bases act on is multiplied by 1 + eps_t sin(m_t), where
 * m is a small dense network on mean, variance and quantiles of all tensors. eps starts at 0, where this is `model` itself;
 * predictions stay exactly invariant to what permutes neurons, and change by O(eps) under scales and bases.
 *
 * The publication multiplies an equivariant layer's output by an element of the continuous part of the group. As an invariant layer
 * that follows takes such an element away again, this is a reading of it: factors of tensors are not tied to one another, so
 * they are scales, but no symmetry. Matrices I + eps sin(.) for heads are not written; bases get a factor as well.
 * @throws {OptionError} for a spec on which neither positive scales nor bases act
 */
export function quasi(model: Model): Model {
  const { spec, staged } = model;
  const changed = continuousTensors(spec);
  const name = `quasi:${model.name}`;
  if (changed.length === 0)
    throw new OptionError(
      `${name}: neither positive scales nor bases act on these networks, so nothing would be relaxed; use ${model.name}`,
    );
  const names = Object.keys(spec.tensors);
  const network = denseStack([names.length * statisticsPerTensor, hidden, changed.length]);
  const relax = relaxation(spec, changed, network);
  return {
    name,
    spec,
    outputs: model.outputs,
    parameterCount: model.parameterCount + network.parameterCount + changed.length,
    init: (seed) => ({
      ...prefixed("quasi", {
        ...network.init(deriveSeed(seed, "quasi")),
        eps: np.zeros([changed.length]),
      }),
      ...prefixed("model", model.init(seed)),
    }),
    apply: (params, weights, options) => {
      const relaxed = relax(scoped("quasi", params), weights);
      return model.apply(scoped("model", params), relaxed, options);
    },
    ...(staged && {
      staged: {
        toFeatures: (weights) => names.map((tensor) => weights[tensor]),
        stages: [
          stage("quasi", (params, arrays) =>
            staged.toFeatures(
              relax(params, Object.fromEntries(names.map((tensor, i) => [tensor, arrays[i]]))),
            ),
          ),
          ...staged.stages.map(belowModel),
        ],
        fromFeatures: staged.fromFeatures,
      },
    }),
  };
}

/** Weights times their factors; parameters are those of the network, and eps. */
const relaxation =
  (spec: SymmetrySpec, changed: readonly string[], network: ReturnType<typeof denseStack>) =>
  (params: Params, weights: WeightBatch): WeightBatch => {
    const { eps, ...others } = params;
    const copies = Object.fromEntries(Object.entries(weights).map(([key, x]) => [key, x.ref]));
    const statistics = signedLog(weightStatistics(spec, copies)); // [batch, tensors * 7]
    const angles = network.apply(others, statistics); // [batch, changed]
    const factors = np.add(np.multiply(np.sin(angles), eps), 1);
    const result = { ...weights };
    for (const [i, tensor] of changed.entries()) {
      const x = weights[tensor];
      const factor = factors.ref.slice([], [i, i + 1]);
      const shape = [x.shape[0], ...x.shape.slice(1).map(() => 1)];
      result[tensor] = np.multiply(x, np.reshape(factor, shape));
    }
    factors.dispose();
    return result;
  };

/** A stage whose parameters lie below `model`. */
function belowModel(one: Stage): Stage {
  if (one.scope === null) return one;
  return { ...one, scope: one.scope === "" ? "model" : `model.${one.scope}` };
}
