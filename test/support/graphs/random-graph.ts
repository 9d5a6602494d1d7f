// Random valid networks: any operation after any other, so that claims of symmetry meet layouts nobody drew.

import { randomStream } from "../../../src/core/random.ts";
import { sizeOf } from "../../../src/core/shapes.ts";
import { onnxBuilder } from "./onnx-builder.ts";
import * as layers from "../random/random-layers.ts";
import {
  along,
  convolution,
  cumulate,
  gather,
  layerNorm,
  linear,
  product,
  reshape,
  rotate,
  slice,
  tile,
  together,
  transpose,
  unary,
  withConstant,
  withParameter,
  type Held,
  type Maker,
  pick,
  type Step,
} from "../random/random-steps.ts";
import { chosen, inlineBias, reluInWords, written } from "../random/random-choices.ts";

const maxEntries = 1500;

/** A network of about `length` random operations between an input of [2, 6] and an output. */
export function randomGraph(seed: number, length = 12): Uint8Array {
  const random = randomStream(seed);
  const b = onnxBuilder(seed);
  const stored = new Map<string, string[]>();
  let count = 0;
  const weight = (shape: readonly number[]) => {
    const key = shape.join("x");
    const same = stored.get(key) ?? [];
    if (same.length > 0 && random.uniform() < 0.15) return pick(random, same);
    const name = b.weight(`w${count++}`, shape);
    stored.set(key, [...same, name]);
    return name;
  };
  const pool: Held[] = [];
  const make: Maker = { b, random, pool, weight };
  const width = pick(random, [6, 8, 12]);
  const x = b.input("x", [2, 6]);
  pool.push({ name: b.node("MatMul", [x, weight([6, width])]), shape: [2, width] });
  for (let i = 0; i < length; i++) {
    const from = random.uniform() < 0.75 ? pool[pool.length - 1] : pick(random, pool);
    const made = pick(random, steps)(make, from);
    if (made !== null && sizeOf(made.shape) <= maxEntries && sizeOf(made.shape) > 0)
      pool.push(made);
  }
  const last = pool.slice(-2).map((held) => flatLinear(make, held, 3));
  b.output(b.node("Sum", last));
  return b.bytes();
}

function flatLinear({ b, weight }: Maker, { name, shape }: Held, to: number): string {
  const flat = b.node("Reshape", [name, b.constant([1, sizeOf(shape)])]);
  return b.node("MatMul", [flat, weight([sizeOf(shape), to])]);
}

const often = (step: Step, times: number): Step[] => Array.from({ length: times }, () => step);

const steps: readonly Step[] = [
  linear,
  ...often(linear, 2),
  ...often(reshape, 2),
  ...often(transpose, 2),
  ...often(withParameter, 2),
  ...often(together, 2),
  ...often(product, 2),
  ...often(convolution, 2),
  withConstant,
  slice,
  rotate,
  layerNorm,
  tile,
  gather,
  along("Softmax"),
  along("ReduceMean", false),
  along("ReduceMax", false),
  unary(["Relu", "LeakyRelu", "Abs"]),
  unary(["Tanh", "Sin", "Erf"]),
  unary(["Sigmoid", "Neg"]),
  cumulate,
  ...often(reluInWords, 2),
  chosen,
  written,
  inlineBias,
  ...often(reshape, 3),
  ...often(transpose, 2),
  ...Object.values(layers),
];
