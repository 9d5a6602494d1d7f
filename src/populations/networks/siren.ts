// Sinusoidal representation networks (Sitzmann et al. 2020): coordinates to values through sine layers.

import { frozenRecord } from "../../core/records.ts";
import type { RandomStream } from "../../core/random.ts";
import { sizeOf } from "../../core/shapes.ts";
import type { Weights } from "../../core/tensors.ts";
import { type Layer, sequence } from "../layers/layer.ts";
import { linear } from "../layers/linear.ts";
import { sine } from "../layers/sine.ts";

export interface SirenOptions {
  /** Coordinates, units of every hidden layer, values. */
  readonly inputs: number;
  readonly hidden: number;
  readonly outputs: number;
  /** Sine layers. */
  readonly depth: number;
  /** Frequency of every sine layer. @default 30 */
  readonly omega?: number;
}

/** Sine layers `sine1`, `sine2`, ... and a linear layer `out`: [rows, inputs] to [rows, outputs]. */
export function siren({ inputs, hidden, outputs, depth, omega = 30 }: SirenOptions): Layer {
  const sines = Array.from({ length: depth }, (_, at) =>
    sine(`sine${at + 1}`, { inputs: at === 0 ? inputs : hidden, outputs: hidden, omega }),
  );
  return sequence(...sines, linear("out", { inputs: hidden, outputs }));
}

/** Uniform weights as in the paper: within 1 / inputs in the first layer, within sqrt(6 / inputs) / omega after it; biases 0. */
export function initSiren(options: SirenOptions, random: RandomStream, scale = 1): Weights {
  const { omega = 30 } = options;
  return frozenRecord(
    Object.entries(siren(options).shapes).map(([name, shape]) => {
      const data = new Float32Array(sizeOf(shape));
      if (shape.length > 1) {
        const [, inputs] = shape;
        const limit =
          scale * (name === "sine1.weight" ? 1 / inputs : Math.sqrt(6 / inputs) / omega);
        for (let i = 0; i < data.length; i++) data[i] = limit * (2 * random.uniform() - 1);
      }
      return [name, { shape, data }] as const;
    }),
  );
}
