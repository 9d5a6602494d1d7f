// A step of momentum on numbers: too little for a kernel.

import type { TensorLayout } from "../tensor-layout.ts";
import type { StepKernel } from "./step-kernel.ts";

/** W - alpha m with m = gamma m + gradient. */
export function momentumStep({ tensors, total }: TensorLayout): StepKernel {
  const [params, gradients, momentum] = [0, 1, 2].map(() => new Float32Array(total));
  const views = (vector: Float32Array) =>
    tensors.map(({ start, size }) => vector.subarray(start, start + size));
  let [alpha, gamma] = [0, 0];
  return {
    params: views(params),
    gradients: views(gradients),
    setTheta(prepared) {
      [alpha, gamma] = ["alpha", "gamma"].map((name) => prepared[`rule.${name}`][0]);
    },
    load: (state) => momentum.set(state["momentum"]),
    save: (state) => state["momentum"].set(momentum),
    step() {
      for (let i = 0; i < total; i++) {
        momentum[i] = momentum[i] * gamma + gradients[i];
        params[i] -= alpha * momentum[i];
      }
    },
  };
}
