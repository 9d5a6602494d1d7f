// Specs of recurrent networks with a linear read-out, in the layout of torch.nn.RNN and torch.nn.GRU (stacked gates).

import { OptionError } from "../../core/errors.ts";
import { defineSpec } from "../spec.ts";
import type { Axis, SymmetrySpec } from "../types.ts";
import { type EndGroup, endAxis, permutedAxis } from "./axes.ts";

/** The shape of a recurrent network. */
export interface RecurrentSpecOptions {
  readonly inputs: number;
  readonly hidden: number;
  readonly outputs: number;
  /** Stacked recurrent layers. @default 1 */
  readonly layers?: number;
  /** Group of the input and output axes. @default "fixed" */
  readonly ends?: EndGroup;
}

function recurrentSpec(
  gates: number,
  { inputs, hidden, outputs, layers = 1, ends = "fixed" }: RecurrentSpecOptions,
): SymmetrySpec {
  if (!Number.isSafeInteger(layers) || layers < 1) {
    throw new OptionError(
      `recurrentSpec: layers expected a whole number of at least 1, got ${layers}`,
    );
  }
  const axes: Record<string, Axis> = { in: endAxis(inputs, ends) };
  const tensors: Record<string, string[]> = {};
  for (let layer = 0; layer < layers; layer++) {
    const below = layer === 0 ? "in" : `h${layer - 1}`;
    const name = `h${layer}`;
    const stacked = gates === 1 ? name : `${gates} * ${name}`;
    axes[name] = permutedAxis(hidden);
    tensors[`rnn.weight_ih_l${layer}`] = [stacked, below];
    tensors[`rnn.weight_hh_l${layer}`] = [stacked, name];
    tensors[`rnn.bias_ih_l${layer}`] = [stacked];
    tensors[`rnn.bias_hh_l${layer}`] = [stacked];
  }
  axes["out"] = endAxis(outputs, ends);
  tensors["fc.weight"] = ["out", `h${layers - 1}`];
  tensors["fc.bias"] = ["out"];
  return defineSpec({ axes, tensors });
}

/** Spec of an Elman network: `rnn.weight_ih_l0` [h0, in], `rnn.weight_hh_l0` [h0, h0], two biases a layer, `fc`. */
export function rnnSpec(options: RecurrentSpecOptions): SymmetrySpec {
  return recurrentSpec(1, options);
}

/** Spec of a GRU: three stacked gates share the hidden axis (`3 * h0`). */
export function gruSpec(options: RecurrentSpecOptions): SymmetrySpec {
  return recurrentSpec(3, options);
}
