// An inner task that is known through and through: a row of five units that start away from their targets, on a bowl.

import { numpy as np } from "@jax-js/jax";
import { defineSpec } from "../../src/symmetry/spec.ts";
import { defineInnerTask } from "../../src/tasks/inner/define-task.ts";
import type { InnerTask } from "../../src/tasks/inner/inner-task.ts";

export const units = 5;

/** Loss 0.5 curvature |x - targets|^2; `broken` makes gradients NaN after so many batches. */
export function quadraticTask({ curvature = 1, broken = Infinity } = {}): Promise<InnerTask> {
  let drawn = 0;
  return defineInnerTask({
    name: "quadratic",
    spec: defineSpec({
      axes: { unit: { size: units, group: "permutation" } },
      tensors: { x: ["unit"] },
    }),
    chance: 10,
    loss: ({ x }, { targets }) =>
      np.multiply(np.sum(np.square(np.subtract(x, targets))), 0.5 * curvature),
    init: (random) => ({
      x: { shape: [units], data: Float32Array.from({ length: units }, () => random.normal()) },
    }),
    batchShapes: { targets: [units] },
    writeBatch({ targets }, random) {
      drawn++;
      for (let i = 0; i < units; i++) targets[i] = 0.01 * random.normal();
      if (drawn > broken) targets[0] = NaN;
    },
    testBatches: [{ targets: { shape: [units], data: new Float32Array(units) } }],
  });
}
