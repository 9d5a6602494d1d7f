// Sine layers (Sitzmann et al. 2020): sin(omega (x W^T + b)).

import { jit, numpy as np } from "@jax-js/jax";
import { frozenRecord } from "../../core/records.ts";
import { cosine, sine as fastSine } from "../../engine/waves.ts";
import { addRow, sumRows } from "./elementwise.ts";
import type { Layer, Pass } from "./layer.ts";
import { matmul, matmulNT, matmulTN } from "./matmul.ts";

/** Tensors `<name>.weight` [outputs, inputs] and `<name>.bias` [outputs]; omega is a number of the network, not trained. */
export function sine(
  name: string,
  { inputs, outputs, omega }: { inputs: number; outputs: number; omega: number },
): Layer {
  const wave = jit((sums: np.Array) => fastSine(np.multiply(sums, omega)));
  const through = jit((at: np.Array, sums: np.Array) =>
    np.multiply(at, np.multiply(cosine(np.multiply(sums, omega)), omega)),
  );
  function forward(x: np.Array, { weights, hold, give }: Pass) {
    hold(x);
    const weight = weights[`${name}.weight`];
    const products = matmulNT(x.ref, weight.ref);
    const sums = hold(addRow(products, weights[`${name}.bias`].ref));
    const backward = (at: np.Array): np.Array => {
      const atSums = through(at, sums);
      give(`${name}.weight`, matmulTN(atSums.ref, x));
      give(`${name}.bias`, sumRows(atSums.ref));
      return atSums;
    };
    return { output: wave(sums.ref), backward, weight };
  }
  return {
    shapes: frozenRecord<readonly number[]>([
      [`${name}.weight`, [outputs, inputs]],
      [`${name}.bias`, [outputs]],
    ]),
    apply(weights, x) {
      const products = np.matmul(x, np.transpose(weights[`${name}.weight`].ref));
      return np.sin(np.multiply(np.add(products, weights[`${name}.bias`].ref), omega));
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
