// Single random operations, each valid for whatever shape it meets or null when it does not fit.

import type { RandomStream } from "../../../src/core/random.ts";
import { sizeOf } from "../../../src/core/shapes.ts";
import type { OnnxBuilder } from "../graphs/onnx-builder.ts";

export interface Held {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface Maker {
  readonly b: OnnxBuilder;
  readonly random: RandomStream;
  readonly pool: Held[];
  /** A weight of this shape: new, or an earlier one of the same shape. */
  readonly weight: (shape: readonly number[]) => string;
}

export type Step = (make: Maker, x: Held) => Held | null;

export const pick = <T>(random: RandomStream, list: readonly T[]): T =>
  list[random.integer(list.length)];

export const unary =
  (ops: readonly string[]): Step =>
  ({ b, random }, { name, shape }) => ({ name: b.node(pick(random, ops), [name]), shape });

const axisOf = (random: RandomStream, shape: readonly number[]) => random.integer(shape.length);

export const along =
  (op: string, keep = true): Step =>
  ({ b, random }, { name, shape }) => {
    const axis = axisOf(random, shape);
    if (keep) return { name: b.node(op, [name], { axis }), shape };
    return { name: b.node(op, [name], { axes: [axis] }), shape: shape.with(axis, 1) };
  };

export const linear: Step = ({ b, random, weight }, { name, shape }) => {
  const from = shape[shape.length - 1];
  const to = pick(random, [from, 4, 6, 8, 12]);
  const product = b.node("MatMul", [name, weight([from, to])]);
  const biased = random.uniform() < 0.5 ? b.node("Add", [product, weight([to])]) : product;
  return {
    name: random.uniform() < 0.5 ? b.node("Relu", [biased]) : biased,
    shape: [...shape.slice(0, -1), to],
  };
};

export const reshape: Step = ({ b, random }, { name, shape }) => {
  const total = sizeOf(shape);
  const sizes: number[] = [];
  let rest = total;
  while (rest > 1 && sizes.length < 3) {
    const divisors = Array.from({ length: rest }, (_, i) => i + 1).filter(
      (d) => d > 1 && rest % d === 0 && d <= 24,
    );
    if (divisors.length === 0) break;
    const size = pick(random, divisors);
    sizes.push(size);
    rest /= size;
  }
  if (rest > 1) sizes.push(rest);
  if (sizes.length === 0) sizes.push(1);
  if (random.uniform() < 0.5) sizes.reverse();
  return { name: b.node("Reshape", [name, b.constant(sizes)]), shape: sizes };
};

export const transpose: Step = ({ b, random }, { name, shape }) => {
  const perm = random.permutation(shape.length);
  return { name: b.node("Transpose", [name], { perm }), shape: perm.map((i) => shape[i]) };
};

export const withParameter: Step = ({ b, random, weight }, { name, shape }) => {
  const from = random.integer(shape.length);
  const own = shape.slice(from).map((size) => (random.uniform() < 0.3 ? 1 : size));
  return { name: b.node(pick(random, ["Add", "Mul"]), [name, weight(own)]), shape };
};

export const withConstant: Step = ({ b, random }, { name, shape }) => {
  const axis = axisOf(random, shape);
  const ramp = random.uniform() < 0.4;
  const data = Array.from({ length: shape[axis] }, (_, i) => (ramp ? 1 + i / 4 : 0.7));
  const own = [shape[axis], ...shape.slice(axis + 1).map(() => 1)];
  return { name: b.node("Mul", [name, b.constant(data, "float", own)]), shape };
};

export const together: Step = ({ b, random, pool }, { name, shape }) => {
  const alike = pool.filter((held) => held.shape.join() === shape.join());
  const other = pick(random, alike);
  const kind = random.integer(3);
  if (kind < 2) return { name: b.node(kind === 0 ? "Add" : "Mul", [name, other.name]), shape };
  const axis = axisOf(random, shape);
  return {
    name: b.node("Concat", [name, other.name], { axis }),
    shape: shape.with(axis, 2 * shape[axis]),
  };
};

export const slice: Step = ({ b, random }, { name, shape }) => {
  const axis = axisOf(random, shape);
  const size = shape[axis];
  if (size < 2) return null;
  const step = size % 2 === 0 && random.uniform() < 0.3 ? 2 : 1;
  const start = step === 2 ? random.integer(2) : random.integer(size - 1);
  const end = step === 2 ? size : start + 1 + random.integer(size - start);
  const bounds = [[start], [end], [axis], [step]].map((list) => b.constant(list));
  const length = Math.ceil((Math.min(end, size) - start) / step);
  return { name: b.node("Slice", [name, ...bounds]), shape: shape.with(axis, length) };
};

export const rotate: Step = ({ b, random }, { name, shape }) => {
  const axis = axisOf(random, shape);
  const size = shape[axis];
  if (size < 2) return null;
  const at = size % 2 === 0 ? size / 2 : 1 + random.integer(size - 1);
  const [first, second] = b.nodes("Split", [name, b.constant([at, size - at])], 2, { axis });
  const turned = b.node("Concat", [b.node("Neg", [second]), first], { axis });
  return { name: random.uniform() < 0.5 ? b.node("Add", [name, turned]) : turned, shape };
};

export const product: Step = ({ b, random, pool }, x) => {
  if (x.shape.length < 2) return null;
  const partners = pool.filter(
    ({ shape }) =>
      shape.length === x.shape.length && shape.slice(0, -2).join() === x.shape.slice(0, -2).join(),
  );
  const y = pick(random, partners);
  const rank = y.shape.length;
  const swap = [...y.shape.keys()].slice(0, -2).concat(rank - 1, rank - 2);
  const flip = y.shape.at(-2) !== x.shape.at(-1);
  if (flip && y.shape.at(-1) !== x.shape.at(-1)) return null;
  const right = flip ? b.node("Transpose", [y.name], { perm: swap }) : y.name;
  const columns = flip ? (y.shape.at(-2) ?? 1) : (y.shape.at(-1) ?? 1);
  return { name: b.node("MatMul", [x.name, right]), shape: [...x.shape.slice(0, -1), columns] };
};

export const convolution: Step = ({ b, random, weight }, { name, shape }) => {
  if (shape.length !== 3) return null;
  const groups = pick(
    random,
    [1, 2, 3, shape[1]].filter((g) => shape[1] % g === 0),
  );
  const to = groups * pick(random, [1, 2, 3]);
  const kernel = pick(random, [1, 3]);
  const pads = kernel === 1 ? [0, 0] : [1, 1];
  const inputs = [name, weight([to, shape[1] / groups, kernel]), weight([to])];
  return {
    name: b.node("Conv", inputs, { kernel_shape: [kernel], pads, group: groups }),
    shape: shape.with(1, to),
  };
};

export const layerNorm: Step = ({ b, random, weight }, { name, shape }) => {
  const axis = axisOf(random, shape);
  const own = shape.slice(axis);
  return { name: b.node("LayerNormalization", [name, weight(own), weight(own)], { axis }), shape };
};

export const tile: Step = ({ b, random }, { name, shape }) => {
  const axis = axisOf(random, shape);
  const repeats = shape.map((_, i) => (i === axis ? 2 : 1));
  return {
    name: b.node("Tile", [name, b.constant(repeats)]),
    shape: shape.with(axis, 2 * shape[axis]),
  };
};

export const gather: Step = ({ b, random }, { name, shape }) => {
  const axis = axisOf(random, shape);
  if (shape.length < 2) return null;
  const index = b.constant([random.integer(shape[axis])], "int64", []);
  return { name: b.node("Gather", [name, index], { axis }), shape: shape.toSpliced(axis, 1) };
};

export const cumulate: Step = ({ b, random }, { name, shape }) => ({
  name: b.node("CumSum", [name, b.constant([axisOf(random, shape)], "int64", [])]),
  shape,
});
