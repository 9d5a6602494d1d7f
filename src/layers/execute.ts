// Executes a plan on arrays: reduce every input along the schedule, one matrix product per signature, place the results.
// Follows UNF (Zhou, Finn and Harrison 2024, equation 6) with the terms grouped; held to the reference executor by tests.

import { numpy as np } from "@jax-js/jax";
import type { ExecutablePlan } from "../plan/plan-spec.ts";
import type { TargetUse } from "../plan/schedule.ts";
import { isRead, isWritten } from "../symmetry/formula.ts";
import { multiplyAll } from "./products/multiply.ts";
import { reorderMiddle, sliceAlong } from "./pack.ts";

/** How dimensions that a term drops are aggregated. The published code takes means, the paper writes sums. */
export type Aggregation = "mean" | "sum";

/** Channels that a plan gives, and how it joins what enters an output. */
export interface ExecuteOptions {
  readonly outputChannels: number;
  /** @default "mean" */
  readonly aggregation?: Aggregation;
}

/** Diagonal of dimensions a < b (batch and channels counted): [..., n, ..., n, ...] -> n at position a. @consumes */
export function takeDiagonal(x: np.Array, a: number, b: number): np.Array {
  const size = x.shape[a];
  const rest = x.shape.map((_, i) => i).filter((i) => i !== a && i !== b);
  const moved = np.transpose(x, [a, b, ...rest]); // [n, n, ...rest]
  const others = rest.map((i) => moved.shape[2 + rest.indexOf(i)]);
  // Entries (i, i) lie n + 1 apart: pad the flat matrix by n and read the first column of [n, n + 1].
  const flat = np.reshape(moved, [size * size, ...others]);
  const padded = np.pad(flat, [[0, size], ...others.map((): [number, number] => [0, 0])]);
  const column = sliceAlong(np.reshape(padded, [size, size + 1, ...others]), 1, 0, 1);
  const order = [...rest.slice(0, a), -1, ...rest.slice(a)].map((i) =>
    i === -1 ? 0 : 1 + rest.indexOf(i),
  );
  return np.transpose(np.reshape(column, [size, ...others]), order);
}

/** Where the array of a tensor stands among those that are read: layers are given no others. */
function inputPlaces({ lowered }: ExecutablePlan): readonly number[] {
  let next = 0;
  return lowered.tensors.map((tensor) => (isRead(tensor) ? next++ : -1));
}

/**
 * The wanted values of a schedule, by step number; steps that no wanted value needs are skipped. `inputs` holds one array
 * for every tensor that is read, in their order (without roles: every tensor). Intermediate
 * arrays are disposed; the returned ones are the caller's. @consumes inputs
 */
export function reduceInputs(
  executable: ExecutablePlan,
  inputs: readonly np.Array[],
  aggregation: Aggregation,
  wanted: Iterable<number>,
): Map<number, np.Array> {
  const { schedule } = executable;
  const places = inputPlaces(executable);
  const values = new Map<number, np.Array>();
  const aggregate = aggregation === "mean" ? np.mean : np.sum;
  const make = (at: number): np.Array => {
    const step = schedule.steps[at];
    if (step.kind === "input") return inputs[places[step.tensor]].ref;
    const from = compute(step.from).ref;
    if (step.kind === "diagonal") return takeDiagonal(from, step.a + 1, step.b + 1);
    return aggregate(from, step.dim + 1);
  };
  const compute = (at: number): np.Array => {
    const value = values.get(at) ?? make(at);
    values.set(at, value);
    return value;
  };
  const kept = new Set(wanted);
  for (const at of kept) compute(at);
  for (const input of inputs) input.dispose();
  for (const [at, value] of values) {
    if (kept.has(at)) continue;
    value.dispose();
    values.delete(at);
  }
  return values;
}

