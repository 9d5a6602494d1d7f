// The memory of a kernel for sine networks: numbers, weights, blocks of examples, and views of them.

import { pageBytes } from "../wasm/module.ts";
import { lanesOfVector } from "../wasm/vectors.ts";
import {
  type ArrayName,
  type NumberName,
  numberAt,
  rowBytes,
  type SineFitLayout,
  sineFitLayout,
  type SineFitShape,
  type SineFitTensor,
} from "./layout.ts";
import { sineCosineNumbers } from "./sine-cosine.ts";
import { stepsOfCall } from "./step-kernel.ts";

/** Weights of a network, row-major as layers have them: into [hidden, inputs], across [hidden, hidden], out [1, hidden]. */
export type SineFitTensors = Readonly<Record<SineFitTensor, Float32Array>>;

/** [rows, columns] to [columns, rows]. */
const transposed = (data: Float32Array, rows: number, columns: number): Float32Array =>
  Float32Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]);

/** The memory of a kernel, and views of it: float32 unless they say otherwise. */
export interface Arena {
  readonly memory: WebAssembly.Memory;
  readonly layout: SineFitLayout;
  /** Where step sizes, addresses of the examples of steps, and examples begin. */
  readonly sizesAt: number;
  readonly addressesAt: number;
  readonly examplesAt: number;
  readonly floats: (at: number, count: number) => Float32Array<ArrayBuffer>;
  readonly tensor: (array: ArrayName, name: SineFitTensor) => Float32Array<ArrayBuffer>;
  readonly setNumber: (name: NumberName, value: number) => void;
}

export function makeArena(shape: SineFitShape, batch: number): Arena {
  const layout = sineFitLayout(shape, batch);
  const sizesAt = layout.end;
  const addressesAt = sizesAt + 4 * stepsOfCall;
  const examplesAt = addressesAt + 4 * stepsOfCall * batch;
  const memory = new WebAssembly.Memory({ initial: Math.ceil(examplesAt / pageBytes) });
  const floats = (at: number, count: number) => new Float32Array(memory.buffer, at, count);
  const setNumber = (name: NumberName, value: number) =>
    void floats(numberAt(name), lanesOfVector).fill(value);
  for (const [name, value] of Object.entries(sineCosineNumbers))
    setNumber(name as NumberName, value);
  setNumber("omega", shape.omega);
  const { blocks, groupBytes, rows } = layout;
  for (let at = 0; at < batch; at++) {
    const group = blocks.at + Math.floor(at / lanesOfVector) * groupBytes;
    floats(group + rows.factor * rowBytes, lanesOfVector)[at % lanesOfVector] = 2 / batch;
  }
  const tensor = (array: ArrayName, name: SineFitTensor) =>
    floats(layout.at(array, name), layout.sizes[name]);
  return { memory, layout, sizesAt, addressesAt, examplesAt, floats, tensor, setNumber };
}

/** Puts weights into the memory, and an optimizer that has seen nothing. */
export function writeWeights({ layout, tensor, floats }: Arena, weights: SineFitTensors): void {
  const { inputs, hidden } = layout.shape;
  for (const name of Object.keys(layout.sizes) as SineFitTensor[])
    tensor("weights", name).set(
      name === "into" ? transposed(weights.into, hidden, inputs) : weights[name],
    );
  tensor("weights", "outBias").fill(weights.outBias[0]);
  for (const array of ["first", "second"] as const)
    floats(layout.at(array, "into"), layout.arrayBytes / 4).fill(0);
}

/** Tensors of an array as layers have them. */
export function readTensors({ layout, tensor }: Arena, array: ArrayName): SineFitTensors {
  const { inputs, hidden } = layout.shape;
  return {
    into: transposed(tensor(array, "into"), inputs, hidden),
    intoBias: tensor(array, "intoBias").slice(),
    across: tensor(array, "across").slice(),
    acrossBias: tensor(array, "acrossBias").slice(),
    out: tensor(array, "out").slice(),
    outBias: tensor(array, "outBias").slice(0, 1),
  };
}

/** Gradients that the memory holds, as layers have them: sums of the sine layers are omega times what was added up. */
export function readGradients(arena: Arena): SineFitTensors {
  const { out, outBias, ...ofSines } = readTensors(arena, "gradients");
  const { omega } = arena.layout.shape;
  const scaled = Object.entries(ofSines).map(
    ([name, values]) => [name, values.map((value) => value * omega)] as const,
  );
  return { ...(Object.fromEntries(scaled) as typeof ofSines), out, outBias };
}
