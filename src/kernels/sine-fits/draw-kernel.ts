// Sine networks at fixed places: what they draw, and gradients of a function of that with respect to their weights. The passes are
// those of a fit, whose error is (drawn - value) * factor.

import { hasFusedMultiplyAdd } from "../wasm/fused-multiply-add.ts";
import { lanesOfVector } from "../wasm/vectors.ts";
import { type Arena, readGradients, type SineFitTensors, writeWeights } from "./arena.ts";
import { rowBytes, type SineFitShape } from "./layout.ts";
import { startSineKernel } from "./sine-fit-kernel.ts";

/** One network at a time, at the places that it was made for. */
export interface SineDrawKernel {
  /** What the network is at every place. */
  draw(weights: SineFitTensors): Float32Array<ArrayBuffer>;
  /** Gradients of the weights from those of what was drawn, which is given too. */
  pullBack(weights: SineFitTensors, drawn: Float32Array, gradient: Float32Array): SineFitTensors;
}

interface Exports {
  readonly block: (at: number) => void;
  readonly pass: () => void;
  readonly scale: () => void;
}

/** Reads and writes a row of all groups, example by example. */
function rowsOf({ layout, floats }: Arena, count: number) {
  const { blocks, groupBytes } = layout;
  const group = (row: number, g: number) =>
    floats(blocks.at + g * groupBytes + row * rowBytes, lanesOfVector);
  const groups = Math.ceil(count / lanesOfVector);
  const views = (row: number) => Array.from({ length: groups }, (_, g) => group(row, g));
  return {
    views,
    write: (into: readonly Float32Array[], valueOf: (example: number) => number) => {
      for (let i = 0; i < count; i++) into[i >> 2][i & 3] = valueOf(i);
    },
    read: (from: readonly Float32Array[]): Float32Array<ArrayBuffer> => {
      const values = new Float32Array(count);
      for (let i = 0; i < count; i++) values[i] = from[i >> 2][i & 3];
      return values;
    },
  };
}

const largestOf = (values: Float32Array): number => {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]));
  return largest;
};

/** A kernel for networks at places [count, inputs]. @throws {OptionError} for networks that it cannot run */
export function sineDrawKernel(
  shape: SineFitShape,
  places: Float32Array,
  { fused = hasFusedMultiplyAdd() }: { readonly fused?: boolean } = {},
): SineDrawKernel {
  const count = places.length / shape.inputs;
  const { arena, exports } = startSineKernel(shape, count, fused);
  const run = exports as Exports;
  const { layout } = arena;
  const { blocks, blockBytes, rows } = layout;
  const { views, write, read } = rowsOf(arena, count);
  const [values, factors, errors] = [rows.value, rows.factor, rows.error].map(views);
  for (let input = 0; input < shape.inputs; input++)
    write(views(rows.places + input), (i) => places[i * shape.inputs + input]);
  return {
    draw: (weights) => {
      writeWeights(arena, weights);
      run.scale();
      write(values, () => 0);
      write(factors, () => 1);
      for (let b = 0; b < blocks.count; b++) run.block(blocks.at + b * blockBytes);
      return read(errors);
    },
    pullBack: (weights, drawn, gradient) => {
      const largest = largestOf(gradient);
      writeWeights(arena, weights);
      run.scale();
      // What was drawn is drawn again: its distance from such a value, times the factor, is the gradient.
      write(values, (i) => drawn[i] - (largest === 0 ? 0 : gradient[i] / largest));
      write(factors, () => largest);
      run.pass();
      return readGradients(arena);
    },
  };
}
