// SGD with momentum whose rate and decay are meta-learned: W - alpha m, m = gamma m + gradient (the baseline of Zhou, Finn and
// Harrison 2024). The residual optimizers add a network's output to the same momentum.

import { jit, numpy as np } from "@jax-js/jax";
import type { ArrayRecord, HostRecord } from "../../engine/arrays.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { hostZeros } from "../host-theta.ts";
import { momentumStep } from "../steps/momentum-step.ts";
import { tensorLayout } from "../tensor-layout.ts";
import type { ThetaShapes, UpdateProgram } from "../update-program.ts";

/** Values at theta 0, the published start. */
const start = { alpha: 0.1, momentum: 0.9, beta: 0.001 } as const;

/** How far theta reaches: a value is its start times exp(10 theta), the momentum that of 1 - gamma. */
const reach = 10;

const positive = (theta: np.Array, initial: number): np.Array =>
  np.multiply(np.exp(np.multiply(theta, reach)), initial);

/** Scalars of the update rule as arrays of theta, all 0 at the start. */
export const scalarShapes = (withNetwork: boolean): ThetaShapes => ({
  "rule.alpha": [1],
  "rule.gamma": [1],
  ...(withNetwork && { "rule.beta": [1] }),
});

export const initialScalars = (withNetwork: boolean): HostRecord =>
  Object.fromEntries(Object.keys(scalarShapes(withNetwork)).map((name) => [name, hostZeros([1])]));

/** [n, 1] each: alpha, gamma, and beta where there is one. Consumes. */
export const prepareScalars = jit((theta: ArrayRecord): ArrayRecord => ({
  "rule.alpha": positive(theta["rule.alpha"], start.alpha),
  "rule.gamma": np.subtract(1, np.clip(positive(theta["rule.gamma"], 1 - start.momentum), 0, 1)),
  ...(theta["rule.beta"] !== undefined && {
    "rule.beta": positive(theta["rule.beta"], start.beta),
  }),
}));

/** Two numbers of theta, for any spec. */
export function momentumProgram(spec: SymmetrySpec): UpdateProgram {
  const layout = tensorLayout(spec);
  const step = jit((alpha: np.Array, gamma: np.Array, gradient: np.Array, before: np.Array) => {
    const momentum = np.add(np.multiply(before, gamma), gradient);
    return {
      momentum: momentum.ref,
      updates: layout.unflatten(np.negative(np.multiply(momentum, alpha))),
    };
  });
  return {
    thetaShapes: scalarShapes(false),
    initialTheta: () => initialScalars(false),
    initialState: (n) => ({ momentum: np.zeros([n, layout.total]) }),
    prepare: (theta) => prepareScalars(theta),
    stepKernel: () => momentumStep(layout),
    update(prepared, gradients, state) {
      const { updates, momentum } = step(
        prepared["rule.alpha"].ref,
        prepared["rule.gamma"].ref,
        layout.flatten(gradients),
        state["momentum"],
      );
      return [updates, { momentum }];
    },
  };
}