/** One target's columns brought to the shape of its tensor: transposed, broadcast, put on diagonals. @consumes */
function placeTarget(
  { lowered, plan }: ExecutablePlan,
  { product, column, pattern }: TargetUse,
  mixed: np.Array,
  channels: number,
): np.Array {
  const { dims, fixedSize } = lowered.tensors[pattern.tensor];
  const { slots } = plan.products[product];
  const width = fixedSize * channels;
  const sliced = sliceAlong(mixed, slots.length + 1, column * channels, width); // [batch, ...slots, width]
  const blocks = pattern.blocks.toSorted((x, y) => x.dims[0] - y.dims[0]);
  const order = blocks.flatMap(({ slot }) => (slot === null ? [] : [slot]));
  const ordered = reorderMiddle(sliced, order);
  const sizes = dims.map((dim, i) => {
    const block = blocks.find((candidate) => candidate.dims[0] === i);
    return block === undefined || block.slot === null ? 1 : lowered.axes[dim.axis].size;
  });
  let placed = np.reshape(ordered, [ordered.shape[0], ...sizes, width]);
  for (const { dims: shared } of blocks) {
    for (const dim of shared.slice(1)) {
      const size = lowered.axes[dims[dim].axis].size;
      const onDiagonal = dims.map((_, i) => (i === shared[0] || i === dim ? size : 1));
      placed = np.multiply(placed, np.reshape(np.eye(size), [1, ...onDiagonal, 1]));
    }
  }
  return placed;
}

/** Every product's features [batch, ...slots, columns] in order. @consumes inputs */
export function readFeatures(
  executable: ExecutablePlan,
  inputs: readonly np.Array[],
  aggregation: Aggregation,
): np.Array[][] {
  const { schedule } = executable;
  const wanted = schedule.features.flatMap((uses) => uses.map(({ value }) => value));
  const values = reduceInputs(executable, inputs, aggregation, wanted);
  const features = schedule.features.map((uses) =>
    uses.map(({ value, order }) => reorderMiddle((values.get(value) as np.Array).ref, order)),
  );
  for (const value of values.values()) value.dispose();
  return features;
}

/**
 * Outputs [batch, ...dims, fixed * channels] of every tensor that is written, in their order (without roles: of every tensor),
 * from every product's [batch * slots, columns]. @consumes
 */
export function placeProducts(
  executable: ExecutablePlan,
  products: readonly np.Array[],
  batch: number,
  channels: number,
): np.Array[] {
  const { lowered, plan, schedule } = executable;
  const mixed = plan.products.map(({ slots }, p) =>
    np.reshape(products[p], [batch, ...slots.map(({ size }) => size), products[p].shape[1]]),
  );
  const outputs = lowered.tensors.filter(isWritten).map(({ id: tensor, dims, fixedSize }) => {
    const targets = schedule.targets[tensor];
    const outputShape = [
      batch,
      ...dims.map(({ axis }) => lowered.axes[axis].size),
      fixedSize * channels,
    ];
    if (targets.length === 0) return np.zeros(outputShape); // scale parts leave some tensors nothing
    const smallFirst = targets.toSorted(
      (x, y) => plan.products[x.product].slots.length - plan.products[y.product].slots.length,
    );
    const sum = smallFirst
      .map((target) => placeTarget(executable, target, mixed[target.product].ref, channels))
      .reduce((total, placed) => np.add(total, placed));
    return np.broadcastTo(sum, outputShape);
  });
  for (const product of mixed) product.dispose();
  return outputs;
}

/**
 * Outputs [batch, ...dims, fixed * outputChannels] of every tensor that is written, from inputs for every tensor that is
 * read (see {@link reduceInputs} and {@link placeProducts}). `matrices[p]` is [input columns, output columns] of
 * product p (`schedule.widths` times channels); `bias` is [output columns of the scalar product] or null. @consumes
 */
export function executePlan(
  executable: ExecutablePlan,
  matrices: readonly np.Array[],
  bias: np.Array | null,
  inputs: readonly np.Array[],
  { outputChannels, aggregation = "mean" }: ExecuteOptions,
): np.Array[] {
  const { plan } = executable;
  const batch = inputs[0].shape[0];
  const features = readFeatures(executable, inputs, aggregation);
  const products = plan.products.map(({ slots }, p) => {
    const product = multiplyAll(features[p], matrices[p]); // [batch * slots, outputs]
    return slots.length === 0 && bias !== null
      ? np.add(product, np.reshape(bias, [1, -1]))
      : product;
  });
  return placeProducts(executable, products, batch, outputChannels);
}
