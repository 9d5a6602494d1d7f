// Linear layers: x W^T + b on rows, alone, with an activation, or with positions; and class scores as columns.

import { jit, numpy as np } from "@jax-js/jax";
import { frozenRecord } from "../../core/records.ts";
import { addColumn, addRow, asColumn, asRow, sumColumns, sumRows } from "./elementwise.ts";
import type { Layer, Pass, Shapes } from "./layer.ts";
import { activations, type ActivationName, compiledActivations } from "./pointwise.ts";
import { matmul, matmulNT, matmulTN } from "./matmul.ts";

const activateRow = {
  relu: jit((x: np.Array, bias: np.Array) => activations.relu.apply(np.add(x, asRow(bias)))),
  tanh: jit((x: np.Array, bias: np.Array) => activations.tanh.apply(np.add(x, asRow(bias)))),
};

const shapesOf = (name: string, outputs: number, inputs: number): Shapes =>
  frozenRecord<readonly number[]>([
    [`${name}.weight`, [outputs, inputs]],
    [`${name}.bias`, [outputs]],
  ]);

/**
 * x W^T + b, and an activation of that: tensors `<name>.weight` [outputs, inputs] and `<name>.bias` [outputs].
 * @default no activation
 */
export function linear(
  name: string,
  { inputs, outputs, activation }: { inputs: number; outputs: number; activation?: ActivationName },
): Layer {
  /** The output, and how a gradient at it becomes one at the sums, whose tensors get theirs. */
  function forward(x: np.Array, { weights, hold, give }: Pass) {
    hold(x);
    const [weight, bias] = [weights[`${name}.weight`], weights[`${name}.bias`]];
    const products = matmulNT(x.ref, weight.ref);
    const y =
      activation === undefined
        ? addRow(products, bias.ref)
        : hold(activateRow[activation](products, bias.ref));
    const backward = (at: np.Array): np.Array => {
      const atSums = activation === undefined ? at : compiledActivations[activation].through(at, y);
      give(`${name}.weight`, matmulTN(atSums.ref, x));
      give(`${name}.bias`, sumRows(atSums.ref));
      return atSums;
    };
    return { output: activation === undefined ? y : y.ref, backward, weight };
  }
  return {
    shapes: shapesOf(name, outputs, inputs),
    ...(activation !== "tanh" && {
      form: { kind: "linear", name, inputs, outputs, relu: activation === "relu" },
    }),
    apply(weights, x) {
      const result = np.matmul(x, np.transpose(weights[`${name}.weight`].ref));
      const sums = np.add(result, weights[`${name}.bias`].ref);
      return activation === undefined ? sums : activations[activation].apply(sums);
    },
    run(x, pass) {
      const { output, backward, weight } = forward(x, pass);
      return [output, (at) => matmul(backward(at), weight.ref)];
    },
    runOnData(x, pass) {
      const { output, backward } = forward(x, pass);
      return [output, (at) => backward(at).dispose()];
    },
  };
}

/**
 * A linear layer whose outputs are columns, [n, rows, inputs] to scores [n, outputs, rows]: few outputs and many rows fill
 * the vector lanes of a product.
 */
export function scores(
  name: string,
  { inputs, outputs }: { inputs: number; outputs: number },
): Layer {
  return {
    shapes: shapesOf(name, outputs, inputs),
    form: { kind: "linear", name, inputs, outputs, relu: false },
    apply(weights, x) {
      const result = np.matmul(weights[`${name}.weight`].ref, np.transpose(x));
      return np.add(result, asColumn(weights[`${name}.bias`].ref));
    },
    run(x, { weights, hold, give }) {
      hold(x);
      const weight = weights[`${name}.weight`];
      const products = matmulNT(weight.ref, x.ref);
      return [
        addColumn(products, weights[`${name}.bias`].ref),
        (at) => {
          give(`${name}.weight`, matmul(at.ref, x));
          give(`${name}.bias`, sumColumns(at.ref));
          return matmulTN(at, weight.ref);
        },
      ];
    },
  };
}
