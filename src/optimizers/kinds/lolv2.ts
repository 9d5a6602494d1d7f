// The small network of Metz et al. (2019) on every entry by itself ("LOLv2"): 19 inputs, two layers of 32, a direction d and a
// magnitude m; the step is 0.001 d exp(0.001 m). 1,762 numbers, for any spec.

import { jit, numpy as np } from "@jax-js/jax";
import { keepArrays } from "../../engine/arrays.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { denseEntries } from "../dense-entries.ts";
import { entryNetwork } from "../entry-network.ts";
import {
  entryChannels,
  entryFeatures,
  momentumDecays,
  timeChannels,
} from "../features/published-features.ts";
import { exponentialMove, publishedStep } from "../steps/published-step.ts";
import { tensorLayout } from "../tensor-layout.ts";
import type { UpdateProgram } from "../update-program.ts";

const width = 32;
const multiplier = 0.001;

/**
 * LOLv2 over a spec, for n networks. Theta: `dense<i>.weight` [inputs, outputs] and `dense<i>.bias` [outputs] of layers 19-32-32-2. The
 * state is `means` [n, 6, entries] and `steps` [n]; updates have the tensors' shapes behind n.
 * @throws {ShapeError} from `update`, naming a gradient or parameter that is missing, not in the spec, or not [n, ...shape]
 */
export function lolv2Program(spec: SymmetrySpec): UpdateProgram {
  const layout = tensorLayout(spec);
  const dense = denseEntries({
    sizes: [entryChannels, width, width, 2],
    time: timeChannels,
    activateLast: false,
  });
  const network = entryNetwork({ dense, entries: layout.total });
  const readEntries = entryFeatures(layout, {});
  const finish = jit((outputs: np.Array, steps: np.Array) => {
    const [n, entries] = outputs.shape;
    const column = (at: number) =>
      np.reshape(outputs.ref.slice([], [], [at, at + 1]), [n, entries]);
    const step = np.multiply(column(0), np.exp(np.multiply(column(1), multiplier)));
    outputs.dispose();
    return {
      updates: layout.unflatten(np.multiply(step, -multiplier)),
      steps: np.add(steps, 1),
    };
  });
  return {
    thetaShapes: dense.thetaShapes,
    initialTheta: dense.initialTheta,
    initialState: (n) => ({
      means: np.zeros([n, momentumDecays.length, layout.total]),
      steps: np.zeros([n]),
    }),
    prepare: dense.prepare,
    stepKernel: () =>
      publishedStep({ layout, widths: dense.sizes, move: exponentialMove(multiplier) }),
    update(prepared, gradients, state, params) {
      const read = readEntries(
        layout.flatten(gradients),
        layout.flatten(keepArrays(params)),
        state["means"],
      );
      const outputs = network(prepared, read.features, state["steps"].ref);
      const { updates, steps } = finish(outputs, state["steps"]);
      return [updates, { means: read.momenta, steps }];
    },
  };
}
