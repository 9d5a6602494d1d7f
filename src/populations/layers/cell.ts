// Recurrent cells of populations: what one network computes at a time, and the same for n networks with the way back.

import type { numpy as np } from "@jax-js/jax";
import type { ArrayRecord as WeightBatch } from "../../engine/arrays.ts";
import type { Back, Pass, Shapes } from "./layer.ts";

export interface Cell {
  readonly shapes: Shapes;
  /** One network: the state [batch, hidden] after reading [batch, inputs]. Pure. @keeps weights @consumes rest */
  readonly apply: (weights: WeightBatch, state: np.Array, input: np.Array) => np.Array;
  /** The cell of n networks for as many times as a pass has. Inputs are data, [n or 1, batch, width]. */
  readonly open: (pass: Pass) => OpenCell;
}

export interface OpenCell {
  /**
   * The next state [n, batch, hidden], and the way from the gradient at it to that at the state before. `atInput` is given the gradient
   * at the input, [n, batch, width], on the way back.
   */
  readonly step: (
    state: np.Array,
    input: np.Array,
    atInput?: (gradient: np.Array) => void,
  ) => readonly [next: np.Array, back: Back];
  /** Gives the gradients of the cell's tensors to the pass, when every step has gone back, and frees what the cell holds. */
  readonly close: () => void;
}
