// The ReLU recurrent cell of Le, Jaitly and Hinton (2015), whose recurrent matrix starts as the identity (IRNN):
// state' = relu(x W^T + state U^T + b).

import { jit, nn, numpy as np } from "@jax-js/jax";
import { frozenRecord } from "../../core/records.ts";
import type { Cell } from "./cell.ts";
import { asRow, sumRows } from "./elementwise.ts";
import { compiledActivations } from "./pointwise.ts";
import { product, productByTransposed, productOfTransposed } from "./products.ts";

const next = jit((fromInput: np.Array, fromState: np.Array, bias: np.Array) =>
  nn.relu(np.add(np.add(fromInput, fromState), asRow(bias))),
);

/** Tensors `<name>.input` [hidden, inputs], `<name>.state` [hidden, hidden] and `<name>.bias` [hidden]. */
export function reluCell(
  name: string,
  { inputs, hidden }: { inputs: number; hidden: number },
): Cell {
  const [input, recurrent, bias] = ["input", "state", "bias"].map((part) => `${name}.${part}`);
  return {
    shapes: frozenRecord<readonly number[]>([
      [input, [hidden, inputs]],
      [recurrent, [hidden, hidden]],
      [bias, [hidden]],
    ]),
    apply(weights, state, x) {
      const fromInput = np.matmul(x, np.transpose(weights[input].ref));
      const fromState = np.matmul(state, np.transpose(weights[recurrent].ref));
      return nn.relu(np.add(np.add(fromInput, fromState), weights[bias].ref));
    },
    open: ({ weights, hold, give }) => ({
      step(state, x) {
        hold(state);
        hold(x);
        const fromInput = productByTransposed(x.ref, weights[input].ref);
        const fromState = productByTransposed(state.ref, weights[recurrent].ref);
        const y = hold(next(fromInput, fromState, weights[bias].ref));
        return [
          y.ref,
          (at) => {
            const atSums = compiledActivations.relu.through(at, y);
            give(input, productOfTransposed(atSums.ref, x));
            give(recurrent, productOfTransposed(atSums.ref, state));
            give(bias, sumRows(atSums.ref));
            return product(atSums, weights[recurrent].ref);
          },
        ];
      },
      close: () => {},
    }),
  };
}
