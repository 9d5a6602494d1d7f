// Dense ReLU classifiers.

import { type Layer, sequence } from "../layers/layer.ts";
import { linear, scores } from "../layers/linear.ts";

/** Layers fc1, fc2, ... from features through hidden units to class scores [classes, batch]; sizes in that order. */
export function mlp(sizes: readonly number[]): Layer {
  const last = sizes.length - 1;
  return sequence(
    ...sizes.slice(1).map((outputs, at) => {
      const [name, inputs] = [`fc${at + 1}`, sizes[at]];
      return at + 1 === last
        ? scores(name, { inputs, outputs })
        : linear(name, { inputs, outputs, activation: "relu" });
    }),
  );
}
