// The laws of a layer of populations: n networks at once compute what its definition says of each, and gradients go back as
// automatic differentiation of the definition says.

import { blockUntilReady, grad, numpy as np, vmap } from "@jax-js/jax";
import { expect } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import { disposeArrays } from "../../src/engine/arrays.ts";
import type { WeightBatch } from "../../src/models/model.ts";
import {
  gatherGradients,
  type Layer,
  runBackward,
  runForward,
  type Shapes,
} from "../../src/populations/layers/layer.ts";
import { liveArrays } from "./live-arrays.ts";

export const networks = 3;

/** Normal values by shape, the same for the same seed. */
export function normalArray(shape: readonly number[], seed: number, scale = 1): np.Array {
  const random = randomStream(seed);
  const data = Float32Array.from({ length: sizeOf(shape) }, () => scale * random.normal());
  return np.array(data, { shape: [...shape] });
}

export const randomTensors = (shapes: Shapes, seed: number): WeightBatch =>
  Object.fromEntries(
    Object.entries(shapes).map(([name, shape], at) => [
      name,
      normalArray([networks, ...shape], 100 * seed + at, 0.5),
    ]),
  );

export const keep = (weights: WeightBatch): WeightBatch =>
  Object.fromEntries(Object.entries(weights).map(([name, array]) => [name, array.ref]));

/** Largest difference, relative to the largest expected value. Consumes. */
export async function distance(found: np.Array, expected: np.Array): Promise<number> {
  expect(found.shape).toEqual(expected.shape);
  const [a, b] = [Array.from(await found.data()), Array.from(await expected.data())];
  const size = b.reduce((max: number, value: number) => Math.max(max, Math.abs(value)), 1e-6);
  return (
    a.reduce((max: number, v: number, i: number) => Math.max(max, Math.abs(v - b[i])), 0) / size
  );
}

/** Every array of a record against that of another. */
export async function distances(found: WeightBatch, expected: WeightBatch) {
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  const result: Record<string, number> = {};
  for (const [name, array] of Object.entries(expected))
    result[name] = await distance(found[name], array);
  return result;
}

export interface LawOptions {
  /** Shape of the input of one network. */
  readonly input: readonly number[];
  /** @default normal values */
  readonly x?: (seed: number) => np.Array;
  /** False for layers that only read data. @default true */
  readonly differentiable?: boolean;
  /** Tensors that cannot change the output: their gradients are rounding errors. @default none */
  readonly idle?: readonly string[];
}

const tolerance = 2e-5;

/** Expects the laws, and that they fail for other weights (outputs) and another gradient at the output (gradients). */
export async function expectLayerLaws(layer: Layer, options: LawOptions): Promise<void> {
  const { input, differentiable = true, idle = [] } = options;
  const weights = randomTensors(layer.shapes, 1);
  const x = options.x?.(2) ?? normalArray([networks, ...input], 2);
  const definition = (w: WeightBatch, input_: np.Array) =>
    vmap((one: WeightBatch, rows: np.Array) => layer.apply(one, rows))(w, input_);
  const outputs = () => definition(keep(weights), x.ref);

  expect(await distance(runForward(layer, weights, x.ref), outputs())).toBeLessThan(tolerance);
  const another = options.x?.(3) ?? normalArray([networks, ...input], 3);
  expect(await distance(runForward(layer, weights, another), outputs())).toBeGreaterThan(1e-2);

  const { shape } = outputs();
  const at = (seed: number) => normalArray(shape, seed);
  const total = (w: WeightBatch, input_: np.Array) =>
    np.sum(np.multiply(definition(w, input_), at(5)));
  const automatic = async () =>
    Object.keys(weights).length > 0 ? grad(total)(keep(weights), x.ref) : {};
  const written = (seed: number) =>
    runBackward(layer, weights, x.ref, (output) => {
      output.dispose();
      return at(seed);
    });
  const right = await distances(written(5), (await automatic()) as WeightBatch);
  const wrong = await distances(written(6), (await automatic()) as WeightBatch);
  for (const name of Object.keys(weights).filter((key) => !idle.includes(key))) {
    expect(right[name], name).toBeLessThan(tolerance);
    expect(wrong[name], name).toBeGreaterThan(1e-2);
  }
  await expectNothingLeft(layer, weights, x, () => at(5));
  if (!differentiable) return;
  const atInput = (seed: number): [np.Array, WeightBatch] => {
    let gradient: np.Array | undefined;
    const tensors = gatherGradients(weights, (pass) => {
      const [output, back] = layer.run(x.ref, pass);
      output.dispose();
      gradient = back(at(seed));
    });
    return [gradient as np.Array, tensors];
  };
  const expected = () => grad((rows: np.Array) => total(keep(weights), rows))(x.ref) as np.Array;
  const [gradient, tensors] = atInput(5);
  expect(await distance(gradient, expected())).toBeLessThan(tolerance);
  expect(await distance(atInput(6)[0], expected())).toBeGreaterThan(1e-2);
  const inner = await distances(tensors, (await automatic()) as WeightBatch);
  for (const name of Object.keys(weights).filter((key) => !idle.includes(key)))
    expect(inner[name], name).toBeLessThan(tolerance);
}

/** Expects that a pass forward and one back leave no array behind, and that one too many is noticed. */
async function expectNothingLeft(
  layer: Layer,
  weights: WeightBatch,
  x: np.Array,
  at: () => np.Array,
): Promise<void> {
  const live = await liveArrays();
  const pass = async (forget: boolean) => {
    const before = live();
    const output = runForward(layer, weights, x.ref);
    const gradients = runBackward(layer, weights, x.ref, (outputs) => {
      outputs.dispose();
      return at();
    });
    await blockUntilReady([output, ...Object.values(gradients)]);
    disposeArrays(gradients);
    const left = output.ref;
    output.dispose();
    if (!forget) left.dispose();
    return live() - before;
  };
  await pass(false); // compiles
  expect(await pass(false)).toBe(0);
  expect(await pass(true)).toBe(1);
}
