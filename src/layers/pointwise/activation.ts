// Pointwise activations and which scale parts they commute with.

import { nn, numpy as np } from "@jax-js/jax";
import { OptionError } from "../../core/errors.ts";
import type { LoweredSpec } from "../../symmetry/lower.ts";

interface Activation {
  /** f(s x) = s f(x) for s > 0. */
  readonly positive: boolean;
  /** f(-x) = -f(x). */
  readonly odd: boolean;
  /** @consumes */
  readonly apply: (x: np.Array) => np.Array;
}

const activations = {
  relu: { positive: true, odd: false, apply: (x) => nn.relu(x) },
  "leaky-relu": { positive: true, odd: false, apply: (x) => nn.leakyRelu(x, 0.01) },
  tanh: { positive: false, odd: true, apply: (x) => np.tanh(x) },
  gelu: { positive: false, odd: false, apply: (x) => nn.gelu(x) },
  identity: { positive: true, odd: true, apply: (x) => x },
} satisfies Record<string, Activation>;

/** Names of activations. */
export type ActivationName = keyof typeof activations;

/** Names of all activations. */
export const activationNames = Object.keys(activations) as ActivationName[];

/** The activation of that name on an array of any shape. @consumes */
export function activate(name: ActivationName, x: np.Array): np.Array {
  return activations[name].apply(x);
}

/** Whether an activation commutes with what acts on an axis besides permutations. */
export function commutesWith(name: ActivationName, axis: LoweredSpec["axes"][number]): boolean {
  const { positive, odd } = activations[name];
  if (axis.group === "general-linear") return name === "identity";
  return axis.scale === null || (axis.scale === "sign" ? odd : positive);
}

/**
 * Checks that an activation commutes with every scale part of a spec: positive homogeneity for `positive`, oddness for
 * `sign`, both (only the identity has both) for general-linear spaces.
 * @throws {OptionError} naming the axis and the activations that would do.
 */
export function checkActivation(name: ActivationName, lowered: LoweredSpec): void {
  const broken = lowered.axes.find((axis) => !commutesWith(name, axis));
  if (broken === undefined) return;
  const fitting = activationNames.filter((other) =>
    lowered.axes.every((axis) => commutesWith(other, axis)),
  );
  throw new OptionError(
    `activation "${name}" does not commute with the ${broken.scale ?? "linear maps"} part of axis "${broken.name}"; use ${fitting.join(" or ")}, or scales: "ignore"`,
  );
}
