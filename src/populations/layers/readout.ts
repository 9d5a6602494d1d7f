// Scores of a recurrent network's states: a linear layer with the tensors of Flax, opened once for all times of a pass.

import { numpy as np } from "@jax-js/jax";
import { frozenRecord } from "../../core/records.ts";
import type { ArrayRecord as WeightBatch } from "../../engine/arrays.ts";
import { addColumn, asColumn, sumColumns } from "./elementwise.ts";
import { accumulate, type Back, type Pass, type Shapes } from "./layer.ts";
import { matmul, matmulNT, matmulTN, transposedCopy } from "./matmul.ts";

export interface Readout {
  readonly shapes: Shapes;
  /** One network: scores [outputs, batch] of a state [batch, hidden]. Pure. @keeps weights @consumes state */
  readonly apply: (weights: WeightBatch, state: np.Array) => np.Array;
  readonly open: (pass: Pass) => OpenReadout;
}

export interface OpenReadout {
  /** Scores [n, outputs, batch] of states [n, batch, hidden], and the way back to the state. */
  readonly step: (state: np.Array) => readonly [scores: np.Array, back: Back];
  /** Gives the gradients to the pass, when every step has gone back, and frees what is held. */
  readonly close: () => void;
}

/** Tensors `<name>/kernel` [hidden, outputs] and `<name>/bias` [outputs]. */
export function readout(
  name: string,
  { hidden, outputs }: { hidden: number; outputs: number },
): Readout {
  const [kernel, bias] = [`${name}/kernel`, `${name}/bias`];
  return {
    shapes: frozenRecord<readonly number[]>([
      [kernel, [hidden, outputs]],
      [bias, [outputs]],
    ]),
    apply: (weights, state) =>
      np.add(
        np.matmul(np.transpose(weights[kernel].ref), np.transpose(state)),
        asColumn(weights[bias].ref),
      ),
    open({ weights, hold, give }) {
      const transposed = transposedCopy(weights[kernel].ref); // [n, outputs, hidden]
      const sums: WeightBatch = {};
      return {
        step(state) {
          hold(state);
          const products = matmulNT(transposed.ref, state.ref);
          return [
            addColumn(products, weights[bias].ref),
            (at) => {
              accumulate(sums, kernel, matmul(at.ref, state));
              accumulate(sums, bias, sumColumns(at.ref));
              return matmulTN(at, transposed.ref);
            },
          ];
        },
        close() {
          transposed.dispose();
          if (Object.keys(sums).length === 0) return;
          give(kernel, transposedCopy(sums[kernel]));
          give(bias, sums[bias]);
        },
      };
    },
  };
}
